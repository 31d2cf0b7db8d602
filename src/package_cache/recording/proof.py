"""The proof of a recording: its replay gives the tree that dpkg gave, but for what a rule names."""

from dataclasses import replace

from package_cache.manifest.model import RuleKind
from package_cache.recording.classes import Classes
from package_cache.recording.observed import Observed
from package_cache.recording.tree import Kind


def difference(path: str, plain: Observed, replayed: Observed, classes: Classes, *, regenerated: bool) -> str:
    """Return what differs between a real installation and a replay; "" for nothing."""
    entries = [side.after.get(path) for side in (plain, replayed)]
    if all(classes.is_dropped(path, entry, is_new=path not in plain.before) for entry in entries):
        return ""
    one, other = entries
    if one is None or other is None:
        return "" if one is other else f"it is {'not ' if one is None else ''}there after the installation"
    if regenerated and classes.rule(path, RuleKind.REGENERATE):
        one = replace(one, content=other.content, time=other.time)
    # Of a folder that was there before the time does not count, nor of what is made anew.
    if (one.kind is Kind.FOLDER and path in plain.before) or classes.rule(path, RuleKind.REGENERATE):
        one = replace(one, time=other.time)
    names = ("kind", "mode", "uid", "gid", "content", "attributes", "time")
    return "".join(
        f"{key} {getattr(one, key)} / {getattr(other, key)} "
        for key in names
        if getattr(one, key) != getattr(other, key)
    )


def twins(side: Observed, classes: Classes) -> set[frozenset[str]]:
    """Return the sets of paths that are one file (hard links), among what was changed."""
    found: dict[str, set[str]] = {}
    for path, entry in side.changes.items():
        if entry and entry.twin and not classes.is_dropped(path, entry, is_new=path not in side.before):
            found.setdefault(entry.twin, {entry.twin}).add(path)
    return {frozenset(paths) for paths in found.values()}
