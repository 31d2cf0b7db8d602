"""Releases and archives are read from the distributions' own data, however its files are named."""

from pathlib import Path

import pytest

from package_cache.releases.distributions import known_systems, release_of
from package_cache.system import System

RELEASES = """version,codename,series,created,release,eol
8.0,Eight,eight,2020-01-01,2020-02-01,2030-01-01
"""
TEMPLATE = """Suite: eight
RepositoryType: deb
BaseURI: file:/archive/
MatchURI: /archive
Component: main
"""


@pytest.mark.parametrize("name", ["Nine.info", "nine.info"], ids=["before python-apt 3", "since python-apt 3"])
def test_a_template_is_found_by_either_name(tmp_path: Path, name: str) -> None:
    for path, text in ((f"python-apt/templates/{name}", TEMPLATE), ("distro-info/nine.csv", RELEASES)):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)

    assert known_systems(tmp_path) == ("nine8.0",)
    [archive] = release_of(System.parse("nine8.0"), tmp_path).archives
    assert (archive.base_uri, archive.suites) == ("file:/archive", ("eight",))
