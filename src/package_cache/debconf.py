"""An answer to a question that a package asks by debconf while it is configured."""

import re
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
        value = self.value
        one_line = value.isprintable() and value == value.strip() and not value.endswith("\\")
        checks = (
            (
                "package", PACKAGE_NAME.fullmatch(self.package), f"{self.package!r} is not a package name",
                "write the package that asks the question",
            ),
            (
                "question", _QUESTION.fullmatch(self.question), f"{self.question!r} is not a question",
                "write it as debconf-show(1) does, such as krb5-config/default_realm",
            ),
            (
                "type", self.type != "password", "a cache is not secret: everyone who has it would read the password",
                "let the job set it, by debconf-set-selections before the installer runs",
            ),
            ("type", self.type in TYPES, f"{self.type!r} is not a type", f"write one of {', '.join(TYPES)}"),
            (
                "value", self.type != "boolean" or value in ("true", "false"), f"{value!r} is not a boolean",
                'write "true" or "false"',
            ),
            ("value", one_line, "debconf-set-selections(1) cannot read it", "write one line that ends in no backslash"),
        )  # fmt: skip
        return next(((field, what, hint) for field, right, what, hint in checks if not right), None)


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
