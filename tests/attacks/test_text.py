"""Nothing that a stranger writes is obeyed by a terminal: results and errors of every verb, and words of the shells."""

import ast
import dataclasses
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attacks.terminal import CLEAR, assert_told, obeyed
from tests.image.trees import init_tree
from tests.runtime.phase import PLUGINS, REPOSITORY, init_phase
from tests.runtime.pod import Pod, each_shell, entry, job_of
from tests.support.recordings import record, restate
from tests.support.world import World

from package_cache.escaping import visible, visible_line
from package_cache.installer import HERE, install_group, joined, online_fallback
from package_cache.process import run

HOSTILE = {
    "control characters": f"{CLEAR}\x7f\x08\x08\x0b\x0c\rerror",
    "C1, directions, separators, invisible": "\x9b2J\x85\x90\u202e\u2066\u200f\u2028\u2029\u200b\ufeff\U000e0041",
    "half a pair": "\udc9b\udcff",
}
SOURCES = REPOSITORY / "src" / "package_cache"


def test_every_character_that_is_not_printable_is_written() -> None:
    text = "".join(map(chr, range(0x30000)))
    assert obeyed(visible(text)) == []
    assert visible(text).count("\n") == 1
    assert "\n" not in visible_line(text)
    assert visible("äß→ 漢 ~ a\nb\x1b\x9b\u202e\udc9b") == "äß→ 漢 ~ a\nb\\x1b\\x9b\\u202e\\udc9b"


