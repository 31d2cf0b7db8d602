"""`report`: a page from a real cache, and from what `check` and `outdated` really print."""

import builtins
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.check.layouts import write_root
from tests.support.world import World, refused, toml_group

MANIFEST = toml_group("edit", "editor") + toml_group("view", "viewer")
IMAGES = '[[image]]\nname = "job"\nroot = "root"\n[[image]]\nname = "lost"\nroot = "nowhere"\n'
DAY = "1795996800"
"""30 November 2026, in seconds since 1970."""


@pytest.fixture
def made(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A cache, and a security update that came out afterwards."""

    def fill() -> None:
        world.manifest(MANIFEST + IMAGES)
        status, _, err = world.build()
        assert status == 0, err
        write_root(world.folder / "root")
        world.add("editor", "1.1", suite="bionic-security", depends="libshared")
        world.archive.publish()

    world.once("a report", fill)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", DAY)
    return world


def report(world: World, *words: str) -> tuple[int, str, str]:
    return world.run("report", "--cache", str(world.cache), *words)


def answers(world: World) -> list[str]:
    """Write what check and outdated print, and return the options that name these files."""
    manifest, check, outdated = (world.folder / name for name in ("package-cache.toml", "check.json", "outdated.json"))
    state = ("--state", str(world.folder / "state"))
    words = ("check", "--cache", str(world.cache), "--manifest", str(manifest), *state, "--json")
    check.write_text(world.run(*words)[1])
    outdated.write_text(world.online("outdated", "--json")[1])
    return ["--check", str(check), "--outdated", str(outdated)]


def test_the_page_has_what_the_commands_found(made: World) -> None:
    file = made.folder / "report.html"
    status, out, err = report(made, *answers(made), "--output", str(file))
    assert (status, out, err) == (0, f"{file}: 2 groups, as of 2026-11-30\n", "")
    text = file.read_text()
    for fact in ("editor:all", ">1.1<", "1 for security", f"cannot check {made.folder}/nowhere", "1 miss", "job"):
        assert fact in text


def test_the_same_facts_as_data(made: World) -> None:
    given = answers(made)
    facts = json.loads(report(made, *given, "--json")[1])["result"]
    assert facts["day"] == "2026-11-30"
    assert [(one["name"], bool(one["error"])) for one in facts["images"]] == [("job", False), ("lost", True)]
    assert [(one["name"], one["security"]) for one in facts["newer"]["packages"]] == [("editor", "1.1")]
    [system] = facts["systems"]
    assert sorted(one["name"] for one in system["groups"]) == ["edit", "view"]
    assert system["stored_bytes"] == facts["stored_bytes"] == sum(one["size"] for one in facts["biggest"])
    assert (
        sum(one["own_bytes"] for one in system["groups"]) + system["groups"][0]["shared_bytes"] == facts["stored_bytes"]
    )
    file = made.folder / "report.html"
    written = json.loads(report(made, *given, "--json", "--output", str(file))[1])["result"]
    assert written == {"path": str(file), **facts}
    assert file.exists()


def test_the_same_day_gives_the_same_bytes_and_another_one_other_ages(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = report(made)
    assert first[0] == 0
    assert report(made) == first
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(DAY) + 86400))
    other = report(made)[1]
    assert other != first[1]
    assert "Ages and ends of support are those of <time>2026-12-01</time>" in other
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert "days old" in report(made)[1]


@pytest.mark.parametrize("text", ["yesterday", "9" * 30, "1.5"])
def test_a_day_that_is_none(text: str, made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    refused(report(made), 2, f"cannot use SOURCE_DATE_EPOCH: '{text}' is not a number of seconds since 1970")


def test_an_answer_that_is_an_error(made: World) -> None:
    file = made.folder / "outdated.json"
    file.write_text(made.run("outdated", "--manifest", "/nowhere", "--json")[1])
    refused(report(made, "--outdated", str(file)), 2, "outdated ended with an error: cannot use the manifest")
    refused(report(made, "--check", str(file)), 2, "check --json did not print it")


def test_a_pipe_is_not_waited_for(made: World) -> None:
    os.mkfifo(made.folder / "pipe")
    refused(report(made, "--check", str(made.folder / "pipe")), 2, "cannot read")
    refused(report(made, "--output", str(made.folder / "pipe")), 2, "it is not a file")


def test_without_the_library_there_are_still_the_facts(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("jinja2", "markupsafe") or name == "package_cache.report.page":
            monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "jinja2":
            raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    refused(report(made), 8, "cannot write a page: the Python package jinja2 is not installed", "pip install")
    assert json.loads(report(made, "--json")[1])["result"]["packages"] == 3


def test_a_cache_that_is_not_there(world: World) -> None:
    refused(report(world, "--output", str(Path("/nowhere/report.html"))), 2, "there is no folder /nowhere")
    refused(report(world), 30, "cannot find a cache")
