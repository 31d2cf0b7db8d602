"""The benchmark itself, in small: each method that needs no web server once, and the slow link."""

import dataclasses
from pathlib import Path

import pytest
from bench.archive import DELAY, RATE, measured_link, served
from bench.material import Material, prepare
from bench.measure import FailedError, measure, run_rounds
from bench.methods import METHODS, Method
from tests.conftest import unavailable
from tests.support.lab import Isolation

from package_cache.errors import ArchiveError, VerificationError

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def material(state: Path, isolation: Isolation) -> Material:
    if isolation is not Isolation.ROOT_NAMESPACES:
        pytest.skip("the benchmark needs namespaces of root")
    try:
        return prepare("ubuntu18.04", ["ssh"], state=state)
    except (ArchiveError, VerificationError) as error:
        unavailable("the benchmark's packages", error)
        raise


def test_every_method_that_needs_no_server_installs(material: Material) -> None:
    methods = [method for method in METHODS if not method.archive]
    told: list[str] = []
    rows = run_rounds("ssh", methods, 1, material, told.append, warm_up=False)
    assert len(told) == len(methods)
    assert {row.method: row.failure for row in rows} == {method.name: None for method in methods}
    assert all(len(row.samples) == 1 and row.samples[0].seconds > 0 for row in rows)
    found = {row.method: row for row in rows}
    assert found["ours"].samples[0].phases["total"] == pytest.approx(found["ours"].samples[0].seconds, abs=0.1)
    assert "replay_unpack" in found["replay"].samples[0].phases
    assert {row.installed_kib for row in rows} == {material.installed_kib("ssh")}
    assert 1_000 < material.installed_kib("ssh") < 100_000


def test_roots_on_disk_leave_nothing_there(material: Material) -> None:
    [present] = (method for method in METHODS if method.name == "present")
    assert measure(present, "ssh", dataclasses.replace(material, disk=True)).seconds < 10
    assert list((material.folder.parent / "roots").iterdir()) == []


def test_a_method_that_installs_nothing_has_failed(material: Material) -> None:
    with pytest.raises(FailedError, match="without openssh-client openssh-server"):
        measure(Method("nothing", "untar", "unpacks only"), "ssh", material)


def test_a_replay_that_dpkg_did_has_failed(material: Material) -> None:
    with pytest.raises(FailedError, match="replay of ssh installed by dpkg"):
        measure(Method("replay", "replay", "in another image", by="replay", prepare="unfit"), "ssh", material)


@pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="this machine has no TUN devices")
def test_the_slow_link_is_as_slow_as_it_says(material: Material) -> None:
    with material.container() as container, served("slow", material.archive, container):
        found = measured_link(container, material.archive)
    assert 2 * DELAY * 1000 <= found["round_trip_ms"] < 2 * DELAY * 1000 + 50
    assert 0.6 * RATE / 1e6 < found["megabits_per_second"] < RATE / 1e6
