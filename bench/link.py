"""A slow link from one network namespace to that of process PID: `link.py PID RATE DELAY LIMIT`.

Both have a TUN device `slow` (Linux: Documentation/networking/tuntap.rst). Each packet waits for its turn at RATE bits
a second, then DELAY seconds, in each direction; with LIMIT packets waiting, the next one is dropped, as a router does.
It stands for the kernel's `tc ... netem`, which is a module that many kernels of virtual machines lack.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
CLONE_NEWNET = 0x40000000


def attach(name: str) -> int:
    """Open our end of a TUN device of the present network namespace."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def enter_network(pid: int) -> None:
    """Go over to the network namespace of a process (setns(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open("rb") as stream:
        if libc.setns(stream.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot enter the network of the server")


@dataclass
class Direction:
    """Packets on their way from one end to the other."""

    source: int
    target: int
    rate: float
    delay: float
    limit: int
    sent: float = 0.0
    """When the last packet will have left its queue."""
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)

    def take(self) -> None:
        """Read the packets that have arrived."""
        for _ in range(64):
            try:
                packet = os.read(self.source, 65536)
            except BlockingIOError:
                return
            now = time.monotonic()
            queued = (self.sent - now) / (1500 * 8 / self.rate)
            if queued < self.limit:
                self.sent = max(self.sent, now) + len(packet) * 8 / self.rate
                self.waiting.append((self.sent + self.delay, packet))

    def give(self) -> float:
        """Hand over what is due, and tell how many seconds the next one has to wait."""
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            os.write(self.target, self.waiting.popleft()[1])
        return max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else 1.0


def main() -> None:
    """Run until killed."""
    pid, rate, delay, limit = sys.argv[1:]
    near = attach("slow")
    enter_network(int(pid))
    far = attach("slow")
    directions = [Direction(*ends, float(rate), float(delay), int(limit)) for ends in ((near, far), (far, near))]
    with contextlib.suppress(PermissionError):  # what stands for hardware shall not wait for those who use it
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    wait = 1.0
    while True:
        ready, _, _ = select.select([near, far], [], [], wait)
        for direction in directions:
            if direction.source in ready:
                direction.take()
        wait = min([direction.give() for direction in directions])


if __name__ == "__main__":
    main()
