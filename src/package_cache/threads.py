"""Runs calls in parallel threads, and stops all of them on an interrupt."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from package_cache.process import stopping

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item], at_once: int | None = None) -> list[Result]:
    """Return a function's results for all items, in their order; at most `at_once` calls run at a time.

    Raises the first error after all running calls have ended. Ctrl-C does not wait for them: it ends their processes,
    and no new ones are started.
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
