"""Make damaged documents from good ones: their bytes, their lines, their words, and the tree of values that they say.

Everything is chosen by the `Random` that is given, so that the same one makes the same document.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from random import Random
from typing import Any

from tests.fuzz.nasty import SURROGATES, TEXTS, VALUES

Bytes = Callable[[bytes, Random], bytes]
WORD = re.compile(r'"[^"\n]*"|[^\s",=\[\]{}]+')
MARKS = [b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0", b"\r", b"\n\n", b"\x1a", b"\xf4\x90\x80\x80"]
"""Byte order mark, what is no UTF-8, ends of lines and of files."""

MOST = 4
"""Mutations of one document."""


def mutated(document: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """Mutate a document once or a few times; pieces of `others` may come into it."""
    for _ in range(random.randint(1, MOST)):
        if others and random.randrange(8) == 0:
            document = _spliced(document, random.choice(others), random)
        else:
            document = random.choice(MUTATIONS)(document, random)
    return document


def _place(document: bytes, random: Random) -> int:
    return random.randint(0, len(document))


def _piece(document: bytes, random: Random) -> tuple[int, int]:
    start = _place(document, random)
    return start, min(len(document), start + random.choice((1, 1, 2, 5, 20, 100)))


def _flipped(document: bytes, random: Random) -> bytes:
    if not document:
        return b"\x01"
    at = random.randrange(len(document))
    return document[:at] + bytes([document[at] ^ (1 << random.randrange(8))]) + document[at + 1 :]


def _cut_off(document: bytes, random: Random) -> bytes:
    return document[: _place(document, random)]


def _without_piece(document: bytes, random: Random) -> bytes:
    start, end = _piece(document, random)
    return document[:start] + document[end:]


def _doubled_piece(document: bytes, random: Random) -> bytes:
    start, end = _piece(document, random)
    return document[:end] + document[start:end] * random.choice((1, 1, 1, 3, 200)) + document[end:]


def _with_nasty_piece(document: bytes, random: Random) -> bytes:
    at = _place(document, random)
    nasty = random.choice((*MARKS, random.choice(TEXTS).encode()))
    return document[:at] + nasty + document[at:]


def _spliced(document: bytes, other: bytes, random: Random) -> bytes:
    return document[: _place(document, random)] + other[_place(other, random) :]


def _other_lines(document: bytes, random: Random) -> bytes:
    lines = document.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    change = random.randrange(5)
    if change == 0:
        del lines[at]
    elif change == 1:
        lines.insert(other, lines[at])
    elif change == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif change == 3:
        lines[at : at + 2] = [b"".join(lines[at : at + 2])]
    else:
        lines[at:at] = [lines[at]] * 300
    return b"\n".join(lines)


def _other_line_ends(document: bytes, random: Random) -> bytes:
    return document.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\r", b"\n\n", b"\x0c\n", b"\xe2\x80\xa8")))


def _other_word(document: bytes, random: Random) -> bytes:
    text = document.decode("utf-8", "surrogateescape")
    words = list(WORD.finditer(text))
    if not words:
        return document
    word = random.choice(words)
    new = random.choice((random.choice(words).group(), random.choice(TEXTS), f'"{random.choice(TEXTS)}"', word[0] * 2))
    return (text[: word.start()] + new + text[word.end() :]).encode("utf-8", "surrogateescape")


MUTATIONS: Sequence[Bytes] = (
    _flipped, _cut_off, _without_piece, _doubled_piece, _with_nasty_piece, _other_lines, _other_line_ends,
    _other_word, _other_word, _other_word,
)  # fmt: skip

Way = tuple[str | int, ...]


def altered(tree: Any, random: Random, *, surrogates: bool = False) -> Any:
    """Alter a tree of dicts and lists at one or a few places: take away, double, rename, retype, exchange."""
    tree = deepcopy(tree)
    for _ in range(random.randint(1, MOST)):
        ways = list(_ways(tree))
        if ways:
            _alter(tree, random.choice(ways), ways, random, [*TEXTS, *SURROGATES] if surrogates else TEXTS)
    return tree


def _ways(tree: Any, way: Way = ()) -> Iterator[Way]:
    items: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*way, key)
        if len(way) < 8:  # what is deeper was put there by us
            yield from _ways(value, (*way, key))


def _at(tree: Any, way: Way) -> Any:
    for key in way:
        tree = tree[key]
    return tree


def _alter(tree: Any, way: Way, ways: Sequence[Way], random: Random, texts: Sequence[str]) -> None:
    holder, key = _at(tree, way[:-1]), way[-1]
    change = random.randrange(7)
    if change == 0:
        del holder[key]
    elif change == 1 and isinstance(holder, list):
        holder += [deepcopy(holder[int(key)])] * random.choice((1, 1, 2, 50))
    elif change == 1:
        holder[random.choice(texts)] = holder.pop(key)
    elif change == 2:
        holder[key] = deepcopy(_at(tree, random.choice(ways)))
    elif change == 3:
        holder[key] = deepcopy(random.choice(VALUES))
    elif change == 4 and isinstance(holder[key], str):
        holder[key] = random.choice((random.choice(texts) + holder[key], holder[key] + random.choice(texts)))
    elif change == 5:
        holder[key] = [holder[key]] if random.randrange(2) else {random.choice(texts): holder[key]}
    else:
        holder[key] = random.choice(texts)
