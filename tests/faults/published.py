"""The judgement of what a verb published: as a reader finds it, intact, and old or new."""

import json
import re
from pathlib import Path
from typing import Any

from debian.deb822 import Deb822
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import SYSTEM, Trial, processes_of, run_in_process, wait_until_ended

from package_cache.cache.layout import CacheFolder
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.paths import sha256_of
from package_cache.process import Completed

WRITERS_NAMES = re.compile(
    r"\.lock|\.(package-cache\.json|install_group\.sh)\.new-\w+|groups/\.new-[^/]+(/.*)?|pool/\.new-[^/]+"
    r"|pool/\.partial(/.*)?|pool/\.(recompressed|unneeded)"
)
"""What a writer that was killed may have left in a cache, by `docs/cache-format.md`."""
LOCKS_NAMES = re.compile(r"\.package-cache\.lock\.new-\w+")
"""The same, beside a lock."""


def judge_visible(trial: Trial, at: Path | None = None) -> None:
    """Judge what there is after a verb ended in whatever way: intact groups, and no files that nobody knows.

    `at`: where the target is seen, if elsewhere.
    """
    target = at or trial.target
    with verdict(Verdict.UNTRUE):
        if trial.verb == "lock":
            assert_old_or_new_lock(trial, target)
        else:
            assert_intact(target)
            assert_old_or_new_groups(trial, target)
    with verdict(Verdict.LEFT_BEHIND):
        known = LOCKS_NAMES if trial.verb == "lock" else WRITERS_NAMES
        assert [name for name in hidden(trial, target) if not known.fullmatch(name)] == []


def assert_intact(cache: Path) -> None:
    """Check that each visible group is intact, each package file is what its name says, and `verify` agrees."""
    for package in visible(cache / "pool"):
        assert package.name == f"{sha256_of(package)}.deb", f"{package} has other bytes than its name says"
    for group in visible(cache / "groups"):
        assert_intact_group(group, cache)
    if (cache / "package-cache.json").exists():
        done = run_in_process(["verify", "--cache", str(cache)])
        assert done.returncode == 0, done.stderr


def assert_intact_group(group: Path, cache: Path) -> None:
    """Check that a group's files are those that its Release states, and that the pool has every package of it."""
    lines = [line.split() for line in (group / "Release").read_text().splitlines() if line[0] == " "]
    stated = {name: digest for digest, _, name in lines}
    there = {path.name: sha256_of(path) for path in group.iterdir() if path.name != "Release"}
    assert there == stated, f"{group}: its files are not those of its Release"
    for paragraph in Deb822.iter_paragraphs((group / "Packages").read_text(), use_apt_pkg=False):
        place = cache / paragraph["Filename"]
        assert place.exists(), f"{group.name} names {paragraph['Package']}, and the pool does not have it"
        assert place.stat().st_size == int(paragraph["Size"])
    for path in group.glob("*.group"):
        assert path.read_text().endswith("\nend\n"), path


def assert_old_or_new_groups(trial: Trial, cache: Path) -> None:
    """Check that each group has the bytes of the old state or those of the new one."""
    for group in visible(cache / "groups"):
        states = [contents(place / "groups" / group.name) for place in (trial.old, trial.new)]
        assert contents(group) in states, f"{group} is neither the old nor the new one"


def assert_old_or_new_lock(trial: Trial, lock: Path) -> None:
    """Check that the lock is the old one, byte for byte, or the new one."""
    allowed = [trial.new.read_bytes(), trial.old.read_bytes() if trial.replacing else None]
    found = lock.read_bytes() if lock.exists() else None
    assert found in allowed, found


def hidden(trial: Trial, target: Path) -> list[str]:
    """Return the hidden names in a cache, or beside a lock."""
    folder, found = (target.parent, "*") if trial.verb == "lock" else (target, "**/*")
    names = [str(path.relative_to(folder)) for path in folder.glob(found)]
    return [name for name in names if any(part[0] == "." for part in Path(name).parts)]


def judge_done(trial: Trial, done: Completed, at: Path | None = None) -> None:
    """Judge a run that nothing disturbed: it ended well, what it made is the new state, and nothing else is there.

    `at`: where the target is seen, if elsewhere.
    """
    target = at or trial.target
    with verdict(Verdict.NOT_SANE):
        assert done.returncode == 0, done.stdout + done.stderr
    with verdict(Verdict.UNTRUE):
        if trial.verb == "lock":
            assert target.read_bytes() == trial.new.read_bytes()
        else:
            assert_intact(target)
            assert made(target) == made_new(trial)
    with verdict(Verdict.LEFT_BEHIND):
        assert set(hidden(trial, target)) <= {".lock"}
        assert processes_of(trial.mark) == []


def judge_interrupted(done: Completed) -> None:
    """Judge what a verb says to a signal that it heard. It may have come when all was done already."""
    with verdict(Verdict.WRONG_REASON):
        text = f"status {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in text, text
        assert "Exception ignored" not in text, text
        assert done.returncode in (0, ExitStatus.INTERRUPTED.code), text
        assert (done.returncode == 0) is ("interrupted" not in done.stderr), text


def judge_refused(done: Completed, expected: ExitStatus, folder: Path) -> None:
    """Judge how a verb says that it cannot write: the status, the folder, the next step, and no traceback."""
    with verdict(Verdict.WRONG_REASON):
        text = f"status {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == expected.code, text
        assert "Traceback" not in text, text
        assert re.search(r"^error: cannot ", done.stderr, re.M), text
        assert str(folder) in done.stderr, text
        assert "hint: " in done.stderr, text


def judge_at_step(trial: Trial, way: str, done: Completed) -> None:
    """Judge what a verb says of what happened right before a step, and that it has ended."""
    if way == "term":
        judge_interrupted(done)
    if way == "full" and done.returncode != 0:
        judge_refused(done, ExitStatus.NO_SPACE, trial.folder)
    wait_until_ended(trial.mark)


def visible(folder: Path) -> list[Path]:
    """Return what a reader sees in a folder; none where there is no folder yet."""
    return sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder; none where there is no such folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def made(cache: Path) -> dict[str, Any]:
    """Return all that a cache holds, as one value that can be compared."""
    description = json.loads(CacheFolder(cache).description.read_text())
    return {
        "description": {key: value for key, value in description.items() if key != "created"},
        "pool": [path.name for path in visible(cache / "pool")],
        "groups": {path.name: contents(path) for path in visible(cache / "groups")},
        "installer": sha256_of(cache / "install_group.sh"),
    }


def originals(cache: Path) -> dict[str, str]:
    """Return the names in the pool by the hashes of the archive's files."""
    lists = [json.loads(path.read_text()) for path in cache.glob("groups/*/packages.json")]
    return {package["original_sha256"]: package["sha256"] for packages in lists for package in packages}


def made_new(trial: Trial) -> dict[str, Any]:
    """Return what the new state holds; a volume that was empty before has only what was staged now."""
    whole = made(trial.new)
    if trial.verb == "stage" and not trial.replacing:
        groups = [group for group in whole["description"]["groups"] if group["name"] in trial.words]
        lists = [json.loads(whole["groups"][f"{each['name']}-{SYSTEM}"]["packages.json"]) for each in groups]
        pool = {package["sha256"]: package["size"] for packages in lists for package in packages}
        whole["description"] |= {"groups": groups, "packages": len(pool), "size": sum(pool.values())}
        whole["pool"] = sorted(f"{name}.deb" for name in pool)
        whole["groups"] = {name: whole["groups"][name] for name in (f"{each['name']}-{SYSTEM}" for each in groups)}
    return whole
