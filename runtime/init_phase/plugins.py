"""Finds a plugin's init script and runs it, in a process of its own with a bound in time."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

import package_cache
from init_phase.job import PluginEntry
from init_phase.volume import ScriptPair
from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.fields import shown
from package_cache.filesystem.paths import read_bounded
from package_cache.process import end, start

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A plugin's name is also the name of its folder and of its scripts."""


class PluginError(PackageCacheError):
    """A plugin is missing or broken, or its init script failed. The failure policy says whether the job goes on."""

    status = ExitStatus.PLUGIN_FAILED


def init_script(plugins: Path, name: str) -> Path:
    """Return the path of the init script of a plugin. Raise `PluginError` for a bad folder, description or script."""
    there = ", ".join(sorted(found.parent.name for found in plugins.glob("*/desc.yaml"))) or "none"
    if not NAME.fullmatch(name):
        raise PluginError(f"cannot use the plugin {name!r}: that is not a plugin's name", hint=f"there are: {there}")
    folder = plugins / name
    if not folder.is_dir():
        raise PluginError(f"cannot find the plugin {name!r}", hint=f"there are: {there}")
    description = folder / "desc.yaml"
    named = _description(description).get("init-script")
    if not isinstance(named, str) or not named or "\0" in named:
        raise PluginError(f"cannot use {description}: it names no init-script", hint="write init-script: init.py")
    try:
        script = (folder / named).resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
        raise PluginError(f"cannot find the init script of the plugin {name!r}: {folder / named}") from error
    if not script.is_relative_to(folder.resolve()):
        raise PluginError(
            f"cannot use {description}: init-script {named!r} is outside of the plugin's folder",
            hint="name a file in that folder",
        )
    if not script.is_file():
        raise PluginError(f"cannot use {description}: init-script {named!r} is not a file")
    return script


def run_init_script(script: Path, entry: PluginEntry, scripts: ScriptPair, *, runtime: Path, limit: float) -> None:
    """Run an init script with its configuration and the paths of its scripts; its output is ours.

    Raises `PluginError` if it fails, or does not end within `limit` seconds. What it started ends with it.
    """
    try:
        config = yaml.safe_dump(dict(entry.config), allow_unicode=True, sort_keys=False)
    except RecursionError as error:
        raise PluginError(
            f"cannot prepare the plugin {entry.plugin!r}: its parameters are nested too deeply"
        ) from error
    argv = [sys.executable, str(script), config, str(scripts.pre), str(scripts.post)]
    try:
        process = start(argv, env=_environment(runtime), stdout=sys.stderr, stderr=None)
    except OSError as error:  # such as E2BIG: Linux takes no argument of more than 128 KiB
        raise PluginError(f"cannot start the init script of the plugin {entry.plugin!r}: {error.strerror}") from error
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        raise PluginError(
            f"cannot prepare the plugin {entry.plugin!r}: its init script did not end within {limit:g} s"
        ) from None
    finally:
        if process.poll() is None:
            end(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        message = f"cannot prepare the plugin {entry.plugin!r}: its init script {how}"
        raise PluginError(message, hint="see its words above")


def _description(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(read_bounded(file, "plugin-file-bytes"))
    except OSError as error:
        raise PluginError(f"cannot read {file}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PluginError(f"cannot read {file}: it is not YAML", details=str(error)) from error
    if not isinstance(content, dict):
        raise PluginError(f"cannot use {file}: it must be a mapping, not {shown(content)}")
    return content


def _environment(runtime: Path) -> dict[str, str]:
    """Make importable for an init script what the runtime provides: `plugins.plugin_utils`, and the library."""
    library = Path(package_cache.__file__).parents[1]
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(runtime), str(library), os.environ.get("PYTHONPATH")]))}
