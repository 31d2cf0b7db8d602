"""`package-cache list` and `show`: the contents of a cache."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from package_cache.cache.checked_files import read_list, read_recordings
from package_cache.cache.description import DescribedGroup, read_description
from package_cache.cache.expectations import expectations
from package_cache.cache.layout import CacheFolder
from package_cache.cache.package_list import DescribedPackage
from package_cache.cache.proofs import Proof, read_proofs
from package_cache.cache.recording_list import Recording
from package_cache.cli.options import cache_option, verb
from package_cache.cli.render import Renderer
from package_cache.escaping import visible_line
from package_cache.formatting import count, in_bytes, table


@verb("list")
@cache_option
def list_command(renderer: Renderer, cache: Path) -> int:
    """List the groups of a cache: OS releases, numbers of packages and recordings, sizes.

    \b
    Examples:
      package-cache list --cache package_cache
      package-cache list --json
    """
    folder = CacheFolder(cache)
    found = read_description(folder)
    proofs = read_proofs(folder)
    keys = ("created", "built_by", "manifest", "locked", "manifest_digest")
    groups = [
        {
            **{key: getattr(group, key) for key in ("name", "system", "architectures", "requests", "compression")},
            "packages": group.packages,
            "bytes": group.size,
            "recordings": len(group.recording_files),
            "proofs": _proofs_of(group, proofs),
        }
        for group in found.groups
    ]
    value = {**{key: getattr(found, key) for key in keys}, "stored_bytes": found.size, "groups": groups}
    rows = [
        (
            *(group.name, group.system, " ".join(group.architectures), str(group.packages), in_bytes(group.size)),
            str(len(group.recording_files) or ""),
        )
        for group in found.groups
    ]
    columns = ("group", "system", "architecture", "packages", "size", "recordings")
    shown = len(columns) if any(group.recording_files for group in found.groups) else len(columns) - 1
    locked = f", locked {found.locked}" if found.locked else ""
    lines = [
        table(columns[:shown], [row[:shown] for row in rows]),
        f"built {found.created} by {found.built_by} from {found.manifest}{locked}",
        f"{count(found.packages, 'package')}, each stored once: {in_bytes(found.size)}",
        *(f"{proof.group} for {proof.system}: {_proof_text(proof)}" for proof in proofs),
    ]
    return renderer.result("\n".join(lines), value)


@verb("show")
@click.argument("group")
@cache_option
def show_command(renderer: Renderer, group: str, cache: Path) -> int:
    """Show a group: its requested packages, every package that it installs, with version and size, and its recordings.

    \b
    Examples:
      package-cache show ssh --cache package_cache
      package-cache show ssh --json
    """
    folder = CacheFolder(cache)
    shown = [
        (item, read_list(folder, item), read_recordings(folder, item))
        for item in read_description(folder).chosen([group])
    ]
    proofs = read_proofs(folder)
    systems = [
        {**asdict(item), "packages": packages, "recordings": recordings, "proofs": _proofs_of(item, proofs)}
        for item, packages, recordings in shown
    ]
    text = "\n\n".join(_group_text(*item, _proofs_of(item[0], proofs)) for item in shown)
    return renderer.result(text, {"name": group, "systems": systems})


def _proofs_of(group: DescribedGroup, proofs: Iterable[Proof]) -> list[Proof]:
    return [proof for proof in proofs if (proof.group, proof.system) == (group.name, group.system)]


def _proof_text(proof: Proof) -> str:
    result = "succeeded" if proof.status == 0 else f"failed with status {proof.status}"
    where = f"{proof.where} {proof.digest}".rstrip()
    return f"trial installation {result} in {where} on {proof.architecture}, {proof.when}"


def _recording_text(recording: Recording) -> str:
    after = f" with {' '.join(recording.after)}" if recording.after else ""
    where = f"{recording.image} {recording.digest}".rstrip()
    sizes = f"{count(recording.packages, 'package')}, {count(recording.files, 'file')}, {in_bytes(recording.bytes)}"
    times = f"replayed in {recording.replayed_seconds:.2f} s, installed in {recording.installed_seconds:.2f} s"
    rules = f", rules: {' '.join(recording.rules)}" if recording.rules else ""
    text = f"recording of {where}{after} on {recording.architecture}, {recording.created}: {sizes}, {times}{rules}"
    return visible_line(text)


def _group_text(
    group: DescribedGroup,
    packages: Sequence[DescribedPackage],
    recordings: Sequence[Recording],
    proofs: Sequence[Proof],
) -> str:
    rows = [(item.name, item.version, item.architecture, in_bytes(item.size), _companion(item)) for item in packages]
    head = f"{group.name} for {group.system} ({' '.join(group.architectures)}): {' '.join(group.requests)}"
    companions = sum(bool(item.companion_on) for item in packages)
    number = count(group.packages, "package") + (f" ({count(companions, 'companion')})" if companions else "")
    total = f"{number}, {in_bytes(group.size)}, compression: {group.compression}"
    columns = ("package", "version", "architecture", "size", *(("",) if companions else ()))
    shown = table(columns, [row[: len(columns)] for row in rows])
    expected = f"expect: {expectations([group])[0]}"
    return "\n".join([head, shown, total, expected, *map(_recording_text, recordings), *map(_proof_text, proofs)])


def _companion(item: DescribedPackage) -> str:
    return f"companion on {' '.join(item.companion_on)}" if item.companion_on else ""
