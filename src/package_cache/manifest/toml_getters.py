"""Small typed getters for the tables of a TOML manifest. Each problem carries its line and the path of its field."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from package_cache.manifest.checks import CONTROL, Check, Duplicates, Found, Problems
from package_cache.manifest.model import Place
from package_cache.manifest.positions import KeyPath, name_of
from package_cache.uris import has_credentials

KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "a table",
    float: "a number",
}


@dataclass(frozen=True)
class Table:
    """One table: returns its values by type, and records what is missing, unknown, wrong, or of another type."""

    problems: Problems
    positions: Mapping[KeyPath, int]
    """Where each field of the document stands."""
    values: Mapping[str, Any]
    way: KeyPath = ()

    def place(self, *way: str | int) -> Place:
        """Return where the table or a field of it stands; of a field that is not written, where its table does."""
        written = way = (*self.way, *way)
        while written and written not in self.positions:
            written = written[:-1]
        if not written:
            return self.problems.place(field=name_of(way) or None)
        return self.problems.place_at(self.positions[written], name_of(way))

    def wrong(self, way: Sequence[str | int], message: str, hint: str | None = None) -> None:
        """Record a problem of a field of the table."""
        self.problems.add(self.place(*way), message, hint)

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
        return [replace(self, values=value, way=(*self.way, key, index)) for index, value in enumerate(values)]

    def table(self, key: str, example: str) -> "Table":
        """Return the table `[key]`; an empty one where it is not there."""
        values = self.values.get(key, {})
        if not isinstance(values, dict):
            self.wrong([key], "must be a table", f"write [{key}] and below it {example}")
            values = {}
        return replace(self, values=values, way=(*self.way, key))

    def text(
        self,
        key: str,
        example: str,
        check: Check = lambda _: None,
        *,
        needed: bool = False,
        empty: bool = False,
        lines: bool = False,
    ) -> str | None:
        """Return a text that passes a check; None where there is none, or it is empty.

        It must be there if it is `needed`, may be `empty`, and may have several `lines`.
        """
        value = self._typed(key, str, example, needed=needed)
        if value is None or not self._clean([key], value, lines=lines):
            return None
        text: str = value.strip()
        if text:
            return text if self.problems.accepts((text, self.place(key)), check) else None
        if not empty:
            self.wrong([key], "is empty", f"write {key} = {example}")
        return None

    def texts(
        self, key: str, example: str, check: Check = lambda _: None, *, needed: bool = False, what: str = ""
    ) -> tuple[str, ...]:
        """Return a list of texts. Records those that fail a check or, if said `what` they are, are there twice."""
        found = self.items(key, example, needed=needed)
        duplicates = Duplicates(self.problems)
        for text, place in found:
            self.problems.accepts((text, place), check)
            if what and not has_credentials(text):  # which no message may repeat
                duplicates.check(text, place, f"{what} {text!r}")
        return tuple(text for text, _ in found)

    def items(self, key: str, example: str, *, needed: bool = False) -> list[Found]:
        """Return a list of texts, each with its place; a list that is written must have at least one."""
        return [item for item in self.texts_and_tables(key, example, needed=needed) if not isinstance(item, Table)]

    def texts_and_tables(
        self, key: str, example: str, *, needed: bool = False, tables: bool = False
    ) -> "list[Found | Table]":
        """Return a list of texts and, where they may be in it, of `tables` such as `{name = "…"}`, in its order."""
        values = self._typed(key, list, example, needed=needed)
        return [] if values is None else self._listed((key,), values, example, tables=tables)

    def lists(self, key: str, example: str) -> list[list[Found]]:
        """Return a list of lists of texts, each text with its place; none of them may be empty."""
        values = self._typed(key, list, example)
        if values == []:
            self.wrong([key], "is an empty list", f"write {key} = {example}")
        found = []
        for index, value in enumerate(values or ()):
            if isinstance(value, list):
                listed = self._listed((key, index), value, example, tables=False)
                found.append([item for item in listed if not isinstance(item, Table)])
            else:
                self.wrong([key, index], f"is {_kind(value)} and must be a list", f"write {key} = {example}")
        return found

    def _listed(self, way: KeyPath, values: Sequence[Any], example: str, *, tables: bool) -> "list[Found | Table]":
        """Return the texts and, where they may be in it, tables of a list that stands at `way`."""
        write = f"write {way[0]} = {example}"
        if not values:
            self.wrong(way, "is an empty list", write)
        found: list[Found | Table] = []
        for index, value in enumerate(values):
            if tables and isinstance(value, dict):
                found.append(replace(self, values=value, way=(*self.way, *way, index)))
            elif not isinstance(value, str):
                self.wrong([*way, index], f"is {_kind(value)}", write)
            elif not value.strip():
                self.wrong([*way, index], "is empty", "leave it out")
            elif self._clean([*way, index], value):
                found.append((value.strip(), self.place(*way, index)))
        return found

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a switch; the default where it is not there."""
        value: bool | None = self._typed(key, bool, str(not default).lower())
        return default if value is None else value

    def integer(self, key: str, example: str, *, needed: bool = False) -> int | None:
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
