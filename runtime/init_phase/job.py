"""What the init container knows of a job: the commands of one task role and the plugins that it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PluginEntry:
    """One plugin of a job, as its YAML asks for it."""

    plugin: str
    config: Mapping[str, Any]
    """All that the job's YAML says of it; the init script gets it as YAML text."""
    place: str
    """File and line of the entry, for messages."""
    ignore: bool = False
    """Its failure policy: True where the job goes on without it."""


@dataclass(frozen=True)
class Job:
    """What one container of a job runs."""

    task_role: str
    commands: tuple[str, ...]
    plugins: tuple[PluginEntry, ...]
