"""Make the attacks of `containment.txt` in one disposable root, as any user and in any container.

python containment.py ROOT FOLDER MARK LOOP     prints, as JSON, the status and the output of each
"""

import json
import os
import re
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from package_cache.sandbox.container import sandbox

FILE = Path(__file__).with_suffix(".txt")
SMALL = "size=300m,nr_inodes=50k"


def scripts() -> dict[str, str]:
    """Return the attacks by their names."""
    functions, _, table = FILE.read_text().partition("\n\n")
    rows = re.findall(r"^([^\s:][^:\n]*):(.*(?:\n    .*)*)", table, re.MULTILINE)
    return {name: f"{functions}\n{script}" for name, script in rows}


def attack(container: Any, folder: Path, mark: str, loop: str) -> dict[str, tuple[int, str]]:
    """Make all attacks, one after the other, in a container that sees `folder`/cache and `folder`/one."""
    program = "".join(
        f"sh -c {shlex.quote(script)} </dev/null >/said 2>&1; printf '\\n### %s %s\\n' $? {shlex.quote(name)}; "
        "head -c 300 /said\n"
        for name, script in scripts().items()
    )
    with _listening(folder, mark) as port:
        env = {"MARK": mark, "LOOP": loop, "FOLDER": str(folder), "PORT": str(port), "HOST_PID": str(os.getpid())}
        done = container.run(["sh"], env=env, stdin=program, timeout=300)
    parts = (part.partition("\n") for part in done.stdout.split("\n### ")[1:])
    return {words.partition(" ")[2]: (int(words.partition(" ")[0]), said) for words, _, said in parts}


@contextmanager
def _listening(folder: Path, mark: str) -> Iterator[int]:
    """Listen on loopback, at an abstract address and at a path."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        abstract.bind(f"\0{mark}")
        (folder / "socket").unlink(missing_ok=True)
        named.bind(str(folder / "socket"))
        abstract.listen()
        named.listen()
        yield server.getsockname()[1]


def main(root: str, folder: str, mark: str, loop: str) -> None:
    """Print what the attacks came to."""
    os.environ["SECRET_OF_THE_HOST"] = mark
    binds = {"/cache": Path(folder, "cache"), "/one": Path(folder, "one")}
    with sandbox(Path(root), binds=binds, disk=SMALL) as container:
        print(json.dumps(attack(container, Path(folder), mark, loop)))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
