"""Values that have broken readers before."""

import datetime
from typing import Any


def nested(depth: int) -> Any:
    """Return a list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


INJECTIONS = [
    "$(touch /pwned)", "`touch /pwned`", "; touch /pwned;", "| touch /pwned", "&& touch /pwned", "\ntouch /pwned\n",
    "now[$(>/pwned)]", "now[$(touch /pwned)]", "$((1/0))", "${x?}", "'; touch /pwned; '", '"; touch /pwned; "',
    "`touch${IFS}/pwned`", "$(touch${IFS}/pwned)", "1+now[`touch\t/pwned`]",
]  # fmt: skip
"""What a shell would run, would it ever read them as words of its own. Only the container's shell ever meets them."""

PATHS = [
    "..", ".", "/", "../../../pwned", "/pwned", "pool/../../../pwned", "a/../../pwned", "/../../pwned", "./x", "a//b",
    "~", "~root/pwned", "-", "--help", "-o=Dir::Bin::methods::copy=/pwned", "-oApt::Update::Pre-Invoke::=touch", "a/b",
]  # fmt: skip

NUMBERS = ["0", "-0", "-1", "00", "08", "+1", "1.5", "1e999", "1_000", "0x10", "9" * 19, "9" * 25, "9" * 5000, "٣", "²"]

SIGNS = [
    "", " ", "\0", "a\0b", "é", "ｓｓｈ", "ѕѕh", "\u202e", "\u2028", "\ufeff", "\x1b[31m", "[red]", "[/red]", "[",
    "%s%n", "%2e%2e", "\\", "'", '"', "\n", "a\nb", "\r", "\r\n", "\t", "x y", "*", "?", "[a-z]*", "{", "}", ",", ";",
    "=", ":", "a:b:c", "a=1=2", "#", "# c", "NaN", "null", "true", "CON", "a" * 64, "a" * 65, "a" * 300, "a" * 70_000,
    "scheme://[", "https://[::1", "file:/", "cdrom:/x", "mirror+file:/x", "//", "a (= 1) | b", "a (>>", "a [", "a <!",
]  # fmt: skip

TEXTS = [*INJECTIONS, *PATHS, *NUMBERS, *SIGNS]

DEEP = "[" * 5000 + "]" * 5000
"""A list in a list in a list, as JSON and TOML write it: too deep for their readers."""

SURROGATES = ["\ud800", "a\udcff", "\udfff\ud800"]
"""JSON can say them, UTF-8 cannot."""

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**30, 16**5000, 1.5, float("nan"), float("inf"), -0.0, [], {},
    [[]], [{}], {"a": {}}, [None], ["a", 1], nested(30), nested(100),
    datetime.date(1979, 5, 27), datetime.datetime(1979, 5, 27, 7, 32),
]  # fmt: skip
