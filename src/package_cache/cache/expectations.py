"""Which groups are expected: who trusts a cache names the SHA-256 of a group's `Release` to who does not.

A `Release` states the hash of every other file of its group, and these those of the package files, so that its own hash
vouches for all that is installed. A group has one for each OS release; one of those that are named is enough.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from package_cache.cache.description import DescribedGroup
from package_cache.cache.layout import RELEASE
from package_cache.errors import CacheError
from package_cache.exit_codes import ExitStatus
from package_cache.names import GROUP_NAME, SHA256

VARIABLE = "PACKAGE_CACHE_EXPECT"
"""Expectations, separated by blanks, for programs of the container and for `stage`."""


@dataclass(frozen=True, order=True)
class Expectation:
    """A group, and the SHA-256 of its `Release` for one OS release."""

    group: str
    sha256: str

    @classmethod
    def parse(cls, text: str) -> "Expectation":
        """Read `GROUP=SHA256`. Raises `ValueError` with what is wrong and what to write instead."""
        group, _, sha256 = text.partition("=")
        if not (GROUP_NAME.fullmatch(group) and SHA256.fullmatch(sha256)):
            raise ValueError(f"{text!r} is not GROUP=SHA256: write what package-cache show prints, as in ssh=1f0e...")
        return cls(group, sha256)

    def __str__(self) -> str:
        return f"{self.group}={self.sha256}"


def expectations(groups: Iterable[DescribedGroup]) -> tuple[Expectation, ...]:
    """Return what is to be expected of groups that are trusted, for each of their OS releases."""
    return tuple(sorted({Expectation(group.name, group.files[RELEASE]) for group in groups}))


def check_expected(groups: Iterable[DescribedGroup], expected: Collection[Expectation]) -> None:
    """Raise `CacheError` with all groups that are others than expected; without an expectation all are."""
    others = [group for group in groups if expectations([group])[0] not in expected]
    if expected and others:
        what = ", ".join(f"{group.name} for {group.system} ({group.files[RELEASE]})" for group in others)
        raise CacheError(
            f"cannot trust the cache: another SHA-256 is expected of the Release of {what}",
            hint="find out who altered the cache, or name what package-cache show prints of one that is trusted",
            status=ExitStatus.NOT_TRUSTED,
        )
