"""Where each key and value of a TOML document stands: `tomllib` returns the values and forgets their lines.

Only for documents that `tomllib` has read without complaint; what is not understood here is just not located.
"""

import re
import tomllib
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]
"""The path of a value: `("group", 2, "packages", 0)`."""

TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'  # the closing quotes may follow up to two that belong to the text
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}=,.\n]"
    r"|[^\s\[\]{}=,.\"'\#]+",
    re.DOTALL,
)


def positions(text: str) -> Mapping[KeyPath, int]:
    """Return the offset of each table's header, each key and each value of a list, by its path."""
    walker = _Walker(text)
    table: KeyPath = ()
    while start := walker.peek():
        if start == "[":
            table = walker.header()
        elif start == "\n":
            walker.at += 1
        else:
            walker.pair(table)
    return walker.found


def name_of(path: KeyPath) -> str:
    """Return a path as people write it: `group[2].packages[0]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


class _Walker:
    def __init__(self, text: str) -> None:
        self.tokens = [(match[0], match.start()) for match in TOKEN.finditer(text) if not match[0].startswith("#")]
        self.at = 0
        self.found: dict[KeyPath, int] = {}
        self.counts: dict[KeyPath, int] = {}

    def peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def skip_to(self, stops: str) -> None:
        """Advance to one of these characters, or to the end."""
        while self.peek() and self.peek() not in stops:
            self.at += 1

    def header(self) -> KeyPath:
        """Read `[table]` or `[[table]]` and return its path; where a part of it is a list of tables, of the last."""
        offset = self.tokens[self.at][1]
        self.at += 1
        is_list = self.peek() == "["
        self.at += is_list
        path: KeyPath = ()
        for part in self.key("]"):
            path = (*path, self.counts[path] - 1, part) if path in self.counts else (*path, part)
        if is_list:
            self.found.setdefault(path, offset)
            self.counts[path] = self.counts.get(path, 0) + 1
            path = (*path, self.counts[path] - 1)
        self.found.setdefault(path, offset)
        self.skip_to("\n")
        return path

    def key(self, end: str) -> KeyPath:
        """Read a dotted key up to its end."""
        parts: list[str] = []
        while self.peek() and self.peek() not in end + "\n":
            part = self.peek()
            if part != ".":
                parts.append(tomllib.loads(f"key = {part}")["key"] if part[0] in "'\"" else part)
            self.at += 1
        return tuple(parts)

    def pair(self, table: KeyPath) -> None:
        """Read `key = value` of a table."""
        offset = self.tokens[self.at][1]
        path = table + self.key("=")
        for length in range(len(table) + 1, len(path) + 1):
            self.found.setdefault(path[:length], offset)
        self.at += self.peek() == "="
        self.value(path)

    def value(self, path: KeyPath) -> None:
        """Read a value; only lists and inline tables hold places of their own."""
        opening = self.peek()
        if opening not in ("[", "{"):
            self.skip_to(",]}\n")
            return
        self.at += 1
        index = 0
        while self.peek() and self.peek() not in ("]", "}"):
            if self.peek() in ("\n", ","):
                self.at += 1
            elif opening == "{":
                self.pair(path)
            else:
                self.found.setdefault((*path, index), self.tokens[self.at][1])
                self.value((*path, index))
                index += 1
        self.at += 1
