"""Lines are found in every way of writing TOML, so that a problem never points to the wrong place."""

import tomllib

import pytest

from package_cache.manifest.positions import name_of, positions

MARK = "@"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[[a]]\nb = 1\n[[a]]\n@b = 2\n", "a[1].b"),
        ("[[a]]\n[[a]]\n[a.b]\n@c = 1\n", "a[1].b.c"),
        ("@[[a]]\n", "a[0]"),
        ('# b = 1 "\n@b = 2 # b\n', "b"),
        ("a = '''\nb = 1\n[[b]]''''\n@b = 2\n", "b"),
        ('a = """\nb = 1 \\""" "\n""""\n@b = 2\n', "b"),
        ('a = "b = \\" # ["\n@b = 2\n', "b"),
        ("a = 'b = # [\"'\n@b = 2\n", "b"),
        ('a = [ # "x", [\n  "x",\n  @"y",\n]\n', "a[1]"),
        ('a = [["x"], [1.5, @"y"]]\n', "a[1][1]"),
        ('a = ["""x"""", @"y"]\n', "a[1]"),
        ("a = { b = 1.5, @c = 2 }\n", "a.c"),
        ("a = 1979-05-27 07:32:00\n@b = [ ]\n", "b"),
        ("a.b = 1\n@a.c = 2\n", "a.c"),
        ('"a]" = 1\n["x.y"]\n@"b\\u0041" = 1\n', "x.y.bA"),
        ("['x]y']\n@'b' = 1\n", "x]y.b"),
        ("a = 1\r\n\r\n@b = 2\r\n", "b"),
    ],
)
def test_a_field_is_found_where_it_stands(text: str, found: str) -> None:
    written = text.replace(MARK, "", 1)
    tomllib.loads(written)
    offsets = {name_of(way): offset for way, offset in positions(written).items()}
    assert offsets[found] == text.index(MARK)
