"""The init phase as a whole: read the job, run each plugin's init script, fill the volume."""

import logging
import time
from pathlib import Path

from init_phase.job import PluginEntry
from init_phase.job_file import read_job
from init_phase.plugins import PluginError, init_script, run_init_script
from init_phase.volume import ScriptPair, Volume
from package_cache.filesystem.write_errors import writing_to
from package_cache.installer import joined

LOG = logging.getLogger("runtime")


def prepare(job_file: Path, task_role: str | None, work: Path, *, runtime: Path, limit: float) -> None:
    """Prepare a job on the volume at `work`; `runtime` holds `plugins` and `job.sh`.

    Raises `PackageCacheError`; the volume then holds no plan, so that `job.sh` refuses to run.
    """
    volume = Volume(work)
    with writing_to(work):
        volume.withdraw()
    job = read_job(job_file, task_role)
    with writing_to(work):
        volume.begin()
        for number, entry in enumerate(job.plugins, 1):
            _plugin(number, entry, volume, runtime, limit)
        volume.finish(job.commands, joined(runtime / "job.sh").encode())
    LOG.info("task role %s is ready on %s", job.task_role, work)


def _plugin(number: int, entry: PluginEntry, volume: Volume, runtime: Path, limit: float) -> None:
    """Prepare one plugin, or leave it out where its failure policy is `ignore`."""
    began = time.monotonic()
    scripts: ScriptPair | None = None
    try:
        script = init_script(runtime / "plugins", entry.plugin)
        scripts = volume.scripts(number, entry.plugin)
        run_init_script(script, entry, scripts, runtime=runtime, limit=limit)
    except PluginError as error:
        if scripts is not None:
            volume.reject(scripts)
        placed = PluginError(f"{error.message} ({entry.place})", details=error.details, hint=error.hint)
        if not entry.ignore:
            raise placed from error
        LOG.warning("%s\nthe job goes on without this plugin: its failurePolicy is ignore", placed)
        return
    volume.accept(number, entry, scripts)
    LOG.info("plugin %s: prepared in %.1f s", entry.plugin, time.monotonic() - began)
