"""Which texts are handed to apt as the URI of a mirror."""

import pytest

from package_cache.uris import URI


@pytest.mark.parametrize(
    "text",
    [
        "http://host/path", "https://host:8443/a%20b/", "file:/srv/archive", "file:///srv/archive", "copy:/srv/archive",
        "tor+http://host/path", "http://[::1]/path", "http://[fe80::1.2.3.4]:8080/path", "s3://bucket/a+b~c",
    ],
)  # fmt: skip
def test_uris_of_mirrors(text: str) -> None:
    assert URI.fullmatch(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "host/path", "file:archive", "cdrom:[a disc]/", "mirror+file:/list", "mirror://host/list",
        "http://host/a b", "http://host/a\n", "http://host/[a]", "http://[::1", "-o/Dir::Etc=/", "http://host/'",
        'http://host/"', "http:/",
    ],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    assert URI.fullmatch(text) is None
