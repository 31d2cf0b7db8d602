"""Generate docs/exit-statuses.md from the one table: `python tests/exit_statuses.py > docs/exit-statuses.md`."""

import sys

from package_cache.exit_codes import ExitStatus

HEAD = """\
# Exit statuses

One table for the installer and for every verb. *Untouched* marks the statuses after which the container is unchanged.
The reason is the word in `--json` and in the installer's result file (`--json` writes `ok` for 0).

| status | reason | meaning | next step | untouched |
|---|---|---|---|---|"""


def text() -> str:
    """Return the page."""
    rows = (
        f"| {one.code} | `{one.reason}` | {one.meaning} | {one.next_step} | {'yes' if one.is_clean_miss else ''} |"
        for one in ExitStatus
    )
    return "\n".join([HEAD, *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(text())
