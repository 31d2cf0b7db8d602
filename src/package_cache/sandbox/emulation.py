"""Programs of other architectures on this machine: by qemu's user-mode emulation, registered with binfmt_misc.

Since 6.7 Linux has a registry for each user namespace that mounts one (fs/binfmt_misc.c): what is registered there is
seen by nobody else and gone with the namespace. Older kernels, and other namespaces, use that of the whole machine.
"""

import contextlib
import shlex
import struct
from dataclasses import dataclass
from pathlib import Path

from package_cache.errors import ToolMissingError
from package_cache.process import find_tool

REGISTRY = "proc/sys/fs/binfmt_misc"
"""Below the root: where a registry is mounted by convention (the kernel's admin-guide/binfmt-misc.rst)."""

HOW_TO_INSTALL = (
    "install it: apt-get install --no-install-recommends qemu-user-static (from Ubuntu 26.04 on: qemu-user); "
    "Linux 6.7 lets a namespace of ours use it, an older one needs it registered for the whole machine "
    "(systemd-binfmt.service, or the package binfmt-support)"
)


@dataclass(frozen=True)
class Machine:
    """A processor that can be told from the header of its programs, and emulated."""

    qemu: str
    """Its name among qemu's programs."""
    number: int
    """`e_machine` of ELF's header."""
    leave: bytes
    """Its instructions for exit(0)."""


MACHINES = {
    "amd64": Machine("x86_64", 62, bytes.fromhex("b83c000000 31ff 0f05")),  # mov eax,60; xor edi,edi; syscall
    "arm64": Machine("aarch64", 183, bytes.fromhex("a80b80d2 000080d2 010000d4")),  # mov x8,93; mov x0,0; svc 0
}
"""By dpkg's name. All are of 64 bits, least significant byte first."""


def probe_of(architecture: str) -> bytes | None:
    """Return the smallest program of an architecture, which ends with status 0; None if we know none."""
    machine = MACHINES.get(architecture)
    if machine is None:
        return None
    base, headers = 0x400000, 64 + 56
    size = headers + len(machine.leave)
    # Elf64_Ehdr (elf(5)): type, machine, version, entry, program headers, sections, flags, sizes and counts
    numbers = (2, machine.number, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", *numbers)
    # Elf64_Phdr: a segment (1) to be read and run (5): all of the file
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return header + segment + machine.leave


def emulator_of(architecture: str) -> str:
    """Return the path of the emulator of an architecture in `MACHINES`. Raises `ToolMissingError`.

    One that is linked dynamically may be found under the second name and be of no use in another root: trying tells.
    """
    name = f"qemu-{MACHINES[architecture].qemu}"
    with contextlib.suppress(ToolMissingError):
        return find_tool(f"{name}-static")
    return find_tool(name)


def registry_lines(place: str) -> list[str]:
    """Return the lines of shell that mount a user namespace's own registry at `place`, with the emulators of here."""
    lines = [f"mount -t binfmt_misc binfmt_misc {place}"]
    with Path("/proc/self/exe").open("rb") as program:
        own = int.from_bytes(program.read(20)[18:], "little")
    for architecture, machine in MACHINES.items():
        if machine.number == own:  # what is registered goes before what the processor runs itself, the emulator too
            continue
        with contextlib.suppress(ToolMissingError):
            emulator = str(Path(emulator_of(architecture)).resolve())  # a link's folder may be closed to the ids inside
            lines.append(f"printf '%s\\n' {shlex.quote(_registration(machine, emulator))} > {place}/register")
    return lines


def _registration(machine: Machine, emulator: str) -> str:
    r"""Return the line `:name:type:offset:magic:mask:interpreter:flags`; `\x` escapes are the kernel's to read.

    The mask lets pass any system ABI, and shared objects (3) as well as programs (2). P: the program sees the name by
    which it was called; F: the emulator is opened now, and needs not be in the root where it runs.
    """
    magic = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + bytes((2, 0)) + machine.number.to_bytes(2, "little")
    mask = b"\xff" * 7 + b"\x00" + b"\xff" * 8 + b"\xfe\xff" + b"\xff\xff"
    escaped = ("".join(f"\\x{byte:02x}" for byte in text) for text in (magic, mask))
    return ":".join(("", f"package-cache-{machine.qemu}", "M", "", *escaped, emulator, "PF"))
