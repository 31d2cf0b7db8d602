"""`check`: whether groups will install offline in a container system, found out without running anything of it.

The order and the kind of the checks are those of the installer, `main` in install_group.sh.
"""

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from package_cache.cache.being_written import once_settled
from package_cache.cache.group_facts import (
    GroupFacts,
    check_cache,
    check_release,
    content_of,
    damaged,
    group_names,
    read_facts,
)
from package_cache.cache.layout import CacheFolder, pool_file
from package_cache.outside.apt.container import AptAnswer, ContainerApt
from package_cache.outside.apt.no_plan import Question, explain
from package_cache.outside.apt.words import half_installed
from package_cache.outside.files import sha256_of
from package_cache.outside.images.system_files import SystemFiles, has_program, is_there, os_release_in
from package_cache.outside.os_release import OsRelease
from package_cache.outside.packages.dpkg_database import (
    DpkgDatabase,
    KnownPackage,
    make_database,
    read_database,
    refusal,
)
from package_cache.values.errors import UsageError
from package_cache.values.events import Listener, Step, ignore
from package_cache.values.names import GROUP_NAME
from package_cache.values.statuses import ExitStatus
from package_cache.values.verdict import MissError, PlannedFile, Prediction, Verdict

_FALLBACK = "use the fallback of this image"


@dataclass(frozen=True)
class SeenSystem:
    """What of a container system decides whether a group installs there."""

    name: str
    """For people: where it was read."""
    release: OsRelease
    architecture: str | None
    """dpkg's own; None where nothing says it."""
    database: DpkgDatabase
    files: SystemFiles | None = None
    """None where only dpkg's status is known: then all programs and files are taken to be there."""
    digest: str = ""
    """Of an image's manifest."""


def seen_in_files(name: str, files: SystemFiles, architecture: str | None = None, *, digest: str = "") -> SeenSystem:
    """Read a system's files. `architecture` counts where dpkg's database does not say it, and must not contradict."""
    database = read_database(files)
    own = database.architecture or (database.architectures[0] if database.architectures else None)
    if architecture and own and architecture != own:
        raise UsageError(f"cannot check {name} for {architecture}: its dpkg is of {own}")
    return SeenSystem(name, os_release_in(files), own or architecture, database, files, digest)


def seen_by_status(name: str, status: bytes, release: OsRelease, architecture: str | None = None) -> SeenSystem:
    """Make it of a dpkg status file alone, and the release that it is of."""
    database = make_database(status)
    own = database.architecture
    if architecture and own and architecture != own:
        raise UsageError(f"cannot check {name} for {architecture}: the dpkg in it is of {own}")
    return SeenSystem(name, release, own or architecture, database)


@dataclass(frozen=True)
class CheckResult:
    """What comes of all groups that were asked for."""

    name: str
    system: str
    architecture: str
    digest: str
    verdicts: tuple[Verdict, ...]

    @property
    def status(self) -> ExitStatus:
        """That of the first miss; INSTALLED where there is none."""
        return next((item.status for item in self.verdicts if item.prediction is Prediction.MISS), ExitStatus.INSTALLED)


def check(groups: Sequence[str], cache: CacheFolder, seen: SeenSystem, listener: Listener = ignore) -> CheckResult:
    """Predict for each group, or for all that the cache has, what the installer comes to in this system.

    Raises `UsageError` for what is no group's name, and where nothing says the architecture.
    """
    for name in groups:
        if not GROUP_NAME.fullmatch(name):
            raise UsageError(f"cannot check {name!r}: that is not a group's name")
    with tempfile.TemporaryDirectory(prefix="package-cache-") as folder:
        checker = _Checker(cache, seen, Path(folder))
        verdicts = []
        for name in dict.fromkeys(groups) or _all_groups(cache):
            listener(Step(f"checking {name} in {seen.name}"))
            verdicts.append(checker.verdict(name))
    return CheckResult(seen.name, seen.release.system, seen.architecture or "", seen.digest, tuple(verdicts))


