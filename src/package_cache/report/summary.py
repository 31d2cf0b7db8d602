"""The figures at the head of a page: each says whether something needs the administrator, and links to its section."""

import datetime
from dataclasses import dataclass

from package_cache.ages import parse_time
from package_cache.formatting import count, in_bytes
from package_cache.report.facts import Report


@dataclass(frozen=True)
class Figure:
    """One figure."""

    section: str
    """The section of the page that explains it."""
    value: str
    label: str
    state: str = "plain"
    """`good`, `warn`, `bad`, `unknown` where a command was not asked, or `plain`."""


def summary(report: Report) -> list[Figure]:
    """Return the figures of a report."""
    groups = {group.name for system in report.systems for group in system.groups}
    day = datetime.date.fromisoformat(report.day)
    return [
        Figure("groups", count(len(groups), "group"), f"for {count(len(report.systems), 'OS release')}"),
        Figure("packages", in_bytes(report.stored_bytes), f"in {count(report.packages, 'package')}, each stored once"),
        Figure("ages", age_on(day, report.created), f"built {report.created[:10]}"),
        _images(report),
        _updates(report),
        _support(report),
        _proofs(report),
        Figure("recordings", count(len(report.recordings), "recording"), "install by unpacking"),
    ]


def age_on(day: datetime.date, when: str) -> str:
    """Return how old a time is on a day, in full days."""
    time = parse_time(when)
    if time is None:
        return "of unknown age"
    days = (day - time.date()).days
    return f"{count(days, 'day')} old" if days >= 0 else "later than this report"


def _images(report: Report) -> Figure:
    if report.images is None:
        return Figure("images", "not checked", "which images get their groups", "unknown")
    misses = sum(len(image.misses) or bool(image.error) for image in report.images)
    value = "no miss" if not misses else "1 miss" if misses == 1 else f"{misses} misses"
    return Figure("images", value, f"in {count(len(report.images), 'checked image')}", "bad" if misses else "good")


def _updates(report: Report) -> Figure:
    if report.newer is None:
        return Figure("updates", "not asked", "what is outdated", "unknown")
    newer, security = len(report.newer.packages), report.newer.security
    if not newer:
        return Figure("updates", "no updates", f"asked {report.newer.when[:10]}", "good")
    label = f"of {count(newer, 'newer package')}"
    return Figure("updates", f"{security} for security", label, "bad" if security else "warn")


def _support(report: Report) -> Figure:
    ended = sum(system.support.has_ended for system in report.systems if system.support)
    value = f"{ended} of {len(report.systems)}"
    return Figure("ages", value, "OS releases past standard support", "warn" if ended else "good")


def _proofs(report: Report) -> Figure:
    if not report.proofs:
        return Figure("proofs", "not tried", "whether groups really install", "unknown")
    failed = sum(proof.status != 0 for proof in report.proofs)
    value = f"{failed} failed" if failed else f"{len(report.proofs)} succeeded"
    return Figure("proofs", value, f"of {count(len(report.proofs), 'trial installation')}", "bad" if failed else "good")
