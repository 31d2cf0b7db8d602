"""The facts of a report: what is a group's own, what is shared, what is known of images and updates, and their ages."""

import datetime
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.report.answers import CHECK, DIGEST, OUTDATED, envelope, group, image, missed, newer, written
from tests.report.caches import KB, package, write_cache
from tests.report.conftest import DAY

from package_cache.bounds import set_bounds
from package_cache.cache.layout import CacheFolder
from package_cache.errors import CacheError, UsageError
from package_cache.report.facts import Report, report_of
from package_cache.report.results import read_check, read_outdated
from package_cache.report.summary import age_on, summary
from package_cache.report.timeline import timeline


def test_a_file_that_two_groups_take_is_shared_by_both_and_stored_once(facts: Report) -> None:
    sizes = {
        (system.name, one.name): (one.own_bytes, one.shared_bytes) for system in facts.systems for one in system.groups
    }
    assert sizes == {
        ("ubuntu16.04", "ssh"): (3100 * KB, 0),
        ("ubuntu18.04", "nfs"): (900 * KB, 2700 * KB),
        ("ubuntu18.04", "ssh"): (750 * KB, 2700 * KB),
    }
    assert [system.stored_bytes for system in facts.systems] == [3100 * KB, 4350 * KB]
    assert facts.stored_bytes == 7450 * KB


def test_groups_of_two_releases_can_share_a_file(tmp_path: Path) -> None:
    same = package("tool", 5 * KB)
    cache = write_cache(tmp_path / "cache", [("a", "debian12", [same]), ("a", "ubuntu18.04", [same])])
    facts = report_of(cache, DAY)
    assert [(system.groups[0].own_bytes, system.groups[0].shared_bytes) for system in facts.systems] == [(0, 5000)] * 2
    assert facts.stored_bytes == 5 * KB
    [biggest] = facts.biggest
    assert (biggest.systems, biggest.groups) == (("debian12", "ubuntu18.04"), ("a",))


def test_the_biggest_packages_come_first(facts: Report) -> None:
    found = [(item.name, item.version, item.groups) for item in facts.biggest]
    assert found[:3] == [
        ("libc6", "2.27", ("nfs", "ssh")), ("libc6", "2.23", ("ssh",)), ("nfs-common", "1.0", ("nfs",)),
    ]  # fmt: skip


def test_what_only_older_containers_need_is_a_companion(tmp_path: Path) -> None:
    item = package("tool", 5 * KB)
    of = replace(item, companion_on=("amd64",))
    cache = write_cache(tmp_path / "one", [("a", "debian12", [of])])
    assert report_of(cache, DAY).biggest[0].companion
    cache = write_cache(tmp_path / "both", [("a", "debian12", [of]), ("b", "debian12", [item])])
    assert not report_of(cache, DAY).biggest[0].companion


def test_recordings_and_trial_installations(facts: Report) -> None:
    assert [(item.group, item.system, item.recording.image) for item in facts.recordings] == [
        ("ssh", "ubuntu18.04", "registry/job:1")
    ]
    assert [(proof.group, proof.status) for proof in facts.proofs] == [("nfs", 50), ("ssh", 0)]


def test_support_is_that_of_the_given_day(cache: CacheFolder) -> None:
    def standard(day: datetime.date) -> dict[str, bool]:
        return {one.name: one.support.has_ended for one in report_of(cache, day).systems if one.support}

    assert standard(datetime.date(2020, 1, 1)) == {"ubuntu16.04": False, "ubuntu18.04": False}
    assert standard(datetime.date(2022, 1, 1)) == {"ubuntu16.04": True, "ubuntu18.04": False}
    assert standard(DAY) == {"ubuntu16.04": True, "ubuntu18.04": True}


def test_a_release_that_nobody_knows_has_no_support_and_is_no_error(tmp_path: Path) -> None:
    facts = report_of(write_cache(tmp_path / "cache", [("a", "debian99", [package("tool", KB)])]), DAY)
    assert facts.systems[0].support is None
    assert timeline(facts) is None


def test_the_timeline_is_on_one_scale(facts: Report) -> None:
    found = timeline(facts)
    assert found
    assert [name for name, _ in found.rows] == ["ubuntu16.04", "ubuntu18.04"]
    for _, parts in found.rows:
        assert parts[0].kind == "eol"
        assert parts[0].start == 0
        assert all(left.end == right.start for left, right in itertools.pairwise(parts))
        assert all(0 <= part.start < part.end <= 100 for part in parts)
        assert parts[0].end < found.day  # both have ended by then


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("2026-11-30T23:59:59+00:00", "0 days old"),
        ("2026-11-29T23:59:59+00:00", "1 day old"),
        ("2025-11-30T00:00:00Z", "365 days old"),
        ("2026-12-01T00:00:00+00:00", "later than this report"),
        ("2026-02-31T00:00:00Z", "of unknown age"),
        ("", "of unknown age"),
    ],
)
def test_ages(when: str, told: str) -> None:
    assert age_on(DAY, when) == told


