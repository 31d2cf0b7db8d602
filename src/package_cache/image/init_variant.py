"""What makes an image of a cache stage groups by itself: a static busybox, and a shell script for it.

bin/busybox, bin/sh                  the program, and a link to it
usr/share/doc/busybox-static/        its copyright
init/stage_groups.sh                 the entry point
init/head                            how package-cache.json begins
init/groups/<group>-<system>         what it says of a group, below the SHA-256 of the group's Release
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from package_cache.cache.description import Description
from package_cache.installer import joined
from package_cache.oci.writer import LayerFile

STAGE_GROUPS = Path(__file__).with_name("stage_groups.sh")

CONFIG: Mapping[str, Any] = {
    "Entrypoint": ["/bin/sh", "/init/stage_groups.sh"],
    "Cmd": ["--list"],
    "Env": ["PATH=/bin"],
    "WorkingDir": "/",
}
"""Of the image (OCI Image Format Specification, Image Configuration)."""


def program_files(busybox: Mapping[str, bytes]) -> list[LayerFile]:
    """Return the files that are the same for every cache; `busybox` are the files of its package, by path."""
    binary = next(path for path in busybox if path.endswith("bin/busybox"))
    return [
        *(LayerFile(path, content) for path, content in busybox.items() if path != binary),
        LayerFile("bin/busybox", busybox[binary], 0o755),
        LayerFile("bin/sh", link="busybox"),
        LayerFile("init/stage_groups.sh", joined(STAGE_GROUPS).encode(), 0o755),
    ]


def description_files(description: Description) -> list[LayerFile]:
    """Return the files from which the script describes the groups that it has staged."""
    files = [LayerFile("init/head", _head(description))]
    for group in description.groups:
        text = f"{group.files['Release']}\n{json.dumps(group.document(), sort_keys=True)}\n"
        files.append(LayerFile(f"init/groups/{group.name}-{group.system}", text.encode()))
    return files


def _head(description: Description) -> bytes:
    """Return the start of a description; the script adds the groups, their number and their size."""
    facts = {**description.document(), "lock_digest": ""}  # of some groups: no lock is of them alone
    for name in ("groups", "packages", "size"):
        del facts[name]
    return json.dumps(facts, sort_keys=True).removesuffix("}").encode() + b',"groups":['
