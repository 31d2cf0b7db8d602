"""What the library tells while it works. The command line chooses how it looks."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A step of a verb began: one line for people, such as `resolving ubuntu18.04`."""

    text: str


@dataclass(frozen=True)
class Progress:
    """How far the current step is. The first event of a step has `done == 0`, the last `done == total`."""

    step: str
    done: int
    total: int
    unit: str = "bytes"


@dataclass(frozen=True)
class Warn:
    """Something that did not stop the work but that a person should know."""

    text: str


Event = Step | Progress | Warn
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listen to nothing: the default of every verb."""
