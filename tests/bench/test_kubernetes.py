"""The bench of ways into pods, as far as it is pure: reckoning, reading what others print, and its report."""

import json
from pathlib import Path
from typing import Any

import pytest
from bench.figures import percentile
from bench.kubernetes.__main__ import BEGIN, DOCUMENT, END, RESULTS
from bench.kubernetes.ground import finished
from bench.kubernetes.kill import counts, judgement
from bench.kubernetes.material import older
from bench.kubernetes.memory import anonymous, peak, smallest
from bench.kubernetes.pull import archive_size, from_first_change, per_group, reckoned, uploaded_blobs
from bench.kubernetes.results import read_parts, write_parts
from bench.kubernetes.sshd import job_yaml
from bench.kubernetes.tables import failures, mb, report
from bench.markdown import write_between
from containers.registry import Request

from package_cache.errors import PackageCacheError, UsageError
from package_cache.image.layers import PooledPackage
from package_cache.lock.model import Lock, LockedGroup, LockedPackage, LockedRepository, LockedSystem
from package_cache.process import run
from package_cache.system import System

DIGEST = "a" * 64
CIRCUMSTANCES = {"machine": {"cores": "2"}, "load": [0.5, 1.25], "rounds": 3}


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 21)]
    assert (percentile(values, 50), percentile(values, 95), percentile(values[:1], 95)) == (10, 19, 1)


def test_the_smallest_number_that_works() -> None:
    for least in range(2, 65):
        assert smallest(2, 64, lambda limit, least=least: limit >= least) == least  # type: ignore[misc]
    assert smallest(2, 64, lambda _: False) is None


def test_what_a_control_group_tells(tmp_path: Path) -> None:
    (tmp_path / "memory.stat").write_text("rss 1\ntotal_rss_huge 5\ntotal_rss 4096\ntotal_cache 7\n")
    (tmp_path / "memory.max_usage_in_bytes").write_text("8192\n")
    assert (anonymous(tmp_path), peak(tmp_path)) == (4096, 8192)


def test_when_a_container_ended() -> None:
    assert finished({"FinishedAt": "1970-01-01T00:01:40.123456789Z"}) == pytest.approx(100.123456)


def test_what_a_push_brought() -> None:
    requests = [
        Request("HEAD", f"/v2/a/blobs/sha256:{DIGEST}", 404, 0),
        Request("POST", "/v2/a/blobs/uploads/", 202, 0),
        Request("PATCH", "/v2/a/blobs/uploads/1?_state=x", 202, 0),
        Request("PUT", f"/v2/a/blobs/uploads/1?_state=x%3D&digest=sha256%3A{DIGEST}", 201, 0),
        Request("POST", f"/v2/a/blobs/uploads/?from=b&mount=sha256%3A{'b' * 64}", 201, 0),
        Request("PUT", "/v2/a/manifests/1", 201, 0),
    ]
    assert uploaded_blobs(requests) == [DIGEST]


@pytest.mark.parametrize("sizes", [[0], [1, 512, 513], [100_000] * 30])
def test_the_size_of_an_archive(tmp_path: Path, sizes: list[int]) -> None:
    for number, size in enumerate(sizes):
        (tmp_path / f"{number}.deb").write_bytes(b"x" * size)
    names = sorted(path.name for path in tmp_path.iterdir())
    run(["tar", "--create", "--format=ustar", "--file", "all.tar", *names], cwd=tmp_path)
    assert archive_size(sizes) == (tmp_path / "all.tar").stat().st_size


def test_a_layer_for_each_group_is_pulled_by_all_that_need_the_package() -> None:
    ssh, nfs = ("ssh", "ubuntu18.04"), ("nfs", "ubuntu18.04")
    shared = PooledPackage("1", 512, "libc6", frozenset({ssh, nfs}))
    own = PooledPackage("2", 1024, "openssh-server", frozenset({ssh}))
    assert per_group([shared, own], [own]) == archive_size([512, 1024])
    assert per_group([shared, own], [shared]) == archive_size([512, 1024]) + archive_size([512])


def test_what_is_pulled_where_layers_were_discarded() -> None:
    older = [("a", 1), ("b", 10), ("c", 100)]
    assert from_first_change(older, [("a", 1), ("d", 20), ("c", 100)]) == 120
    assert from_first_change(older, older) == 0
    assert from_first_change(older, [*older, ("d", 1000)]) == 1000


def test_the_spread_of_what_would_be_pulled() -> None:
    assert reckoned({"a": 3, "b": 1, "c": 2}) == {"updates": 3, "p50": 2, "p95": 3, "most": 3}


def locked(name: str, version: str) -> LockedPackage:
    return LockedPackage(name, version, "amd64", 1, DIGEST, "ubuntu", f"pool/{name}_{version}.deb")


