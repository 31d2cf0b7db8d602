"""Small typed getters for a document that a program wrote: they collect every problem, each with its field's path."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from package_cache.bounds import collect
from package_cache.errors import Problem
from package_cache.names import ARCHITECTURE, PACKAGE_NAME, SHA256, VERSION

SIZE_LIMIT = 2**63
"""No file is larger: off_t of <sys/types.h> has 64 bits."""


PATTERNS = {
    "name": PACKAGE_NAME, "version": VERSION, "architecture": ARCHITECTURE, "sha256": SHA256, "original_sha256": SHA256,
}  # fmt: skip
"""Of the fields of a package, in every file."""

Record = TypeVar("Record")


class FieldReader:
    """Reads the tables of one file. Where a value is wrong, the problem is noted and a harmless value given."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def wrong(self, field: str, message: str) -> None:
        """Record a problem of a field."""
        collect(self.problems, Problem(message, self.file, field=field))

    def text(self, table: Mapping[str, Any], at: str, key: str, *, empty: bool = False) -> str:
        """Return a text, which may be `empty`; `at` is the table's own path, "" for the document itself."""
        value = table.get(key)
        if isinstance(value, str) and (value or empty) and is_unicode(value):
            return value
        self.wrong(f"{at}.{key}".lstrip("."), "must be a text" if empty else "must be a text that is not empty")
        return ""

    def texts(self, table: Mapping[str, Any], at: str, key: str) -> tuple[str, ...]:
        """Return a list of texts; none where it is not there."""
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(item, str) and is_unicode(item) for item in value):
            return tuple(value)
        self.wrong(f"{at}.{key}", "must be a list of texts")
        return ()

    def flag(self, table: Mapping[str, Any], at: str, key: str) -> bool:
        """Return a switch; False where it is not there."""
        value = table.get(key, False)
        if isinstance(value, bool):
            return value
        self.wrong(f"{at}.{key}", "must be true or false")
        return False

    def count(self, table: Mapping[str, Any], at: str, key: str) -> int:
        """Return a number of things, or of bytes together: also none."""
        value = table.get(key)
        if type(value) is int and 0 <= value < SIZE_LIMIT:
            return value
        self.wrong(f"{at}.{key}".lstrip("."), "must be a whole number, and less than 2^63")
        return 0

    def size(self, table: Mapping[str, Any], at: str, key: str) -> int:
        """Return a file's size in bytes."""
        value = table.get(key)
        if type(value) is int and 0 < value < SIZE_LIMIT:  # not isinstance(): true is an int, too
            return value
        self.wrong(f"{at}.{key}", f"must be a number of bytes greater than 0{' and less than 2^63' if value else ''}")
        return 0

    def tables(self, table: Mapping[str, Any], at: str, key: str) -> list[dict[str, Any]]:
        """Return a list of tables; none where it is not there."""
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return value
        self.wrong(f"{at}.{key}".lstrip("."), "must be a list of tables")
        return []

    def record(self, kind: type[Record], table: Mapping[str, Any], at: str, **others: Any) -> Record:
        """Read a dataclass whose fields are texts and sizes in bytes, by their names; `others` are given."""
        values = dict(others)
        for key, type_ in kind.__annotations__.items():
            if key not in others:
                values[key] = self.size(table, at, key) if type_ is int else self.text(table, at, key)
        for key, pattern in PATTERNS.items():
            self.match(pattern, values.get(key, ""), f"{at}.{key}", f"a {key}")
        return kind(**values)

    def match(self, pattern: re.Pattern[str], value: str, field: str, what: str) -> None:
        """Record a problem where a value that is there is not `what`: "a version"."""
        if value and not pattern.fullmatch(value):
            self.wrong(field, f"{value!r} is not {what}")

    def once(self, keys: Iterable[str], at: str, what: str) -> None:
        """Record each key that an earlier table has too; `at` is the path of the tables."""
        seen: set[str] = set()
        for index, key in enumerate(keys):
            if key and key in seen:
                self.wrong(f"{at}[{index}]", f"{what} {key!r} is there already")
            seen.add(key)


def shown(value: object) -> str:
    """Return a value as a message shows it. Python writes no number of thousands of digits, and no deep nesting."""
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return "something that cannot be shown"


def is_unicode(text: str) -> bool:
    """Return whether a text can be written: JSON can also say halves of surrogate pairs (RFC 8259, 8.2)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
