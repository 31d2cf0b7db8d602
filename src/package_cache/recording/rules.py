"""The rules of recordings: what becomes of paths that differ between two installations of the same packages.

The program's own are the rows of `rules.toml`, each with its reason; those of a manifest precede them.
"""

import functools
import hashlib
import importlib.resources
import json
import re
from collections.abc import Sequence
from dataclasses import replace

from package_cache.bounded_toml import load_toml
from package_cache.manifest.checks import Problems
from package_cache.manifest.model import Rule
from package_cache.manifest.positions import positions
from package_cache.manifest.rules import read_rules
from package_cache.manifest.toml_getters import Table

_WITHIN = {"*": "[^/]*", "?": "[^/]"}
"""What the wildcards of one component match."""


class Rules:
    """Finds the rule of a path: the first whose pattern matches it."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._any = re.compile("|".join(f"({_regex(rule.path)})" for rule in self.rules) or r"(?!)", re.DOTALL)

    @property
    def digest(self) -> str:
        """The SHA-256 of all rules in their order, in hexadecimal. Their reasons may be reworded, and have no part."""
        rows = [(rule.path, rule.kind.value, rule.command, rule.written_with) for rule in self.rules]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def find(self, path: str) -> Rule | None:
        """Return the rule of an absolute path; None if no pattern matches it."""
        found = self._any.fullmatch(path)
        return self.rules[found.lastindex - 1] if found and found.lastindex else None


@functools.cache
def own_rules() -> tuple[Rule, ...]:
    """Return the program's own rules, in the order in which they apply."""
    file = importlib.resources.files(__package__).joinpath("rules.toml")
    text = file.read_text(encoding="utf-8")
    problems = Problems(file.name, text)
    rules = read_rules(Table(problems, positions(text), load_toml(text)))
    problems.raise_if_any()
    return tuple(replace(rule, place=None) for rule in rules)


def _regex(pattern: str) -> str:
    """Return the regular expression of a pattern: of each component, with the `/` before it."""
    *above, last = pattern.removeprefix("/").split("/")
    parts = [r"(?:/[^/]+)*" if part == "**" else f"/{_within(part)}" for part in above]
    return "".join([*parts, r"(?:/[^/]+)+" if last == "**" else f"/{_within(last)}"])


def _within(part: str) -> str:
    return "".join(_WITHIN.get(character) or re.escape(character) for character in part)
