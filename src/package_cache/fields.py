"""Small typed getters for a document that a program wrote: they collect every problem, each with its field's path."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from package_cache.bounds import bound, collect
from package_cache.errors import Problem
from package_cache.names import ARCHITECTURE, PACKAGE_NAME, SHA256, VERSION, PackageRequest

SIZE_LIMIT = 2**63
"""No file is larger: off_t of <sys/types.h> has 64 bits."""

PATTERNS = {
    "name": PACKAGE_NAME, "version": VERSION, "architecture": ARCHITECTURE, "sha256": SHA256, "original_sha256": SHA256,
}  # fmt: skip
"""Of the fields of a package, in every file."""

Record = TypeVar("Record")


@dataclass(slots=True)
class Fields:
    """The fields of one table of a file. Where a value is wrong, the problem is noted and a harmless value given."""

    values: Mapping[str, Any]
    file: str
    at: str = ""
    """The path of the table; empty for the document itself."""
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, field: str, message: str) -> None:
        """Record a problem of a field."""
        if len(self.problems) <= bound("problems"):  # of those that follow, a file may have millions
            collect(self.problems, Problem(message, self.file, field=f"{self.at}.{field}".lstrip(".")))

    def text(self, key: str, form: re.Pattern[str] | None = None, what: str = "", *, empty: bool = False) -> str:
        """Return a text, which may be `empty`; if not, it must have a form, which is `what`: "a version"."""
        value = self.values.get(key)
        if not isinstance(value, str) or not (value or empty) or not is_unicode(value):
            self.wrong(key, "must be a text" if empty else "must be a text that is not empty")
            return ""
        if form:
            self.match(form, value, key, what)
        return value

    def optional(self, key: str, form: re.Pattern[str] | None = None, what: str = "") -> str:
        """Return a text that is not empty; "" where it is not there."""
        return self.text(key, form, what) if key in self.values else ""

    def texts(self, key: str, form: re.Pattern[str] | None = None, what: str = "") -> tuple[str, ...]:
        """Return a list of texts, all of a form, which is `what`; none where it is not there."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and is_unicode(item) for item in value):
            self.wrong(key, "must be a list of texts")
            return ()
        if form:
            for index, text in enumerate(value):
                self.match(form, text or "?", f"{key}[{index}]", what)
        return tuple(value)

    def requests(self, key: str) -> tuple[str, ...]:
        """Return a list of package requests, as texts."""
        found = self.texts(key)
        for index, text in enumerate(found):
            try:
                PackageRequest.parse(text)
            except ValueError as error:
                self.wrong(f"{key}[{index}]", str(error))
        return found

    def flag(self, key: str) -> bool:
        """Return a switch; False where it is not there."""
        value = self.values.get(key, False)
        if isinstance(value, bool):
            return value
        self.wrong(key, "must be true or false")
        return False

    def count(self, key: str) -> int:
        """Return a number of things, or of bytes together: also none."""
        value = self.values.get(key)
        if type(value) is int and 0 <= value < SIZE_LIMIT:
            return value
        self.wrong(key, "must be a whole number, and less than 2^63")
        return 0

    def size(self, key: str) -> int:
        """Return a file's size in bytes."""
        value = self.values.get(key)
        if type(value) is int and 0 < value < SIZE_LIMIT:  # not isinstance(): true is an int, too
            return value
        self.wrong(key, f"must be a number of bytes greater than 0{' and less than 2^63' if value else ''}")
        return 0

    def seconds(self, key: str) -> float:
        """Return a duration in seconds."""
        value = self.values.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < SIZE_LIMIT:  # also not NaN
            return float(value)
        self.wrong(key, "must be a number of seconds, and less than 2^63")
        return 0.0

    def tables(self, key: str) -> "list[Fields]":
        """Return a list of tables; none where it is not there."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.wrong(key, "must be a list of tables")
            return []
        at = f"{self.at}.{key}".lstrip(".")
        return [Fields(item, self.file, f"{at}[{index}]", self.problems) for index, item in enumerate(value)]

    def table(self, key: str) -> "Fields":
        """Return a table; an empty one where it is not there, and the problem is noted."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            self.wrong(key, "must be a table")
            value = {}
        return Fields(value, self.file, f"{self.at}.{key}".lstrip("."), self.problems)

    def record(self, kind: type[Record], **others: Any) -> Record:
        """Read a dataclass whose fields are texts and sizes in bytes, by their names; `others` are given."""
        values = dict(others)
        for key, type_ in kind.__annotations__.items():
            if key not in others:
                values[key] = self.size(key) if type_ is int else self.text(key, PATTERNS.get(key), f"a {key}")
        return kind(**values)

    def match(self, form: re.Pattern[str], value: str, field: str, what: str) -> None:
        """Record a problem where a value that is there is not `what`: "a version"."""
        if value and not form.fullmatch(value):
            self.wrong(field, f"{value!r} is not {what}")

    def once(self, keys: Iterable[str], field: str, what: str) -> None:
        """Record each key of the tables of a field that an earlier table has too."""
        seen: set[str] = set()
        for index, key in enumerate(keys):
            if key and key in seen:
                self.wrong(f"{field}[{index}]", f"{what} {key!r} is there already")
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
