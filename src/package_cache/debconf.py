"""An answer to a question that a package asks by debconf while it is configured."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from package_cache.names import PACKAGE_NAME

TYPES = ("string", "boolean", "select", "multiselect", "text", "note", "error", "title")
"""debconf-devel(7), "TEMPLATES FILE", without `password`."""

_QUESTION = re.compile(r"[!-.0-~][!-~]*", re.ASCII)
"""A name such as `krb5-config/default_realm`: one word for debconf-set-selections(1)."""


@dataclass(frozen=True, order=True)
class DebconfAnswer:
    """One line of debconf-set-selections(1)."""

    package: str
    question: str
    type: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.package} {self.question} {self.type} {self.value}".rstrip()

    def wrong(self) -> tuple[str, str, str] | None:
        """Return the first field that is wrong, what is wrong, and what to write instead; None if all is right."""
        return next(self._problems(), None)

    def _problems(self) -> Iterator[tuple[str, str, str]]:
        value = self.value
        if not PACKAGE_NAME.fullmatch(self.package):
            yield "package", f"{self.package!r} is not a package name", "write the package that asks the question"
        if not _QUESTION.fullmatch(self.question):
            hint = "write it as debconf-show(1) does, such as krb5-config/default_realm"
            yield "question", f"{self.question!r} is not a question", hint
        if self.type == "password":
            hint = "let the job set it, by debconf-set-selections before the installer runs"
            yield "type", "a cache is not secret: everyone who has it would read the password", hint
        if self.type not in TYPES:
            yield "type", f"{self.type!r} is not a type", f"write one of {', '.join(TYPES)}"
        if self.type == "boolean" and value not in ("true", "false"):
            yield "value", f"{value!r} is not a boolean", 'write "true" or "false"'
        if not value.isprintable() or value != value.strip() or value.endswith("\\"):
            yield "value", "debconf-set-selections(1) cannot read it", "write one line that ends in no backslash"


_STANZA = re.compile(r"\n{2,}")


def answers_in(config: str, templates: str) -> frozenset[DebconfAnswer]:
    """Return the answers that stand in debconf's own files, config.dat or passwords.dat, and templates.dat."""
    types = {fields.get("Name"): fields.get("Type", "string") for fields in _stanzas(templates)}
    return frozenset(
        DebconfAnswer(owner.strip(), fields["Name"], types.get(fields.get("Template"), "string"), fields["Value"])
        for fields in _stanzas(config)
        if {"Name", "Value"} <= {*fields}
        for owner in fields.get("Owners", "").split(",")
    )


def _stanzas(text: str) -> list[dict[str, str]]:
    parts = _STANZA.split(text)
    return [dict(line.partition(": ")[::2] for line in part.splitlines() if line[:1] != " ") for part in parts]
