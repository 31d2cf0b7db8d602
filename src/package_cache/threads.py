"""Several calls at once, that end at once when they are to."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from package_cache.process import stopping

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item], at_once: int | None = None) -> list[Result]:
    """Return what a function makes of each item, in their order; at most `at_once` calls at a time.

    Raises the first error once all calls that have begun are done. Ctrl-C does not wait for them: what they run is
    ended, and they start nothing more.
    """
    with ThreadPoolExecutor(at_once) as pool:
        try:
            futures = [pool.submit(function, item) for item in items]
            return [future.result() for future in futures]
        except Exception:
            pool.shutdown(cancel_futures=True)
            raise
        except BaseException:
            with stopping():
                pool.shutdown(cancel_futures=True)
            raise
