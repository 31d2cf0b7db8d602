"""Known numbers go in; the figures, tables and plots that people will read come out."""

from pathlib import Path

import pytest
from bench.measure import orders, read_measurement
from bench.methods import METHODS
from bench.replay_tables import replay_targets
from bench.report import BEGIN, END, write_all
from bench.results import Crowd, Results, Row, Sample, containers_at_once, read_results, results_to_merge
from bench.tables import mean_ratio, percentile, report, slowest_presence

from package_cache.errors import UsageError

MACHINE = {"cores": "2", "memory": "8 GiB"}


def row(group: str, method: str, *seconds: float, failure: str | None = None, kib: int = 0) -> Row:
    samples = tuple(Sample(value, value / 2, value / 4, {"plan": 0.1, "total": value}) for value in seconds)
    return Row("debian12", group, method, 7, samples, failure, kib)


ROWS = (
    row("ssh", "ours", 1.0, 3.0, 2.0), row("ssh", "online", 9.0, 8.0, 8.0),
    row("nfs", "ours", 1.0), row("nfs", "online", 9.0), row("nfs", "seed", failure="cannot go on\nits words"),
    row("ssh", "present", 0.011), row("nfs", "present", 0.031),
)  # fmt: skip
RESULTS = Results("memory", MACHINE, ROWS, (Crowd("20 at once", (1.0, 2.0, 3.0), 3.5),))


def test_figures_of_known_samples() -> None:
    assert RESULTS.median("debian12", "ssh", "ours") == 2.0
    assert RESULTS.ratio("debian12", "ssh", "online") == 4.0
    assert mean_ratio(RESULTS, "online", ["debian12"]) == pytest.approx(6.0)  # of 4 and 9
    assert RESULTS.median("debian12", "nfs", "seed") is None
    assert RESULTS.ratio("debian12", "nfs", "seed") is None
    assert slowest_presence(RESULTS, ["debian12"]) == 0.031
    assert mean_ratio(RESULTS, "seed", ["debian12"]) is None
    assert [percentile(range(1, 21), part) for part in (50, 95, 100)] == [10, 19, 20]


def test_tables_say_what_was_reached_and_what_failed() -> None:
    text = report(RESULTS)
    assert "| online ÷ ours | ≥ 3.00 | 6.00 yes | 6.00 yes |" in text
    assert "| 31 ms **no** | 31 ms **no** |" in text
    assert "| Package Cache, by dpkg | 2.00 [1.00–3.00] | 1.00 [1.00–1.00] |" in text
    assert "| apt-get, archive on loopback | 8.00 [8.00–9.00] ×4.00 | 9.00 [9.00–9.00] ×9.00 |" in text
    assert "| – | **failed** |" in text
    assert "Failed: `seed` of nfs: cannot go on\n" in text
    assert "| 20 at once | 2.00 | 3.00 | 3.50 |" in text


REPLAYS = Results(
    "memory",
    MACHINE,
    (
        row("ssh", "ours", 2.0, kib=9_000), row("ssh", "replay", 1.0, kib=9_000), row("ssh", "replay-ed25519", 0.25),
        row("ssh", "other-image", 2.004), row("ssh", "untar-hashed", 0.4), row("ssh", "seed", 6.0),
        row("build", "ours", 9.0, kib=90_000), row("build", "replay", 2.0, kib=90_000), row("build", "seed", 21.0),
        row("build", "other-image", 9.020), row("build", "untar-hashed", 1.5, kib=90_000),
        row("java", "ours", 9.0), row("java", "replay", failure="replay of java installed by dpkg: a keystore"),
    ),
    tuple(
        Crowd(containers_at_once(20, "ssh", how, "debian12"), (total,), total)
        for how, total in (("install", 9.0), ("replay", 3.0))
    ),
)  # fmt: skip


