"""Small typed getters for the tables of a TOML manifest. Each problem carries its line and the path of its field."""

import difflib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from package_cache.manifest.checks import CONTROL, Found, Problems
from package_cache.manifest.model import Place
from package_cache.manifest.positions import Path as Way
from package_cache.manifest.positions import name_of

KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "a table",
    float: "a number",
}


class Document:
    """The text of a TOML manifest and where its parts stand."""

    def __init__(self, text: str, found: Mapping[Way, int], problems: Problems) -> None:
        self.text = text
        self.problems = problems
        self._found = found

    def place(self, way: Way) -> Place:
        """Return the place of a field; the line of what holds it, where the field itself is not written."""
        written = way
        while written and written not in self._found:
            written = written[:-1]
        if not written:
            return self.problems.place(field=name_of(way) or None)
        return self.problems.place_at(self.text, self._found[written], name_of(way))


class Table:
    """One table: returns its values by type, and records what is missing, unknown, or of another type."""

    def __init__(self, document: Document, values: Mapping[str, Any], way: Way = ()) -> None:
        self.document = document
        self.values = values
        self.way = way

    @property
    def place(self) -> Place:
        """Where the table begins."""
        return self.document.place(self.way)

    def place_of(self, *way: str | int) -> Place:
        """Where a field of the table stands."""
        return self.document.place((*self.way, *way))

    def wrong(self, way: Sequence[str | int], message: str, hint: str | None = None) -> None:
        """Record a problem of a field of the table."""
        self.document.problems.add(self.place_of(*way), message, hint)

    def only(self, *known: str, instead: Mapping[str, str] = MappingProxyType({})) -> None:
        """Record every key that is none of these: most are slips, and would else do nothing in silence.

        `instead` has the hints for keys that are known elsewhere.
        """
        for key in self.values:
            if key not in known:
                near = difflib.get_close_matches(key.lower().replace("_", "-"), known, n=1)
                hint = f"write {near[0]}" if near else f"the keys here are: {', '.join(known)}"
                self.wrong([key], f"the key {key!r} is unknown", instead.get(key, hint))

    def tables(self, key: str) -> list["Table"]:
        """Return the tables of `[[key]]`."""
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            self.wrong([key], f"is {_kind(values)}", f"begin each with [[{key}]] on a line of its own")
            return []
        return [Table(self.document, value, (*self.way, key, index)) for index, value in enumerate(values)]

    def text(self, key: str, *, example: str, needed: bool = False, lines: bool = False) -> Found | None:
        """Return a text; None where it is not there or empty. `lines`: it may have several."""
        value = self._typed(key, str, example, needed=needed)
        if value is None or not self._clean([key], value, lines=lines):
            return None
        if not value.strip():
            if needed:
                self.wrong([key], "is empty", f"write {key} = {example}")
            return None
        return value.strip(), self.place_of(key)

    def texts(self, key: str, *, example: str, needed: bool = False) -> list[Found]:
        """Return a list of texts, each with its place; a list that is written must have at least one."""
        found = self._items(key, example, needed=needed, tables=False)
        return [item for item in found if not isinstance(item, Table)]

    def texts_and_tables(self, key: str, *, example: str, needed: bool = False) -> "list[Found | Table]":
        """Return a list of texts and of tables such as `{name = "…"}`, in its order."""
        return self._items(key, example, needed=needed, tables=True)

    def _items(self, key: str, example: str, *, needed: bool, tables: bool) -> "list[Found | Table]":
        values = self._typed(key, list, example, needed=needed)
        if values is None:
            return []
        if not values:
            self.wrong([key], "is an empty list", f"write {key} = {example}")
        found: list[Found | Table] = []
        for index, value in enumerate(values):
            if tables and isinstance(value, dict):
                found.append(Table(self.document, value, (*self.way, key, index)))
            elif not isinstance(value, str):
                self.wrong([key, index], f"is {_kind(value)}", f"write {key} = {example}")
            elif not value.strip():
                self.wrong([key, index], "is empty", "leave it out")
            elif self._clean([key, index], value):
                found.append((value.strip(), self.place_of(key, index)))
        return found

    def flag(self, key: str) -> bool:
        """Return a switch; False where it is not there."""
        return bool(self._typed(key, bool, "true"))

    def integer(self, key: str, *, example: str, needed: bool = False) -> int | None:
        """Return a whole number."""
        value: int | None = self._typed(key, int, example, needed=needed)
        return value

    def _typed(self, key: str, kind: type, example: str, *, needed: bool = False) -> Any:
        if key not in self.values:
            if needed:
                self.wrong([key], "is missing", f"write {key} = {example}")
            return None
        value = self.values[key]
        if type(value) is not kind:  # not isinstance(): true is an int, too
            self.wrong([key], f"is {_kind(value)} and must be {KINDS[kind]}", f"write {key} = {example}")
            return None
        return value

    def _clean(self, way: Sequence[str | int], text: str, *, lines: bool = False) -> bool:
        control = CONTROL.search(text) or (None if lines else re.search(r"[\t\n]", text.strip()))
        if control:
            self.wrong(way, f"holds the control character {control.group()!r}", "leave it out")
        return control is None


def _kind(value: object) -> str:
    return KINDS.get(type(value), "a date or time")
