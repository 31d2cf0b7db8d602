"""An isolated apt on this machine: one folder for each set of sources, whose lists are kept and brought up to date."""

import contextlib
import functools
import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from package_cache.apt.index_subset import copy_lists, reachable_names
from package_cache.apt.messages import distrust, has_failed, lines_about, unusable
from package_cache.apt.network import NOT_THIS_MACHINES, network_lines
from package_cache.apt.preferences import VIEW, list_name, stanza, write_view
from package_cache.apt.solver import Apt, config_text
from package_cache.bounds import bound
from package_cache.errors import ArchiveError
from package_cache.events import Listener, Warn, ignore
from package_cache.filesystem.paths import exclusive, read_bounded, sha256_of, write_atomically
from package_cache.filesystem.plain_links import plain_path
from package_cache.filesystem.state import OPTION, private_folder
from package_cache.filesystem.temporary import refuse_full_temporary_folder, temporary_folder
from package_cache.filesystem.write_errors import NO_SPACE, no_space, writing_to
from package_cache.lock.model import LockedRelease
from package_cache.names import PackageRequest
from package_cache.process import Completed, find_tool, run
from package_cache.signatures import keyring

UPDATE_LIMIT = 900.0
"""Seconds that one `apt-get update` may take: lists of 130 MB over a slow link."""

OTHER_LIMIT = 600.0
"""Seconds to wait for another process that plans from the same lists."""

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
        fields = {
            "Types": "deb",
            "URIs": uri,
            "Suites": " ".join(self.suites),
            "Components": " ".join(self.components),
            "Architectures": " ".join(architectures),
            "Signed-By": keyring,
            "Trusted": "yes" if self.allow_unsigned else "",
            "Check-Valid-Until": "no" if self.allow_expired else "",
        }
        return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)

    def one_line_style(self, uri: str) -> list[str]:
        """Return the lines of a `sources.list` for one of its mirrors, whose keys the reader knows."""
        options = "[check-valid-until=no] " if self.allow_expired else ""
        return [f"deb {options}{uri} {suite} {' '.join(self.components)}" for suite in self.suites]


