"""`package-cache diff`."""

from collections.abc import Iterator
from pathlib import Path

import click

from package_cache.cli.options import PATH, verb
from package_cache.cli.render import Renderer
from package_cache.diff import Change, Difference, GroupDifference, Side, diff
from package_cache.exit_codes import ExitStatus
from package_cache.formatting import aligned, count, in_bytes


@verb("diff")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
@click.option(
    "--exit-code", is_flag=True, help=f"Exit with status {ExitStatus.DIFFERENT.code} if they differ.  [default: 0]"
)
def diff_command(renderer: Renderer, old: Path, new: Path, *, exit_code: bool) -> int:
    """Compare two locks (files) or caches (folders), or a lock with a cache: packages per group and OS release, bytes.

    Of two caches also the recordings are compared.

    \b
    Examples:
      git show HEAD:package-cache.lock >/tmp/old.lock
      package-cache diff /tmp/old.lock package-cache.lock
      package-cache diff package-cache.lock package_cache --exit-code
    """
    found = diff(old, new)
    status = ExitStatus.DIFFERENT if exit_code and found.different else ExitStatus.INSTALLED
    return renderer.result("\n".join(_lines(found)), found, status)


def _lines(found: Difference) -> Iterator[str]:
    if found.different:
        changes = list(_of_systems(found))
        if changes:
            yield from (*aligned(changes), "")
        yield from (*aligned([_group(item) for item in found.groups if item.state != "same"]), "")
    kinds = [*found.changes.items(), *((f"{kind} (recordings)", number) for kind, number in found.recordings.items())]
    numbers = ", ".join(f"{number} {kind}" for kind, number in kinds if number)
    result = numbers or ("other groups" if found.different else "no difference")
    yield f"{_side(found.before)} → {_side(found.after)}: {result}"
    if found.new_bytes:
        yield f"{in_bytes(found.new_bytes)} to download"


def _of_systems(found: Difference) -> Iterator[tuple[str, ...]]:
    """Yield a row for each changed package of an OS release, with the groups that use it, and for each recording."""
    groups: dict[tuple[str, Change], list[str]] = {}
    for group in found.groups:
        for change in group.changes:
            groups.setdefault((group.system, change), []).append(group.name)
    ordered = sorted(groups, key=lambda key: (key[0], key[1].name, key[1].architecture, key[1].before or ""))
    yield from ((system, *_row(change), " ".join(groups[system, change])) for system, change in ordered)
    recordings = sorted((group.system, change, group.name) for group in found.groups for change in group.recordings)
    for system, one, name in recordings:
        yield system, one.kind, f"recording:{one.architecture}", f"of {one.image}", name


def _row(change: Change) -> tuple[str, str, str]:
    versions = " → ".join(version for version in (change.before, change.after) if version)
    if change.kind == "changed":
        versions = f"{change.before} (other bytes)"
    return change.kind, f"{change.name}:{change.architecture}", versions + " (companion)" * change.companion


def _group(group: GroupDifference) -> tuple[str, ...]:
    packages = f"{group.packages_before} → {count(group.packages_after, 'package')}"
    size = f"{in_bytes(group.bytes_before)} → {in_bytes(group.bytes_after)}"
    return group.name, group.system, group.state, packages, size


def _side(side: Side) -> str:
    return f"{side.path} ({side.kind}: {count(side.packages, 'package')}, {in_bytes(side.bytes)})"
