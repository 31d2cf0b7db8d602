"""The filter for everything that is printed: a terminal obeys nothing of it."""

import logging
import re

_BLOCK = re.compile(r"[^\n -~]")
_LINE = re.compile(r"[^ -~]")


def visible(text: str) -> str:
    """Return a block of text in which every character that is not printable is written as Python escapes it: `\\x1b`.

    Printable is what `str.isprintable` calls so: no control character (C0 and C1, ECMA-48), no change of direction
    (Unicode Annex 9), no half of a surrogate pair. Line ends stay.
    """
    return _BLOCK.sub(_escaped, text)


def visible_line(text: str) -> str:
    """Return a text for one line, in which line ends are escaped as well: a name cannot add a line of its own."""
    return _LINE.sub(_escaped, text)


class VisibleFormatter(logging.Formatter):
    """Formats what a program logs, tracebacks included, by the filter."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return visible(super().format(record))


def _escaped(character: re.Match[str]) -> str:
    found = character[0]
    return found if found.isprintable() else found.encode("unicode_escape").decode("ascii")
