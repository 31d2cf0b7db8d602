"""The documents say what the code does, and name files that are there."""

import re
from pathlib import Path

import pytest
from tests.exit_statuses import text

PROJECT = Path(__file__).parent.parent
DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


def test_the_table_of_exit_statuses_is_the_codes() -> None:
    assert (PROJECT / "docs" / "exit-statuses.md").read_text() == text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_is_named_is_there(document: Path) -> None:
    there = {
        name for file in PROJECT.glob("tests/**/test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert sorted(set(re.findall(r"`(test_\w+)`", document.read_text())) - there) == []
