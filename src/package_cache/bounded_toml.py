"""Reading TOML by `tomllib`, within bounds."""

import re
import tomllib
from typing import Any

from package_cache.bounded_json import check_values

KEY_PARTS = 50
"""No document of ours has a key of more than two parts; `tomllib` takes minutes for one of 100,000."""

LONG_KEY = re.compile(
    rf"""(?<![\w"'.-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{KEY_PARTS}}}""", re.ASCII
)


def load_toml(text: str) -> dict[str, Any]:
    """Return a document's values. Raises `ValueError` with what is wrong, and where, as `tomllib` says it.

    Raises `TooManyValuesError` if it has too many values.
    """
    long_key = LONG_KEY.search(text)
    if long_key:
        line = text.count("\n", 0, long_key.start()) + 1
        column = long_key.start() - text.rfind("\n", 0, long_key.start())
        raise ValueError(f"A key has more than {KEY_PARTS} parts (at line {line}, column {column})")
    check_values(text.encode("utf-8", "replace"), (b",", b"[", b"{", b"="))
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("It is nested too deeply") from None
