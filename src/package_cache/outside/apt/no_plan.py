"""Why apt has no plan: asked again until it names what really is in the way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from debian.deb822 import Deb822, PkgRelation

from package_cache.outside.apt.container import AptAnswer, ContainerApt
from package_cache.outside.apt.words import NOT_CHOSEN, reasons, unmet
from package_cache.outside.packages.dpkg_database import DpkgDatabase
from package_cache.values.verdict import Obstacle, Reason

ROUNDS = 6
"""How often it is asked at most; a chain of dependencies takes one for each link that hides the next."""


@dataclass(frozen=True)
class Question:
    """What was asked, and of whom."""

    apt: ContainerApt
    requests: Sequence[str]
    index: bytes
    """The group's `Packages`."""
    database: DpkgDatabase
    architecture: str


def explain(asked: Question, answer: AptAnswer) -> tuple[Reason, ...]:
    """Give the reasons, at least one."""
    words = answer.words
    requests = list(asked.requests)
    for _ in range(ROUNDS):
        hidden = [item.name for item in unmet(words) if NOT_CHOSEN in item.said and not _is_asked(item.name, requests)]
        if not hidden:
            break
        requests += dict.fromkeys(hidden)  # asked for itself, apt says what it lacks
        words = asked.apt.install(requests).words
    found = reasons(words, asked.database, asked.architecture)
    found = tuple(_with_cause(reason, asked) for reason in found)
    plain = [reason for reason in found if not _is_hidden(reason, words)]
    return tuple(plain) or found or (Reason(Obstacle.OTHER, "", "", "", _last_error(answer.words)),)


def _is_asked(name: str, requests: Sequence[str]) -> bool:
    return name in (request.partition("=")[0] for request in requests)


def _is_hidden(reason: Reason, words: str) -> bool:
    """Tell whether apt only says that a package was not chosen."""
    hidden = [item for item in unmet(words) if NOT_CHOSEN in item.said]
    return (reason.package, reason.needs) in [(item.package, f"{item.name} {item.version}".rstrip()) for item in hidden]


def _with_cause(reason: Reason, asked: Question) -> Reason:
    """Say of a package that would be removed whom it stands in the way of."""
    if reason.obstacle is not Obstacle.REMOVAL:
        return reason
    for package, field, relation in _against(asked.index, reason.package):
        verb = "conflicts with" if field == "Conflicts" else "breaks"
        text = f"{package} {verb} {relation}: {reason.here} is here, and would have to be removed"
        return Reason(Obstacle.CONFLICT, package, relation, reason.here, text)
    return reason


def _against(index: bytes, name: str) -> Iterator[tuple[str, str, str]]:
    """Give who of the group conflicts with a package, or breaks it, and how it says so."""
    for paragraph in Deb822.iter_paragraphs(index, use_apt_pkg=False):
        for field in ("Conflicts", "Breaks"):
            text = str(paragraph.get(field, "")).strip()
            for (relation,) in PkgRelation.parse_relations(text) if text else ():
                if relation["name"] == name:
                    version = relation.get("version")
                    shown = f"{name} ({version[0]} {version[1]})" if version else name
                    yield str(paragraph["Package"]), field, shown


def _last_error(words: str) -> str:
    errors = [line.removeprefix("E: ") for line in words.splitlines() if line.startswith("E: ")]
    return f"apt says: {errors[-1]}" if errors else "apt does not say why"
