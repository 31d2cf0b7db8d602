"""The page of a report, by Jinja2 (extra `report`): `report.html` and `report.css`, filled with the facts.

One file without scripts; pictures are SVG. Every text passes one filter, as all that the command prints, and then
Jinja2's escaping.
"""

import base64
import datetime
import hashlib
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from package_cache.escaping import visible_line
from package_cache.formatting import count, in_bytes
from package_cache.releases.distributions import SUPPORT_KINDS
from package_cache.report.facts import Report
from package_cache.report.summary import age_on, summary
from package_cache.report.timeline import timeline

SECTIONS = {
    "summary": "Summary",
    "groups": "Groups",
    "images": "Images",
    "updates": "Updates",
    "ages": "Ages and support",
    "recordings": "Recordings",
    "proofs": "Trial installations",
    "packages": "Biggest packages",
}
"""The headings, by the identifiers to which links lead."""

MOST_DRAWN = 12
"""How many groups of an OS release the picture has; the table has all."""

MOST_COLUMNS = 10
"""With more groups than that, the matrix shows only groups that some image would not get."""


def page_text(report: Report) -> str:
    """Return the page. The same facts give the same text."""
    environment = _environment(datetime.date.fromisoformat(report.day))
    assert environment.loader
    style, _, _ = environment.loader.get_source(environment, "report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    columns, left_out = _columns(report)
    page = environment.get_template("report.html").render(
        report=report,
        style=Markup(style),  # noqa: S704 - a file of ours
        style_digest=digest,
        sections=SECTIONS,
        summary=summary(report),
        columns=columns,
        left_out=left_out,
        timeline=timeline(report),
        largest=max((group.bytes for system in report.systems for group in system.groups), default=0) or 1,
        most_drawn=MOST_DRAWN,
    )
    return f"{page.strip()}\n"


def _environment(day: datetime.date) -> Environment:
    environment = Environment(
        loader=PackageLoader("package_cache.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        amount=in_bytes,
        number=count,
        age=lambda when: age_on(day, when),
        percent=lambda part, whole=100: f"{100 * part / whole:.2f}%",
        support=lambda word: SUPPORT_KINDS.get(word, word),
    )
    return environment


def _shown(value: Any) -> Any:
    """Return a value as it is printed; what the template made itself is markup already."""
    return value if isinstance(value, Markup) else visible_line(str(value))


def _columns(report: Report) -> tuple[list[str], int]:
    """Return the groups that are columns of the matrix, and how many are left out."""
    images = report.images or ()
    groups = list(dict.fromkeys(group.name for image in images for group in image.groups))
    if len(groups) <= MOST_COLUMNS:
        return groups, 0
    missed = {group.name for image in images for group in image.misses}
    columns = [name for name in groups if name in missed]
    return columns, len(groups) - len(columns)
