"""A registry that comes late."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from containers.registry import free_port, loopback_registry


@contextmanager
def late_registry(folder: Path, *, after: float) -> Iterator[str]:
    """Yield the host of one that is there only some seconds after the block began."""
    port, ended = free_port(), threading.Event()

    def serve() -> None:
        if not ended.wait(after):
            with loopback_registry(folder, port=port):
                ended.wait()

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        try:
            yield f"localhost:{port}"
        finally:
            ended.set()
            served.result()
