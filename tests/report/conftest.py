"""A small cache with everything that a report shows, and the page of it."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.report.answers import CHECK, OUTDATED, written
from tests.report.caches import KB, package, write_cache
from tests.support.recordings import plain_recording

from package_cache.cache.layout import CacheFolder
from package_cache.cache.proofs import Proof, add_proofs, release_digest
from package_cache.report.facts import Report, report_of
from package_cache.report.page import page_text
from package_cache.report.results import read_check, read_outdated

DAY = datetime.date(2026, 11, 30)


@pytest.fixture
def cache(tmp_path: Path) -> CacheFolder:
    """Groups `ssh` and `nfs` for two OS releases, a recording, and two trial installations, of which one failed."""
    library, old = package("libc6", 2700 * KB, "2.27"), package("libc6", 2400 * KB, "2.23")
    cache = write_cache(
        tmp_path / "package_cache",
        [
            ("nfs", "ubuntu18.04", [package("nfs-common", 900 * KB), library]),
            ("ssh", "ubuntu16.04", [package("openssh-server", 700 * KB, "1:7.2"), old]),
            ("ssh", "ubuntu18.04", [package("openssh-server", 750 * KB, "1:7.6"), library]),
        ],
        {("ssh", "ubuntu18.04"): [plain_recording()]},
    )
    add_proofs(cache, [proof(cache, "ssh", 0), proof(cache, "nfs", 50, "2026-11-21")])
    return cache


def proof(cache: CacheFolder, group: str, status: int, day: str = "2026-11-20") -> Proof:
    digest, where = release_digest(cache, group, "ubuntu18.04"), "docker://localhost:5000/job:1"
    return Proof(group, "ubuntu18.04", "amd64", where, "", digest, status, 2, status == 0, f"{day}T10:00:00+00:00")


@pytest.fixture
def facts(cache: CacheFolder, tmp_path: Path) -> Report:
    images, newer = read_check(written(tmp_path, CHECK)), read_outdated(written(tmp_path, OUTDATED))
    return report_of(cache, DAY, images, newer)


Written = Callable[[Report], Path]


@pytest.fixture
def page(tmp_path: Path) -> Written:
    """Write the page of facts into a file, and return that."""

    def write(facts: Report) -> Path:
        path = tmp_path / "report.html"
        path.write_text(page_text(facts))
        return path

    return write
