"""What a recording consists of: which paths come how into a container, and what must be there before.

`docs/cache-format.md` describes the lists; the installer's parts/replay.sh reads them.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from package_cache.manifest.model import RuleKind
from package_cache.recording.classes import Classes, NotRecordable
from package_cache.recording.observed import Observed
from package_cache.recording.payload import Brought
from package_cache.recording.trace import Dependence
from package_cache.recording.tree import Entry, Kind, Tree, lookup

STATUS = "/var/lib/dpkg/status"
_DPKG = "/var/lib/dpkg/"

_STAGED = ("/etc/", "/var/")
"""Where a new file appears whole, in one rename: a conffile that was cut short would make a later apt ask."""

_IN_PLACE = "/var/lib/dpkg/info/"
"""Which nobody reads before dpkg's status names the package."""


@dataclass
class Content:
    """The paths of a recording."""

    in_place: list[str] = field(default_factory=list)
    """What is unpacked where it belongs, from the recording itself."""
    staged: list[str] = field(default_factory=list)
    """What is unpacked elsewhere first and renamed, from the recording itself."""
    upgraded: list[str] = field(default_factory=list)
    """The same, from the package files of upgraded packages."""
    unpacked: list[str] = field(default_factory=list)
    """What is unpacked where it belongs, from package files."""
    regenerated: dict[str, str] = field(default_factory=dict)
    """By their paths the commands that write files anew; empty where another's command writes it."""
    gone: list[str] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    """Folders that were there before, with other rights afterwards."""
    new: list[str] = field(default_factory=list)
    """All paths that were not there before, folders before what lies in them."""
    replaced: list[str] = field(default_factory=list)
    """Files and links that were there before."""

    @property
    def moved(self) -> list[str]:
        """What is renamed to where it belongs, dpkg's own files last, and of these its status."""
        return sorted(
            (*self.staged, *self.upgraded, *self.regenerated),
            key=lambda path: (path == STATUS, path.startswith(_DPKG), path),
        )


def content(observed: Observed, classes: Classes, payload: Mapping[str, Brought], upgraded: frozenset[str]) -> Content:
    """Return how each change comes about; `upgraded` are the hashes of package files that replace others.

    Raise `NotRecordable`.
    """
    found = Content()
    for path in sorted(observed.changes):
        old, entry = observed.before.get(path), observed.changes[path]
        if classes.is_dropped(path, entry, is_new=old is None):
            continue
        if rule := classes.rule(path, RuleKind.LIVE):
            raise NotRecordable(rule.reason, path, live=rule)
        _check(path, old, entry)
        if entry is None:
            found.gone.append(path)
            continue
        (found.new if old is None else found.replaced).append(path)
        if entry.kind is Kind.FOLDER:
            (found.in_place if old is None else found.modes).append(path)
        elif entry.kind is Kind.FILE and (rule := classes.rule(path, RuleKind.REGENERATE)):
            found.regenerated[path] = rule.command
            _check_writer(path, rule.written_with, observed)
        else:
            _sort(found, path, entry, payload.get(path), upgraded, is_new=old is None)
    found.replaced = [path for path in found.replaced if path not in found.modes]
    _separate_links(found, observed.after, payload)
    return found


def _sort(
    found: Content, path: str, entry: Entry, brought: Brought | None, upgraded: frozenset[str], *, is_new: bool
) -> None:
    is_as_brought = (
        brought is not None
        and not brought.contested
        and entry.is_like(brought.entry)
        and entry.time == brought.entry.time
    )
    if brought is not None and is_as_brought and brought.package_file in upgraded:
        found.upgraded.append(path)
    elif not is_new or (entry.kind is Kind.FILE and path.startswith(_STAGED) and not path.startswith(_IN_PLACE)):
        found.staged.append(path)
    elif is_as_brought:
        found.unpacked.append(path)
    else:
        found.in_place.append(path)


def _separate_links(found: Content, after: Tree, payload: Mapping[str, Brought]) -> None:
    """A hard link is unpacked from a package only together with the file that it links to, and with all other links."""
    unpacked = set(found.unpacked)
    linked = {after[path].twin or path for path in found.in_place if after[path].kind is Kind.FILE}
    alone = [
        path
        for path in found.unpacked
        if (after[path].twin or path) in linked
        or (payload[path].entry.twin and payload[path].entry.twin not in unpacked)
    ]
    found.unpacked = [path for path in found.unpacked if path not in alone]
    found.in_place += alone


def _check(path: str, old: Entry | None, entry: Entry | None) -> None:
    if any(character in path for character in "\n\t") or not path.isprintable():
        raise NotRecordable(f"{path!r} has characters that a list of paths cannot have", path)
    if entry is None:
        if old is not None and old.kind is Kind.OTHER:
            raise NotRecordable(f"{path}, a {old.kind.value}, is removed", path)
        return
    if entry.kind is Kind.OTHER:
        raise NotRecordable(f"{path} is a {entry.kind.value}", path)
    if old is None:
        return
    if Kind.FOLDER in (old.kind, entry.kind) and old.kind is not entry.kind:
        raise NotRecordable(f"{path}, a {old.kind.value}, becomes a {entry.kind.value}", path)
    if entry.kind is Kind.FOLDER and old.attributes != entry.attributes:
        raise NotRecordable(f"the folder {path} gets other attributes", path)


