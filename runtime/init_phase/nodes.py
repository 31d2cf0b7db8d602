"""Reads the nodes of one YAML document, which know their lines, and collects every problem with its place."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Value:
    """A node, the path of its field, and small typed getters.

    Where it is wrong, the problem is noted and a harmless value given.
    """

    node: yaml.Node
    field: str
    file: Path
    problems: list[Problem]
    """Of the whole document."""

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file}:{self.node.start_mark.line + 1}"

    def wrong(self, message: str, hint: str, *, key: str = "", at: yaml.Node | None = None) -> None:
        """Note a problem: of one `key` of a mapping, or where another node begins."""
        mark, field = (at or self.node).start_mark, _joined(self.field, key)
        self.problems.append(Problem(message, str(self.file), mark.line + 1, mark.column + 1, field or None, hint))

    def mapping(self, hint: str, *, known: Sequence[str] = (), filled: bool = False) -> dict[str, "Value"]:
        """Return the values of a mapping by their keys; empty if it is none.

        Notes keys that look like a `known` one misspelt; others are for whom they concern.
        """
        if not isinstance(self.node, yaml.MappingNode):
            self.wrong("must be a mapping", hint)
            return {}
        found: dict[str, Value] = {}
        names = {name.lower(): name for name in known}
        for key, node in self.node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong("has a key that is no text", hint, at=key)
                continue
            if key.value in found:
                self.wrong("is there twice", "leave one of the two", key=key.value, at=key)
            else:
                found[key.value] = Value(node, _joined(self.field, key.value), self.file, self.problems)
            close = get_close_matches(key.value.lower(), names, n=1, cutoff=0.8)
            if close and key.value not in known:
                self.wrong("is not known", f"write {names[close[0]]}", key=key.value, at=key)
        if filled and not found:
            self.wrong("is empty", hint)
        return found

    def required(self, parts: dict[str, "Value"], key: str, hint: str) -> "Value | None":
        """Return one of the values of a mapping; None, which is noted, if it is missing."""
        if key not in parts and isinstance(self.node, yaml.MappingNode):
            self.wrong("is missing", hint, key=key)
        return parts.get(key)

    def items(self, hint: str, *, filled: bool = False) -> list["Value"]:
        """Return the values of a list; none if it is no list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.wrong("must be a list", hint)
            return []
        if filled and not self.node.value:
            self.wrong("is empty", hint)
        nodes = enumerate(self.node.value)
        return [Value(node, f"{self.field}[{index}]", self.file, self.problems) for index, node in nodes]

    def text(self, hint: str) -> str:
        """Return a text that is not empty; "" if it is none."""
        if not isinstance(self.node, yaml.ScalarNode):
            kind = "list" if isinstance(self.node, yaml.SequenceNode) else "mapping"
            self.wrong(f"must be a text, not a {kind}", hint)
            return ""
        value = self.plain()
        if isinstance(value, str) and value:
            return value
        self.wrong(f"must be a text, not {shown(value)}", hint)
        return ""

    def plain(self) -> Any:
        """Return the plain value of the node; None if it has none."""
        try:
            return yaml.SafeLoader("").construct_document(self.node)  # a new one: an error leaves it unusable
        except yaml.MarkedYAMLError as error:
            self.wrong(f"cannot be read: {error.problem}", "write plain values, without tags")
        except ValueError as error:  # a date such as 2024-13-45, or a number of thousands of digits
            self.wrong(f"cannot be read: {error}", "quote it")
        except RecursionError:
            self.wrong("is nested too deeply", "write what a job needs only")
        return None

    def no_references(self) -> None:
        """Note references in the texts below: nobody fills them in here."""
        for text in _scalars(self.node):
            if match := REFERENCE.search(text.value):
                self.wrong(f"holds the reference {match[0]}", "write the value itself: none is filled in", at=text)
                return


def read_document(file: Path, content: bytes, problems: list[Problem]) -> Value | None:
    """Return the document of a file; None if it cannot be read. What is wrong is added to `problems`."""

    def note(message: str, hint: str, line: int | None = None, column: int | None = None) -> None:
        problems.append(Problem(message, str(file), line, column, hint=hint))

    node = None
    try:
        loader = _Loader(content.decode("utf-8-sig"))
        node = loader.get_single_node()
    except UnicodeDecodeError as error:
        note("is not UTF-8", "save the file as UTF-8", content.count(b"\n", 0, error.start) + 1)
    except _TooLargeError as error:
        name, mark = str(error.problem), error.problem_mark
        note(f"has {excess(name)}", how_to_raise(name), mark.line + 1 if mark else None)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        note(f"is not YAML: {what}", "fix the YAML there", *((mark.line + 1, mark.column + 1) if mark else ()))
    else:
        for mark, message, hint in loader.refused:
            note(message, hint, mark.line + 1, mark.column + 1)
        if node is None:
            note("is empty", "write taskRoles with their commands")
    return None if node is None else Value(node, "", file, problems)


def _joined(field: str, key: str) -> str:
    return f"{field}.{key}" if field and key else field or key


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Yield the texts below a node."""
    if isinstance(node, yaml.ScalarNode):
        yield node
        return
    for part in node.value:
        for one in part if isinstance(part, tuple) else (part,):  # a mapping's are pairs
            yield from _scalars(one)
