"""What must hold of every simulated cluster; small ones that can be reckoned by hand; and the document."""

import itertools
import json
from pathlib import Path

import pytest
from bench.scale.__main__ import BEGIN, DOCUMENT, END, read_inputs, report
from bench.scale.measure import layout_image
from bench.scale.model import AROUND, BURST, FAST_REGISTRY, FORMS, USUAL, Form, breaks_at, pull, start_cluster

INPUTS = read_inputs()
SIZES = (1, 10, 70, 300, 1000)

each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


@each_form
def test_what_is_served_is_what_is_received(form: Form) -> None:
    for nodes, around in itertools.product(SIZES, AROUND):
        one = start_cluster(form, nodes, INPUTS, around)
        assert one.registry_bytes + one.archive_bytes + one.peer_bytes == pytest.approx(one.received)
        assert min(one.registry_bytes, one.archive_bytes, one.peer_bytes) >= 0


@each_form
def test_more_nodes_never_ask_for_less(form: Form) -> None:
    for around in AROUND:
        outcomes = [start_cluster(form, nodes, INPUTS, around) for nodes in SIZES]
        for less, more in itertools.pairwise(outcomes):
            assert more.registry_bytes >= less.registry_bytes
            assert more.registry_requests >= less.registry_requests
            assert more.archive_bytes >= less.archive_bytes
            assert more.received > less.received
            assert more.ready >= less.ready
            if not form.peers and not form.first:  # more nodes give more peers, and the nodes' own pods more time
                assert more.longest >= less.longest - 1e-6


@each_form
def test_a_better_link_is_never_slower_and_a_burst_never_waits_less(form: Form) -> None:
    for nodes in SIZES:
        usual, fast, burst = (start_cluster(form, nodes, INPUTS, around) for around in (USUAL, FAST_REGISTRY, BURST))
        assert fast.longest <= usual.longest + 1e-6
        assert burst.longest >= usual.longest - 1e-6


@each_form
def test_no_pod_is_ready_before_it_can_be(form: Form) -> None:
    for nodes, around in itertools.product(SIZES, AROUND):
        one = start_cluster(form, nodes, INPUTS, around)
        assert one.longest >= INPUTS["seconds"]["install" if form.image else "online"]
        assert one.ready >= (one.pods - 1) / around.pod_starts.value


def test_clients_share_evenly() -> None:
    assert pull([0.0], 1.0, 1.0).ends == [1.0]
    assert pull([0.0], 1.0, 0.25).ends == [4.0]
    assert pull([0.0, 0.0], 1.0, 1.0).ends == [2.0, 2.0]
    assert pull([0.0, 0.5], 1.0, 1.0).ends == [1.5, 2.0]  # half alone, then both at half the speed
    assert pull([0.0, 5.0], 1.0, 1.0).ends == [1.0, 6.0]


def test_peers_that_have_copies_serve_those_who_come_later() -> None:
    pulls = pull([0.0, 1.5, 10.0], 1.0, 1.0, "copies")  # known at 2.0
    assert (pulls.ends, pulls.from_peers) == ([1.0, 2.5, 11.0], 1)


def test_peers_that_have_pieces_ask_the_registry_once() -> None:
    pulls = pull([0.0] * 100, 1.0, 1.0, "pieces")
    assert pulls.from_peers == 99
    assert max(pulls.ends) == pytest.approx(1.98)  # a hundred give half of a link each, to ninety-nine


def test_the_smallest_broken_cluster() -> None:
    found = breaks_at(FORMS[0], INPUTS, USUAL, 1000)
    assert found is not None
    assert found.longest > 60 >= start_cluster(FORMS[0], found.nodes - 1, INPUTS).longest
    assert breaks_at(FORMS[0], INPUTS, USUAL, found.nodes - 1) is None


def test_a_layout_is_read_also_behind_an_index(tmp_path: Path) -> None:
    blobs = tmp_path / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (blobs / "one").write_text(json.dumps({"layers": [{"size": 7}, {"size": 5}]}))
    (blobs / "many").write_text(json.dumps({"manifests": [{"digest": "sha256:one"}]}))
    for digest, requests in (("sha256:one", 5), ("sha256:many", 6)):
        (tmp_path / "index.json").write_text(json.dumps({"manifests": [{"digest": digest}]}))
        assert layout_image(tmp_path) == {"from": "an OCI layout", "layers": [7, 5], "requests": requests}


def test_the_document_has_the_tables() -> None:
    _, _, rest = DOCUMENT.read_text().partition(BEGIN)
    assert rest.partition(END)[0].strip() == report(INPUTS).strip()
