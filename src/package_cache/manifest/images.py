"""The `[[image]]` tables of `package-cache.toml`: the images in which groups must install, for `package-cache check`.

[[image]]
name = "training"
reference = "docker://host/training:2"  or root = "a folder", or status = "a file" with system = "ubuntu18.04"
architecture = "arm64"                  where it does not say it itself
groups = ["ssh"]                        all of the manifest, if it is missing
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from package_cache.manifest.checks import FirstPlaces, Problems, check_group_name, check_system
from package_cache.manifest.model import CheckedImage, Group
from package_cache.manifest.referenced_files import Beside
from package_cache.manifest.toml_getters import Table
from package_cache.names import ARCHITECTURE

KEYS = ("name", "reference", "root", "status", "system", "architecture", "groups")
KINDS = ("reference", "root", "status")


def read_images(
    tables: Sequence[Table], beside: Beside, groups: Iterable[Group], problems: Problems
) -> tuple[CheckedImage, ...]:
    """Read all `[[image]]` tables."""
    known = {group.name for group in groups}
    places = FirstPlaces(problems)
    found = []
    for table in tables:
        table.only(*KEYS)
        name = table.text("name", example='"training"', needed=True)
        checked = check_group_name(name, problems, "an image") if name else None
        if name and checked:
            places.check(checked, name[1], f"image {checked!r}", "give one of them another name")
        image = CheckedImage(
            checked or "",
            table.place,
            _reference(table, beside),
            _path(table, "root", beside),
            _path(table, "status", beside),
            _system(table),
            _architecture(table),
            _groups(table, known),
        )
        _check_kind(table)
        if checked:
            found.append(image)
    return tuple(found)


def _text(table: Table, key: str, example: str) -> str | None:
    found = table.text(key, example=example, needed=key in table.values)
    return found[0] if found else None


def _reference(table: Table, beside: Beside) -> str | None:
    """Return a reference; one that is a path is seen from the manifest's folder as well."""
    text = _text(table, "reference", '"docker://host/name:tag"')
    transport, colon, rest = (text or "").partition(":")
    if text is None or not colon or transport not in ("oci", "oci-archive"):
        return text
    path, colon, tag = rest.partition(":")
    return f"{transport}:{beside.folder / path}{colon}{tag}" if beside.check(table, "reference", path) else None


def _path(table: Table, key: str, beside: Beside) -> Path | None:
    """Return a path; `check` reads what lies there."""
    text = _text(table, key, '"a/path"')
    return beside.folder / text if text and beside.check(table, key, text) else None


def _system(table: Table) -> str | None:
    found = table.text("system", example='"ubuntu18.04"', needed="system" in table.values)
    system = check_system(found, table.document.problems) if found else None
    return system.name if system else None


def _architecture(table: Table) -> str | None:
    text = _text(table, "architecture", '"amd64"')
    if text and not ARCHITECTURE.fullmatch(text):
        table.wrong(["architecture"], f"{text!r} is not an architecture", "write one as dpkg names it, such as amd64")
    return text


def _groups(table: Table, known: set[str]) -> tuple[str, ...]:
    places = FirstPlaces(table.document.problems)
    found = table.texts("groups", example='["ssh"]')
    for text, place in found:
        if text not in known:
            there = ", ".join(sorted(known)) or "none"
            table.document.problems.add(place, f"there is no group {text!r} in this manifest", f"there are: {there}")
        places.check(text, place, f"group {text!r}", "leave one of them out")
    return tuple(text for text, _ in found)


def _check_kind(table: Table) -> None:
    """Note a table that says not where the image is, or in two ways."""
    kinds = [kind for kind in KINDS if kind in table.values]
    if not kinds:
        hint = 'write reference = "docker://host/name:tag", or root, or status and system'
        table.wrong(["reference"], "nothing says where this image is", hint)
    for kind in kinds[1:]:
        table.wrong([kind], f"it has a {kinds[0]} already", "leave one of the two out")
    if "status" in kinds and "system" not in table.values:
        hint = 'write system = "ubuntu18.04": a status file does not say it'
        table.wrong(["system"], "is missing", hint)
    if "system" in table.values and "status" not in kinds:
        table.wrong(["system"], "only a status needs it: the image says it itself", "leave it out")