def test_a_lock_before_an_update() -> None:
    now, other, first = locked("a", "2"), locked("b", "1"), locked("a", "1")
    group = LockedGroup("g", ("a",), (now.key, other.key))
    system = LockedSystem(System.parse("ubuntu18.04"), (LockedRepository("ubuntu"),), (group,), (now, other))
    lock = Lock("manifest", "sha256:0", (system,))
    [before] = older(lock, "ubuntu18.04", ["a"], {"a": first}).systems
    assert before.packages == (first, other)
    assert before.groups[0].packages == (first.key, other.key)
    with pytest.raises(PackageCacheError, match="an update of b: there was none in ubuntu"):
        older(lock, "ubuntu18.04", ["a", "b"], {"a": first, "b": other})


HIT = "openssh-client ii \nopenssh-server ii \n"


@pytest.mark.parametrize(
    ("printed", "judged"),
    [
        (f"0\n{HIT}", "hit"),
        ("0\n", "broken: status 0, and not installed"),
        ("0\nopenssh-client ii \nopenssh-server iU \n", "broken: dpkg says openssh-server iU "),
        ("30\n", "miss: no cache yet"),
        ("10\n", "miss: no such group yet"),
        ("10\nopenssh-server un \n", "miss: no such group yet"),
        ("31\n", "broken: status 31"),
        ("10\nThe following packages are only half configured:\n", "broken: dpkg says The following"),
        ("", "broken: status "),
    ],
)
def test_how_the_installer_is_judged(printed: str, judged: str) -> None:
    assert judgement(printed).startswith(judged)


def one_kill(killed: bool, judged: str, restart: str = "whole") -> dict[str, Any]:
    return {"moment": 0.1, "seconds": 0.12, "killed": killed, "judgement": judged, "restart": restart}


KILLS = [one_kill(True, "hit"), one_kill(True, "miss: no cache yet"), one_kill(False, "hit")]


def test_a_miss_after_a_whole_run_is_a_broken_promise() -> None:
    assert counts(KILLS)["broken"] == 0
    found = counts([*KILLS, one_kill(False, "miss: no cache yet"), one_kill(True, "broken: status 31", "status 1")])
    assert (found["killed"], found["after_the_end"], found["broken"], found["restarted"]) == (3, 2, 2, 4)
    assert len(list(failures({"kill": {"found": {"counts": found}}}))) == 2


def test_the_report_of_a_few_figures(tmp_path: Path) -> None:
    found = {
        "sshd": {
            "link": {"megabits_per_second": 43.9, "round_trip_ms": 41.1},
            "rows": [{"way": "in the image", "seconds": [0.1, 0.2, 0.3]}, {"way": "init form", "seconds": [5, 4, 9]}],
        },
        "kill": {"duration": 0.2, "kills": KILLS, "counts": counts(KILLS)},
    }
    parts = {name: {**CIRCUMSTANCES, "found": one} for name, one in found.items()}
    write_parts(tmp_path / "results.json", parts)
    text = report(read_parts(tmp_path / "results.json"))
    assert "Machine: cores: 2. Load average: 0.5 before, 1.2 after. Rounds: 3.\n" in text
    assert "| in the image | 0.20 | 0.10–0.30 | 0.00 | × 0.04 |\n" in text
    assert "| init form | 5.00 | 4.00–9.00 | 4.80 | × 1.00 |\n" in text
    assert "| run again, the volume whole | 3 of 3 |\n" in text
    assert "### What is pulled again" not in text


def test_results_of_another_format(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"format": 0}')
    with pytest.raises(UsageError, match="its format is not 1"):
        read_parts(tmp_path / "results.json")
    assert read_parts(tmp_path / "none.json") == {}


def test_a_document_without_marks(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("before\nBEGIN\nold\nEND\nafter\n")
    write_between(document, "BEGIN", "END", "new\n")
    assert document.read_text() == "before\nBEGIN\nnew\nEND\nafter\n"
    with pytest.raises(UsageError, match="it lacks the marks"):
        write_between(document, "BEGIN", "FIN", "")


def test_the_job_is_yaml_with_a_key_of_its_kind() -> None:
    [plugin] = json.loads(job_yaml())["extras"]["com.microsoft.pai.runtimeplugin"]
    assert plugin["parameters"]["public-key"].startswith("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI")


def test_sizes_for_people() -> None:
    assert (mb(1_490_000), mb(43_600)) == ("1.5 MB", "44 kB")


def test_the_document_has_the_tables_of_the_results() -> None:
    _, begin, rest = DOCUMENT.read_text().partition(BEGIN)
    tables, end, _ = rest.partition(END)
    assert begin
    assert end
    assert tables == f"\n\n{report(read_parts(RESULTS))}\n"


def test_the_figures_break_no_promise() -> None:
    assert list(failures(read_parts(RESULTS))) == []
