"""How many of the faults are injected: all with PACKAGE_CACHE_FAULTS=full, else a spread of them."""

import os
from collections.abc import Sequence
from typing import TypeVar

FULL = os.environ.get("PACKAGE_CACHE_FAULTS") == "full"

Row = TypeVar("Row")


def spread(rows: Sequence[Row], few: int) -> list[Row]:
    """Return all rows in a full run, else `few` of them, evenly spread, the first and the last among them."""
    if FULL or len(rows) <= few:
        return list(rows)
    return [rows[round(index * (len(rows) - 1) / max(few - 1, 1))] for index in range(few)]