def test_only_two_modules_print_and_both_by_the_filter() -> None:
    found = set()
    for path in [*SOURCES.rglob("*.py"), *(REPOSITORY / "runtime").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if re.fullmatch(r"print|(?:click|sys|console|talk\(\))\.(?:\w+\.)*(?:echo|secho|write|print)", called):
                text = ast.unparse(node)
                safe = "visible" in text or "json_module.dumps" in text or "{" not in text
                found |= {path.name} if safe else {f"{path.name}: {text}"}
    assert found == {
        "render.py", "terminal.py", "entry.py", "plugin_utils.py", "build_image.py",
        "main.py: click.echo(f'error: cannot write to standard output: {error.strerror or error}', err=True)",
    }  # fmt: skip


# Verbs

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world(world: World) -> World:
    world.built("edit,ubuntu18.04,editor\n")
    return world


@pytest.fixture
def say(world: World) -> Say:
    """Run a verb, and see that its words are text alone."""

    def said(*words: str) -> tuple[int, str, str]:
        status, out, err = world.run(*words)
        assert_told(out + err)
        return status, out, err

    return said


@pytest.mark.parametrize("which", HOSTILE)
def test_a_command_line(which: str, say: Say, world: World) -> None:
    text = HOSTILE[which]
    cache = f"--cache={world.cache}"
    for words in (
        ["list", "--cache", f"/nowhere/{text}"], ["show", text, cache], ["stage", text, cache, f"--to=/nowhere/{text}"],
        ["verify", f"--cache={world.folder}/{text}"], ["diff", text, text], ["sbom", text, cache], ["gc", f"--{text}"],
        ["report", cache, "--check", text],
        ["check", text, cache, "--root", str(world.folder)], ["check", cache, "--image", f"oci:/nowhere/{text}:{text}"],
        ["check", cache, "--image", text], ["check", cache, "--container", text], ["check", cache, "--root", text],
        ["check", "--architecture", text], ["lock", "--manifest", text],
        ["build", "--manifest", text, "--output", "/x"],
        ["lock", "--mirror", text], ["lock", "--for", text], ["outdated", "--state", text, text], [text],
        ["image", text, cache], ["image", cache, "--output", text],
    ):  # fmt: skip
        status, *_ = say(*words)
        assert status != 0
        status, out, _ = say(*words, "--json")
        assert status != 0
        assert json.loads(out)["status"] == status


@pytest.mark.parametrize("which", HOSTILE)
def test_a_description_of_a_cache(which: str, say: Say, world: World) -> None:
    path = world.cache / "package-cache.json"
    good = json.loads(path.read_text())
    for key in ("manifest", "built_by", "created", "groups"):
        altered = json.loads(json.dumps(good))
        if key == "groups":
            altered["groups"][0]["name"] = altered["groups"][0]["system"] = HOSTILE[which]
            altered["groups"][0]["requests"] = [HOSTILE[which]]
        else:
            altered[key] = HOSTILE[which]
        path.write_text(json.dumps(altered))
        for verb in (["list"], ["show", "edit"], ["verify"], ["sbom"], ["report"], ["gc", "--dry-run"]):
            say(*verb, f"--cache={world.cache}")
            say(*verb, f"--cache={world.cache}", "--json")
        say("diff", str(world.cache), str(world.cache))
        say("stage", "edit", f"--cache={world.cache}", f"--to={world.folder / 'volume'}")
        say("image", f"--cache={world.cache}", f"--output=oci:{world.folder / 'layout'}:x")


@pytest.mark.parametrize("which", HOSTILE)
def test_facts_on_recordings(which: str, say: Say, world: World) -> None:
    facts = dataclasses.asdict(record(world.cache, "edit"))
    other = shutil.copytree(world.cache, world.folder / "other")
    text = f"{HOSTILE[which]}\nmade up"

    def state(key: str, value: object) -> None:
        restate(world.cache, "edit", lambda found: found.update({key: value}))

    for key, value in facts.items():
        state(key, [text] if isinstance(value, tuple) else text)
        for words in (["show", "edit"], ["verify"], ["report"]):
            out = say(*words, f"--cache={world.cache}")[1]
            assert "\nmade up" not in out, key
            say(*words, f"--cache={world.cache}", "--json")
        say("diff", str(other), str(world.cache))
        state(key, value)


@pytest.mark.parametrize("which", HOSTILE)
def test_names_of_files_in_a_cache(which: str, say: Say, world: World) -> None:
    name = HOSTILE[which]
    for folder in ("groups", "pool", "groups/edit-ubuntu18.04"):
        (world.cache / folder / name).mkdir()
    (world.cache / "groups" / f"a-{name}").mkdir()
    (world.cache / "groups/edit-ubuntu18.04" / f"{name}.group").write_text(name, errors="surrogateescape")
    for words in (["verify"], ["list"], ["check", "--root", "/nowhere"], ["gc", "--dry-run"], ["sbom"], ["report"]):
        say(*words, f"--cache={world.cache}")
        say(*words, f"--cache={world.cache}", "--json")


@pytest.mark.parametrize("which", HOSTILE)
def test_a_lock(which: str, say: Say, world: World) -> None:
    lock = world.folder / "package-cache.lock"
    text = lock.read_text()
    value = json.dumps(HOSTILE[which])[1:-1].replace("\\ud", "\\ufffd\\u0").replace("\\udb40\\udc41", "")
    for old in ("1.0", "editor", "ubuntu18.04", "edit", "all", "pool/main"):
        lock.write_text(text.replace(f'"{old}', f'"{old}{value}'))
        for words in (["diff", str(lock), str(world.cache)], ["diff", str(world.cache), str(lock), "--json"]):
            say(*words)
        status, out, err = world.online("build", "--output", str(world.folder / "other"))
        assert status != 0
        assert obeyed(out + err) == []


@pytest.mark.parametrize("which", HOSTILE)
def test_a_manifest(which: str, say: Say, world: World) -> None:
    text = HOSTILE[which].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    plain = world.folder / "hostile"
    for line in (f"{text},ubuntu18.04,editor", f"edit,{text},editor", f"edit,ubuntu18.04,{text}", text):
        plain.write_text(line + "\n")
        status, *_ = say("lock", "--manifest", str(plain))
        assert status != 0
    toml = world.folder / "hostile.toml"
    value = json.dumps(text).replace("\\udb40\\udc41", "")
    for line in (
        f"name = {value}",
        f"systems = [{value}]",
        f"packages = [{value}]",
        f"precommands = {value}",
        f"{value} = 1",
    ):
        toml.write_text(f"[[group]]\n{line}\n")
        status, *_ = say("check", "--manifest", str(toml), f"--cache={world.cache}")
        assert status != 0


MARKUP = "[/dim][red][link=file:///]"


@pytest.mark.parametrize(("ending", "status"), [("", 21), (CLEAR, 2)], ids=["markup", "control characters"])
def test_steps_and_errors_on_a_terminal(world: World, ending: str, status: int) -> None:
    """Rich may draw control characters; a name adds none, nor markup of rich."""
    folder = world.folder / (MARKUP + ending).replace("/", "")
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/os-release").write_text("ID=ubuntu\nVERSION_ID=18.04\n")
    ours, theirs = pty.openpty()
    words = ["check", "edit", "--cache", str(world.cache), "--root", str(folder), "--architecture", "amd64"]
    argv = [sys.executable, "-c", "from package_cache.cli.entry import main; main()", *words]
    env = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(SOURCES.parent)}
    with subprocess.Popen(argv, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env=env) as process:
        os.close(theirs)
        drawn = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # EIO: it has ended
                break
            drawn += part
    os.close(ours)
    assert process.returncode == status
    assert (b"checking edit in" in drawn) == (status == 21)
    assert b"\x1b[2J" not in drawn
    assert b"\x1b]0;" not in drawn
    assert b"[dim][red][link=file:]" in drawn.replace(b"\r\n", b"")


# Shells

SHELLS = {"bash": ["bash"], "dash": ["dash"], "busybox": ["busybox", "sh"]}


