"""apt's marks of what was installed as a dependence only: their file is checked instead of what wrote it."""

from collections.abc import Collection, Iterator

from debian.deb822 import Deb822

from package_cache.recording.classes import NotRecordable
from package_cache.recording.observed import PlannedPackage

MARKS = "/var/lib/apt/extended_states"
_KEYS = ("Package", "Architecture", "Auto-Installed")


def check_marks(before: bytes, after: bytes, packages: Collection[PlannedPackage]) -> None:
    """Raise `NotRecordable` unless the file says of packages of the plan what it did not say before, and no more."""
    known, found = set(_marks(before)), set(_marks(after))
    names = {item.name for item in packages}
    for mark in sorted(known ^ found):
        if mark not in found or mark[0] not in names or mark[2:] not in (("0",), ("1",)):
            raise NotRecordable(f"apt marked something else than what it installed: {' '.join(mark)}", MARKS)


def _marks(content: bytes) -> Iterator[tuple[str, ...]]:
    for paragraph in Deb822.iter_paragraphs(content.decode("utf-8", "replace"), use_apt_pkg=False):
        others = [key for key in paragraph if key not in _KEYS]
        yield (*(str(paragraph.get(key, "")) for key in _KEYS), *others)
