"""`package-cache outdated`."""

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from package_cache.cli.documents import given_reader, vulnerabilities_option
from package_cache.cli.options import archive_options, given_manifest, given_options, verb
from package_cache.cli.render import Renderer
from package_cache.exit_codes import ExitStatus
from package_cache.formatting import aligned, count
from package_cache.manifest_lock import current_lock, lock_path
from package_cache.outdated import Outdated, OutdatedPackage, outdated
from package_cache.releases.distributions import SUPPORT_KINDS, Support


@verb("outdated")
@archive_options
@click.option("--security", is_flag=True, help="List only packages with a newer version in a security suite.")
@vulnerabilities_option
def outdated_command(
    renderer: Renderer,
    /,
    manifest: Path | None,
    *,
    security: bool,
    vulnerabilities: tuple[Path, ...],
    **rest: Any,
) -> int:
    """List packages for which the archives have newer versions than the lock, mark security updates, and report
    OS releases whose standard support has ended. The lock does not change.

    Exits with 0 if nothing that is listed is newer, else with 16. Versions that the manifest pins do not count.

    \b
    Examples:
      package-cache outdated --manifest package_cache_info
      package-cache outdated --security --json
      package-cache outdated --vulnerabilities osv-all.tar.xz
    """
    read_fixes = given_reader(vulnerabilities)
    read = given_manifest(manifest)
    lock = current_lock(read)
    now = datetime.datetime.now(datetime.UTC)
    with renderer.listening() as listener:
        found = outdated(lock, read, given_options(**rest), now.date(), listener, read=read_fixes)
    found = found.for_security() if security else found
    status = ExitStatus.OUTDATED if found.outdated else ExitStatus.INSTALLED
    value = {"when": now.isoformat(timespec="seconds"), **vars(found)}
    return renderer.result("\n".join([*_lines(found), _total(found, lock_path(read))]), value, status)


def _lines(found: Outdated) -> Iterator[str]:
    for system in found.systems:
        if system.packages or system.has_ended:
            yield f"{system.name} {system.architecture}: {_support(system.support)}"
            has_fixes = any(package.fixes for package in system.packages)
            rows = [_row(package, has_fixes=has_fixes) for package in system.packages]
            yield from (*aligned(rows), *(f"  CVE numbers: {sentence}" for sentence in system.unknown), "")


def _row(package: OutdatedPackage, *, has_fixes: bool) -> tuple[str, ...]:
    return (
        f"  {package.name}:{package.architecture}",
        f"{package.locked} → {package.newest}",
        " ".join(package.suites),
        f"security: {package.security}" if package.security else "",
        *([f"fixes: {_short(package.fixes)}" if package.fixes else ""] if has_fixes else []),
        "pinned" if package.pinned else "",
        " ".join(package.groups),
    )


def _short(fixes: Sequence[str]) -> str:
    """Return at most three numbers, so that a line stays short: a kernel has hundreds."""
    few = fixes[:2] if len(fixes) > 3 else fixes
    more = f" and {len(fixes) - len(few)} more" if len(fixes) > len(few) else ""
    return f"{', '.join(few)}{more}"


def _support(support: Support) -> str:
    told = []
    for word, day in support.ends.items():
        ahead = word == support.applies
        told.append(f"{SUPPORT_KINDS.get(word, word)} {'until' if ahead else 'ended'} {day}")
        if ahead:
            break
    return "; ".join(told) or "the end of support is unknown"


def _total(found: Outdated, lock: Path) -> str:
    if not found.packages:
        return f"{lock}: nothing is newer"
    pinned = sum(package.pinned for system in found.systems for package in system.packages)
    text = f"{lock}: {count(found.packages, 'package')} newer, {found.security} of them for security"
    known = [package.fixes for system in found.systems for package in system.packages if package.fixes is not None]
    if known:
        text += f", {len({number for fixes in known for number in fixes})} CVE numbers fixed"
    return f"{text}, {pinned} pinned by the manifest" if pinned else text