def shown(shell: str, folder: Path, text: bytes) -> bytes:
    script = folder / "say.sh"
    script.write_bytes((HERE / "shared" / "report.sh").read_bytes() + b'say "$1"; complain "$1"\n')
    argv: list[str | bytes] = [*SHELLS[shell], str(script), text]
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@each_shell
@pytest.mark.parametrize("which", HOSTILE)
def test_what_a_shell_says(
    which: str, shell: str, locale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    found = shown(shell, tmp_path, HOSTILE[which].encode("utf-8", "surrogateescape"))
    assert re.fullmatch(rb"(?:package-cache: [\n -~]+\n){2}", found)


def test_what_a_shell_says_is_text_as_it_is(tmp_path: Path) -> None:
    assert shown("dash", tmp_path, b"a - [b] ~ \\x %s") == b"package-cache: a - [b] ~ \\x %s\n" * 2


def test_the_groups_that_an_init_image_lists(world: World) -> None:
    tree = init_tree(world, world.folder)
    (tree.path / "groups" / f"a-{CLEAR}").mkdir()
    done = run(tree.argv("--list"), timeout=60)
    assert "a\t^[[2J" in done.stdout
    assert obeyed(done.stdout.replace("\t", "") + done.stderr) == []
    done = tree.stage("nothing")
    assert done.returncode == 10
    assert obeyed(done.stdout + done.stderr) == []


@each_shell
def test_what_a_plugin_reports(shell: str, pod: Pod) -> None:
    pod.plugin("a", pre=f"printf '%s\\n' '{CLEAR}' >>\"$PACKAGE_CACHE_REPORT\"\n")
    pod.ready(job_of(["echo command"], entry("a")))
    done = pod.run(shell)
    assert "runtime: plugins: a 0 s (^[[2J^[]0;owned^G)" in done.stderr
    assert obeyed(done.stderr) == []


@pytest.mark.parametrize("which", HOSTILE)
def test_a_job_that_the_runtime_refuses(which: str, pod: Pod) -> None:
    text = HOSTILE[which].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    for job in (
        job_of(["x"], entry(text)),
        job_of([text + "\0"]),
        f"{text}: [",
        f'a: "{text}"',
        job_of(["x"], {"a": text}),
    ):
        done = pod.init(job)
        assert done.returncode != 0
        assert obeyed(done.stdout + done.stderr) == []
        assert "Traceback" not in done.stderr


def test_what_a_plugin_says_of_its_configuration(tmp_path: Path) -> None:
    config = json.dumps({"plugin": CLEAR, "failurePolicy": "\u202e", "parameters": {CLEAR: 1}})
    for plugin in PLUGINS.iterdir():
        if (plugin / "init.py").exists():
            done = init_phase(plugin, config, tmp_path).result
            assert done.returncode != 0
            assert obeyed(done.stdout + done.stderr) == []


def test_a_file_whose_name_adds_a_line_is_one_problem(say: Say, world: World) -> None:
    description = json.loads((world.cache / "package-cache.json").read_text())
    description["groups"][0]["files"] = {"x\nall fit": "a" * 64}
    (world.cache / "package-cache.json").write_text(json.dumps(description))
    for words in (["verify"], ["list"], ["stage", "edit", f"--to={world.folder / 'volume'}"]):
        status, out, err = say(*words, f"--cache={world.cache}")
        assert status != 0 or words == ["list"]
        assert "all fit" not in (out + err).splitlines()


PROGRAMS = {
    "install_group": install_group(),
    "online_fallback": online_fallback(),
    "stage_groups": joined(SOURCES / "image" / "stage_groups.sh"),
    "job": joined(REPOSITORY / "runtime" / "job.sh"),
}


TAKEN = """
*) printf '%s\\n' "$1" ;;
printf ' -o %s' "${option}"
number() { echo $#; }
printf 'DPkg::Options:: "%s";\\n' ${DPKG_OPTIONS}
printf '%s %s\\n' "${folder%-*}" "${folder##*-}"
printf '%s' "${comma}"
cat "${cache}/init/head"
cat
echo "${file%.deb}"
"""
"""Lines of functions whose output their callers take, and of the function `show` itself."""


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_prints_by_one_function(program: str) -> None:
    """Each other line that writes has its output taken, by a file, a pipe or a substitution, or shows it by cat -v."""
    code = re.sub(r"(?m)^\s*#.*$", "", PROGRAMS[program]).replace("\\\n", " ")
    code = re.sub(r"awk [^']*'[^']*'", "awk", code)
    lines = [line.strip() for line in code.splitlines() if re.search(r"\b(?:printf|echo|cat|tail)\b", line)]
    loose = [line for line in lines if not re.search(r"[|>]|\$\(|cat -v|&&$", line)]
    assert set(loose) <= set(TAKEN.splitlines())


@each_shell
def test_what_an_installer_says_of_its_command_line(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "install_group.sh"
    script.write_text(install_group())
    argv = [*SHELLS[shell], str(script), "--result", "/dev/stdout", "--root", "/", "--dry-run", f"--{CLEAR}", CLEAR]
    done = run(argv, check=False, timeout=60)
    assert (done.returncode, obeyed(done.stdout + done.stderr)) == (2, [])
    assert "there is no option --^[[2J" in done.stderr
    assert "reason=usage" in done.stdout
