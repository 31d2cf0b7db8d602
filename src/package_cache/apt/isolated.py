"""An isolated apt on this machine: one folder for each set of sources, whose lists are kept and brought up to date."""

import contextlib
import hashlib
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from package_cache.apt.index_subset import narrowed
from package_cache.apt.messages import distrust, has_failed, lines_about, unusable
from package_cache.apt.network import network_lines
from package_cache.apt.preferences import VIEW, list_name, stanza, write_view
from package_cache.apt.solver import AUTH, Apt, config_text
from package_cache.bounds import bound
from package_cache.errors import ArchiveError
from package_cache.events import Listener, Warn, ignore
from package_cache.filesystem.paths import exclusive, read_bounded, write_atomically
from package_cache.filesystem.plain_links import plain_path
from package_cache.filesystem.state import OPTION, private_folder
from package_cache.filesystem.temporary import refuse_full_temporary_folder, temporary_folder
from package_cache.filesystem.write_errors import NO_SPACE, no_space, writing_to
from package_cache.names import PackageRequest
from package_cache.process import Completed, find_tool, run

UPDATE_LIMIT = 900.0
"""Seconds that one `apt-get update` may take: lists of 130 MB over a slow link."""


_FIELD = re.compile(r"^(Architectures|Suite|Codename): *(.*)$", re.MULTILINE)
"""Of a Release file."""

PAUSES = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each try, where a source has no other mirror."""


@dataclass(frozen=True)
class Source:
    """One repository as sources.list(5) knows it, with the mirrors that may serve it, best first."""

    name: str
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    keyring: Path | None = None
    """The file of the keys that vouch for it. None only with `allow_unsigned`."""
    trusted: str = ""
    """Those keys as people know them, for messages."""
    allow_unsigned: bool = False
    allow_expired: bool = False
    """Use lists that are no longer valid, as those of snapshots and of archives of old releases."""
    priority: int | None = None
    is_archive: bool = field(default=False, repr=False)
    """Of the distribution: then a mirror that does not have the system's architecture is no good."""

    def deb822(self, uri: str, architectures: Sequence[str], keyring: Path | None) -> str:
        """Return the paragraph of a `.sources` file for one of its mirrors; apt finds its keys in `keyring`."""
        fields = [
            "Types: deb",
            f"URIs: {uri}",
            f"Suites: {' '.join(self.suites)}",
            *([f"Components: {' '.join(self.components)}"] if self.components else []),
            f"Architectures: {' '.join(architectures)}",
            *([f"Signed-By: {keyring}"] if keyring else []),
            *(["Trusted: yes"] if self.allow_unsigned else []),
            *(["Check-Valid-Until: no"] if self.allow_expired else []),
        ]
        return "\n".join([*fields, ""])

    def one_line_style(self, uri: str) -> list[str]:
        """Return the lines of a `sources.list` for one of its mirrors, whose keys the reader knows."""
        options = "[check-valid-until=no] " if self.allow_expired else ""
        return [f"deb {options}{uri} {suite} {' '.join(self.components)}" for suite in self.suites]


