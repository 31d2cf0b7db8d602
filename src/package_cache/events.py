"""Events that the library emits while it works. The command line chooses how to render them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """The start of a step: one line for people, such as `resolving ubuntu18.04`."""

    text: str


@dataclass(frozen=True)
class Progress:
    """Progress of a step. Its first event has `done == 0`, its last `done == total`."""

    step: str
    done: int
    total: int
    unit: str = "bytes"


@dataclass(frozen=True)
class Warn:
    """A warning, which does not stop the work."""

    text: str


Event = Step | Progress | Warn
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Ignore an event: the default listener."""
