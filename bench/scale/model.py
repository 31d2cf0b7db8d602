"""A cluster whose pods all want their packages, simulated: who serves how many bytes, and when the last pod has them.

Copies of one thing (an image's layers, or what apt downloads) flow from a source to whoever asks; a source gives all
that are served at a time the same speed, as a fair network does. Times are seconds from the first pod's start.
"""

import bisect
import functools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Assumed:
    """What cannot be measured here."""

    what: str
    value: float
    unit: str
    reason: str


NODE_LINK = Assumed("a node's link", 10e9, "bit/s", "common in clusters; nodes with accelerators have more")
REGISTRY_LINK = Assumed("the registry's link", 10e9, "bit/s", "one machine that is as a node is")
FAST_REGISTRY_LINK = Assumed("the same, better", 25e9, "bit/s", "replicas behind one address count as one link")
ARCHIVE_LINK = Assumed("the archive's uplink", 1e9, "bit/s", "a public mirror's share for one site, or the site's own")
PODS_PER_NODE = Assumed("pods a node", 10, "", "100,000 pods on 10,000 nodes; Kubernetes allows 110 a node")
POD_STARTS = Assumed("pod starts of the whole cluster", 100, "/s", "one scheduler's order of magnitude")
FAST_POD_STARTS = Assumed("the same, faster", 1000, "/s", "what small scheduler benchmarks reach: a burst")
UPLOAD = Assumed("what a node gives its peers", 0.5, "of its link", "the rest is its jobs'")
ADVERTISED = Assumed("until peers know of a first copy", 1, "s", "a node says what it has when its pull has ended")
PATIENCE = Assumed("broken is", 60, "s", "that a pod waits so long for its packages; many a job's start is shorter")
ASSUMPTIONS = (
    NODE_LINK,
    REGISTRY_LINK,
    FAST_REGISTRY_LINK,
    ARCHIVE_LINK,
    PODS_PER_NODE,
    POD_STARTS,
    FAST_POD_STARTS,
    UPLOAD,
    ADVERTISED,
    PATIENCE,
)


@dataclass(frozen=True)
class Surroundings:
    """What is varied."""

    name: str
    registry_link: Assumed = REGISTRY_LINK
    pod_starts: Assumed = POD_STARTS


USUAL = Surroundings("usual")
FAST_REGISTRY = Surroundings("fast registry", registry_link=FAST_REGISTRY_LINK)
BURST = Surroundings("burst", pod_starts=FAST_POD_STARTS)
AROUND = (USUAL, FAST_REGISTRY, BURST)


@dataclass(frozen=True)
class Form:
    """A way for packages to come to pods."""

    image: str = ""
    """`init` or `volume`; none: apt, online."""
    peers: str = ""
    """`copies`: nodes serve what they have whole, as with Spegel; `pieces`: also while they pull, as with Dragonfly."""
    first: bool = False
    """Whether a pod of its own fills each node before the jobs' pods start."""

    @property
    def name(self) -> str:
        """What tables call it."""
        own = {"": "online apt", "init": "init image", "volume": "image volume"}[self.image]
        own = "node cache" if self.first else own
        return f"{own}, peers ({self.peers})" if self.peers else own


FORMS = (
    Form(),
    *(
        Form(image, peers, first)
        for image, first in (("init", False), ("volume", False), ("init", True))
        for peers in ("", "copies", "pieces")
    ),
)


NEVER = float("inf")


@dataclass
class Source:
    """Serves copies to whoever asks, all at the same speed."""

    capacity: float
    """Copies a second, all together."""
    each: float
    """Copies a second that one client can take."""
    done: float = 0.0
    """How much of a copy a client has that was there from the beginning; so one number advances all clients."""
    clients: "deque[tuple[float, int]]" = field(default_factory=deque)
    """When each will have its copy, as a value of `done`; in the order in which they came."""

    @property
    def speed(self) -> float:
        """Copies a second for one client."""
        if not self.clients:
            return 0.0
        share = self.capacity / len(self.clients)
        return share if share < self.each else self.each

    def next_end(self, now: float, speed: float) -> float:
        """When the first of the clients has its copy at this speed, if nobody comes or goes before."""
        return now + (self.clients[0][0] - self.done) / speed if speed else NEVER


@dataclass(frozen=True)
class Pulls:
    """Of each client, in the order of their starts: when it had its copy; and how many had it from peers."""

    ends: Sequence[float]
    from_peers: int


