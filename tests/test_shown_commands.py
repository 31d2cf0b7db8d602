"""The commands that documents show are run, against a small archive, as far as they can run here."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.check.layouts import HandMade, base, write_root
from tests.report.answers import CHECK, OUTDATED, written
from tests.support.world import World, made_world, toml_group
from tests.test_documents import DOCUMENTS, PROJECT

from package_cache.cli.main import cli
from package_cache.plugin.api import CACHE_VARIABLE, WORK_VARIABLE, try_to_install_by_cache
from package_cache.process import run

MANIFEST = "ssh,ubuntu18.04,openssh-client openssh-server\nnfs,ubuntu18.04,nfs-common\n"
TOML = toml_group("ssh", "openssh-server") + '[[image]]\nname = "training"\nroot = "root"\n'
REGISTRY = re.compile(r"docker://[^ ]*")
"""A registry of the reader's: an image on disk stands for it."""

NOT_RUN = {
    r"--fill": "needs a registry: tests/image",
    r"--form init": "needs the package busybox-static of a distribution: tests/image",
    r"\bsudo\b": "installs packages on the machine: tests/cli",
    r"--run\b": "needs a real root of a release: tests/check",
    r"record (?!--rules)": "needs a real root of a release: tests/recording",
    r"--snapshot|old\.example|=MIRROR": "names a server of the reader's: tests/cli",
    r"--sign-by|--keyring": "needs keys of the reader's: tests/cli/test_signing.py",
    r"deploy/recipes/|\.\./project/": "needs files beside the clone's root: tests/deploy/test_recipes.py",
    r"--max-age\b": "needs a lock with a date: tests/cli",
}
MISS = "install_group.sh cuda"
"""The one command that a document shows because it does not succeed."""


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with made_world(tmp_path, capfd) as made:
        made.once("the documents' commands", lambda: fill(made))
        monkeypatch.chdir(made.folder)
        monkeypatch.setenv("PACKAGE_CACHE_MIRRORS", f"ubuntu={made.server.uri}")
        monkeypatch.setenv("PACKAGE_CACHE_STATE", str(made.folder / "state"))
        yield made


def fill(world: World) -> None:
    """Make what a reader has at hand: manifests, a lock, a cache, an image, a root and a status file."""
    for name in ("openssh-client", "openssh-server", "nfs-common"):
        world.add(name, depends="libshared")
    (world.folder / "package-cache.toml").write_text(TOML)
    world.manifest(MANIFEST)
    status, _, err = world.build()
    assert status == 0, err
    assert world.run("stage", "ssh", "--cache", str(world.cache), "--to", str(world.folder / "shared/package_cache"))
    root = write_root(world.folder / "root")
    (world.folder / "status").write_bytes((root / "var/lib/dpkg/status").read_bytes())
    for name in ("osv-all.tar.xz", "tracker.json"):  # the content counts
        (world.folder / name).write_text('{"a": {"CVE-2024-1000": {"releases": {"sid": {"status": "open"}}}}}')
    (world.folder / "old.lock").write_bytes((world.folder / "package-cache.lock").read_bytes())
    for answer in (CHECK, OUTDATED):
        written(world.folder, answer)
    image = HandMade(world.folder / "job")
    image.name(image.image([base()]))


def commands(document: Path) -> list[str]:
    """Return the commands of the product that a document's code blocks show, without comments and redirections."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$|^((?: {4}.*\n)+)", document.read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(fenced or indented for fenced, indented in blocks).splitlines()
    shown = (re.match(r" *(?:[$#] )?((?:package-cache|sh [\w/]*install_group\.sh) [^\[\]]+)$", line) for line in lines)
    return [re.split(r"  +| >| && ", match[1])[0] for match in shown if match]


SHOWN = {document: lines for document in DOCUMENTS if (lines := commands(document))}


@pytest.mark.parametrize("document", SHOWN, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_commands_of_a_document_run(document: Path, world: World) -> None:
    for line in SHOWN[document]:
        if any(re.search(pattern, line) for pattern in NOT_RUN):
            parsed(line)
        elif line.startswith("sh "):
            dry_run(line, world)
        else:
            status, _, err = world.run(*words_of(line, world))
            assert status == 0, f"{line}\n{err}"


def words_of(line: str, world: World) -> list[str]:
    """Return the words of a command, with folders and images of this machine in place of the reader's."""
    place = "oci:job:latest" if re.match(r"package-cache (check|lock)\b", line) else "oci:written:latest"
    line = REGISTRY.sub(place, line).replace("/srv/jobs/root", "root").replace("/tmp/old.lock", "old.lock")
    line = line.replace("/mnt/", "")
    words = shlex.split(line)[1:]
    of_archive = any(parameter.name == "keyrings" for parameter in command_of(words[0]).params)
    return [*words, "--keyring", f"ubuntu={world.archive.keyring}"] if of_archive else words


def command_of(verb: str) -> click.Command:
    found = cli.get_command(click.Context(cli), verb)
    assert found, f"there is no command {verb}"
    return found


def parsed(line: str) -> None:
    """Parse the options of a command that cannot run here."""
    words = shlex.split(line.partition(" || ")[0].removeprefix("sudo "))
    if words[0] == "package-cache":
        command = command_of(words[1])
        command.make_parser(click.Context(command)).parse_args(words[2:])


def dry_run(line: str, world: World) -> None:
    """Run the installer of the cache for a root without changing it."""
    script, *groups = shlex.split(line.partition(" || ")[0])[1:]
    argv = ["sh", str(world.cache / Path(script).name), *groups, "--dry-run", "--root", str(world.folder / "root")]
    done = run(argv, check=False)
    assert done.returncode == (10 if MISS in line else 0), f"{line}\n{done.stderr}"


def test_the_tutorial_prints_what_it_shows(world: World) -> None:
    (world.folder / "package-cache.lock").unlink()
    shutil.rmtree(world.cache)
    text = (PROJECT / "docs/administrator.md").read_text()
    for line, shown in re.findall(r"^    \$ (package-cache .*)\n((?:    (?!\$).*\n)*)", text, re.MULTILINE):
        status, out, err = world.run(*words_of(line, world))
        assert (status, shape(out.replace(f"{world.folder}/", ""))) == (0, shape(shown)), f"{line}\n{err}"


def shape(text: str) -> list[str]:
    """Return the lines of an output without figures and spacing."""
    lines = (re.sub(r"[-\d.:+T]*\d[-\d.:+T]*( [kM]?B\b)?", "N", line.replace("─", "")) for line in text.splitlines())
    return [" ".join(line.split()) for line in lines if line.strip()]


def test_the_line_for_a_plugin_gives_a_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(world.cache))
    monkeypatch.setenv(WORK_VARIABLE, str(world.folder / "volume"))
    [line] = re.findall(r"^    (try_to_install_by_cache\(.*\))$", (PROJECT / "README.md").read_text(), re.MULTILINE)
    assert eval(line, {"try_to_install_by_cache": try_to_install_by_cache})
    assert (world.folder / "volume/package_cache/groups/ssh-ubuntu18.04").is_dir()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_part_of_run_that_a_document_names_exists(document: Path) -> None:
    parts = set(re.findall(r"\./run ([a-z]+)", document.read_text()))
    existing = set(re.findall(r"^ {8}([a-z]+)\)$", (PROJECT / "run").read_text(), re.MULTILINE))
    assert sorted(parts - existing) == []
