"""Options that take several names of a known set."""

from collections.abc import Sequence
from typing import Any

import click


class Names(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.3 on
    """Names with commas between, each of a known set."""

    name = "NAME,..."

    def __init__(self, known: Sequence[str]) -> None:
        self.known = tuple(known)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names in the order of the set."""
        names = value if isinstance(value, tuple) else tuple(str(value).split(","))
        for name in names:
            if name not in self.known:
                self.fail(f"{name!r} is not one of {', '.join(self.known)}", param, ctx)
        return tuple(known for known in self.known if known in names)
