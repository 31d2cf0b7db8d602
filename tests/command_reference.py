"""Makes docs/commands.md from the command's own help: `python -m tests.command_reference > docs/commands.md`."""

import inspect
import sys
from collections import defaultdict
from collections.abc import Iterator

import click

from package_cache.cli.main import VERBS, cli

HEAD = """\
# Commands

Made from the help of the commands: `package-cache VERB --help` prints the same. Every command has `--json`: it prints
the result as JSON, and errors with their status, reason and next step. All commands have the same
[exit statuses](exit-statuses.md). Several commands share the options of the [last table](#shared-options).
"""

Option = tuple[str, str]
"""The names of an option, and its help."""


def text() -> str:
    """Return the page."""
    with click.Context(cli, info_name="package-cache") as context:
        commands = {verb: cli.get_command(context, verb) for verb in VERBS}
        options = {verb: list(_options(command, context)) for verb, command in commands.items() if command}
        users: dict[Option, list[str]] = defaultdict(list)
        for verb, own in options.items():
            for option in own:
                users[option].append(verb)
        parts = [HEAD]
        for verb, command in commands.items():
            if command:
                parts += _section(command, context, [option for option in options[verb] if len(users[option]) == 1])
    parts += ["## Shared options", "", "| option | commands | meaning |", "|---|---|---|"]
    for (names, meaning), verbs in users.items():
        if 1 < len(verbs) < len(VERBS):
            parts.append(f"| `{names}` | {' '.join(verbs)} | {meaning} |")
    return "\n".join([*parts, ""])


def _section(command: click.Command, parent: click.Context, own: list[Option]) -> Iterator[str]:
    with click.Context(command, info_name=command.name, parent=parent) as context:
        usage = " ".join(command.collect_usage_pieces(context))
    description, _, example = inspect.cleandoc(command.help or "").partition("\b\nExample:\n")
    yield from (f"## {command.name}", "", f"    package-cache {command.name} {usage}", "", description.strip(), "")
    yield from (f"    {line.strip()}" for line in example.strip().splitlines())
    yield ""
    if own:
        yield from ("| option | meaning |", "|---|---|")
        yield from (f"| `{names}` | {meaning} |" for names, meaning in own)
        yield ""


def _options(command: click.Command, context: click.Context) -> Iterator[Option]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
            names, meaning = record
            yield names.replace("|", "\\|"), " ".join(meaning.split()).replace("|", "\\|").replace("<", "\\<")


if __name__ == "__main__":
    sys.stdout.write(text())
