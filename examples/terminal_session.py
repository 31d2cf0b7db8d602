"""Run the commands of the README's terminal session, and write what they print into the README.

    .venv/bin/python -m examples.terminal_session

The cache is built from an empty folder. The installer runs in a minimal root of Ubuntu 18.04 without a network.
"""

import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.markdown import write_between

from package_cache.cli.options import given_options
from package_cache.process import run
from package_cache.releases.base_root import release_root
from package_cache.releases.distributions import release_of
from package_cache.sandbox.isolation import disposable_root, strongest_isolation
from package_cache.system import System

PROJECT = Path(__file__).parent.parent
README = PROJECT / "README.md"
BEGIN, END = "<!-- terminal session: begin -->", "<!-- terminal session: end -->"
MACHINE = ("grep ubuntu18.04 package_cache_info", "package-cache build", "package-cache list")
CONTAINER = (
    "sh package_cache/install_group.sh ssh",
    "ssh -V",
    "sh package_cache/install_group.sh cuda || echo \"status $?: run the fallback\"",
)  # fmt: skip
HEADINGS = (
    "# On the administrator's machine, once, with a network:",
    "# In each container, here Ubuntu 18.04, offline:",
)


def main() -> None:
    """Run the commands and replace the session between the README's markers."""
    options = given_options()
    root = release_root(release_of(System.parse("ubuntu18.04")), options, strongest_isolation())
    with tempfile.TemporaryDirectory(prefix="package-cache-") as folder:
        Path(folder).chmod(0o755)  # root in the container is another user here
        shutil.copy(PROJECT / "package_cache_info", folder)
        lines = [HEADINGS[0], "", *played("$", MACHINE, lambda command: on_machine(command, Path(folder))), ""]
        binds = {"/package_cache": Path(folder) / "package_cache"}
        with disposable_root(root, strongest_isolation(), binds=binds) as container:

            def inside(command: str) -> str:
                completed = container.run(["sh", "-c", f"exec 2>&1; cd / && {command}"], check=False, timeout=300)
                return completed.stdout

            lines += [HEADINGS[1], "", *played("#", CONTAINER, inside)]
    session = "".join(f"    {line}".rstrip() + "\n" for line in lines)
    write_between(README, BEGIN, END, f"\n{session}\n")


def played(prompt: str, commands: Sequence[str], shell: Callable[[str], str]) -> Iterator[str]:
    """Run commands one after the other. Yield the lines of a terminal, with the time of what takes long as a user."""
    for command in commands:
        began = time.monotonic()
        output = shell(command)
        seconds = time.monotonic() - began
        yield f"{prompt} {command}"
        yield from output.rstrip().splitlines()
        if seconds >= 1 and prompt == "$":
            yield f"({seconds:.0f} s)"


def on_machine(command: str, folder: Path) -> str:
    """Run a command as a user types it in a folder. Standard error has the progress, which a terminal removes."""
    path = f"PATH={shlex.quote(str(PROJECT / '.venv/bin'))}:$PATH; export PATH"
    completed = run(["sh", "-c", f"{path}; {command}"], cwd=folder, check=False, timeout=3600)
    return completed.stdout.replace(f"{folder}/", "")


if __name__ == "__main__":
    main()
