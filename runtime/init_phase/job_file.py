"""Reads a job's YAML (OpenPAI job protocol, version 2): the commands of a task role, and the plugins it asks for."""

from pathlib import Path
from typing import Any

import yaml

from init_phase.job import Job, PluginEntry
from init_phase.nodes import NodeReader
from package_cache.errors import ManifestError, UsageError
from package_cache.fields import shown
from package_cache.filesystem.paths import read_bounded

PLUGINS = "com.microsoft.pai.runtimeplugin"

POLICIES = ("fail", "ignore")

ROLE_KEYS = ("taskroles", "taskRoles")
"""Which task roles an entry is for: the protocol's own spelling, and the one of the key at the top of the file."""

ENTRY_KEYS = ("plugin", "parameters", "failurePolicy", *ROLE_KEYS)

_ROLES = "write taskRoles: {main: {commands: [echo hello]}}"
_ENTRIES = "write a list of entries such as {plugin: ssh, parameters: {...}, failurePolicy: fail}"


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
    reader = NodeReader(file)
    node = reader.document(content)
    top = reader.mapping(node, "", _ROLES) if node is not None else {}
    roles = _task_roles(reader, node, top)
    entries = _entries(reader, top, roles)
    if reader.problems:
        problems = sorted(set(reader.problems), key=lambda problem: (problem.line or 0, problem.column or 0))
        raise ManifestError(f"cannot prepare the job {file}", problems=problems)
    role = _chosen(task_role, roles, file)
    plugins = tuple(entry for entry, only in entries if only is None or role in only)
    return Job(role, roles[role], plugins)


def _chosen(task_role: str | None, roles: dict[str, tuple[str, ...]], file: Path) -> str:
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


def _task_roles(reader: NodeReader, node: yaml.Node | None, top: dict[str, yaml.Node]) -> dict[str, tuple[str, ...]]:
    """Return the commands of each task role."""
    if "taskRoles" not in top:
        if isinstance(node, yaml.MappingNode):
            reader.wrong(node, "taskRoles", "is missing", _ROLES)
        return {}
    roles = {}
    for name, role in reader.mapping(top["taskRoles"], "taskRoles", _ROLES).items():
        field = f"taskRoles.{name}"
        parts = reader.mapping(role, field, _ROLES)
        roles[name] = _commands(reader, parts["commands"], f"{field}.commands") if "commands" in parts else ()
        if isinstance(role, yaml.MappingNode) and "commands" not in parts:
            reader.wrong(role, f"{field}.commands", "is missing", "write a list of shell commands")
    if not roles and isinstance(top["taskRoles"], yaml.MappingNode):
        reader.wrong(top["taskRoles"], "taskRoles", "is empty", _ROLES)
    return roles


def _commands(reader: NodeReader, node: yaml.Node, field: str) -> tuple[str, ...]:
    hint = "write a list of shell commands, each a text"
    commands = reader.texts(node, field, hint)
    if isinstance(node, yaml.SequenceNode) and not commands:
        reader.wrong(node, field, "is empty", hint)
    if any("\0" in command for command in commands):
        reader.wrong(node, field, "holds a NUL character", "leave it out: no shell can take it")
    reader.no_references(node, field)
    return tuple(commands)


def _entries(
    reader: NodeReader, top: dict[str, yaml.Node], roles: dict[str, tuple[str, ...]]
) -> list[tuple[PluginEntry, list[str] | None]]:
    """Yield each entry with the task roles that it is for; None: all."""
    if "extras" not in top:
        return []
    extras = reader.mapping(top["extras"], "extras", f"write extras: {{{PLUGINS}: [...]}}")
    reader.known_keys(top["extras"], "extras", [PLUGINS]) if extras else None
    if PLUGINS not in extras:
        return []
    items = reader.items(extras[PLUGINS], f"extras.{PLUGINS}", _ENTRIES)
    return [_entry(reader, node, field, roles) for field, node in items]


def _entry(
    reader: NodeReader, node: yaml.Node, field: str, roles: dict[str, tuple[str, ...]]
) -> tuple[PluginEntry, list[str] | None]:
    parts = reader.mapping(node, field, _ENTRIES)
    if not isinstance(node, yaml.MappingNode):
        return PluginEntry("", {}, ""), None
    reader.known_keys(node, field, ENTRY_KEYS)
    reader.no_references(node, field)
    name = ""
    if "plugin" in parts:
        name = reader.text(parts["plugin"], f"{field}.plugin", "write the name of a plugin, such as ssh")
    else:
        reader.wrong(node, f"{field}.plugin", "is missing", "write the name of a plugin, such as ssh")
    config = reader.value(node, field)
    if isinstance(config, dict) and config.get("parameters") is None:
        config.pop("parameters", None)
    ignore = _policy(reader, parts, field) == "ignore"
    return PluginEntry(name, config or {}, reader.place(node), ignore), _only(reader, parts, field, roles)


def _policy(reader: NodeReader, parts: dict[str, yaml.Node], field: str) -> Any:
    if "failurePolicy" not in parts:
        return "fail"
    policy = reader.value(parts["failurePolicy"], f"{field}.failurePolicy")
    if not isinstance(policy, str) or policy not in POLICIES:
        hint = f"write {' or '.join(POLICIES)}"
        reader.wrong(parts["failurePolicy"], f"{field}.failurePolicy", f"is unknown: {shown(policy)}", hint)
    return policy


def _only(
    reader: NodeReader, parts: dict[str, yaml.Node], field: str, roles: dict[str, tuple[str, ...]]
) -> list[str] | None:
    """Return the task roles that an entry is for; None: all."""
    keys = [key for key in ROLE_KEYS if key in parts]
    only: list[str] | None = None
    for key in keys:
        only = only or []
        for at, item in reader.items(parts[key], f"{field}.{key}", "write a list of task roles"):
            name = reader.text(item, at, "write the name of a task role")
            if name and roles and name not in roles:
                reader.wrong(item, at, f"there is no task role {name!r}", f"write one of {', '.join(roles)}")
            only.append(name)
    return only
