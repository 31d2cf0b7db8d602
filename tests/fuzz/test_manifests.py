"""Whatever the bytes of a manifest are, it is read or refused with every problem at its place."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from tests.fuzz.counts import Tried
from tests.fuzz.documents import COLUMNS, TOML
from tests.fuzz.effort import fuzzed
from tests.fuzz.law import bounded, check_told
from tests.fuzz.strategies import HUGE, columns, tomls

from package_cache.errors import ManifestError
from package_cache.exit_codes import ExitStatus
from package_cache.manifest import read_manifest
from package_cache.manifest.model import Manifest
from package_cache.names import GROUP_NAME, PackageRequest

TOML_PIECES = [
    "[[group]]\n", "[group]\n", "[mirrors]\n", "[[repository]]\n", "name", "systems", "packages", "size-budget", "uris",
    "suite", "key", "priority", "recommends", "provides", " = ", "[", "]", "{", "}", ",", "\n", ".", '"', "'", '"""',
    "'''", '"ssh"', '["ubuntu18.04"]', '"bash"', '"50 MB"', "1", "-1", "1.5", "true", "1979-05-27 07:32:00", "# c\n",
    "\\u0000", "\\", "\r\n", "inf", '"a\\u0000"', "9" * 5000, '"/etc"', '"' + "a" * 300 + '"', "[" * 3000,
]  # fmt: skip
CSV_PIECES = ["ssh", "ubuntu18.04", "bash", ",", " ", "\n", "\r\n", "#", "\0", "\ufeff", "é", "\u2028", "\t", "=", ":"]


def pieces(of: list[str]) -> st.SearchStrategy[bytes]:
    """Return bytes, texts, and texts of a format's own pieces."""
    return st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(st.sampled_from(of), max_size=30).map(lambda found: "".join(found).encode()),
    )


@fuzzed("columns")
@example(content=COLUMNS.encode())
@given(content=st.one_of(columns, columns, columns, pieces(CSV_PIECES)))
def test_columns(tmp_path: Path, tried: Tried, content: bytes) -> None:
    tried("columns")
    check(tmp_path / "manifest", content)


@fuzzed("toml")
@example(content=TOML.encode())
@example(content=b"a = " + b"[" * 100_000)
@example(content=b"a = " + b"9" * 5000)
@example(content=b"a = " + b"{ a = " * 400 + b"1" + b"}" * 400)
@example(content=b'[[repository]]\nname = "r"\nkey = "' + b"k" * 5000 + b'"\n')
@example(content=TOML.replace("700", HUGE).encode())
@given(content=st.one_of(tomls, tomls, tomls, pieces(TOML_PIECES)))
def test_toml(tmp_path: Path, tried: Tried, content: bytes) -> None:
    tried("toml")
    check(tmp_path / "manifest.toml", content)


def check(path: Path, content: bytes) -> None:
    """Read a manifest of these bytes, and see that what comes out of it is right."""
    path.write_bytes(content)
    try:
        with bounded():
            manifest = read_manifest(path)
    except ManifestError as error:
        assert error.problems
        assert error.status is ExitStatus.BAD_MANIFEST
        check_told(error, str(path))
        lines = content.count(b"\n") + 1
        assert all((problem.line or 1) <= lines for problem in error.problems)
    else:
        check_read(manifest)


def check_read(manifest: Manifest) -> None:
    """Check that what was read can be worked with."""
    assert manifest.groups
    for group in manifest.groups:
        assert GROUP_NAME.fullmatch(group.name)
        assert group.packages
        assert "\0" not in (group.precommands or "")
        for item in group.packages:
            assert PackageRequest.parse(str(item.request)) == item.request
            assert item.place.line
