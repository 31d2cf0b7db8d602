"""Files into which `check --json` and `outdated --json` printed their results: read within bounds, field by field."""

import re
from dataclasses import dataclass
from pathlib import Path

from package_cache.ages import TIME
from package_cache.bounded_json import TooManyValuesError, load_json
from package_cache.check.verdict import Prediction
from package_cache.errors import UsageError
from package_cache.fields import Fields
from package_cache.filesystem.paths import read_bounded
from package_cache.names import ARCHITECTURE, GROUP_NAME, PACKAGE_NAME, VERSION

_PREDICTION = re.compile("|".join(item.value for item in Prediction))


@dataclass(frozen=True)
class CheckedGroup:
    """The prediction for one group in one image."""

    name: str
    prediction: str
    """A value of `Prediction`."""
    status: int
    """The installer's exit status."""
    reason: str
    """Its name, such as `no-plan`."""
    message: str
    """Why it would not be installed; empty if it would."""
    obstacles: tuple[str, ...]
    """What is in the way, a sentence each."""
    next_step: str
    tried: str
    """The result of a trial installation (`check --run`); empty if there was none."""

    @property
    def is_miss(self) -> bool:
        """Whether it would not be installed."""
        return self.prediction == Prediction.MISS.value


@dataclass(frozen=True)
class CheckedImage:
    """The predictions for one image."""

    name: str
    when: str
    """When it was checked, as RFC 3339 in UTC."""
    system: str
    """Its OS release and architecture; empty if it could not be read."""
    digest: str
    error: str
    """Why it could not be checked; empty if it was."""
    groups: tuple[CheckedGroup, ...]

    @property
    def by_group(self) -> dict[str, CheckedGroup]:
        """The groups, by their names."""
        return {group.name: group for group in self.groups}

    @property
    def misses(self) -> tuple[CheckedGroup, ...]:
        """The groups that would not be installed."""
        return tuple(group for group in self.groups if group.is_miss)

    @property
    def in_the_way(self) -> bool:
        """Whether something keeps it from its groups."""
        return bool(self.error or self.misses)


@dataclass(frozen=True)
class NewerPackage:
    """A locked package of which the archives have a newer version."""

    system: str
    """OS release and architecture of the containers."""
    name: str
    architecture: str
    locked: str
    newest: str
    security: str
    """The newest version of a security suite, where it is newer than the locked one; else empty."""
    suites: tuple[str, ...]
    groups: tuple[str, ...]
    pinned: bool
    """Whether the manifest asks for the locked version."""


@dataclass(frozen=True)
class Newer:
    """All of these, those with security updates first."""

    when: str
    """When the archives were asked, as RFC 3339 in UTC."""
    packages: tuple[NewerPackage, ...]

    @property
    def security(self) -> int:
        """The number of packages with a security update."""
        return sum(bool(package.security) for package in self.packages)


def read_check(path: Path) -> tuple[CheckedImage, ...]:
    """Read the result of a check: of one image, or of all images of a manifest. Raises `UsageError`."""
    result = _result(path, "check")
    when = result.text("when", TIME, "a time")
    tables = result.tables("images") if "images" in result.values else [result]
    images = tuple(_image(table, when) for table in tables)
    _refuse(result, "check")
    return images


def read_outdated(path: Path) -> Newer:
    """Read the result of `outdated`. Raises `UsageError`."""
    result = _result(path, "outdated")
    when = result.text("when", TIME, "a time")
    packages = [
        _newer(table, _system(system)) for system in result.tables("systems") for table in system.tables("packages")
    ]
    _refuse(result, "outdated")
    return Newer(when, tuple(sorted(packages, key=lambda item: (not item.security, item.system, item.name))))


def _result(path: Path, verb: str) -> Fields:
    """Return the result in the envelope that `--json` prints."""
    try:
        document = load_json(read_bounded(path, "answer-bytes"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=_hint(verb)) from error
    except (ValueError, RecursionError) as error:
        cause = "" if isinstance(error, TooManyValuesError) else "it is not JSON: "
        raise UsageError(f"cannot read {path}: {cause}{error}", hint=_hint(verb)) from error
    envelope = Fields(document if isinstance(document, dict) else {}, str(path))
    if envelope.values.get("verb") != verb:
        raise UsageError(f"cannot use {path}: {verb} --json did not print it", hint=_hint(verb))
    if "error" in envelope.values:
        cause = envelope.table("error").text("message", empty=True)
        raise UsageError(f"cannot use {path}: {verb} ended with an error: {cause}", hint=_hint(verb))
    return envelope.table("result")


def _refuse(result: Fields, verb: str) -> None:
    """Raise `UsageError` with all problems of a file, if there are any."""
    if result.problems:
        raise UsageError(f"cannot use {result.file}", problems=result.problems, hint=_hint(verb))


def _hint(verb: str) -> str:
    return f"write the file again: package-cache {verb} ... --json >FILE"


def _image(fields: Fields, when: str) -> CheckedImage:
    error = fields.table("error") if fields.values.get("error") is not None else None
    name = fields.text("name" if "name" in fields.values else "checked")
    if error:
        return CheckedImage(name, when, "", "", error.text("message"), ())
    groups = tuple(map(_group, fields.tables("groups")))
    return CheckedImage(name, when, _system(fields, "system"), fields.text("digest", empty=True), "", groups)


def _system(fields: Fields, name: str = "name") -> str:
    """Return an OS release and an architecture; an image without dpkg has neither."""
    return f"{fields.text(name, empty=True)} {fields.text('architecture', empty=True)}".strip()


def _group(fields: Fields) -> CheckedGroup:
    return CheckedGroup(
        name=fields.text("name", GROUP_NAME, "a group's name"),
        prediction=fields.text("prediction", _PREDICTION, "a prediction"),
        status=fields.count("status"),
        reason=fields.text("reason"),
        message=fields.text("message", empty=True),
        obstacles=tuple(reason.text("text") for reason in fields.tables("reasons")),
        next_step=fields.text("next_step", empty=True),
        tried=_tried(fields.table("run")) if fields.values.get("run") is not None else "",
    )


def _tried(run: Fields) -> str:
    status, predicted = run.count("status"), "as predicted" if run.flag("agreed") else "not as predicted"
    return f"{'installed' if status == 0 else f'status {status}'}, {predicted}"


def _newer(fields: Fields, system: str) -> NewerPackage:
    return NewerPackage(
        system=system,
        name=fields.text("name", PACKAGE_NAME, "a package's name"),
        architecture=fields.text("architecture", ARCHITECTURE, "an architecture"),
        locked=fields.text("locked", VERSION, "a version"),
        newest=fields.text("newest", VERSION, "a version"),
        security=fields.text("security", VERSION, "a version") if fields.values.get("security") is not None else "",
        suites=fields.texts("suites"),
        groups=fields.texts("groups", GROUP_NAME, "a group's name"),
        pinned=fields.flag("pinned"),
    )