@dataclass(eq=False)
class _Choice:
    """A source, and its mirrors that are left; the first one is asked."""

    source: Source
    uris: list[str]
    said: list[str] = field(default_factory=list)
    """What apt said of the mirrors that were no good."""


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
        self._architectures = architectures
        self._auth = auth
        self._choices = [_Choice(source, list(source.uris)) for source in sources]

    @functools.cached_property
    def apt(self) -> Apt:
        """The apt that plans from the lists, or from the view of them in which pins apply; valid after `update`."""
        apt = Apt(self._run, self._architectures[0])
        if not self._pins:
            return apt
        view = plain_path(self.folder) / VIEW
        return apt.with_options(f"-oDir::State::lists={view}/lists/", f"-oDir::Cache={view}/cache")

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
                after = self._names()
                for what, old in before.items():
                    if (new := after.get(what, old)) != old:
                        listener(Warn(f"{' '.join(what[:2])}: its {what[2]} was {old} and is now {new}"))

    def releases(self) -> dict[str, tuple[LockedRelease, ...]]:
        """Return what vouches for the lists of each source, by its name; valid after `update`."""
        found: dict[str, list[LockedRelease]] = {}
        for choice, suite in self._suites():
            place = self.folder / "lists" / list_name(choice.uris[0], suite)
            clear, plain, detached = (
                place.with_name(place.name + name) for name in ("InRelease", "Release", "Release.gpg")
            )
            file = clear if clear.is_file() else plain
            if file.is_file():
                signed = (clear,) if file == clear else (detached, plain)
                signers = self._signers(choice.source, signed)
                found.setdefault(choice.source.name, []).append(LockedRelease(suite, sha256_of(file), signers))
        return {name: tuple(sorted(items)) for name, items in found.items()}

    def _signers(self, source: Source, signed: Sequence[Path]) -> tuple[str, ...]:
        if source.keyring is None or not signed[0].is_file():
            return ()
        with keyring(source.keyring) as trusted:
            return trusted.signers(*signed)

    @contextlib.contextmanager
    def narrowed(self, requests: Sequence[PackageRequest], *, recommends: bool) -> Iterator[Apt]:
        """Yield an apt that plans these requests, or some of them, as `apt` does, but faster, from a copy of its lists.

        It is valid inside the block. If `apt` knows none of the names, it is `apt`: that can explain what is wrong.
        """
        names = reachable_names(self.apt, requests, recommends=recommends)
        if names is None:
            yield self.apt
            return
        small = self.folder / "narrow"
        with exclusive(self.folder / "narrow.lock", wait=OTHER_LIMIT):
            with writing_to(self.folder, option=OPTION):
                shutil.rmtree(small, ignore_errors=True)  # left by a killed process
                copy_lists(self.folder / VIEW / "lists" if self._pins else self.folder / "lists", small, names)
            plain = plain_path(small)
            try:
                yield self.apt.with_options(f"-oDir::State::lists={plain}/lists", f"-oDir::Cache={plain}/cache")
            finally:
                shutil.rmtree(small, ignore_errors=True)

    def _update(self) -> None:
        for _ in range(sum(len(choice.uris) for choice in self._choices)):
            self._write_sources()
            completed, words = self._apt_update()
            bad = self._failed(words)
            if completed.returncode == 0 and not bad:
                lacking = self._lacking()
                if not lacking:
                    if self._pins:
                        suites = [(choice.source.name, choice.uris[0], suite) for choice, suite in self._suites()]
                        write_view(self.folder, suites)
                    return
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
                or any(len(choice.uris) > 1 for choice in self._failed(words))
                or ((reason := distrust(words)) and reason.lasts)
            ):
                break
        return completed, words

    def _failed(self, words: str) -> list[_Choice]:
        return [choice for choice in self._choices if has_failed(choice.uris[0], words)]

    def _lacking(self) -> dict[_Choice, str]:
        """Return the archives whose Release does not state our architecture, with a message for each.

        apt accepts them and skips their lists (sources.list(5), Architectures).
        """
        own = self._architectures[0]
        found: dict[_Choice, str] = {}
        for choice, suite in self._suites():
            stated = self._release(choice, suite).get("Architectures", "").split()
            if choice.source.is_archive and stated and own not in stated:
                words = f"'{choice.uris[0]} {suite}' has no packages of {own}, only of {' '.join(stated)}"
                found.setdefault(choice, f"E: The repository {words}")
        return found

    def _suites(self) -> list[tuple[_Choice, str]]:
        return [(choice, suite) for choice in self._choices for suite in choice.source.suites]

    def _release(self, choice: _Choice, suite: str) -> dict[str, str]:
        """Return some fields of the stored Release of a mirror's suite, none if there is no Release."""
        for name in ("InRelease", "Release"):
            path = self.folder / "lists" / f"{list_name(choice.uris[0], suite)}{name}"
            if path.is_file():
                return dict(_FIELD.findall(path.read_text(encoding="utf-8", errors="replace")))
        return {}

    def _names(self) -> dict[tuple[str, str, str], str]:
        """Return the Suite and Codename that each suite states: by name of the source, suite and field."""
        return {
            (choice.source.name, suite, key): value
            for choice, suite in self._suites()
            for key, value in self._release(choice, suite).items()
            if key in ("Suite", "Codename")
        }

    def _prepare(self) -> None:
        private_folder(self._state)
        etc = ("preferences.d", "keyrings", "trusted.gpg.d", "sources.list.d")
        for name in ("lists/partial", "cache/archives/partial", "log", *(f"etc/{part}" for part in etc)):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / "status", b"")
        write_atomically(self.folder / "etc" / "preferences", "\n".join(self._pins).encode())

    def _write_sources(self) -> None:
        texts = [
            choice.source.deb822(choice.uris[0], self._architectures, self._plain_keyring(choice.source.keyring))
            for choice in self._choices
        ]
        path = self.folder / "etc" / "sources.list.d" / "package-cache.sources"
        write_atomically(path, "\n".join(texts).encode())

    def _plain_keyring(self, keyring: Path | None) -> Path | None:
        """Copy a keyring to a path that Signed-By accepts, with the suffix that tells apt whether it is armoured."""
        if keyring is None:
            return None
        content = read_bounded(keyring, "keyring-bytes")
        suffix = "asc" if content.startswith(b"-----BEGIN") else "gpg"
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
        write_atomically(self.folder / "etc" / "keyrings" / name, content)
        return plain_path(self.folder) / "etc" / "keyrings" / name

    def _next_mirrors(self, bad: Sequence[_Choice], words: str) -> None:
        refuse_full_temporary_folder()
        if not bad:  # no message names a source: another mirror would not help
            raise unusable("the sources", words)
        for choice in bad:
            choice.said.append(lines_about(choice.uris[0], words))
        others = [choice for choice in bad if len(choice.uris) > 1]
        if not others:
            source = bad[0].source
            name = f"{source.name} ({', '.join(source.suites)})"
            raise unusable(name, "\n".join(bad[0].said), source.trusted)
        for choice in others:  # the rest may fail with them: apt gives up an address with its first server
            del choice.uris[0]

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
        folder = str(plain_path(self.folder))
        auth = plain_path(self._auth) if self._auth else "/etc/apt/auth.conf"
        return config_text(
            folder,
            self._architectures,
            f'Dir::Etc "{folder}/etc";',
            *NOT_THIS_MACHINES,
            f'Dir::Etc::netrc "{auth}";',
            'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
            *network_lines(),
        )
