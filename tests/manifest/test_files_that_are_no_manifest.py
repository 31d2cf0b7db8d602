"""A file that cannot be read as a manifest gets a problem with a next step, in both formats, never a traceback."""

import hashlib
from pathlib import Path

import pytest

from package_cache.errors import ManifestError
from package_cache.exit_codes import ExitStatus
from package_cache.manifest import read_manifest


@pytest.fixture(params=["package_cache_info", "package-cache.toml"])
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def problems(path: Path) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert caught.value.status is ExitStatus.BAD_MANIFEST
    assert caught.value.message == f"cannot use the manifest {path}"
    assert all(problem.file == str(path) and problem.hint for problem in caught.value.problems)
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


def test_a_path_that_leads_to_no_file(path: Path) -> None:
    assert problems(path) == [f"{path}: there is no such file"]
    assert problems(Path(f"a\0{path}")) == [f"a\0{path}: cannot be read: holds a NUL byte"]
    path.mkdir()
    assert problems(path) == [f"{path}: is a folder"]
    Path("file").write_text("")
    assert problems(Path("file") / path) == [f"file/{path}: cannot be read: Not a directory"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        *((content, [": has no group"]) for content in (b"", b"\xef\xbb\xbf", b"\n\n# only a comment\n")),
        ("# é\n# caf".encode() + b"\xe9\n", [":2:6: is not UTF-8: the byte 0xe9"]),
        (b"\xef\xbb\xbf# caf\xe9\n", [":1:6: is not UTF-8: the byte 0xe9"]),
        ("ssh,ubuntu18.04,openssh-server\n".encode("utf-16"), [":1:1: is not UTF-8: the byte 0xff"]),
        (b"# \0\0\n\n# a\0", [":1:3: holds a NUL byte", ":3:4: holds a NUL byte"]),
    ],
)
def test_a_file_without_a_group_or_of_another_encoding(path: Path, content: bytes, told: list[str]) -> None:
    path.write_bytes(content)
    assert problems(path) == [f"{path}{text}" for text in told]


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "m"
    content = b"\xef\xbb\xbfssh,ubuntu18.04,openssh-server\r\n"
    path.write_bytes(content)
    assert read_manifest(path).digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
