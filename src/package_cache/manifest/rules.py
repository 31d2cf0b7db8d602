"""Tables of rules for recordings, of `package-cache.toml` and of the program's own `recording/rules.toml`; and `sets`.

[[rule]]
path = "/etc/tool/id"                   a pattern of absolute paths
kind = "regenerate"                     drop, keep, regenerate or live
reason = "the identity of the tool"     for people: `record --rules` shows it
command = "tool-id >\"$1\""             of a regenerated file: shell; $1 is the path to write
written-with = "/etc/tool/key"          instead: the regenerated file whose command writes this one, too

sets = [["ssh", "nfs"]]                 groups that jobs install one after the other, recorded in that order
"""

import re
from collections.abc import Iterable

from package_cache.manifest.checks import Duplicates, known
from package_cache.manifest.model import Group, Rule, RuleKind
from package_cache.manifest.toml_getters import Table

KEYS = ("path", "kind", "reason", "command", "written-with")
KINDS = tuple(kind.value for kind in RuleKind)
_COMPONENT = r"/(?!\.{1,2}(?:/|\Z))[^/]+"
_PATTERN = re.compile(rf"(?:{_COMPONENT})+")


def read_rules(root: Table) -> tuple[Rule, ...]:
    """Read all `[[rule]]` tables, in their order."""
    duplicates = Duplicates(root.problems)
    tables = root.tables("rule")
    rules = [_rule(table, duplicates) for table in tables]
    commands = {rule.path for rule in rules if rule.command}
    for table, rule in zip(tables, rules, strict=True):
        if rule.written_with:
            check = known(commands, "regenerated path {} with a command here")
            table.problems.accepts((rule.written_with, table.place("written-with")), check)
    return tuple(rules)


def _rule(table: Table, duplicates: Duplicates) -> Rule:
    table.only(*KEYS)
    path = table.text("path", '"/etc/tool/id"', _check_pattern, needed=True)
    if path:
        duplicates.check(path, table.place("path"), f"a rule for {path}", "leave this one out: only the first applies")
    kind = table.text("kind", '"drop"', known(KINDS, "kind {}"), needed=True)
    reason = table.text("reason", '"why it differs, and why that does no harm"', needed=True)
    command = table.text("command", """'tool-id >"$1"'""")
    written_with = table.text("written-with", '"/etc/tool/key"')
    _check_command(table, kind)
    return Rule(path or "", RuleKind(kind or "drop"), reason or "", command or "", table.place(), written_with or "")


def _check_command(table: Table, kind: str | None) -> None:
    """Record a regenerated file that nothing makes, or that two commands make; and a command of another kind."""
    written = [key for key in ("command", "written-with") if key in table.values]
    if kind == RuleKind.REGENERATE.value:
        if not written:
            hint = 'write command = "...": shell that writes the file to $1; or written-with'
            table.wrong(["command"], "nothing says how this file is made", hint)
        for key in written[1:]:
            table.wrong([key], f"it has a {written[0]} already", "leave one of the two out")
    elif kind:
        for key in written:
            table.wrong(
                [key], f"a path of kind {kind!r} is not made by a command", 'leave it out, or write kind = "regenerate"'
            )


def _check_pattern(text: str) -> tuple[str, str] | None:
    if not _PATTERN.fullmatch(text):
        return f"{text!r} is not an absolute path", "write it from the root, without . and .., such as /etc/tool/*.id"
    first, *others = text[1:].split("/")
    if re.search(r"[*?]", first):
        return f"{text!r} begins with a wildcard", "name the first folder, such as /etc/**/*.id"
    for part in others:
        if "**" in part and part != "**":
            return (
                f"{text!r} has ** beside other characters",
                "write it as a component of its own, such as /etc/**/*.id",
            )
    return None


def read_sets(root: Table, groups: Iterable[Group]) -> tuple[tuple[str, ...], ...]:
    """Read `sets`: orders of at least two known groups, each of them once."""
    example = '[["ssh", "nfs"]]'
    is_known = known({group.name for group in groups}, "group {} in this manifest")
    orders = Duplicates(root.problems)
    sets = []
    for items in root.lists("sets", example):
        duplicates = Duplicates(root.problems)
        for name, place in items:
            root.problems.accepts((name, place), is_known)
            duplicates.check(name, place, f"group {name!r}")
        names = tuple(name for name, _ in items)
        if len(names) == 1:
            root.problems.add(items[0][1], "a set has at least two groups", f"write sets = {example}")
        elif names:
            orders.check(names, items[0][1], f"the set {', '.join(names)}")
        sets.append(names)
    return tuple(sets)
