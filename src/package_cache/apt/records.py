"""Records of apt's lists: all versions of packages, and the relations between them."""

import functools
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt

from debian.deb822 import PkgRelation
from debian.debian_support import Version

from package_cache.names import VERSION

FIELDS = (
    "Package", "Version", "Architecture", "Multi-Arch", "Essential", "Priority", "Size",
    "Depends", "Pre-Depends", "Breaks", "Conflicts", "Provides",
)  # fmt: skip
"""The fields that a `Record` needs."""

_LINE = re.compile(r"^([A-Za-z-]+): *(.*?) *$", re.MULTILINE)
_NAME = re.compile(r"^Package: *(\S+)", re.MULTILINE)
_NEEDS = re.compile(r"^(?:Pre-)?Depends: (.*)$", re.MULTILINE)
_PROVIDES = re.compile(r"^Provides: (.*)$", re.MULTILINE)

Place = tuple[str, str]
"""A package's name and the architecture that dpkg records for it: at most one version is installed for each."""


@dataclass(frozen=True, order=True)
class Relation:
    """A relation to a package, with the versions that it admits (Debian Policy 7.1)."""

    name: str
    operator: str = ""
    version: str = ""
    architecture: str = ""
    """The qualifier after a colon, such as `any`."""

    def fits(self, version: str) -> bool:
        """Return whether the relation admits a version."""
        return not self.operator or _compares(version, self.operator, self.version)


@functools.lru_cache(maxsize=20_000)
def _compares(left: str, operator: str, right: str) -> bool:
    """Compare two versions by an operator; `<` and `>` are obsolete forms of `<=` and `>=` (deb-control(5))."""
    if operator == "=":
        return left == right or bool(Version(left) == Version(right))
    compare = {">>": gt, ">=": ge, ">": ge, "<<": lt, "<=": le, "<": le}[operator]
    return bool(compare(Version(left), Version(right)))


@dataclass(frozen=True)
class Record:
    """One version of a package."""

    name: str
    version: str
    architecture: str
    """Its own, `all` among them."""
    native: str
    """The architecture of the system, which dpkg records for packages of architecture `all`."""
    fields: Mapping[str, str]

    @property
    def place(self) -> Place:
        """Its name and the architecture that dpkg records."""
        return self.name, self.native if self.architecture == "all" else self.architecture

    @property
    def size(self) -> int:
        """The size of its file in bytes."""
        text = self.fields.get("Size", "")
        return int(text) if text.isdecimal() else 0

    @property
    def is_same(self) -> bool:
        """Whether several architectures of one version can be installed together (Multi-Arch: same)."""
        return self.fields.get("Multi-Arch") == "same"

    @functools.cached_property
    def needs(self) -> tuple[tuple[Relation, ...], ...]:
        """Its dependencies, each with its alternatives."""
        return (*_relations(self.fields.get("Pre-Depends", "")), *_relations(self.fields.get("Depends", "")))

    @functools.cached_property
    def refuses(self) -> tuple[Relation, ...]:
        """The relations that it conflicts with or breaks."""
        every = (*_relations(self.fields.get("Breaks", "")), *_relations(self.fields.get("Conflicts", "")))
        return tuple(itertools.chain(*every))

    @functools.cached_property
    def provides(self) -> tuple[Relation, ...]:
        """The names that it provides, with versions if stated."""
        return tuple(itertools.chain(*_relations(self.fields.get("Provides", ""))))

    def meets(self, relation: Relation, of: "Record") -> bool:
        """Return whether this package satisfies a relation `of` another one."""
        if not self._is_of_architecture(relation, of):
            return False
        if relation.name == self.name:
            return relation.fits(self.version)
        if self.name == of.name:
            return False
        return any(
            item.name == relation.name and (not relation.operator or (item.version and relation.fits(item.version)))
            for item in self.provides
        )

    def meets_any(self, alternatives: Iterable[Relation], of: "Record") -> bool:
        """Return whether it satisfies one of several relations."""
        return any(self.meets(relation, of) for relation in alternatives)

    def _is_of_architecture(self, relation: Relation, of: "Record") -> bool:
        """Return whether the relation admits this architecture (deb-control(5), Multi-Arch)."""
        own, kind = self.place[1], self.fields.get("Multi-Arch", "")
        if relation.architecture not in ("", "any"):
            return own == relation.architecture
        return own == of.place[1] or kind == "foreign" or (kind == "allowed" and relation.architecture == "any")