class AptRoot:
    """The lists of some sources for one system, and the mirror of each source that answered."""

    def __init__(
        self,
        state: Path,
        architectures: Sequence[str],
        sources: Sequence[Source],
        *,
        pins: Sequence[str] = (),
        auth: Path | None = None,
    ) -> None:
        """`state` is the folder where lists are kept between runs; `architectures`: the system's own first.

        `pins` are records of apt_preferences(5), made by `stanza`.
        `auth` is an apt_auth.conf(5) instead of the machine's: its words go to apt's methods and nowhere else.
        """
        priorities = [stanza(["*"], item.priority, source=item.name) for item in sources if item.priority is not None]
        self._pins = (*priorities, *pins)
        decisive = (tuple(architectures), tuple(sources), *([self._pins] if self._pins else []))
        key = hashlib.sha256(repr(decisive).encode()).hexdigest()[:16]
        self._state = state
        self.folder = state / "lists" / key
        self.architectures = tuple(architectures)
        self.sources = tuple(sources)
        self._lists = f"{VIEW}/lists" if self._pins else "lists"
        """Those to plan from, seen from the folder."""
        self.apt = Apt(self._plan_by, architectures[0])
        self._auth = auth
        self._chosen = [0] * len(sources)
        self._said: list[list[str]] = [[] for _ in sources]
        """Of each source, what apt said of the mirrors that were no good."""

    def update(self, listener: Listener = ignore) -> None:
        """Bring the lists up to date, from the next mirror where one does not answer rightly.

        Warn if a source states another Suite or Codename than before: its packages may be of another release.

        Raises `ArchiveError` if no mirror of a source answers, `VerificationError` if its lists cannot be trusted,
        `ToolMissingError` without gpgv, `PackageCacheError` if the folder cannot be written. No list is used then.
        """
        find_tool("gpgv")
        with writing_to(self._state, option=OPTION):
            self._prepare()
            with exclusive(self.folder / "update.lock", wait=UPDATE_LIMIT):
                before = self._names()
                self._update()
                for what, old in before.items():
                    new = self._names().get(what, old)
                    if new != old:
                        listener(Warn(f"{' '.join(what[:2])}: its {what[2]} was {old} and is now {new}"))

    @contextlib.contextmanager
    def narrowed(self, requests: Sequence[PackageRequest], *, recommends: bool) -> Iterator[Apt]:
        """Yield an apt that plans these requests, or some of them, as `apt` does, but faster."""
        with narrowed(self.apt, self.folder, self.folder / self._lists, requests, recommends=recommends) as apt:
            yield apt or self.apt

    def _update(self) -> None:
        for _ in range(sum(len(source.uris) for source in self.sources)):
            self._write_sources()
            completed, words = self._apt_update()
            bad = self._failed(words)
            if completed.returncode == 0 and not bad:
                lacking = self._lacking()
                if not lacking:
                    return self._write_view()
                bad, words = list(lacking), "\n".join(lacking.values())
            self._next_mirrors(bad, words)
        raise ArchiveError("cannot bring the lists of packages up to date", details=words)

    def _apt_update(self) -> tuple[Completed, str]:
        """Run `apt-get update`. Return its result and its complete output.

        Repeat it only if there is no other mirror and the failure may be temporary. apt's own retries are off: on a
        full disk, or if two servers with one address fail, apt 2.6 may wait forever.
        """
        for pause in PAUSES:
            time.sleep(pause)
            argv = ["apt-get", "update", "--error-on=any", "--quiet", "-oAcquire::Retries=0"]
            completed = self._run(argv, UPDATE_LIMIT)
            words = completed.stdout + completed.stderr
            if NO_SPACE in words:
                raise no_space(self._state, NO_SPACE)
            if (
                completed.returncode == 0
                or self._with_others(self._failed(words))
                or ((reason := distrust(words)) and reason.lasts)
            ):
                break
        return completed, words

    def _failed(self, words: str) -> list[int]:
        return [index for index in range(len(self.sources)) if has_failed(self._uri(index), words)]

    def _uri(self, index: int) -> str:
        """Return the chosen mirror of a source."""
        return self.sources[index].uris[self._chosen[index]]

    def _lacking(self) -> dict[int, str]:
        """Return the indexes of archives whose Release does not state our architecture, with a message for each.

        apt accepts them and skips their lists (sources.list(5), Architectures).
        """
        own = self.architectures[0]
        found: dict[int, str] = {}
        for index, source in enumerate(self.sources):
            uri = self._uri(index)
            for suite in source.suites if source.is_archive else ():
                stated = self._release(uri, suite).get("Architectures", "").split()
                if stated and own not in stated:
                    words = f"E: The repository '{uri} {suite}' has no packages of {own}, only of {' '.join(stated)}"
                    found.setdefault(index, words)
        return found

    def _release(self, uri: str, suite: str) -> dict[str, str]:
        """Return some fields of the stored Release of a mirror's suite, none if there is no Release."""
        for name in ("InRelease", "Release"):
            path = self.folder / "lists" / f"{list_name(uri, suite)}{name}"
            if path.is_file():
                return dict(_FIELD.findall(path.read_text(encoding="utf-8", errors="replace")))
        return {}

    def _names(self) -> dict[tuple[str, str, str], str]:
        """Return the Suite and Codename that each suite states: by name of the source, suite and field."""
        return {
            (source.name, suite, key): value
            for index, source in enumerate(self.sources)
            for suite in source.suites
            for key, value in self._release(self._uri(index), suite).items()
            if key in ("Suite", "Codename")
        }

    def _with_others(self, bad: Sequence[int]) -> list[int]:
        """Return those of the failed sources that have another mirror, which is tried before this one again."""
        return [index for index in bad if self._chosen[index] + 1 < len(self.sources[index].uris)]

    def _prepare(self) -> None:
        private_folder(self._state)
        etc = ("etc/preferences.d", "etc/keyrings", "etc/trusted.gpg.d")
        for name in ("lists/partial", "cache/archives/partial", "log", *etc):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / "status", b"")
        write_atomically(self.folder / "etc" / "preferences", "\n".join(self._pins).encode())

    def _write_sources(self) -> None:
        folder = self.folder / "etc" / "sources.list.d"
        folder.mkdir(exist_ok=True)
        texts = [
            source.deb822(self._uri(index), self.architectures, self._plain_keyring(source.keyring))
            for index, source in enumerate(self.sources)
        ]
        write_atomically(folder / "package-cache.sources", "\n".join(texts).encode())

    def _plain_keyring(self, keyring: Path | None) -> Path | None:
        """Copy a keyring to a path that Signed-By accepts, with the suffix that tells apt whether it is armoured."""
        if keyring is None:
            return None
        content = read_bounded(keyring, "keyring-bytes")
        suffix = "asc" if content.startswith(b"-----BEGIN") else "gpg"
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
        write_atomically(self.folder / "etc" / "keyrings" / name, content)
        return plain_path(self.folder) / "etc" / "keyrings" / name

    def _next_mirrors(self, bad: Sequence[int], words: str) -> None:
        refuse_full_temporary_folder()
        if not bad:  # no message names a source: another mirror would not help
            raise unusable("the sources", words)
        for index in bad:
            self._said[index].append(lines_about(self._uri(index), words))
        others = self._with_others(bad)
        if not others:
            source = self.sources[bad[0]]
            name = f"{source.name} ({', '.join(source.suites)})"
            raise unusable(name, "\n".join(self._said[bad[0]]), source.trusted)
        for index in others:  # the rest may fail with them: apt gives up an address with its first server
            self._chosen[index] += 1

    def _write_view(self) -> None:
        if self._pins:
            named = enumerate(self.sources)
            write_view(self.folder, [(of.name, self._uri(index), suite) for index, of in named for suite in of.suites])

    def _plan_by(self, argv: Sequence[str], *, stdin: str | None = None) -> Completed:
        """Run a command that reads the lists, or the view of them in which pins apply."""
        options = []
        if self._pins and argv[0].startswith("apt"):  # not for sh(1) and mktemp(1)
            plain = plain_path(self.folder)
            options = ["-o", f"Dir::State::lists={plain}/{self._lists}/", "-o", f"Dir::Cache={plain}/{VIEW}/cache"]
        return self._run([argv[0], *options, *argv[1:]], stdin=stdin)

    def _run(self, argv: Sequence[str], timeout: float = 120.0, *, stdin: str | None = None) -> Completed:
        with temporary_folder() as temporary:  # a killed apt leaves files
            config = Path(temporary, "apt.conf")
            config.write_text(self._config())
            env = {"APT_CONFIG": str(config)}
            if not argv[0].startswith("apt"):  # mktemp(1), whose folder must stay; sh(1), which may download
                env["TMPDIR"] = str(plain_path(Path(tempfile.gettempdir())))
                return run(argv, env=env, timeout=UPDATE_LIMIT, check=False, stdin=stdin)
            limits = ["prlimit", f"--fsize={bound('list-bytes')}"] if argv[1] == "update" else []
            argv = [*limits, find_tool(argv[0]), *argv[1:]]
            return run(argv, env={**env, "TMPDIR": temporary}, timeout=timeout, check=False)

    def _config(self) -> str:
        auth = str(plain_path(self._auth)) if self._auth else AUTH
        folder = str(plain_path(self.folder))
        return config_text(folder, self.architectures, own_sources=True, network=network_lines(), auth=auth)
