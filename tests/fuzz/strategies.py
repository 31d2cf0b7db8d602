"""Mutants of each format, for hypothesis: what fails is made smaller, and printed as the input itself."""

import json
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import tomli_w
from hypothesis import strategies as st
from tests.fuzz.documents import (
    COLUMNS,
    CONTROL,
    DESCRIPTION,
    DESCRIPTION_TREE,
    LOCK,
    LOCK_TREE,
    PACKAGE_LIST,
    PACKAGE_LIST_TREE,
    TOML,
    TOML_TREE,
)
from tests.fuzz.mutation import altered, mutated
from tests.fuzz.nasty import DEEP, TEXTS

Item = TypeVar("Item")
DOCUMENTS = [text.encode() for text in (COLUMNS, TOML, LOCK, DESCRIPTION, CONTROL)]
HUGE = f"0x{'f' * 5000}"
"""A number that Python reads, and refuses to write in decimal."""


def made_by(make: Callable[[Random], Item]) -> st.SearchStrategy[Item]:
    """Return what a function makes by chance."""
    return st.randoms(use_true_random=False).map(make)


def of_text(text: str) -> st.SearchStrategy[bytes]:
    """Return mutants of a text."""
    return made_by(lambda random: mutated(text.encode(), random, DOCUMENTS))


def of_toml(tree: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Return mutants of a TOML document's tree, some of them with mutated bytes as well."""

    def make(random: Random) -> bytes:
        document = altered(tree, random)
        try:
            content = tomli_w.dumps(document).encode()
        except (TypeError, ValueError):  # None, or a number of too many digits
            content = _nearly_toml(document, random)
        return mutated(content, random) if random.randrange(4) == 0 else content

    return made_by(make)


def _nearly_toml(document: dict[str, Any], random: Random) -> bytes:
    """Write what TOML has no word for: raw values behind the keys of the top."""
    raw = random.choice((HUGE, "nan", "-inf", "0o777", "[" * 5000, "{a={b=1}}", "1979-05-27T07:32:00Z", '"""', "07:32"))
    lines = [f"{key} = {raw}\n" for key in document if key.isidentifier()]
    return "".join(lines).encode()


def of_json(tree: Any) -> st.SearchStrategy[bytes]:
    """Return mutants of a JSON document's tree, some of them with mutated bytes as well."""
    return made_by(lambda random: json_mutant(tree, random))


def json_mutant(tree: Any, random: Random) -> bytes:
    """Return one of these mutants."""
    document = altered(tree, random, surrogates=True)
    try:
        content = json.dumps(document, default=str, ensure_ascii=random.randrange(2) == 0)
    except ValueError:  # a number of too many digits
        content = HUGE
    if random.randrange(30) == 0:
        content = content.replace(json.dumps(random.choice(("amd64", "Packages", "ssh"))), DEEP)
    encoded = content.encode("utf-8", "surrogatepass")
    return mutated(encoded, random) if random.randrange(4) == 0 else encoded


def _raw_value(text: str) -> st.SearchStrategy[bytes]:
    """Return a TOML text in which one value, or several, are raw characters."""
    raws = [
        HUGE, "nan", "inf", "-1", "1e400", "true", "[]", "[[]]", "{}", "1979-05-27", "''", "[1, 'a']", "[" * 4000, DEEP,
    ]  # fmt: skip

    def make(random: Random) -> bytes:
        lines = text.split("\n")
        places = [number for number, line in enumerate(lines) if " = " in line]
        for number in random.sample(places, random.randint(1, 3)):
            key = lines[number].partition(" = ")[0]
            lines[number] = f"{key} = {random.choice((*raws, json.dumps(random.choice(TEXTS))))}"
        return "\n".join(lines).encode()

    return made_by(make)


columns = of_text(COLUMNS)
tomls = st.one_of(of_text(TOML), of_toml(TOML_TREE), _raw_value(TOML))
locks = st.one_of(of_text(LOCK), of_toml(LOCK_TREE), _raw_value(LOCK))
package_lists = st.one_of(of_text(PACKAGE_LIST), of_json(PACKAGE_LIST_TREE))
descriptions = st.one_of(of_text(DESCRIPTION), of_json(DESCRIPTION_TREE))
controls = of_text(CONTROL)
