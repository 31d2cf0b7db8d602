"""Things in the place of a file: pipes, sockets, folders and links."""

import os
import socket
from pathlib import Path


def put(place: Path, what: str) -> None:
    """Put a pipe (`|`), a socket (`=`), a folder with a pipe in a folder (`/`), or a link (`-> goal`) in a place."""
    if what == "|":
        os.mkfifo(place)
    elif what == "=":
        here = Path.cwd()
        os.chdir(place.parent)  # a path of a socket has at most 108 bytes
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(place.name)
        os.chdir(here)
    elif what == "/":
        (place / "x").mkdir(parents=True)
        os.mkfifo(place / "x/pipe")
    else:
        place.symlink_to(what.removeprefix("-> "))
