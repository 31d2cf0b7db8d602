"""Reading JSON within bounds: what a document of others takes in memory is known before it is parsed."""

import json
from collections.abc import Sequence
from typing import Any

from package_cache.bounds import bound, excess, how_to_raise


class TooManyValuesError(ValueError):
    """A document has more values than the bound `document-values` allows; says how to raise it."""


def load_json(content: bytes) -> Any:
    """Return the value of a JSON document.

    Raises `ValueError` or `RecursionError` as `json` does, `TooManyValuesError` where it has too many values.
    """
    check_values(content, (b",", b"[", b"{", b":"))
    return json.loads(content)


def check_values(content: bytes, signs: Sequence[bytes]) -> None:
    """Raise `TooManyValuesError` if the characters that separate values are too many, those in texts included.

    A value takes up to a hundred bytes of memory, however short it is.
    """
    found = 1 + sum(content.count(sign) for sign in signs)
    if found > bound("document-values"):
        name = "document-values"
        raise TooManyValuesError(f"it has {excess(name, found)}; {how_to_raise(name)}")
