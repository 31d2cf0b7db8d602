"""Run a plugin's init script as a runtime does: in a process of its own, with three arguments."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from package_cache.process import Completed, run

REPOSITORY = Path(__file__).parents[2]
PLUGINS = REPOSITORY / "runtime" / "plugins"


@dataclass(frozen=True)
class Scripts:
    """What an init phase left."""

    result: Completed
    pre: str
    post: str


def init_phase(plugin: Path, config: str, folder: Path, **variables: str) -> Scripts:
    """Run `plugin`/init.py with a configuration and variables; scripts and volume lie in `folder`, and no cache."""
    pre, post = folder / "pre.sh", folder / "post.sh"
    for script in (pre, post):
        script.write_text("#!/bin/bash\n")
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY / "src"), os.environ.get("PYTHONPATH")])),
        "PACKAGE_CACHE_DIR": str(folder / "no cache"),
        "PAI_WORK_DIR": str(folder / "work"),
        **variables,
    }
    argv = [sys.executable, str(plugin / "init.py"), config, str(pre), str(post)]
    result = run(argv, env=environment, check=False, timeout=60)
    return Scripts(result, pre.read_text(), post.read_text())
