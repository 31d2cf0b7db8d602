"""The programs that Linux itself reads to run another one, which no trace of system calls shows (execve(2))."""

import re
from dataclasses import replace

from package_cache.recording.observed import Observed
from package_cache.recording.trace import Dependence
from package_cache.recording.tree import Kind, contents, lookup
from package_cache.sandbox.container import Container

_HEAD = 4096
"""Bytes of a file in which its interpreter stands: a script's first line, or what an ELF file's PT_INTERP leads to."""

_SCRIPT = re.compile(rb"#![ \t]*(/[^ \t\n]+)")
_ELF = re.compile(rb"\x7fELF.*?\0(/[^\0\n]+/ld[^\0/\n]*)\0", re.DOTALL)


def with_interpreters(needs: Dependence, observed: Observed, container: Container) -> Dependence:
    """Return the same with the interpreters of what was run. A program in whose place is another one now has none.

    Who writes another interpreter to another place of a file gives that file another hash.
    """
    read, seen, executed = set(needs.read), set(needs.seen), set(needs.executed)
    unknown = executed
    while unknown:
        paths = sorted(path for path in unknown if path in observed.after and path not in observed.changes)
        unknown = set()
        for _, _, stream in contents(container, observed.after, paths, "what was run"):
            head = stream.read(_HEAD) if stream else b""
            match = _SCRIPT.match(head) or _ELF.match(head)
            place = match and lookup(observed.before, match[1].decode("utf-8", "replace"), follow=True)
            if place and place.path in observed.before and observed.before[place.path].kind is Kind.FILE:
                seen.update(place.links)
                unknown |= {place.path} - executed
        executed |= unknown
        read |= unknown
    return replace(needs, read=frozenset(read), seen=frozenset(seen), executed=frozenset(executed))
