"""Reads a job's YAML (OpenPAI job protocol, version 2): the commands of a task role, and the plugins it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from init_phase.nodes import Value, read_document
from package_cache.errors import ManifestError, Problem, UsageError
from package_cache.fields import shown
from package_cache.filesystem.paths import read_bounded

PLUGINS = "com.microsoft.pai.runtimeplugin"

POLICIES = ("fail", "ignore")

ROLE_KEYS = ("taskroles", "taskRoles")
"""Which task roles an entry is for: the protocol's own spelling, and the one of the key at the top of the file."""

ENTRY_KEYS = ("plugin", "parameters", "failurePolicy", *ROLE_KEYS)

Roles = dict[str, tuple[str, ...]]
"""The commands of each task role."""

_ROLES = "write taskRoles: {main: {commands: [echo hello]}}"
_ENTRIES = "write a list of entries such as {plugin: ssh, parameters: {...}, failurePolicy: fail}"


@dataclass(frozen=True)
class PluginEntry:
    """One plugin of a job, as its YAML asks for it."""

    plugin: str
    config: Mapping[str, Any]
    """All that the job's YAML says of it; the init script gets it as YAML text."""
    place: str
    """File and line of the entry, for messages."""
    ignore: bool
    """Its failure policy: True where the job goes on without it."""
    only: tuple[str, ...] | None
    """The task roles that it is for; None: all."""


@dataclass(frozen=True)
class Job:
    """What one container of a job runs."""

    task_role: str
    commands: tuple[str, ...]
    plugins: tuple[PluginEntry, ...]


def read_job(file: Path, task_role: str | None) -> Job:
    """Read the job of one task role; None: the only one there is.

    Raises `ManifestError` with every problem of the file, `UsageError` where the task role is not one of the job's.
    """
    try:
        content = read_bounded(file, "job-bytes")
    except OSError as error:
        raise ManifestError(
            f"cannot read the job {file}: {error.strerror}", hint="mount the job's YAML there, or name it by --job"
        ) from error
    problems: list[Problem] = []
    top = read_document(file, content, problems)
    parts = top.mapping(_ROLES) if top else {}
    roles = _task_roles(top.required(parts, "taskRoles", _ROLES)) if top else {}
    entries = _entries(parts["extras"], roles) if "extras" in parts else []
    if problems:
        ordered = sorted(set(problems), key=lambda problem: (problem.line or 0, problem.column or 0))
        raise ManifestError(f"cannot prepare the job {file}", problems=ordered)
    role = _chosen(task_role, roles, file)
    plugins = tuple(entry for entry in entries if entry.only is None or role in entry.only)
    return Job(role, roles[role], plugins)


def _chosen(task_role: str | None, roles: Roles, file: Path) -> str:
    known = ", ".join(roles)
    if task_role is None and len(roles) == 1:
        return next(iter(roles))
    if task_role is None:
        raise UsageError(
            f"cannot tell which task role of {file} this container is: {known}",
            hint="set PAI_CURRENT_TASK_ROLE_NAME, or name it by --task-role",
        )
    if task_role not in roles:
        raise UsageError(f"cannot find the task role {task_role!r} in {file}", hint=f"those there are: {known}")
    return task_role


def _task_roles(value: Value | None) -> Roles:
    return {name: _commands(role) for name, role in value.mapping(_ROLES, filled=True).items()} if value else {}


def _commands(role: Value) -> tuple[str, ...]:
    value = role.required(role.mapping(_ROLES), "commands", "write a list of shell commands")
    if value is None:
        return ()
    hint = "write a list of shell commands, each a text"
    commands = tuple(item.text(hint) for item in value.items(hint, filled=True))
    if any("\0" in command for command in commands):
        value.wrong("holds a NUL character", "leave it out: no shell can take it")
    value.no_references()
    return commands


def _entries(extras: Value, roles: Roles) -> list[PluginEntry]:
    parts = extras.mapping(f"write extras: {{{PLUGINS}: [...]}}", known=[PLUGINS])
    return [_entry(value, roles) for value in parts[PLUGINS].items(_ENTRIES)] if PLUGINS in parts else []


def _entry(value: Value, roles: Roles) -> PluginEntry:
    parts = value.mapping(_ENTRIES, known=ENTRY_KEYS)
    if not isinstance(value.node, yaml.MappingNode):
        return PluginEntry("", {}, value.place, ignore=False, only=None)
    value.no_references()
    hint = "write the name of a plugin, such as ssh"
    plugin = value.required(parts, "plugin", hint)
    name = plugin.text(hint) if plugin else ""
    config = value.plain()
    if isinstance(config, dict) and config.get("parameters") is None:
        config.pop("parameters", None)
    policy = parts["failurePolicy"].plain() if "failurePolicy" in parts else "fail"
    if not isinstance(policy, str) or policy not in POLICIES:
        parts["failurePolicy"].wrong(f"is unknown: {shown(policy)}", f"write {' or '.join(POLICIES)}")
    lists = [parts[key].items("write a list of task roles") for key in ROLE_KEYS if key in parts]
    only = tuple(_role_name(item, roles) for items in lists for item in items) if lists else None
    return PluginEntry(name, config or {}, value.place, policy == "ignore", only)


def _role_name(item: Value, roles: Roles) -> str:
    name = item.text("write the name of a task role")
    if name and roles and name not in roles:
        item.wrong(f"there is no task role {name!r}", f"write one of {', '.join(roles)}")
    return name
