"""An isolated apt on this machine: one folder for each set of sources, whose lists are kept and brought up to date."""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.outside.apt import Apt, config_text
from package_cache.outside.apt_narrow import narrowed
from package_cache.outside.files import exclusive, write_atomically
from package_cache.outside.run import Completed, run
from package_cache.outside.writing import NO_SPACE, no_space, writing_to
from package_cache.values.errors import ArchiveError, PackageCacheError, VerificationError
from package_cache.values.names import PackageRequest

UPDATE_LIMIT = 900.0
"""Seconds that one `apt-get update` may take: lists of 130 MB over a slow link."""

_UNTRUSTED = re.compile(
    r"NO_PUBKEY|BADSIG|EXPKEYSIG|KEYEXPIRED|REVKEYSIG|is not signed|not properly signed|invalid signature"
    r"|no longer signed|couldn't be verified|is expired|is not valid yet|Hash Sum mismatch|unexpected size"
    r"|Clearsigned file isn't valid"
)


@dataclass(frozen=True)
class Source:
    """One repository as sources.list(5) knows it, with the mirrors that may serve it, best first."""

    name: str
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    keyring: Path | None = None
    """The file of the keys that vouch for it. None only with `allow_unsigned`."""
    allow_unsigned: bool = False
    priority: int | None = None

    def deb822(self, uri: str, architectures: Sequence[str]) -> str:
        """Give the paragraph of a `.sources` file for one of its mirrors."""
        fields = [
            "Types: deb",
            f"URIs: {uri}",
            f"Suites: {' '.join(self.suites)}",
            *([f"Components: {' '.join(self.components)}"] if self.components else []),
            f"Architectures: {' '.join(architectures)}",
            *([f"Signed-By: {self.keyring}"] if self.keyring else []),
            *(["Trusted: yes"] if self.allow_unsigned else []),
        ]
        return "\n".join([*fields, ""])


