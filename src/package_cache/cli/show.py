"""`package-cache list` and `package-cache show`: what is in a cache."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from package_cache.cache.checked_files import read_list
from package_cache.cache.description import DescribedGroup, Description, read_description
from package_cache.cache.package_list import DescribedPackage
from package_cache.cache.proofs import Proof, read_proofs
from package_cache.cli.formatting import count, in_bytes
from package_cache.cli.options import cache_option, given_cache, json_option
from package_cache.cli.render import Renderer
from package_cache.cli.tables import table


@click.command("list")
@cache_option
@json_option
@click.pass_obj
def list_command(renderer: Renderer, cache: Path) -> int:
    """List the groups of a cache: for which systems, how many packages, how large.

    \b
    Example:
      package-cache list --cache package_cache
    """
    folder = given_cache(cache)
    description = read_description(folder)
    groups = description.groups
    rows = [
        (group.name, group.system, " ".join(group.architectures), str(group.packages), in_bytes(group.size))
        for group in groups
    ]
    text = f"{table(('group', 'system', 'architecture', 'packages', 'size'), rows)}\n{_origin(description)}"
    proofs = read_proofs(folder)
    total = f"{count(description.packages, 'package')} stored once: {in_bytes(description.size)}"
    listed = [
        {
            "name": group.name,
            "system": group.system,
            "architectures": group.architectures,
            "requests": group.requests,
            "compression": group.compression,
            "packages": group.packages,
            "bytes": group.size,
            "proofs": _of(group, proofs),
        }
        for group in groups
    ]
    head = {"created": description.created, "built_by": description.built_by, "manifest": description.manifest}
    head["locked"] = description.locked
    value = {**head, "manifest_digest": description.manifest_digest, "stored_bytes": description.size, "groups": listed}
    told = [f"{proof.group} for {proof.system}: {_told(proof)}" for proof in proofs]
    return renderer.result("\n".join([text, total, *told]), value)


@click.command("show")
@click.argument("group")
@cache_option
@json_option
@click.pass_obj
def show_command(renderer: Renderer, group: str, cache: Path) -> int:
    """Show a group: what it asks for, and every package it takes, with version and size.

    \b
    Example:
      package-cache show ssh --cache package_cache
    """
    folder = given_cache(cache)
    shown = [(item, read_list(folder, item)) for item in read_description(folder).chosen([group])]
    proofs = read_proofs(folder)
    systems = [{**asdict(item), "packages": packages, "proofs": _of(item, proofs)} for item, packages in shown]
    text = "\n\n".join(_shown(*item, _of(item[0], proofs)) for item in shown)
    return renderer.result(text, {"name": group, "systems": systems})


def _of(group: DescribedGroup, proofs: Iterable[Proof]) -> list[Proof]:
    return [proof for proof in proofs if (proof.group, proof.system) == (group.name, group.system)]


def _told(proof: Proof) -> str:
    came = "installed" if proof.status == 0 else f"not installed (status {proof.status})"
    where = f"{proof.where} {proof.digest}".rstrip()
    return f"{came} for real in {where} on {proof.architecture}, {proof.when}"


def _shown(group: DescribedGroup, packages: Sequence[DescribedPackage], proofs: Sequence[Proof]) -> str:
    rows = [(item.name, item.version, item.architecture, in_bytes(item.size), _companion(item)) for item in packages]
    head = f"{group.name} for {group.system} ({' '.join(group.architectures)}): {' '.join(group.requests)}"
    companions = sum(bool(item.companion_on) for item in packages)
    number = count(group.packages, "package") + (f" ({count(companions, 'companion')})" if companions else "")
    total = f"{number}, {in_bytes(group.size)}, compression: {group.compression}"
    columns = ("package", "version", "architecture", "size", *(("",) if companions else ()))
    shown = table(columns, [row[: len(columns)] for row in rows])
    return "\n".join([head, shown, total, *map(_told, proofs)])


def _companion(item: DescribedPackage) -> str:
    return f"companion on {' '.join(item.companion_on)}" if item.companion_on else ""


def _origin(description: Description) -> str:
    locked = f", locked {description.locked}" if description.locked else ""
    return f"built {description.created} by {description.built_by} from {description.manifest}{locked}"
