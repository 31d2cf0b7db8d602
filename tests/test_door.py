"""One door: which modules open paths themselves, and why what lies there is no stranger's.

All others reach files by `filesystem.confined` and `filesystem.paths`. Who adds a module here says whose its paths are.
"""

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
SOURCES = sorted(path for folder in ("src/package_cache", "runtime") for path in (PROJECT / folder).rglob("*.py"))

OF_OS = (
    "open", "listdir", "scandir", "walk", "fwalk", "stat", "lstat", "readlink", "rename", "replace", "remove", "unlink",
    "mkdir", "makedirs", "link", "symlink", "chmod", "mkfifo",
)  # fmt: skip
FUNCTIONS = {
    *(f"os.{name}" for name in OF_OS),
    *(f"os.path.{name}" for name in ("exists", "isfile", "isdir", "islink", "realpath", "getsize", "lexists")),
    *(f"shutil.{name}" for name in ("rmtree", "copy", "copy2", "copyfile", "copytree", "move")),
    *(f"tempfile.{name}" for name in ("mkstemp", "mkdtemp", "mktemp", "NamedTemporaryFile")),
    "open", "lexists",
}  # fmt: skip
METHODS = {
    "read_bytes", "read_text", "write_bytes", "write_text", "iterdir", "glob", "rglob", "stat", "lstat", "exists",
    "is_file", "is_dir", "is_symlink", "is_fifo", "is_socket", "readlink", "unlink", "rmdir", "mkdir", "touch", "chmod",
    "symlink_to", "hardlink_to", "resolve", "samefile", "rename",
}  # fmt: skip

DOOR = "the door itself"
OWN = "files of our own making, in the state folder or below TMPDIR"
MACHINE = "files of this machine, and those that its user names on the command line"
BUILT = "the administrator's own cache, while it is built"
ROOTS = "roots of our own making, or their pinned copies; strangers' files in them only by the door"
RUNTIME = "the image of the runtime"

ALLOWED = {
    "package_cache/filesystem/confined.py": DOOR,
    "package_cache/filesystem/openat2.py": DOOR,
    "package_cache/filesystem/unpack_layer.py": "a program that has made the new root its own (chroot(2))",
    "package_cache/oci/reader.py": "only whether a layout is there; what it reads, it opens by the door",
    "package_cache/oci/writer.py": OWN,
    "package_cache/oci/skopeo.py": OWN,
    "package_cache/apt/acquire_helper.py": OWN,
    "package_cache/apt/index_subset.py": OWN,
    "package_cache/apt/network.py": MACHINE,
    "package_cache/apt/preferences.py": OWN,
    "package_cache/apt/isolated.py": OWN,
    "package_cache/releases/distributions.py": MACHINE,
    "package_cache/releases/keyrings.py": OWN,
    "package_cache/releases/mirrors.py": MACHINE,
    "package_cache/archive/downloads.py": BUILT,
    "package_cache/deb/recompression.py": BUILT,
    "package_cache/signatures.py": OWN,
    "package_cache/process.py": "only whether a package's data is there",
    "package_cache/filesystem/plain_links.py": "only links, for other programs",
    "package_cache/filesystem/state.py": OWN,
    "package_cache/filesystem/temporary.py": OWN,
    "package_cache/sandbox/chroot.py": ROOTS,
    "package_cache/sandbox/emulation.py": MACHINE,
    "package_cache/sandbox/namespaces.py": MACHINE,
    "package_cache/sandbox/isolation.py": ROOTS,
    "package_cache/sandbox/network_settings.py": MACHINE,
    "package_cache/sandbox/container.py": ROOTS,
    "package_cache/oci/unpack.py": "the text of a program of ours, and where Python itself is",
    "package_cache/manifest/read.py": "only a pipe of the user's shell",
    "package_cache/sandbox/bootstrap.py": ROOTS,
    "package_cache/cli/entry.py": MACHINE,
    "package_cache/cli/install.py": MACHINE,
    "package_cache/cli/lock.py": MACHINE,
    "package_cache/manifest_lock.py": MACHINE,
    "package_cache/cli/main.py": MACHINE,
    "package_cache/cli/options.py": MACHINE,
    "package_cache/cli/documents.py": MACHINE,
    "package_cache/installer/__init__.py": MACHINE,
    "package_cache/plugin/api.py": "only makes the mount point of the volume where it is missing",
    "package_cache/stage.py": "only makes the folder of the volume where it is missing",
    "package_cache/sbom/facts.py": "only whether a package is there; dpkg-deb reads it",
    "package_cache/build/builder.py": BUILT,
    "package_cache/image/kubernetes.py": MACHINE,
    "package_cache/image/busybox.py": OWN,
    "package_cache/check/prediction.py": "the folder of copies, of our own making",
    "package_cache/check/target.py": "only whether the folder that the user named is there",
    "package_cache/diff.py": MACHINE,
    "package_cache/image/export.py": OWN,
    "package_cache/install.py": OWN,
    "package_cache/recording/installation.py": OWN,
    "package_cache/recording/recorder.py": OWN,
    "package_cache/recording/rules.py": MACHINE,
    "package_cache/resolve/image_overrides.py": MACHINE,
    "build_image.py": RUNTIME,
    "init.py": RUNTIME,
    "init_phase/prepare.py": RUNTIME,
    "init_phase/volume.py": "only makes the mount point of the volume where it is missing",
    "plugins/plugin_utils.py": "the scripts of a plugin, in its own process; the volume reads them by the door",
}


_DOOR = re.compile(r"inside$|^Inside\(.*\)$")
"""What the door's methods are called of."""


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT / ("src" if path.is_relative_to(PROJECT / "src") else "runtime")))


def opened_by(path: Path) -> set[str]:
    """Return the calls of a module that reach a file by a path."""
    return {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and (name := _reaches(node))
    }


def _reaches(call: ast.Call) -> str | None:
    name = ast.unparse(call.func)
    if name in FUNCTIONS:
        return name
    if not isinstance(call.func, ast.Attribute) or _DOOR.search(ast.unparse(call.func.value)):
        return None
    if call.func.attr in METHODS:
        return call.func.attr
    is_path = call.func.attr == "open" and not isinstance(call.func.value, ast.Name | ast.Attribute)
    is_mode = call.func.attr == "open" and bool(call.args) and isinstance(call.args[0], ast.Constant)
    one_path = call.func.attr == "replace" and len(call.args) == 1 and not call.keywords
    return call.func.attr if is_path or is_mode or one_path else None


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_named_modules_open_paths_themselves(path: Path) -> None:
    found = opened_by(path)
    assert bool(found) == (name_of(path) in ALLOWED), f"{name_of(path)}: {sorted(found)}"


@pytest.mark.parametrize(
    "line",
    ["open(path)", "os.open(path, 0)", "path.read_bytes()", "(root / name).open('rb')", "path.open('rb')",
     "shutil.rmtree(path)", "one.replace(other)", "path.is_symlink()", "os.listdir(path)"],
)  # fmt: skip
def test_it_hears_each_kind_of_call(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(line)
    assert opened_by(tmp_path / "module.py")