class AptRoot:
    """The lists of some sources for one system, and the mirror of each source that answered."""

    def __init__(self, state: Path, architectures: Sequence[str], sources: Sequence[Source]) -> None:
        """`state` is the folder where lists are kept between runs; `architectures`: the system's own first."""
        key = hashlib.sha256(repr((tuple(architectures), tuple(sources))).encode()).hexdigest()[:16]
        self.folder = state / "lists" / key
        self.architectures = tuple(architectures)
        self.sources = tuple(sources)
        self.apt = Apt(self._run, architectures[0])
        self._chosen = [0] * len(sources)

    def source_of(self, base_uri: str) -> Source | None:
        """Give the source that a base URI belongs to."""
        for source in self.sources:
            if base_uri in source.uris:
                return source
        return None

    def update(self) -> None:
        """Bring the lists up to date, from the next mirror where one does not answer rightly.

        Raises `ArchiveError` where no mirror of a source answers, `VerificationError` where what came cannot be
        trusted, `PackageCacheError` where the folder cannot be written. Then nothing of it is used.
        """
        with writing_to(self.folder):
            self._prepare()
            with exclusive(self.folder / "update.lock", wait=UPDATE_LIMIT):
                self._update()

    @contextlib.contextmanager
    def narrowed(self, requests: Sequence[PackageRequest], *, recommends: bool) -> Iterator[Apt]:
        """Give an apt that plans these requests (and any of them) as `apt` does, but faster."""
        with narrowed(self.folder, self._run, self.architectures[0], requests, recommends=recommends) as apt:
            yield apt or self.apt

    def _update(self) -> None:
        for _ in range(sum(len(source.uris) for source in self.sources)):
            self._write_sources()
            completed, words = self._apt_update()
            bad = [i for i in range(len(self.sources)) if self._has_failed(i, words)]
            if completed.returncode == 0 and not bad:
                return
            self._next_mirrors(bad, words)
        raise ArchiveError("cannot bring the lists of packages up to date", details=words)

    def _apt_update(self) -> tuple[Completed, str]:
        """Give what `apt-get update` left, and all that it said.

        First without apt's own tries again: on a full disk apt 2.6 may wait for them for ever.
        """
        for tries in ("-oAcquire::Retries=0", "-oAcquire::Retries=3"):
            completed = self._run(["apt-get", "update", "--error-on=any", "--quiet", tries], UPDATE_LIMIT)
            words = completed.stdout + completed.stderr
            if NO_SPACE in words:
                raise no_space(self.folder, NO_SPACE)
            if completed.returncode == 0:
                break
        return completed, words

    def _prepare(self) -> None:
        for name in ("lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/trusted.gpg.d", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / "status", b"")
        text = config_text(str(self.folder), self.architectures, own_sources=True, proxies=_proxies())
        write_atomically(self.folder / "apt.conf", text.encode())
        pins = "\n".join(_pins(self.sources))
        write_atomically(self.folder / "etc" / "preferences", pins.encode())

    def _write_sources(self) -> None:
        folder = self.folder / "etc" / "sources.list.d"
        folder.mkdir(exist_ok=True)
        texts = [
            source.deb822(source.uris[index], self.architectures)
            for source, index in zip(self.sources, self._chosen, strict=True)
        ]
        write_atomically(folder / "package-cache.sources", "\n".join(texts).encode())

    def _has_failed(self, index: int, words: str) -> bool:
        uri = re.escape(self.sources[index].uris[self._chosen[index]])
        return re.search(rf"(?:^Err:\d+ |[EW]: .*){uri}(?:/|\s|$)", words, re.MULTILINE) is not None

    def _next_mirrors(self, bad: Sequence[int], words: str) -> None:
        if not bad:  # nothing names a source: no other mirror would help
            raise unusable("the sources", words)
        for index in bad:
            self._chosen[index] += 1
            source = self.sources[index]
            if self._chosen[index] >= len(source.uris):
                raise unusable(f"{source.name} ({', '.join(source.suites)})", words)

    def _run(self, argv: Sequence[str], timeout: float = 120.0) -> Completed:
        return run(argv, env={"APT_CONFIG": str(self.folder / "apt.conf")}, timeout=timeout, check=False)


def unusable(what: str, words: str) -> PackageCacheError:
    """Make the error of sources that `apt-get update` could not use, from its words: unreachable or not trusted."""
    lines = [line for line in words.splitlines() if line.startswith(("E:", "W:", "Err:", "  "))]
    details = "\n".join(dict.fromkeys(lines)) or words
    if _UNTRUSTED.search(words):
        return VerificationError(
            f"cannot trust what the mirrors of {what} sent",
            details=details,
            hint="check the keyring and the clock, or name another mirror with --mirror",
        )
    return ArchiveError(
        f"cannot reach any mirror of {what}", details=details, hint="check the network, or name a mirror with --mirror"
    )


def _pins(sources: Sequence[Source]) -> list[str]:
    """Give apt_preferences(5) stanzas; a pin names the host of the URI, the finest thing that apt can pin by origin."""
    stanzas = []
    for source in sources:
        if source.priority is not None:
            hosts = dict.fromkeys(re.sub(r"^\w+://([^/:@]*@)?([^/:]*).*", r"\2", uri) for uri in source.uris)
            stanzas += [f'Package: *\nPin: origin "{host}"\nPin-Priority: {source.priority}\n' for host in hosts]
    return stanzas


def _proxies() -> str:
    """Give this machine's own proxy settings (apt.conf(5), Acquire::http::Proxy), for they say how to reach the net."""
    dump = run(["apt-config", "dump"], check=False, timeout=20).stdout
    wanted = re.compile(r"^Acquire::(?:http|https|ftp)::(?:Proxy|.*::Proxy|Proxy-Auto-Detect)\b.*;$")
    return "\n".join(line for line in dump.splitlines() if wanted.match(line) and '""' not in line)
