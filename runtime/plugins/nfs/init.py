"""The nfs plugin: install the NFS client by the cache, then mount what the job asks for.

plugin: nfs
parameters:
  mounts:
    - server: 10.0.0.1            a host's name or address
      path: /export/data          as the server exports it
      mount-point: /mnt/data      made where it is missing
      options: ro,nfsvers=4       optional; see nfs(5)
"""

import re
import shlex
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).absolute().parents[2]))

from package_cache import online_fallback, try_to_install_by_cache
from plugins.plugin_utils import PluginHelper, parameters_of, plugin_init, stop

PATH = (r"/[^\x00-\x1f\x7f]*", "an absolute path, without control characters")

SYNTAX = {
    "server": (r"[A-Za-z0-9][A-Za-z0-9.-]*|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?", "a host's name or address"),
    "path": PATH,
    "mount-point": PATH,
    "options": (r"[A-Za-z0-9][A-Za-z0-9=,.:/_-]*", "mount options, with commas between them"),
}
"""The keys of a mount: a regular expression, and what it means."""


def mount_commands(index: int, mount: object) -> list[str]:
    """Check one of the mounts and give the commands that make it."""
    place = f"nfs: parameters.mounts[{index}]"
    if not isinstance(mount, dict):
        stop(f"{place} must be a mapping with server, path and mount-point, not {mount!r}")
    for key in mount:
        if key not in SYNTAX:
            stop(f"{place}: unknown key {key!r}: write one of {', '.join(SYNTAX)}")
    for key, (pattern, meaning) in SYNTAX.items():
        if key == "options" and key not in mount:
            continue
        if not isinstance(mount.get(key), str) or not re.fullmatch(pattern, mount[key]):
            stop(f"{place}.{key} must be {meaning}, not {mount.get(key)!r}")
    server = mount["server"]
    if ":" in server:  # nfs(5): an IPv6 address stands in brackets
        server = f"[{server.strip('[]')}]"
    source, target = shlex.quote(f"{server}:{mount['path']}"), shlex.quote(mount["mount-point"])
    options = f" -o {shlex.quote(mount['options'])}" if "options" in mount else ""
    return [f"mkdir -p {target}", f"mount -t nfs{options} {source} {target}"]


def main() -> None:
    """Write the commands to the scripts of the runtime."""
    plugin_config, pre_script, _ = plugin_init()
    mounts = parameters_of(plugin_config, ["mounts"]).get("mounts") or []
    if not isinstance(mounts, list):
        stop(f"nfs: parameters.mounts must be a list, not {mounts!r}")
    commands = [command for index, mount in enumerate(mounts) for command in mount_commands(index, mount)]
    install = try_to_install_by_cache("nfs", fallback_cmds=online_fallback(["nfs-common"]))
    PluginHelper(plugin_config).inject_commands([install, *commands], pre_script)


if __name__ == "__main__":
    main()
