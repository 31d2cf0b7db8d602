"""The init phase: read the job, run each plugin's init script in a process of its own, fill the volume."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

import package_cache
from init_phase.job_file import PluginEntry, read_job
from init_phase.volume import Volume
from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.fields import shown
from package_cache.filesystem.paths import read_bounded
from package_cache.filesystem.write_errors import writing_to
from package_cache.installer import joined
from package_cache.process import end, start

LOG = logging.getLogger("runtime")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A plugin's name is also the name of its folder and of its scripts."""


class PluginError(PackageCacheError):
    """A plugin is missing or broken, or its init script failed. The failure policy says whether the job goes on."""

    status = ExitStatus.PLUGIN_FAILED


def prepare(job_file: Path, task_role: str | None, work: Path, *, runtime: Path, limit: float) -> None:
    """Prepare a job on the volume at `work`; `runtime` holds `plugins` and `job.sh`.

    No init script runs longer than `limit` seconds. Raises `PackageCacheError`; the volume then holds no plan, so that
    `job.sh` refuses to run.
    """
    volume = Volume(work)
    with writing_to(work):
        volume.withdraw()
    job = read_job(job_file, task_role)
    with writing_to(work):
        volume.begin()
        for number, entry in enumerate(job.plugins, 1):
            began = time.monotonic()
            try:
                script = _init_script(runtime / "plugins", entry.plugin)
                with volume.scripts(number, entry) as paths:
                    _run_init_script(script, entry, paths, runtime, limit)
            except PluginError as error:
                placed = PluginError(f"{error.message} ({entry.place})", details=error.details, hint=error.hint)
                if not entry.ignore:
                    raise placed from error
                LOG.warning("%s\nthe job goes on without this plugin: its failurePolicy is ignore", placed)
            else:
                LOG.info("plugin %s: prepared in %.1f s", entry.plugin, time.monotonic() - began)
        volume.finish(job.commands, joined(runtime / "job.sh").encode())
    LOG.info("task role %s is ready on %s", job.task_role, work)


def _init_script(plugins: Path, name: str) -> Path:
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


def _run_init_script(script: Path, entry: PluginEntry, paths: Iterable[Path], runtime: Path, limit: float) -> None:
    """Run an init script with its configuration and the paths of its scripts; its output is ours.

    Raises `PluginError` if it fails, or does not end within `limit` seconds. What it started ends with it.
    """
    cannot = f"cannot prepare the plugin {entry.plugin!r}: its"
    try:
        config = yaml.safe_dump(dict(entry.config), allow_unicode=True, sort_keys=False)
    except RecursionError as error:
        raise PluginError(f"{cannot} parameters are nested too deeply") from error
    # The init script can import `plugins.plugin_utils` of the runtime, and the library.
    library = Path(package_cache.__file__).parents[1]
    python_path = os.pathsep.join(filter(None, [str(runtime), str(library), os.environ.get("PYTHONPATH")]))
    argv = [sys.executable, str(script), config, *map(str, paths)]
    try:
        process = start(argv, env={"PYTHONPATH": python_path}, stdout=sys.stderr, stderr=None)
    except OSError as error:  # such as E2BIG: Linux takes no argument of more than 128 KiB
        raise PluginError(f"cannot start the init script of the plugin {entry.plugin!r}: {error.strerror}") from error
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        raise PluginError(f"{cannot} init script did not end within {limit:g} s") from None
    finally:
        if process.poll() is None:
            end(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        raise PluginError(f"{cannot} init script {how}", hint="see its words above")
