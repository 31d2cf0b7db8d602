"""The API for runtime plugins: stage a group in the init container, return the command that installs it in the job's.

Besides the command line only this module reads the environment (`PACKAGE_CACHE_DIR`, `PAI_WORK_DIR`).
`package_cache.plugin.command` makes the shell text.
"""

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from package_cache.bounds import VARIABLE, set_bounds
from package_cache.cache.expectations import expectations
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.errors import CacheError, PackageCacheError
from package_cache.escaping import visible_line
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.confined import Inside
from package_cache.installer import install_group
from package_cache.names import GROUP_NAME
from package_cache.plugin.command import Staged, installing_command, missing_command

CACHE_VARIABLE, CACHE_DEFAULT = "PACKAGE_CACHE_DIR", "/opt/package_cache"
"""The cache in the runtime's image."""

WORK_VARIABLE, WORK_DEFAULT = "PAI_WORK_DIR", "/usr/local/pai"
"""The volume that the init container shares with the job's container, at the same path in both."""

PLACE = f"runtime.d/{INSTALLER}"
"""Path of the installer on that volume."""

_log = logging.getLogger(__name__)


def try_to_install_by_cache(group_name: str, fallback_cmds: Sequence[str] = ()) -> str:
    """Stage a group for the job's container and return the shell command that installs it there.

    Call it in the init container. It copies the group from the cache (`PACKAGE_CACHE_DIR`, /opt/package_cache) to the
    shared volume (`PAI_WORK_DIR`, /usr/local/pai), together with the installer. It logs problems as warnings and never
    raises them: the returned command then runs the fallback.

    The result is one compound command of several lines, for bash, dash and busybox sh with any shell options. Its
    status is 0 if the cache installed every package, or if all of `fallback_cmds` succeeded. These run in order, each
    under errexit, in one subshell: the first failure ends them with its status; `cd` and `export` affect the commands
    after them, but never the caller. Without fallback commands the status is the installer's (docs/exit-statuses.md).
    One line on standard error says whether the cache served the group, and why not.

    Raises `TypeError` for an argument of another type, `ValueError` for a command with a NUL character.
    """
    commands = _checked(group_name, fallback_cmds)
    if not GROUP_NAME.fullmatch(group_name):
        _log.warning("%s is not a valid group name: the fallback commands will run", ascii(group_name))
        return missing_command(group_name, ExitStatus.USAGE, "this is not a valid group name", commands)
    work = Path(os.environ.get(WORK_VARIABLE) or WORK_DEFAULT).absolute()
    cache = CacheFolder(Path(os.environ.get(CACHE_VARIABLE) or CACHE_DEFAULT).absolute())
    try:
        staged = _prepare(group_name, cache, work)
    except Exception as error:
        status = error.status if isinstance(error, PackageCacheError) else ExitStatus.INTERNAL
        return missing_command(group_name, status, f"it was not staged: {_warn(group_name, error)}", commands)
    return installing_command(group_name, staged, commands)


def _checked(group_name: object, fallback_cmds: object) -> tuple[str, ...]:
    if not isinstance(group_name, str):
        raise TypeError(f"group_name must be a str such as 'ssh', not {group_name!r}")
    if isinstance(fallback_cmds, str | bytes) or not isinstance(fallback_cmds, Iterable):
        raise TypeError(f"fallback_cmds must be a list: write fallback_cmds=[{fallback_cmds!r}]")
    commands = tuple(fallback_cmds)
    for index, command in enumerate(commands):
        if not isinstance(command, str):
            raise TypeError(f"fallback_cmds[{index}] must be a str with a shell command, not {command!r}")
        if "\0" in command:
            raise ValueError(f"fallback_cmds[{index}] holds a NUL character, which no shell accepts")
    return commands


def _prepare(group: str, cache: CacheFolder, work: Path) -> Staged:
    """Put group and installer on the volume. Raises an error only if the job's container can use neither."""
    from package_cache.cache.consistent_read import once_settled  # noqa: PLC0415  (slow, and not needed without a group)
    from package_cache.cache.description import read_description  # noqa: PLC0415
    from package_cache.stage import stage  # noqa: PLC0415

    set_bounds(os.environ.get(VARIABLE, ""))
    folder = CacheFolder(work / "package_cache", is_shared=True)
    try:
        result = stage([group], cache, to=folder.path)
        expected = result.expected
        _log.info("staged group %s in %s: %d package files", group, folder.path, result.files)
    except Exception as error:  # what was staged before may do
        expected = once_settled(cache, lambda: expectations(read_description(cache).chosen([group])))
        _warn(group, error)
    return Staged(work / PLACE, _put_installer(cache, work), folder.path, expected)


def _warn(group: str, error: Exception) -> str:
    """Log why a group is not staged, because the cache must not break a job; return the reason."""
    foreseen = isinstance(error, PackageCacheError | OSError)
    reason = visible_line("; ".join(str(error).splitlines()))
    _log.warning("cannot stage group %s, so its fallback commands will run: %s", group, reason, exc_info=not foreseen)
    return reason


def _put_installer(cache: CacheFolder, work: Path) -> str:
    """Put the installer beside the runtime's scripts, the cache's if it is intact; return its SHA-256."""
    from package_cache.cache.checked_files import read_installer  # noqa: PLC0415  (as above)
    from package_cache.cache.description import read_description  # noqa: PLC0415

    try:
        content = read_installer(cache, read_description(cache))
    except CacheError:
        content = install_group().encode()
    work.mkdir(parents=True, exist_ok=True)
    Inside(work).make_folder(PLACE.rpartition("/")[0], exist_ok=True)
    Inside(work).write(PLACE, content, mode=0o755)
    return hashlib.sha256(content).hexdigest()
