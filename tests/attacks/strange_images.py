"""Images of strangers: each holds one thing that no honest image holds."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.check.layouts import STATUS, HandMade, Tree, base, package

CLEAR = "\x1b[2J\x1b]0;owned\x07"
"""What clears a terminal and names its window."""
DPKG = STATUS.format(architecture="amd64")
UPDATES = "var/lib/dpkg/updates/"
RAW = bytes(range(256))


def odd_members(**members: str) -> bytes:
    """Make a layer of members by names that a file system does not have: written as pax headers."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo("x")
            entry.pax_headers, entry.size = {"path": name}, len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


def with_status(status: str | bytes) -> list[Tree | bytes]:
    return [{**base(), "var/lib/dpkg/status": status}]


def with_release(text: str | bytes) -> list[Tree | bytes]:
    return [{**base(), "usr/lib/os-release": text}]


def with_update(name: str) -> list[Tree | bytes]:
    return [base(), odd_members(**{UPDATES + name: "Package: x\n"})]


TREES: dict[str, list[Tree | bytes]] = {
    "a journal with NUL in its name": with_update("0\0001"),
    "a journal of 3,000 characters": with_update("0" * 3000),
    "a journal with a line end in its name": with_update("0\n1"),
    "a journal with a sign of a terminal": with_update("0" + CLEAR),
    "a journal whose name is no UTF-8": with_update("0\udcff"),
    "a journal of many bytes": with_update("0" + "\U0001f600" * 60),
    "a journal that is a folder": [{**base(), f"{UPDATES}0001": None}],
    "a journal that is a link": [{**base(), f"{UPDATES}0001": "-> /etc/passwd"}],
    "a version that leads out of its folder": with_status(DPKG + package("evil", "1.0_../../x")),
    "a version of dpkg that does": with_status(DPKG.replace("1.19.0.5", "1.0_../../x")),
    "a version of 3,000 characters": with_status(DPKG + package("evil", "1" * 3000)),
    "a version that is an option": with_status(DPKG + package("wanted", "--help")),
    "a name that is a path": with_status(DPKG + package("../../evil")),
    "a name with a sign of a terminal": with_status(DPKG + package("evil" + CLEAR)),
    "a name of 3,000 characters": with_status(DPKG + package("e" * 3000)),
    "a dependency with a sign of a terminal": with_status(DPKG + package("other", Depends="more" + CLEAR)),
    "a source with a sign of a terminal": with_status(DPKG + package("other", Source=f"{CLEAR} (1.0_../x)")),
    "an architecture with a sign of a terminal": with_status(STATUS.format(architecture=CLEAR)),
    "an architecture that is a path": with_status(STATUS.format(architecture="../x")),
    "a status that is NUL": with_status("\0" * 1000),
    "a status that is no text": with_status(RAW * 100),
    "a status of one long line": with_status("Package: " + "x" * 2_000_000),
    "a status that is empty": with_status(""),
    "a status that is a folder": [{**base(), "var/lib/dpkg/status": None}],
    "a list of architectures that is none": [{**base(), "var/lib/dpkg/arch": f"amd64\n{CLEAR}\n../x\n{'a' * 3000}\n"}],
    "marks that are no text": [{**base(), "var/lib/apt/extended_states": RAW}],
    "a release with NUL": with_release("ID=ubuntu\0\nVERSION_ID=18.04\n"),
    "a release with a sign of a terminal": with_release(f"ID={CLEAR}\nVERSION_ID=18.04\n"),
    "a release that is a path": with_release("ID=../../x\nVERSION_ID=1\n"),
    "a release of 3,000 characters": with_release(f"ID={'a' * 3000}\nVERSION_ID=1\n"),
    "a release like another one": with_release(f'ID=mint\nVERSION_ID=1\nID_LIKE="ubuntu{CLEAR}"\n'),
    "a release that is no text": with_release(RAW),
    "a release that is a folder": [{**base(), "usr/lib/os-release": None}],
}

Change = Callable[[dict[str, Any]], object]

VALUES: dict[str, Any] = {
    "a list": [], "a number": 7, "nothing": None, "a sign of a terminal": CLEAR, "a table": {"a": 1},
    "a huge number": 10**400, "no number": float("nan"), "a switch": True, "NUL": "a\0b", "half a pair": "\ud800",
    "3,000 characters": "a" * 3000, "a line of its own": "x\nerror: all is well",
}  # fmt: skip
"""Of any type, for a place in JSON where another one is due."""

CONFIGURATIONS: dict[str, bytes] = {
    "nested deeply": b"[" * 100_000,
    "tables nested deeply": b'{"a":' * 100_000,
    "a number of 5,000 digits": b'{"architecture":' + b"9" * 5000 + b"}",
    "no text": RAW,
    "UTF-16": '{"architecture":"amd64"}'.encode("utf-16"),
    "a key twice": b'{"architecture":"amd64","architecture":"\\u001b[2J"}',
    "a list": b"[]",
    "nothing": b"",
}


def write_tree(folder: Path, which: str) -> str:
    """Write an image of `TREES`; give its reference."""
    layout = HandMade(folder)
    return layout.name(layout.image(TREES[which]))


def write_documents(
    folder: Path, *, config: bytes | None = None, manifest: Change | None = None, index: Change | None = None,
    top: Change | None = None,
) -> str:  # fmt: skip
    """Write an image whose configuration is replaced, or whose documents are changed; give its reference."""
    layout = HandMade(folder)
    image = layout.image([base()])
    document = json.loads(layout.place(image).read_bytes())
    if config is not None:
        document["config"] |= layout.blob(config)
    if manifest is not None:
        manifest(document)
    image |= layout.blob(json.dumps(document).encode())
    if index is not None:
        entries = {"schemaVersion": 2, "manifests": [image, dict(image)]}
        index(entries)
        image = {"mediaType": "application/vnd.oci.image.index.v1+json", **layout.blob(json.dumps(entries).encode())}
    reference = layout.name(image)
    if top is not None:
        place = folder / "index.json"
        named = json.loads(place.read_bytes())
        top(named)
        place.write_text(json.dumps(named))
    return reference