def test_the_targets_of_replays() -> None:
    text = replay_targets(REPLAYS)
    for line in (
        "| ours ÷ replay | ≥ 4.50 | 3.00 **no** | 3.00 **no** |",  # of 2 and 4.5
        "| seed ÷ replay | ≥ 8.00 | 7.94 **no** | 7.94 **no** |",  # of 6 and 10.5
        "| online-slow ÷ replay | ≥ 35.00 | – | – |",
        "| ours ÷ replay, CPU seconds | ≥ 4.00 | 3.00 **no** | 3.00 **no** |",
        "| ssh with all host keys, RSA of 2048 bits: ours ÷ replay | ≥ 3.00 | – | – |",
        "| ssh with all host keys, RSA of 3072 bits: ours ÷ replay | ≥ 1.80 | 2.00 yes | 2.00 yes |",
        "| ssh with an Ed25519 host key only: ours ÷ replay | ≥ 7.00 | 8.00 yes | 8.00 yes |",
        "| replay ÷ untar-hashed, the greatest of those over 20 MB | ≤ 1.50 | 1.33 (build) yes | 1.33 (build) yes |",
        "| replay ÷ untar-hashed, the greatest of those up to 20 MB | ≤ 2.00 | 2.50 (ssh) **no** | 2.50 (ssh) **no** |",
        "| 20 containers at once, until all have ssh: ours ÷ replay | ≥ 4.00 | 3.00 **no** | 3.00 **no** |",
        "| 20 containers at once, until all have nfs: ours ÷ replay | ≥ 4.00 | – | – |",
        "| other-image − ours, median over the groups | ≤ 10 ms | 12 ms **no** | 12 ms **no** |",
    ):
        assert line in text
    assert replay_targets(RESULTS) == ""
    assert "Failed: `replay` of java: replay of java installed by dpkg: a keystore\n" in report(REPLAYS, targets=text)


def test_results_are_kept_and_merged(tmp_path: Path) -> None:
    RESULTS.write(tmp_path)
    found = results_to_merge(tmp_path, "memory", MACHINE)
    assert found == RESULTS
    links = {"debian12": {"round_trip_ms": 41.0, "megabits_per_second": 47.9}}
    merged = found.merged([row("ssh", "ours", 5.0), row("build", "ours", 6.0)], links=links)
    assert merged.median("debian12", "ssh", "ours") == 5.0
    assert len(merged.rows) == len(RESULTS.rows) + 1
    assert "The slow link, measured by a download: debian12 47.9 Mbit/s, 41.0 ms.\n" in report(merged)
    merged.write(tmp_path)
    assert read_results(tmp_path / "memory.json") == merged
    with pytest.raises(UsageError, match="another machine"):
        results_to_merge(tmp_path, "memory", {"cores": "64"})


def test_a_document_is_rewritten_between_its_marks_only(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    RESULTS.write(tmp_path / "results")
    for _ in range(2):
        write_all(document, tmp_path / "results")
        text = document.read_text()
        assert text.startswith(f"before\n{BEGIN}\n")
        assert text.endswith(f"{END}\nafter\n")
        assert "old" not in text
        assert "(results/memory-debian12.svg)" in text
    plot = (tmp_path / "results" / "memory.svg").read_text()
    assert ">Package Cache, by dpkg<" in plot
    document.write_text("no marks")
    with pytest.raises(UsageError, match="marks"):
        write_all(document, tmp_path / "results")


def test_each_round_has_every_method_once_in_an_order_of_its_own() -> None:
    found = orders(METHODS, 6, "debian12 ssh")
    assert all(sorted(order, key=METHODS.index) == list(METHODS) for order in found)
    assert len({tuple(order) for order in found}) == 6
    assert found == orders(METHODS, 6, "debian12 ssh")


def test_what_the_root_printed_is_read() -> None:
    printed = "1700000000.999500000 1700000002.000250000 3\n0m0.00s 0m0.00s\n1m2.500000s 0m0.250000s\n"
    status, sample = read_measurement(printed, {})
    assert status == 3
    assert sample.seconds == pytest.approx(1.00075)
    assert (sample.user, sample.system) == (62.5, 0.25)