def test_the_summary_says_what_needs_the_administrator(facts: Report) -> None:
    found = {(figure.section, figure.value): (figure.label, figure.state) for figure in summary(facts)}
    assert found == {
        ("groups", "2 groups"): ("for 2 OS releases", "plain"),
        ("packages", "7.5 MB"): ("in 5 packages, each stored once", "plain"),
        ("ages", "29 days old"): ("built 2026-11-01", "plain"),
        ("images", "2 misses"): ("in 3 checked images", "bad"),
        ("updates", "1 for security"): ("of 2 newer packages", "bad"),
        ("ages", "2 of 2"): ("OS releases past standard support", "warn"),
        ("proofs", "1 failed"): ("of 2 trial installations", "bad"),
        ("recordings", "1 recording"): ("install by unpacking", "plain"),
    }


def test_the_summary_of_what_was_not_asked(cache: CacheFolder) -> None:
    states = {figure.section: figure.state for figure in summary(report_of(cache, DAY))}
    assert (states["images"], states["updates"]) == ("unknown", "unknown")


def test_images(facts: Report) -> None:
    assert facts.images
    training, vision, lost = facts.images
    assert (training.system, training.digest, training.when) == ("ubuntu18.04 amd64", DIGEST, CHECK["result"]["when"])
    assert [(one.name, one.prediction, one.tried) for one in training.groups] == [
        ("ssh", "hit", "installed, as predicted"), ("nfs", "already there", ""),
    ]  # fmt: skip
    assert [(one.name, one.status, one.reason, one.obstacles, one.next_step) for one in vision.misses] == [
        ("ssh", 13, "no-plan", ("openssh-client needs libssl1.0.0 (>= 1.0.2): 1.0.1 is here",), "lock --for")
    ]
    assert (lost.error, lost.groups) == (
        "cannot read docker://localhost:5000/lost:1: the registry does not answer", ()
    )  # fmt: skip


def test_one_image_that_was_checked_alone(tmp_path: Path) -> None:
    alone = image("x", group("ssh"), missed("nfs"))
    del alone["name"]
    document = envelope("check", {"when": "2026-11-28T10:00:00+00:00", **alone, "checked": "oci:job:1"})
    [found] = read_check(written(tmp_path, document))
    assert (found.name, [one.is_miss for one in found.groups]) == ("oci:job:1", [False, True])


def test_updates_of_security_come_first(facts: Report) -> None:
    assert facts.newer
    assert [(item.name, bool(item.security), item.pinned) for item in facts.newer.packages] == [
        ("openssh-server", True, False), ("rpcbind", False, True),
    ]  # fmt: skip
    assert (facts.newer.security, facts.newer.packages[0].system) == (1, "ubuntu18.04 amd64")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "cannot read FILE: it is not JSON"),
        ("[" * 100_000, "cannot read FILE: it is not JSON"),
        ("[]", "cannot use FILE: outdated --json did not print it"),
        ('{"verb": "check", "result": {}}', "cannot use FILE: outdated --json did not print it"),
        ('{"verb": "outdated", "error": {"message": "cannot reach"}}', "outdated ended with an error: cannot reach"),
        ('{"verb": "outdated", "error": 7}', "outdated ended with an error: "),
        ('{"verb": "outdated", "result": 7}', "FILE: result: must be a table"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_answer(content: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "outdated.json"
    file.write_text(content)
    with pytest.raises(UsageError) as caught:
        read_outdated(file)
    assert told in str(caught.value).replace(str(file), "FILE")
    assert caught.value.hint == "write the file again: package-cache outdated ... --json >FILE"


def test_all_fields_that_are_wrong_at_once(tmp_path: Path) -> None:
    wrong = group("SSH", "perhaps", status=-1, reasons=[{"text": 7}], run={"status": "0"})
    check = envelope("check", {"when": "today", "images": [image("", wrong, digest=7)]})
    with pytest.raises(UsageError) as caught:
        read_check(written(tmp_path, check))
    at = "result.images[0]"
    assert {problem.field for problem in caught.value.problems} == {
        "result.when", f"{at}.name", f"{at}.digest", f"{at}.groups[0].name", f"{at}.groups[0].prediction",
        f"{at}.groups[0].status", f"{at}.groups[0].reasons[0].text", f"{at}.groups[0].run.status",
    }  # fmt: skip
    package = newer("a b", "1 0", "", 5, groups=["x y"], pinned="yes")
    outdated = {"when": "", "systems": [{"name": "debian12", "architecture": "amd64", "packages": [package]}]}
    with pytest.raises(UsageError) as caught:
        read_outdated(written(tmp_path, envelope("outdated", outdated)))
    assert {problem.field.rpartition(".")[2] for problem in caught.value.problems if problem.field} == {
        "when", "name", "locked", "newest", "security", "groups[0]", "pinned",
    }  # fmt: skip


def test_a_file_of_more_than_the_bound(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: set_bounds(""))
    file = written(tmp_path, OUTDATED)
    for bound, told in (
        ("answer-bytes=10", "more than 10 bytes"),
        ("document-values=10", "outdated.json: it has [0-9]+ values, more than 10"),
    ):
        set_bounds(bound)
        with pytest.raises(UsageError, match=told):
            read_outdated(file)


def test_a_cache_that_is_damaged(cache: CacheFolder) -> None:
    file = cache.path / "groups/ssh-ubuntu18.04/packages.json"
    file.write_text(file.read_text() + "\n")
    with pytest.raises(CacheError, match="was altered"):
        report_of(cache, DAY)


def test_a_page_needs_nothing_but_a_cache(cache: CacheFolder) -> None:
    facts: Any = report_of(cache, DAY)
    assert (facts.images, facts.newer) == (None, None)
