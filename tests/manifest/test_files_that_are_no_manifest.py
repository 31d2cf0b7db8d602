"""A file that cannot be read as a manifest gets a problem with a next step, in both formats, never a traceback."""

import hashlib
from pathlib import Path

import pytest

from package_cache.errors import ManifestError
from package_cache.exit_codes import ExitStatus
from package_cache.manifest import read_manifest


@pytest.fixture(params=["package_cache_info", "package-cache.toml"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(request.param)


def problems(path: Path) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert caught.value.status is ExitStatus.BAD_MANIFEST
    assert caught.value.message == f"cannot use the manifest {path}"
    assert all(problem.file == str(path) and problem.hint for problem in caught.value.problems)
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


def test_missing(path: Path) -> None:
    assert problems(path) == [f"{path}: there is no such file"]


def test_a_folder(path: Path) -> None:
    path.mkdir()
    assert problems(path) == [f"{path}: is a folder"]


def test_below_a_file(path: Path) -> None:
    path.write_text("")
    assert problems(path / path) == [f"{path / path}: cannot be read: Not a directory"]


def test_a_path_with_a_nul(path: Path) -> None:
    assert problems(Path(f"a\0{path}")) == [f"a\0{path}: cannot be read: holds a NUL byte"]


def test_empty(path: Path) -> None:
    for content in ("", "\ufeff", "\n\n# only a comment\n"):
        path.write_text(content)
        assert problems(path) == [f"{path}: has no group"]


def test_not_utf8_names_line_and_column(path: Path) -> None:
    path.write_bytes("# é\n# caf".encode() + b"\xe9\n")
    assert problems(path) == [f"{path}:2:6: is not UTF-8: the byte 0xe9"]
    path.write_bytes(b"\xef\xbb\xbf# caf\xe9\n")
    assert problems(path) == [f"{path}:1:6: is not UTF-8: the byte 0xe9"]


def test_utf16(path: Path) -> None:
    path.write_text("ssh,ubuntu18.04,openssh-server\n", encoding="utf-16")
    assert problems(path) == [f"{path}:1:1: is not UTF-8: the byte 0xff"]


def test_nul_bytes_once_a_line(path: Path) -> None:
    path.write_bytes(b"# \0\0\n\n# a\0")
    assert problems(path) == [f"{path}:1:3: holds a NUL byte", f"{path}:3:4: holds a NUL byte"]


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "m"
    content = b"\xef\xbb\xbfssh,ubuntu18.04,openssh-server\r\n"
    path.write_bytes(content)
    assert read_manifest(path).digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
