"""The documents agree with the code: generated parts, links, paths, tests, and the commands that they show."""

import re
from pathlib import Path

import pytest
from examples import terminal_session
from tests import command_reference, exit_statuses

PROJECT = Path(__file__).parent.parent
DOCUMENTS = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "deploy/README.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
]
FOLDERS = (".", "src/package_cache", "src/package_cache/installer")
"""Where a path in a document may start."""

NOT_THE_OWNERS = {"internal", "usage", "cache-too-new"}
"""Statuses that a job's owner can only report."""

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))


@pytest.mark.parametrize(
    ("name", "text"),
    [("exit-statuses.md", exit_statuses.text), ("commands.md", command_reference.text)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_generated_page_is_up_to_date(name: str, text: object) -> None:
    assert callable(text)
    assert (PROJECT / "docs" / name).read_text() == text(), f"see the first lines of tests/{text.__module__}.py"


def test_the_table_for_job_owners_has_every_status_of_the_installer() -> None:
    table = (PROJECT / "docs" / "job-owner.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `([a-z-]+)`", table, re.MULTILINE)
    known = re.findall(r"([a-z-]+)=(\d+)", (PROJECT / "src/package_cache/installer/shared/statuses.sh").read_text())
    assert rows == [(code, reason) for reason, code in known if reason not in NOT_THE_OWNERS]


def test_the_terminal_session_shows_its_commands() -> None:
    _, _, rest = (PROJECT / "README.md").read_text().partition(terminal_session.BEGIN)
    session, end, _ = rest.partition(terminal_session.END)
    shown = re.findall(r"^    [$#] (?!On|In)(.*)$", session, re.MULTILINE)
    assert end
    assert shown == [*terminal_session.MACHINE, *terminal_session.CONTAINER]


@each_document
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    wrong = []
    for link, _, anchor in re.findall(r"\]\(([^)#:]*)(#([^)]*))?\)", document.read_text()):
        target = document.parent / link if link else document
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            wrong.append(f"{link}#{anchor}")
    assert wrong == []


def _anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_every_test_that_is_named_exists(document: Path) -> None:
    existing = {
        name for file in PROJECT.glob("tests/**/test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert sorted(set(re.findall(r"`(test_\w+)`", document.read_text())) - existing) == []


@each_document
def test_every_path_of_the_project_that_is_named_exists(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        return  # it names what was
    named = set(re.findall(r"`([\w./-]+(?:\.(?:py|sh|md|txt|yaml|toml)|/))`", document.read_text()))
    own = {name for name in named if name.split("/")[0] in _top_folders() and not name.startswith("/")}
    assert sorted(name for name in own if not any((PROJECT / base / name).exists() for base in FOLDERS)) == []


def _top_folders() -> set[str]:
    """Return the first components by which a path is known as one of the project."""
    return {path.name for base in FOLDERS for path in (PROJECT / base).iterdir() if path.is_dir()}
