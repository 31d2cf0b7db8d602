"""The benchmark itself, in small: each method that needs no web server once, and the slow link."""

from pathlib import Path

import pytest
from bench.archive import DELAY, RATE, measured_link, served_slowly
from bench.material import prepare
from bench.measure import FailedError, Place, measure
from bench.methods import METHODS, Method, method_named
from bench.rounds import run_rounds
from tests.conftest import unavailable
from tests.support.lab import Isolation

from package_cache.errors import ArchiveError, VerificationError

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def place(state: Path, isolation: Isolation) -> Place:
    if isolation is not Isolation.ROOT_NAMESPACES:
        pytest.skip("the benchmark needs namespaces of root")
    try:
        material = prepare("ubuntu18.04", ["ssh"], state=state, isolation=isolation)
    except (ArchiveError, VerificationError) as error:
        unavailable("the benchmark's packages", error)
        raise
    return Place(material, isolation, state, disk=False)


def test_every_method_that_needs_no_server_installs(place: Place) -> None:
    methods = [method for method in METHODS if not method.served]
    told: list[str] = []
    rows = run_rounds("ssh", methods, 1, place, told.append, warm_up=False)
    assert len(told) == len(methods)
    assert {row.method: row.failure for row in rows} == {method.name: None for method in methods}
    assert all(len(row.samples) == 1 and row.samples[0].seconds > 0 for row in rows)
    [ours] = (row for row in rows if row.method == "ours")
    assert ours.samples[0].phases["total"] == pytest.approx(ours.samples[0].seconds, abs=0.1)


def test_roots_on_disk_leave_nothing_there(place: Place) -> None:
    on_disk = Place(place.material, place.isolation, place.state, disk=True)
    assert measure(method_named("present"), "ssh", on_disk).seconds < 10
    assert list((place.state / "bench" / "roots").iterdir()) == []


def test_a_method_that_installs_nothing_has_failed(place: Place) -> None:
    with pytest.raises(FailedError, match="without openssh-client openssh-server"):
        measure(Method("nothing", "untar", "unpacks only"), "ssh", place)


@pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="this machine has no TUN devices")
def test_the_slow_link_is_as_slow_as_it_says(place: Place) -> None:
    with place.root() as container, served_slowly(place.material.archive, container):
        found = measured_link(container, place.material.archive)
    assert 2 * DELAY * 1000 <= found["round_trip_ms"] < 2 * DELAY * 1000 + 50
    assert 0.6 * RATE / 1e6 < found["megabits_per_second"] < RATE / 1e6
