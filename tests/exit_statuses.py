"""Makes docs/exit-statuses.md from the one table: `python tests/exit_statuses.py > docs/exit-statuses.md`."""

import sys
from collections.abc import Iterator

from package_cache.exit_codes import ExitStatus

HEAD = """\
# Exit statuses

One table for the installer and for every verb. "Untouched" are those after which the container is as it was before.
The reason is what `--json` and the installer's result file say (`--json` says `ok` for 0).

| status | reason | what it means | next step | untouched |
|---|---|---|---|---|"""


def text() -> str:
    """Give the page."""
    return "\n".join([HEAD, *_rows(), ""])


def _rows() -> Iterator[str]:
    for status in ExitStatus:
        value = status.value
        untouched = "yes" if value.clean_miss else ""
        yield f"| {value.code} | `{status.reason}` | {value.meaning} | {value.next_step} | {untouched} |"


if __name__ == "__main__":
    sys.stdout.write(text())
