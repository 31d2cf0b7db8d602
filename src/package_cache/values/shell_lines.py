"""Lines as `read -r` of a POSIX shell takes them, so that what the installer reads is read alike here."""

import re
from collections.abc import Iterator

_BLANKS = re.compile(r"[ \t]+")


def shell_lines(content: bytes, names: int) -> Iterator[list[str]]:
    """Give of each line the values of so many variables; the last one takes what is left.

    Blanks and tabs part values and count at no end of a line; a NUL is dropped; what no line end follows is not read.
    Bytes that are no UTF-8 stay what they are (`surrogateescape`).
    """
    for line in content.replace(b"\0", b"").decode("utf-8", "surrogateescape").split("\n")[:-1]:
        values = _BLANKS.split(line.strip(" \t"), names - 1)
        yield values + [""] * (names - len(values))


def shown(text: str) -> str:
    """Give a text with a sign that can be printed for what is no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