def _check_writer(path: str, writer: str, observed: Observed) -> None:
    if writer and observed.changes.get(writer) is None:
        raise NotRecordable(f"{path} is written together with {writer}, which was not written", path)


def lists(found: Content, observed: Observed, needs: Dependence, payload: Mapping[str, Brought]) -> dict[str, str]:
    """Return the lists of a recording by name, but for those of its packages."""
    before, after = observed.before, observed.after
    same, state = _state(found, before, after, needs)
    return {
        "same": _lines(f"{before[path].content}  {path}" for path in same),
        "state": _lines(state),
        "new": _lines(found.new),
        "exclude": _lines(_excluded(found, after, payload)),
        "regenerate": _lines(f"{path}\t{command}" for path, command in found.regenerated.items() if command),
        "finish": _lines(_finish(found, after)),
    }


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _state(found: Content, before: Tree, after: Tree, needs: Dependence) -> tuple[list[str], list[str]]:
    """Return the files whose content must be as it was, and the lines on all else that must be."""
    new = set(found.new)
    topmost = {path for path in new if path.rpartition("/")[0] not in new}
    old = {*found.replaced, *found.gone}
    same = {path for path in {*needs.read, *old, *_linked(found, before, after)} if path in before}
    same = {path for path in same if before[path].kind is Kind.FILE}
    # Where a new path comes to lie must be there: else it would be made with other rights.
    folders = {path.rpartition("/")[0] for path in (*topmost, *found.moved)} - {""}
    seen = {*same, *needs.seen, *old, *found.modes, *(path for path in folders if path in before)}
    lines = [f"a\t{path}" for path in sorted(topmost | (needs.absent - new))]
    lines += [_state_line(path, before[path]) for path in sorted(seen) if before[path].kind is not Kind.OTHER]
    # A folder that has more than it had when it was removed would stay.
    emptied = {path for path in found.gone if before[path].kind is Kind.FOLDER}
    names: dict[str, list[str]] = {path: [] for path in needs.listed | emptied}
    for path in before:
        folder, _, name = path.rpartition("/")
        if folder in names:
            names[folder].append(name)
    lines += [f"n\t{'/'.join(sorted(names[path], key=os.fsencode))}\t{path}" for path in sorted(names)]
    for line in lines:
        if not line.replace("\t", "").isprintable():
            raise NotRecordable(f"{line!r} has characters that a list of paths cannot have")
    return sorted(same), lines


def _linked(found: Content, before: Tree, after: Tree) -> Iterator[str]:
    """Yield where new links lead that no package brings: a program that read the file may have made one."""
    for path in (*found.in_place, *found.staged):
        if after[path].kind is Kind.LINK:
            target = after[path].content
            start = "" if target.startswith("/") else path.rpartition("/")[0]
            if place := lookup(before, f"{start}/{target}", follow=True):
                yield place.whole


def _state_line(path: str, entry: Entry) -> str:
    if entry.kind is Kind.LINK:
        return f"l\t{entry.content}\t{path}"
    rights = _rights(entry)
    return f"d\t{rights}\t{path}" if entry.kind is Kind.FOLDER else f"f\t{rights}\t{entry.size}\t{path}"


def _excluded(found: Content, after: Tree, payload: Mapping[str, Brought]) -> Iterator[str]:
    """Yield the names of members that are not unpacked from packages: the path comes in another way, or not at all."""
    wanted = {*found.unpacked, *found.upgraded}
    for path, brought in payload.items():
        if path not in wanted and not (brought.entry.kind is Kind.FOLDER and path in after):
            yield from brought.names


def _finish(found: Content, after: Tree) -> Iterator[str]:
    for path in found.regenerated:
        yield f"own\t{_rights(after[path])}\t{path}"
    moved = found.moved
    first = [path for path in moved if not path.startswith(_DPKG)]
    yield from (f"move\t{path}" for path in looked_at_last(first))
    yield from (f"gone\t{path}" for path in reversed(found.gone))
    yield from (f"mode\t{_rights(after[path])}\t{path}" for path in found.modes)
    folders = [path for path in found.new if after[path].kind is Kind.FOLDER]
    yield from (f"time\t{after[path].time}\t{path}" for path in reversed(folders))
    yield from (f"move\t{path}" for path in moved[len(first) :])


def looked_at_last(paths: Sequence[str]) -> list[str]:
    """Return paths so that what scripts look for comes after what belongs to it.

    A plain installation after a kill then makes both: a user is looked for in passwd, a key without `.pub`.
    """
    known = set(paths)
    return sorted(paths, key=lambda path: path in _LOOKED_AT or f"{path}.pub" in known)


_LOOKED_AT = ("/etc/passwd", "/etc/group")
"""What programs that make users look at; the other files of users belong to it."""


def _rights(entry: Entry) -> str:
    return f"{entry.mode:o}\t{entry.uid}\t{entry.gid}"
