"""Names of lists are those that apt gives them, and a Release changes nothing but its Label."""

import pytest

from package_cache.apt.preferences import labelled, list_name, stanza


@pytest.mark.parametrize(
    ("uri", "suite", "name"),
    [
        ("http://127.0.0.1:80/apt", "stable", "127.0.0.1:80_apt_dists_stable_"),
        ("http://x.example", "./", "x.example_._"),
        ("http://x.example/a_b", "deb/", "x.example_a%5fb_deb_"),
        ("http://x.example/a", "/", "x.example_a_"),
        ("file:/srv/~me", "bionic-updates", "_srv_%7eme_dists_bionic-updates_"),
        ("copy:///srv/apt", "a/b", "_srv_apt_dists_a_b_"),
    ],
)
def test_names_of_lists(uri: str, suite: str, name: str) -> None:
    assert list_name(uri, suite) == name


def test_a_label_is_replaced_or_added() -> None:
    assert labelled("Origin: x\nLabel: y\nSuite: z\n", "tools") == "Label: tools\nOrigin: x\nSuite: z\n"
    assert labelled("Origin: x\n", "tools") == "Label: tools\nOrigin: x\n"
    signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nOrigin: x\nlabel: y\n-----BEGIN PGP SIGNATURE-----\n"
    assert labelled(signed, "tools") == signed.replace("Origin: x\nlabel: y\n", "Label: tools\nOrigin: x\n")


def test_records() -> None:
    assert stanza(["*"], -1, source="tools") == "Package: *\nPin: release l=tools\nPin-Priority: -1\n"
    assert stanza(["a", "b*"], 990, version="1:2.*") == "Package: a b*\nPin: version 1:2.*\nPin-Priority: 990\n"