@functools.lru_cache(maxsize=5_000)
def _relations(text: str) -> tuple[tuple[Relation, ...], ...]:
    if not text:
        return ()
    return tuple(
        tuple(Relation(item["name"], *(item["version"] or ("", "")), item["archqual"] or "") for item in alternatives)
        for alternatives in PkgRelation.parse_relations(text)
    )


class Records:
    """All packages of some lists. Paragraphs are parsed on demand: lists have 100,000 of them."""

    def __init__(self, paragraphs: Iterable[str], native: str) -> None:
        """`paragraphs` are texts of lines `Field: value`; `native` is the system's architecture."""
        self.native = native
        self._texts: dict[str, list[str]] = {}
        for text in paragraphs:
            if name := _NAME.search(text):
                texts = self._texts.setdefault(name[1], [])
                if text not in texts:  # archives list a security update in two suites
                    texts.append(text)
        self._at: dict[Place, list[Record]] = {}

    def at(self, place: Place) -> list[Record]:
        """Return all versions of a package on an architecture, the newest first."""
        if place not in self._at:
            found = {}
            for fields in (dict(_LINE.findall(text)) for text in self._texts.get(place[0], ())):
                version, architecture = fields.get("Version", ""), fields.get("Architecture")
                if architecture and VERSION.fullmatch(version):  # apt reads versions that dpkg does not accept
                    record = Record(place[0], version, architecture, self.native, fields)
                    if record.place == place:
                        found[version] = record
            self._at[place] = sorted(found.values(), key=lambda item: Version(item.version), reverse=True)
        return self._at[place]

    def with_priorities(self, priorities: Iterable[str]) -> set[str]:
        """Return the names of essential packages, and of those that have one of these priorities (Policy 2.5)."""
        marks = ("\nEssential: yes\n", *(f"\nPriority: {name}\n" for name in priorities))
        return {name for name, texts in self._texts.items() if any(mark in text for text in texts for mark in marks)}

    @functools.cached_property
    def tied(self) -> Mapping[str, set[str]]:
        """The names of packages that depend on an exact or earlier version of another package, by its name."""
        found: dict[str, set[str]] = {}
        for name, texts in self._texts.items():
            for text in texts:
                for line in _NEEDS.findall(text) if "(= " in text or "(<" in text else ():
                    for item in line.replace("|", ",").split(","):
                        if "(= " in item or "(<" in item:
                            other = item.split()[0].partition(":")[0]
                            found.setdefault(other, set()).add(name)
        return found

    def naming(self, name: str) -> set[str]:
        """Return the names of packages whose paragraphs contain a name."""
        pattern = re.compile(rf" {re.escape(name)}(?![^\s,|:])")
        return {other for other, texts in self._texts.items() if any(map(pattern.search, texts))}

    @functools.cached_property
    def _providers(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, texts in self._texts.items():
            for line in {line for text in texts for line in _PROVIDES.findall(text)}:
                for item in line.split(","):
                    found.setdefault(item.partition("(")[0].strip(), []).append(name)
        return found

    def providers(self, name: str) -> list[str]:
        """Return the names of packages that have or provide a name."""
        return [*([name] if name in self._texts else []), *sorted({*self._providers.get(name, ())})]

    def closure(self, names: Iterable[str], architecture: str) -> set[Place]:
        """Return packages of an architecture and their dependencies on it: the first available alternative of each."""
        found: set[Place] = set()
        waiting = [(name, architecture) for name in names]
        while waiting:
            place = waiting.pop()
            if place in found or not self.at(place):
                continue
            found.add(place)
            for alternatives in self.at(place)[0].needs:
                real = (self.providers(item.name)[:1] for item in alternatives)
                waiting += [(name, architecture) for name in next(filter(None, real), [])]
        return found