def pull(starts: Sequence[float], capacity: float, each: float, peers_by: str = "") -> Pulls:
    """Let clients that start at these times pull a copy each.

    `copies`: whoever has one serves peers, and until they know of a first one, all ask the origin. `pieces`: the first
    client alone asks the origin, and whoever came serves peers.
    """
    upload = UPLOAD.value * each
    origin, peers = Source(capacity, each), Source(0.0, each)
    count = len(starts)
    ends = [0.0] * count
    came, from_peers, now, known = 0, 0, 0.0, NEVER
    while came < count or origin.clients or peers.clients:  # millions of times for the tables of the documentation
        start = starts[came] if came < count else NEVER
        at_origin, among_peers = origin.speed, peers.speed
        end, source = origin.next_end(now, at_origin), origin
        if among_peers and (first := peers.next_end(now, among_peers)) < end:
            end, source = first, peers
        then = start if start < end else end
        origin.done += at_origin * (then - now)
        peers.done += among_peers * (then - now)
        now = then
        if end <= start:
            _, client = source.clients.popleft()
            ends[client] = now
            peers.capacity += upload if peers_by == "copies" else 0.0
            if known == NEVER:  # the first copy is the one that is known first
                known = now + ADVERTISED.value
        else:
            served = came > 0 if peers_by == "pieces" else peers_by == "copies" and now >= known
            source = peers if served else origin
            peers.capacity += upload if peers_by == "pieces" else 0.0
            source.clients.append((source.done + 1.0, came))
            from_peers += source is peers
            came += 1
    return Pulls(ends, from_peers)


@dataclass(frozen=True)
class Outcome:
    """What came of a cluster's start."""

    form: str
    nodes: int
    pods: int
    received: float
    """Bytes that nodes received."""
    registry_bytes: float = 0.0
    registry_requests: float = 0.0
    archive_bytes: float = 0.0
    archive_requests: float = 0.0
    peer_bytes: float = 0.0
    ready: float = 0.0
    """When the last pod had its packages."""
    longest: float = 0.0
    """How long the pod waited that waited longest, from its start."""
    limit: str = ""
    """What is short first."""


def start_cluster(form: Form, nodes: int, inputs: Mapping[str, Any], around: Surroundings = USUAL) -> Outcome:
    """Start all pods of a cluster of new nodes at once, as fast as it starts pods."""
    pods = int(nodes * PODS_PER_NODE.value)
    starts = _starts(pods, around.pod_starts.value)
    if not form.image:
        return _online(form, nodes, starts, inputs)
    image, registry, seconds = inputs["images"][form.image], inputs["registry"], inputs["seconds"]
    size, requests = sum(image["layers"]), image["requests"]
    limits = {
        "the registry's link": around.registry_link.value / 8 / size,
        "the registry's throughput": registry["bytes_per_second"] / size,
        "the registry's requests": registry["requests_per_second"] / requests,
    }
    limit = min(limits, key=lambda name: limits[name])
    each = NODE_LINK.value / 8 / size
    pulls = _pulls(nodes, around.pod_starts.value, limits[limit], each, form.peers)
    there = [end + seconds["unpack"] for end in pulls.ends]
    if form.first:  # the nodes' own pods were before all others
        there = [end + seconds["stage"] for end in there]
        starts = [start + nodes / around.pod_starts.value for start in starts]
    after = seconds["install"] + (seconds["stage"] if form.image == "init" and not form.first else 0.0)
    ready = [max(start, there[number % nodes]) + after for number, start in enumerate(starts)]
    own = nodes - pulls.from_peers
    return Outcome(
        form.name,
        nodes,
        pods,
        received=nodes * size,
        registry_bytes=own * size,
        registry_requests=own * requests,
        peer_bytes=pulls.from_peers * size,
        ready=max(ready),
        longest=max(end - start for end, start in zip(ready, starts, strict=True)),
        limit=limit,
    )


def _starts(count: int, each_second: float) -> list[float]:
    return [number / each_second for number in range(count)]


@functools.lru_cache(maxsize=256)
def _pulls(nodes: int, each_second: float, capacity: float, each: float, peers_by: str) -> Pulls:
    """Let nodes pull an image. The forms that differ in what comes after that share it."""
    return pull(_starts(nodes, each_second), capacity, each, peers_by)


def _online(form: Form, nodes: int, starts: Sequence[float], inputs: Mapping[str, Any]) -> Outcome:
    """Let each pod download lists and packages from the archive, and do what apt does besides."""
    size, requests = inputs["online"]["bytes"], inputs["online"]["requests"]
    pulls = pull(starts, ARCHIVE_LINK.value / 8 / size, NODE_LINK.value / 8 / size)
    ready = [end + inputs["seconds"]["online"] for end in pulls.ends]
    return Outcome(
        form.name,
        nodes,
        len(starts),
        received=len(starts) * size,
        archive_bytes=len(starts) * size,
        archive_requests=len(starts) * requests,
        ready=max(ready),
        longest=max(end - start for end, start in zip(ready, starts, strict=True)),
        limit="the archive's uplink",
    )


def breaks_at(form: Form, inputs: Mapping[str, Any], around: Surroundings, most: int) -> Outcome | None:
    """Give the smallest cluster in which a pod waits too long; none up to `most` nodes."""

    def too_long(nodes: int) -> bool:
        return start_cluster(form, nodes, inputs, around).longest > PATIENCE.value

    if not too_long(most):
        return None
    return start_cluster(form, bisect.bisect_left(range(1, most), True, key=too_long) + 1, inputs, around)
