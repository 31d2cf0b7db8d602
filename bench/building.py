"""How long each phase of `lock` and `build` takes: `./run bench building MANIFEST`, in a state folder of its own.

cold        no lists, no keyrings, no package files
group       the manifest's first group was there, all others are new; lists, keyrings and files of the first are there
no change   the command again
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import processor_seconds
from package_cache.build.builder import BuildResult
from package_cache.cache.layout import CacheFolder
from package_cache.cli.build import build_cache
from package_cache.cli.options import given_options
from package_cache.cli.render import Renderer
from package_cache.events import Event, Listener, Progress, Step
from package_cache.manifest import read_manifest

PHASES = ("lists", "resolve", "download", "recompress", "index", "publish")


@dataclass
class Phases(Renderer):
    """Hears the events of a build, and counts seconds, by the clock and of the processors, for what they announce."""

    json: bool = False
    verb: str = "build"
    seconds: dict[str, float] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._phase = "begin"
        self._clock, self._used = time.monotonic(), processor_seconds()

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Give the listener."""
        yield self.listen

    def listen(self, event: Event) -> None:
        """Count what went by for the phase that was, where another one begins."""
        if isinstance(event, Step):
            self.begin("index" if "index" in event.text else "resolve" if "resolving" in event.text else "lists")
        elif isinstance(event, Progress) and event.done == 0:
            self.begin({"downloading": "download", "recompressing": "recompress"}.get(event.step, event.step))
        elif isinstance(event, Progress) and event.done == event.total:
            self.begin("between")

    def begin(self, phase: str) -> None:
        """Begin a phase; of several systems at once, that of the last event."""
        clock, used = time.monotonic(), processor_seconds()
        self.seconds[self._phase] = self.seconds.get(self._phase, 0.0) + clock - self._clock
        self.processor[self._phase] = self.processor.get(self._phase, 0.0) + used - self._used
        self._phase, self._clock, self._used = phase, clock, used


def timed_build(manifest: Path, folder: Path) -> tuple[Phases, BuildResult]:
    """Lock a manifest anew where it changed, and build."""
    phases = Phases()
    read = read_manifest(manifest)
    options = given_options((), (), folder / "state", 600.0)
    result = build_cache(phases, read, CacheFolder(folder / "package_cache"), options)
    phases.begin("end")
    return phases, result


def main() -> None:
    """Measure and print what each phase took."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--keep", type=Path, help="Work here instead of in a temporary folder.")
    chosen = parser.parse_args()
    lines = chosen.manifest.read_text(encoding="utf-8").splitlines(keepends=True)
    with tempfile.TemporaryDirectory(prefix="package-cache-", dir=chosen.keep) as temporary:
        folder = Path(temporary)
        manifest = folder / "package_cache_info"
        for what, text in (("cold, one group", lines[:1]), ("more groups", lines), ("no change", lines)):
            if manifest.exists() and manifest.read_text(encoding="utf-8") != "".join(text):
                (folder / "package-cache.lock").unlink()
            manifest.write_text("".join(text), encoding="utf-8")
            phases, result = timed_build(manifest, folder)
            memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            told = [
                f"{name} {phases.seconds[name]:.2f} ({phases.processor[name]:.2f})"
                for name in dict.fromkeys(("begin", *PHASES, "between"))
                if name in phases.seconds
            ]
            sizes = f"{result.stored_bytes / 1e6:.1f} MB stored, {result.downloaded_bytes / 1e6:.1f} MB downloaded"
            sys.stdout.write(f"{what}: {result.packages} packages, {sizes}, {memory / 1024:.0f} MB of memory at most\n")
            sys.stdout.write(f"    seconds (of processors): {', '.join(told)}\n")


if __name__ == "__main__":
    main()
