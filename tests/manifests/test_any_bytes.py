"""Whatever the bytes of a manifest are, it is read or refused with problems: no other exception ever comes out."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from package_cache.manifests import read_manifest
from package_cache.values.errors import ManifestError

TOML_PIECES = [
    "[[group]]\n", "[group]\n", "[mirrors]\n", "[[repository]]\n", "name", "systems", "packages", "size-budget", "uris",
    "suite", "key", "priority", "recommends", "provides", " = ", "[", "]", "{", "}", ",", "\n", ".", '"', "'", '"""',
    "'''", '"ssh"', '["ubuntu18.04"]', '"bash"', '"50 MB"', "1", "-1", "1.5", "true", "1979-05-27 07:32:00", "# c\n",
    "\\u0000", "\\", "\r\n", "inf", '"a\\u0000"', "9" * 5000, '"/etc"', '"' + "a" * 300 + '"', "[" * 3000,
]  # fmt: skip
CSV_PIECES = ["ssh", "ubuntu18.04", "bash", ",", " ", "\n", "\r\n", "#", "\0", "\ufeff", "é", "\u2028", "\t", "=", ":"]

contents = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(TOML_PIECES), max_size=30).map(lambda pieces: "".join(pieces).encode()),
    st.lists(st.sampled_from(CSV_PIECES), max_size=30).map(lambda pieces: "".join(pieces).encode()),
)


@pytest.mark.parametrize("name", ["manifest", "manifest.toml"])
@example(content=b"a = " + b"[" * 100_000)
@example(content=b"a = " + b"9" * 5000)
@example(content=b"a = " + b"{ a = " * 400 + b"1" + b"}" * 400)
@example(content=b'[[repository]]\nname = "r"\nkey = "' + b"k" * 5000 + b'"\n')
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(content=contents)
def test_any_bytes(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    try:
        manifest = read_manifest(path)
    except ManifestError as error:
        assert error.problems
        assert all(problem.file == str(path) for problem in error.problems)
        lines = content.count(b"\n") + 1
        assert all(1 <= (problem.line or 1) <= lines and (problem.column or 1) >= 1 for problem in error.problems)
    else:
        assert manifest.groups
        assert all(group.packages and "\0" not in (group.precommands or "") for group in manifest.groups)
