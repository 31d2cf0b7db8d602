"""Reads the nodes of one YAML document, which know their lines, and collects every problem with its place."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from package_cache.bounds import bound, excess, how_to_raise
from package_cache.errors import Problem
from package_cache.fields import shown

REFERENCE = re.compile(r"<%\s*\$[^%]*%>")
"""A reference of the job protocol, such as `<% $parameters.model %>`."""

NULL, TEXT = "tag:yaml.org,2002:null", "tag:yaml.org,2002:str"

MERGE = "tag:yaml.org,2002:merge"
"""The key `<<`, which takes over the keys of another mapping."""


class _TooLargeError(yaml.MarkedYAMLError):
    """A document has more nodes or levels than the bounds allow; the name of the bound is the problem's text."""


class _Loader(yaml.SafeLoader):
    """Composes nodes within bounds; anchors, aliases and tags are collected, and left out of the nodes.

    A few lines of aliases stand for gigabytes of values ("billion laughs").
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.refused: list[tuple[Any, str, str]] = []
        """Where (a mark), what, and what to write instead."""
        self._nodes = 0
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        for name, found in (("job-nodes", self._nodes), ("job-depth", self._depth)):
            if found >= bound(name):
                raise _TooLargeError(problem=name, problem_mark=event.start_mark)
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            self.refused.append((event.start_mark, f"holds the alias *{event.anchor}", "write the value itself"))
            return yaml.ScalarNode(NULL, "", event.start_mark, event.end_mark)  # type: ignore[arg-type]
        if event.anchor is not None:
            hint = "leave it out: aliases are not understood"
            self.refused.append((event.start_mark, f"holds the anchor &{event.anchor}", hint))
            event.anchor = None
        if event.tag is not None:
            self.refused.append((event.start_mark, f"holds the tag {event.tag}", "leave it out: write a plain value"))
            event.tag = None
            event.implicit = (True, False) if isinstance(event, yaml.ScalarEvent) else True
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.tag == MERGE:
                self.refused.append((key.start_mark, "holds the merge key <<", "write the keys themselves"))
                key.tag = TEXT
        return node


class NodeReader:
    """Small typed getters. Where a value is wrong, the problem is noted and a harmless value given."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def document(self, content: bytes) -> yaml.Node | None:
        """Return the document's node; None if it cannot be read, which is then noted."""
        try:
            loader = _Loader(content.decode("utf-8-sig"))
            node = loader.get_single_node()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.problems.append(Problem("is not UTF-8", str(self.file), line, hint="save the file as UTF-8"))
        except _TooLargeError as error:
            name, mark = str(error.problem), error.problem_mark
            at = mark.line + 1 if mark else None
            self.problems.append(Problem(f"has {excess(name)}", str(self.file), at, hint=how_to_raise(name)))
        except yaml.YAMLError as error:
            self._not_yaml(error)
        else:
            for mark, message, hint in loader.refused:
                self.problems.append(Problem(message, str(self.file), mark.line + 1, mark.column + 1, hint=hint))
            if node is None:
                self.problems.append(Problem("is empty", str(self.file), hint="write taskRoles with their commands"))
            return node
        return None

    def wrong(self, node: yaml.Node, field: str, message: str, hint: str) -> None:
        """Note a problem of a node."""
        mark = node.start_mark
        self.problems.append(Problem(message, str(self.file), mark.line + 1, mark.column + 1, field or None, hint))

    def place(self, node: yaml.Node) -> str:
        """Return file and line of a node."""
        return f"{self.file}:{node.start_mark.line + 1}"

    def mapping(self, node: yaml.Node, field: str, hint: str) -> dict[str, yaml.Node]:
        """Return the nodes of a mapping by their keys; empty if it is none."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, field, "must be a mapping", hint)
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(key, field, "has a key that is no text", hint)
            elif key.value in found:
                self.wrong(key, f"{field}.{key.value}".lstrip("."), "is there twice", "leave one of the two")
            else:
                found[key.value] = value
        return found

    def items(self, node: yaml.Node, field: str, hint: str) -> Iterator[tuple[str, yaml.Node]]:
        """Return the nodes of a list, each with its own field's path; none if it is no list."""
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, field, "must be a list", hint)
            return
        for index, item in enumerate(node.value):
            yield f"{field}[{index}]", item

    def text(self, node: yaml.Node, field: str, hint: str) -> str:
        """Return a text that is not empty; "" if it is none."""
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(
                node,
                field,
                f"must be a text, not a {'list' if isinstance(node, yaml.SequenceNode) else 'mapping'}",
                hint,
            )
            return ""
        value = self.value(node, field)
        if isinstance(value, str) and value:
            return value
        self.wrong(node, field, f"must be a text, not {shown(value)}", hint)
        return ""

    def texts(self, node: yaml.Node, field: str, hint: str) -> list[str]:
        """Return a list of texts."""
        return [self.text(item, at, hint) for at, item in self.items(node, field, hint)]

    def value(self, node: yaml.Node, field: str) -> Any:
        """Return the plain value of a node; None if it has none."""
        try:
            return yaml.SafeLoader("").construct_document(node)  # a new one: an error leaves it unusable
        except yaml.MarkedYAMLError as error:
            self.wrong(node, field, f"cannot be read: {error.problem}", "write plain values, without tags")
        except ValueError as error:  # a date such as 2024-13-45, or a number of thousands of digits
            self.wrong(node, field, f"cannot be read: {error}", "quote it")
        except RecursionError:
            self.wrong(node, field, "is nested too deeply", "write what a job needs only")
        return None

    def no_references(self, node: yaml.Node, field: str) -> None:
        """Note references in the texts of a node: nobody fills them in here."""
        found = next((text for text in _scalars(node) if REFERENCE.search(text.value)), None)
        if found is not None:
            match = REFERENCE.search(found.value)
            assert match
            self.wrong(found, field, f"holds the reference {match[0]}", "write the value itself: none is filled in")

    def known_keys(self, node: yaml.Node, field: str, known: Sequence[str]) -> None:
        """Note keys that look like a known one misspelt; others are for whom they concern."""
        assert isinstance(node, yaml.MappingNode)
        lower = {name.lower(): name for name in known}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in known:
                continue
            close = get_close_matches(key.value.lower(), lower, n=1, cutoff=0.8)
            if close:
                self.wrong(key, f"{field}.{key.value}", "is not known", f"write {lower[close[0]]}")

    def _not_yaml(self, error: yaml.YAMLError) -> None:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        self.problems.append(Problem(f"is not YAML: {what}", str(self.file), line, column, hint="fix the YAML there"))


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Yield the texts below a node."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, yaml.ScalarNode):
            yield one
        elif isinstance(one, yaml.MappingNode):
            waiting.extend(part for pair in reversed(one.value) for part in reversed(pair))
        elif isinstance(one, yaml.SequenceNode):
            waiting.extend(reversed(one.value))
