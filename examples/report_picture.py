"""Write the report on the demo's cache, and the picture of it in docs/report.png.

    .venv/bin/python -m examples.report_picture

Needs Chromium and its fonts: apt-get install chromium fonts-dejavu-core. The cache is that of `./run demo`, which is
built if it is not there. Groups are recorded and tried in a copy of it. Of the four images, two are minimal roots; one
has a newer Kerberos than the cache, and one is of a release that the cache does not have.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from examples.main_job import CACHE, FOLDER, PACKAGES, build_a_cache

from package_cache.cli.main import run as package_cache
from package_cache.cli.options import given_options
from package_cache.process import run
from package_cache.releases.base_root import release_root
from package_cache.releases.distributions import release_of
from package_cache.sandbox.isolation import strongest_isolation
from package_cache.system import System

PICTURE = Path(__file__).parents[1] / "docs/report.png"
SIZE = "1000,1635"
"""Of the browser's window, in pixels: the summary, the groups and the images."""

ROOTS = {"training": "ubuntu18.04", "notebook": "ubuntu16.04"}
NEWER = """
Package: libkrb5-3
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 1.17-6
Maintainer: Nobody <nobody@example.invalid>
Description: newer than what the cache has
"""


def main() -> int:
    """Write the picture and return the exit status."""
    if not build_a_cache():
        return 1
    with tempfile.TemporaryDirectory(prefix="package-cache-") as name:
        folder = Path(name)
        manifest, page = images(folder), folder / "report.html"
        check, outdated = folder / "check.json", folder / "outdated.json"
        cache = ["--cache", str(folder / "package_cache")]
        for words in (
            ["stage", *PACKAGES, "--cache", str(CACHE.path), "--to", cache[1]],
            ["record", "ssh", *cache, "--root", str(folder / "training")],
        ):
            if status := package_cache(words):
                return status
        answer(check, ["check", *cache, "--manifest", str(manifest), "--allow-outside", "--run", "--json"])
        answer(outdated, ["outdated", "--manifest", str(FOLDER / "package_cache_info"), "--json"])
        given = ["--check", str(check), "--outdated", str(outdated)]
        return package_cache(["report", *cache, *given, "--output", str(page)]) or take_picture(page, folder)


def images(folder: Path) -> Path:
    """Write a manifest of the groups and of the images to check, and return its path."""
    tables = [
        f'[[group]]\nname = "{name}"\nsystems = {list(ROOTS.values())}\npackages = {packages.split()}\n'
        for name, packages in PACKAGES.items()
    ]
    for name, system in ROOTS.items():
        root = release_root(release_of(System.parse(system)), given_options(), strongest_isolation())
        (folder / name).symlink_to(root)
        tables.append(f'[[image]]\nname = "{name}"\nroot = "{name}"\n')
    status = (folder / "training/var/lib/dpkg/status").read_text(encoding="utf-8")
    for name, system, more in (("vision", "ubuntu18.04", NEWER), ("edge", "debian12", "")):
        (folder / f"{name}.status").write_text(status + more, encoding="utf-8")
        tables.append(f'[[image]]\nname = "{name}"\nstatus = "{name}.status"\nsystem = "{system}"\n')
    path = folder / "package-cache.toml"
    path.write_text("\n".join(tables).replace("'", '"'), encoding="utf-8")
    return path


def answer(file: Path, words: Sequence[str]) -> None:
    """Write into a file what a command prints."""
    with file.open("w", encoding="utf-8") as stream, contextlib.redirect_stdout(stream):
        package_cache(words)


def take_picture(page: Path, folder: Path) -> int:
    """Write the picture and return the exit status of the browser."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    looks = ["--headless=new", "--hide-scrollbars", "--disable-gpu", f"--window-size={SIZE}"]
    files = [f"--user-data-dir={folder / 'profile'}", f"--screenshot={PICTURE}", page.as_uri()]
    return run(["chromium", *root, *looks, *files], timeout=120, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
