"""The `[[image]]` tables of `package-cache.toml`: the images in which groups must install, for `package-cache check`.

[[image]]
name = "training"
reference = "docker://host/training:2"  or root = "a folder", or status = "a file" with system = "ubuntu18.04"
architecture = "arm64"                  where it does not say it itself
groups = ["ssh"]                        all of the manifest, if it is missing
record = false                          no recordings are made for it
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from package_cache.manifest.checks import Duplicates, a_name, check_system, form, known
from package_cache.manifest.model import CheckedImage, Group, Where
from package_cache.manifest.referenced_files import ManifestFolder
from package_cache.manifest.toml_getters import Table
from package_cache.names import ARCHITECTURE

KEYS = ("name", "reference", "root", "status", "system", "architecture", "groups", "record")
KINDS = ("reference", "root", "status")


def read_images(root: Table, groups: Iterable[Group], folder: ManifestFolder) -> tuple[CheckedImage, ...]:
    """Read all `[[image]]` tables; their paths are seen from `beside` the manifest."""
    names = {group.name for group in groups}
    duplicates = Duplicates(root.problems)
    return tuple(image for table in root.tables("image") if (image := _image(table, folder, names, duplicates)).name)


def _image(table: Table, folder: ManifestFolder, groups: Collection[str], duplicates: Duplicates) -> CheckedImage:
    table.only(*KEYS)
    name = table.text("name", '"training"', a_name("an image"), needed=True)
    if name:
        duplicates.check(name, table.place("name"), f"image {name!r}", "give one of them another name")
    architecture = form(ARCHITECTURE, "an architecture", "write one as dpkg names it, such as amd64")
    where = Where(
        image=_reference(table, folder),
        root=_path(table, "root", folder),
        status=_path(table, "status", folder),
        system=table.text("system", '"ubuntu18.04"', check_system),
        architecture=table.text("architecture", '"amd64"', architecture),
    )
    asked = table.texts("groups", '["ssh"]', known(groups, "group {} in this manifest"), what="group")
    _check_kind(table)
    return CheckedImage(name or "", table.place(), where, asked, _record(table, where))


def _reference(table: Table, folder: ManifestFolder) -> str | None:
    """Return a reference; one that is a path is seen from the manifest's folder as well."""
    text = table.text("reference", '"docker://host/name:tag"')
    transport, colon, rest = (text or "").partition(":")
    if text is None or not colon or transport not in ("oci", "oci-archive"):
        return text
    path, colon, tag = rest.partition(":")
    table.problems.accepts((path, table.place("reference")), folder.check)
    return f"{transport}:{folder.path / path}{colon}{tag}"


def _path(table: Table, key: str, folder: ManifestFolder) -> Path | None:
    """Return a path; `check` reads what lies there."""
    text = table.text(key, '"a/path"', folder.check)
    return folder.path / text if text else None


def _check_kind(table: Table) -> None:
    """Record a table that does not say where the image is, or in two ways."""
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


def _record(table: Table, where: Where) -> bool:
    """Return whether groups are recorded in the image: unless it says no, or has no root."""
    record = table.flag("record", default=True)
    if "status" in table.values and not where.has_root and table.values.get("record") is True:
        hint = "leave it out, or name the image by a reference or root"
        table.wrong(["record"], "a status file alone is no image in which a group can be recorded", hint)
    return record and where.has_root
