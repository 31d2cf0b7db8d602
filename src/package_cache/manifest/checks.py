"""What both formats check alike: names, OS releases, package lists, and that nothing is there twice."""

import bisect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from package_cache.bounds import collect
from package_cache.errors import ManifestError, Problem
from package_cache.manifest.model import Place, RequestedPackage
from package_cache.names import GROUP_NAME, PackageRequest
from package_cache.system import DEFAULT_ARCHITECTURE, SYSTEM_NAME, System

Found = tuple[str, Place]
"""A text and where it stands."""

Check = Callable[[str], tuple[str, str | None] | None]
"""Returns what is wrong with a text, and what to write instead; None if it is right."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that no field may hold; the tab and the line feed are left to each field."""


class Problems:
    """Collects every problem of one manifest, so that all are shown at once."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.found: list[Problem] = []
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, line: int | None = None, column: int | None = None, field: str | None = None) -> Place:
        """Return a place in this manifest."""
        return Place(self.file, line, column, field)

    def place_at(self, offset: int, field: str | None = None) -> Place:
        """Return the place of a character of the text, counted from 0."""
        line = bisect.bisect_right(self._lines, offset)
        return self.place(line, offset - self._lines[line - 1] + 1, field)

    def add(self, place: Place, message: str, hint: str | None = None) -> None:
        """Record a problem of a place."""
        collect(self.found, place.problem(message, hint))

    def accepts(self, found: Found, check: Check) -> bool:
        """Return whether a text passes a check; record a problem if not."""
        text, place = found
        wrong = check(text)
        if wrong:
            self.add(place, *wrong)
        return wrong is None

    def raise_if_any(self) -> None:
        """Raise `ManifestError` with all problems, in the order of their lines; return if there is none."""
        if self.found:
            ordered = sorted(self.found, key=lambda problem: (problem.line or 0, problem.column or 0))
            raise ManifestError(f"cannot use the manifest {self.file}", problems=ordered)


class Duplicates:
    """Finds what a manifest has twice."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._first: dict[object, Place] = {}

    def check(self, key: object, place: Place, what: str, hint: str = "leave one of them out") -> bool:
        """Record a problem where this key came before, and say where that was; tell whether it is the first."""
        first = self._first.setdefault(key, place)
        if first is not place:
            where = f"on line {first.line}" if first.line != place.line or not first.column else "on this line"
            self._problems.add(place, f"{what} is there already, {where}", hint)
        return first is place


def form(pattern: re.Pattern[str], noun: str, hint: str) -> Check:
    """Return the check that a text has the form of a noun, such as "a suite"."""
    return lambda text: None if pattern.fullmatch(text) else (f"{text!r} is not {noun}", hint)


def known(names: Collection[str], noun: str) -> Check:
    """Return the check that a text is one of these names; `noun` has `{}` in its place."""
    hint = f"there are: {', '.join(sorted(names)) or 'none'}"
    return lambda text: None if text in names else (f"there is no {noun.format(repr(text))}", hint)


def parsed(parse: Callable[[str], object], near: Callable[[str], str | None] = lambda _: None) -> Check:
    """Return the check that a parser accepts a text, whose errors say "what is wrong: what to write".

    `near` returns a better proposal, if it has one.
    """

    def check(text: str) -> tuple[str, str | None] | None:
        try:
            parse(text)
        except ValueError as error:
            message, _, hint = str(error).rpartition(": ")
            instead = near(text)
            return message, f"write {instead}" if instead else hint
        return None

    return check


def a_name(of: str) -> Check:
    """Return the check that a text can be the name of a group, or of something else with the same syntax."""

    def check(text: str) -> tuple[str, str] | None:
        if GROUP_NAME.fullmatch(text):
            return None
        near = re.sub(r"[^a-z0-9+._-]+", "-", text.lower()).strip("-+._")[:64]
        rule = "write at most 64 of a-z 0-9 + - . _, a letter or digit first"
        return f"{text!r} is not a name for {of}", f"{rule}, such as {near}" if near else rule

    return check


def _near_system(text: str) -> str | None:
    near = re.sub(r"[\s:_-]", "", text.lower())
    return near if SYSTEM_NAME.fullmatch(near) else None


check_system = parsed(System.parse, _near_system)
"""That a text is an OS release."""


def check_packages(
    items: Iterable[Found],
    problems: Problems,
    only: Mapping[Place, tuple[str, ...]] | None = None,
    architectures: Sequence[str] = (DEFAULT_ARCHITECTURE,),
) -> tuple[RequestedPackage, ...]:
    """Return the packages of one group; a problem for each that is no package or that is there twice.

    `only` has the architectures of those packages that are not for all of the group's `architectures`.
    """
    packages = []
    duplicates = Duplicates(problems)
    for text, place in items:
        if problems.accepts((text, place), _check_package):
            request = PackageRequest.parse(text)
            own = (only or {}).get(place, ())
            name = str(PackageRequest(request.name, request.architecture))
            for architecture in own or architectures:
                if not duplicates.check((name, architecture), place, f"package {name!r}"):
                    break
            packages.append(RequestedPackage(request, place, own))
    return tuple(packages)


_NAME = r"(?P<name>[a-z0-9][a-z0-9+.-]*)"

_NOT_A_REQUEST = {
    re.compile(rf"{_NAME}\^"): (
        "is a task of tasksel(8), and a group takes packages",
        "write the packages of the task: tasksel --task-packages {name} lists them in a container of the OS release",
    ),
    re.compile(r"(?P<path>\S*/(?P<name>[a-z0-9][a-z0-9+.-]*)[^/]*\.deb)"): (
        "is a package file, and a group takes packages of repositories",
        """make a flat repository of its folder (dpkg-scanpackages . >Packages), and write in package-cache.toml:
[[repository]]
name = "local"
uris = ["file:///path/of/the/folder"]
suite = "./"
allow-unsigned = true
and among the packages: {name}""",
    ),
    re.compile(rf"{_NAME}/(?P<suite>[A-Za-z0-9._+~-]+)"): (
        "names a suite, which stands in a pin",
        """write {name} among the packages, and in package-cache.toml:
[[repository]]
name = "{suite}"
uris = ["URI of the archive"]
suite = "{suite}"
components = ["main"]
fingerprint = "40 digits of the key that signs it"
[[pin]]
packages = ["{name}"]
repository = "{suite}"
priority = 1001""",
    ),
    re.compile(rf"{_NAME}(?P<of>:[a-z0-9-]+)?=(?P<version>[A-Za-z0-9.+~:*?-]*[*?][A-Za-z0-9.+~:*?-]*)"): (
        "asks for a pattern of versions, which stands in a pin",
        """write {name}{of} among the packages, and in package-cache.toml:
[[pin]]
packages = ["{name}"]
version = "{version}"
priority = 1001""",
    ),
}
"""What else apt-get(8) installs, by its form: what is wrong with it in a manifest, and what to write instead."""


def _check_package(text: str) -> tuple[str, str | None] | None:
    for pattern, (message, hint) in _NOT_A_REQUEST.items():
        if found := pattern.fullmatch(text):
            parts = {key: value or "" for key, value in found.groupdict().items()}
            return f"{text!r} {message}", hint.format(**parts).replace("\n", "\n    ")
    return parsed(PackageRequest.parse, _near_request)(text)


def _near_request(text: str) -> str | None:
    words = text.replace(",", " ").split()
    if len(words) > 1:
        return "each package by itself"
    try:
        return str(PackageRequest.parse(text.strip("\"' \t,;").lower()))
    except ValueError:
        return None