def _all_groups(cache: CacheFolder) -> tuple[str, ...]:
    check_cache(cache)
    found = group_names(cache)
    if not found:
        step = "build the cache of a manifest with groups"
        raise MissError(ExitStatus.NO_SUCH_GROUP, f"the cache at {cache.path} has no groups", step)
    return found


_OF_THE_CACHE = (
    ExitStatus.NO_SUCH_GROUP, ExitStatus.NOT_FOR_SYSTEM, ExitStatus.NOT_FOR_ARCHITECTURE, ExitStatus.CACHE_MISSING,
    ExitStatus.CACHE_DAMAGED,
)  # fmt: skip


def _missed(name: str, miss: MissError) -> Verdict:
    return Verdict(name, Prediction.MISS, miss.status, (), miss.cause, miss.next_step, miss.reasons, miss.words)


@dataclass
class _Checker:
    cache: CacheFolder
    seen: SeenSystem
    folder: Path
    _fits: set[str] = field(default_factory=set)
    """SHA-256 of the package files that are what their names say."""

    def verdict(self, name: str) -> Verdict:
        try:
            return once_settled(self.cache, lambda: self._verdict(name))
        except MissError as miss:
            return _missed(name, miss)

    def _verdict(self, name: str) -> Verdict:
        """Give the verdict; raise only what a writer of the cache may be about to mend."""
        try:
            return self._installs(name)
        except MissError as miss:
            if miss.status in _OF_THE_CACHE:
                raise
            return _missed(name, miss)

    def _installs(self, name: str) -> Verdict:
        check_cache(self.cache)
        self._need("/usr/bin/dpkg", "/usr/bin/dpkg-query")
        self._need("sha256sum")
        check_release(self.seen.release)
        facts = read_facts(self.cache, name, self.seen.release, self._architecture())
        if refused := self._refusal:
            cause = f"dpkg cannot read its database: {refused}"
            raise MissError(ExitStatus.DPKG_BROKEN, cause, "mend what it complains of")
        missing = self._missing(facts)
        if not missing and self._absent(facts) is None:
            return Verdict(name, Prediction.THERE, ExitStatus.INSTALLED)
        self._need("apt-get", "df", "timeout")
        files = self._plan(facts, missing)
        if not files:
            self._check_all(facts, missing)
            return Verdict(name, Prediction.THERE, ExitStatus.INSTALLED)
        self._check_architectures(files)
        self._check_files(files)
        return Verdict(name, Prediction.HIT, ExitStatus.INSTALLED, files)

    def _need(self, *programs: str) -> None:
        """Raise `MissError` where one is not there. 21"""
        files = self.seen.files
        for program in programs:
            if files is not None and not has_program(files, program):
                by_path = program.startswith("/")
                cause = "there is no dpkg here: this is not an image of the Debian family"
                cause = cause if by_path else f"there is no {program} here"
                raise MissError(ExitStatus.NO_DPKG, cause, _FALLBACK)

    def _architecture(self) -> str:
        if self.seen.architecture is None:
            message = f"cannot check {self.seen.name}: its dpkg does not say of which architecture it is"
            raise UsageError(message, hint="name it with --architecture")
        return self.seen.architecture

    # ---- what is here already ----

    @functools.cached_property
    def _refusal(self) -> str:
        return refusal(self.seen.database)

    def _missing(self, facts: GroupFacts) -> tuple[str, ...]:
        return tuple(request for request in facts.requests if not self._is_known(request))

    def _is_known(self, text: str) -> bool:
        named, has_version, version = text.partition("=")
        name, has_architecture, architecture = named.partition(":")
        architectures = (architecture if has_architecture else self._architecture(), "all")

        def meets(item: KnownPackage) -> bool:
            right = item.name == name and item.architecture in architectures
            return right and (not has_version or version == item.version) and item.is_whole

        return any(map(meets, self.seen.database.packages))

    def _absent(self, facts: GroupFacts) -> str | None:
        """Give the first of the files that must be there and is not."""
        files = self.seen.files
        return None if files is None else next((path for path in facts.provides if not is_there(files, path)), None)

    def _check_all(self, facts: GroupFacts, missing: Sequence[str]) -> None:
        """Raise `MissError` where not all is there, though apt finds nothing to install. 13"""
        packages = [item for item in self.seen.database.packages if item.is_whole]
        wrong = [
            request
            for request in missing
            if set("=:") & set(request) or not any(item.provides_name(request) for item in packages)
        ]
        absent = self._absent(facts)
        cause = f"the file {absent} is not there" if absent else ""
        cause = f"dpkg does not have installed: {' '.join(wrong)}" if wrong else cause
        if cause:
            step = "rebuild the cache, or use the fallback of this image"
            raise MissError(ExitStatus.NO_PLAN, f"apt finds nothing to install, but {cause}", step)

    # ---- the plan ----

    def _plan(self, facts: GroupFacts, missing: Sequence[str]) -> tuple[PlannedFile, ...]:
        """Give the files that apt would have dpkg install. 13 22 31"""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            apt = ContainerApt(Path(folder), self.seen.database, self._architecture())
            answer = self._answer(apt, facts, facts.indexes[0], missing)
            for index in facts.indexes[1:]:
                if answer.succeeded:
                    break
                other = self._answer(apt, facts, index, missing)
                answer = other if other.succeeded else answer
            if not answer.succeeded:
                apt.use(facts.indexes[0], recommends=facts.recommends)
                raise self._no_plan(apt, answer, facts, missing)
        files = answer.files()
        if files is None:
            raise damaged("its index names a file outside the pool")
        return files

    def _answer(self, apt: ContainerApt, facts: GroupFacts, index: Path, missing: Sequence[str]) -> AptAnswer:
        """Ask apt for a plan out of one index. 22"""
        apt.use(index, recommends=facts.recommends)
        answer = apt.install(missing)
        if answer.is_half_done or self.seen.database.updates:
            raise self._half_done(answer)
        return answer

    def _half_done(self, answer: AptAnswer) -> MissError:
        return MissError(
            ExitStatus.DPKG_BROKEN,
            "packages are half installed here",
            "run dpkg --configure -a, then apt-get -f install",
            reasons=half_installed(answer.words, self.seen.database, self._architecture()),
            words=answer.words,
        )

    def _no_plan(
        self, apt: ContainerApt, answer: AptAnswer, facts: GroupFacts, missing: Sequence[str]
    ) -> MissError:  # fmt: skip
        health = apt.check()
        if not health.succeeded:
            cause = "apt cannot read the cache's indexes, though they are whole"
            step = "see that apt-get check works, or build the cache again"
            return MissError(ExitStatus.DPKG_BROKEN, cause, step, words=answer.words + health.words)
        asked = Question(apt, missing, facts.indexes[0].read_bytes(), self.seen.database, self._architecture())
        return MissError(
            ExitStatus.NO_PLAN,
            "the packages here and those of the cache cannot be combined",
            "lock for this image as well (lock --for), or use the fallback of this image",
            reasons=explain(asked, answer),
            words=answer.words,
        )

    def _check_files(self, files: Sequence[PlannedFile]) -> None:
        """Raise `MissError` where the pool does not have what the index states. 31"""
        for item in files:
            name = pool_file(item.sha256)
            if item.sha256 not in self._fits:
                path = self.cache.path / name
                if not path.is_file() or path.stat().st_size == 0:
                    content_of(self.cache, name)  # says what is wrong
                if sha256_of(path) != item.sha256:
                    raise damaged(f"{name} is not the file that the index states (SHA-256)")
                self._fits.add(item.sha256)

    def _check_architectures(self, files: Sequence[PlannedFile]) -> None:
        """Raise `MissError` where dpkg would refuse a package that apt plans all the same. 13"""
        taken = {"all", self._architecture(), *self.seen.database.architectures}
        other = next((item for item in files if item.architecture not in taken), None)
        if other is not None:
            cause = f"dpkg takes no packages of {other.architecture} here, such as {other.name}"
            step = f"run dpkg --add-architecture {other.architecture} when the image is made"
            raise MissError(ExitStatus.NO_PLAN, cause, step)
