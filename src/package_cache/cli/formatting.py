"""Sizes, counts and progress as text."""

from package_cache.events import Progress


def in_bytes(size: int) -> str:
    """Return a size in decimal units, like apt."""
    amount = float(size)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.2f} GB"


def count(number: int, noun: str) -> str:
    """Return a number and its noun: `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def how_far(progress: Progress) -> str:
    """Return the progress of a step: `1.2 MB of 5.0 MB`, `3 of 7 files`."""
    if progress.unit == "bytes":
        return f"{in_bytes(progress.done)} of {in_bytes(progress.total)}"
    return f"{progress.done} of {progress.total} {progress.unit}"
