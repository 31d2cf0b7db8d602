"""The page: all facts are on it, nothing of a stranger is anything but text, and the same facts give the same bytes."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from tests.report.answers import CHECK, envelope, group, image, missed, unreadable, written
from tests.report.caches import KB, many_groups, package, write_cache
from tests.report.conftest import DAY

from package_cache.cache.layout import CacheFolder
from package_cache.report.facts import Report, report_of
from package_cache.report.page import MOST_COLUMNS, MOST_DRAWN, page_text
from package_cache.report.results import read_check

HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}\x1b[31m\u202e\n"
VOID = {"meta", "link", "br", "rect", "line"}


class Parsed(HTMLParser):
    """Elements with their attributes, and the text between them; elements must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self._open and self._open[-1] != "style" else ""


def test_all_facts_are_on_the_page(facts: Report) -> None:
    text = " ".join(Parsed(page_text(facts)).text.split())
    for fact in (
        "Package cache package_cache", "Built 2026-11-01 from package_cache_info by package-cache 0.1.0. Not signed.",
        "openssh-client needs libssl1.0.0 (>= 1.0.2): 1.0.1 is here", "Next step: lock --for", "no-plan, status 13",
        "the registry does not answer", "already there", "tried: installed, as predicted", "2026-11-28", "2 days old",
        "openssh-server:amd64", "1:7.6p1-4ubuntu0.7", "pinned by the manifest", "standard support: 2023-05-31",
        "legacy support", "2026-10-30, 31 days old", "registry/job:1", "1.45 s", "0.15 s", "status 50",
        "not as predicted", "libc6:amd64", "nfs: 3.6 MB, 900.0 kB of it only in this group.",
    ):  # fmt: skip
        assert fact in text, fact


def test_what_was_not_given_is_named_with_its_command(cache: CacheFolder) -> None:
    text = Parsed(page_text(report_of(cache, DAY))).text
    assert "package-cache check --manifest package-cache.toml --json >check.json\n" in text
    assert "package-cache report --check check.json --output report.html" in text
    assert "package-cache outdated --json >outdated.json\n" in text
    assert "package-cache report --outdated outdated.json --output report.html" in text


def test_a_cache_without_recordings_trials_and_dates(tmp_path: Path) -> None:
    cache = write_cache(
        tmp_path / "cache", [("a", "debian99", [package("tool", KB)])], head={"locked": "", "created": ""}
    )
    text = Parsed(page_text(report_of(cache, DAY, [], None))).text
    for told in ("package-cache record ", "check --manifest package-cache.toml --run", "lock --dated", "unknown"):
        assert told in text


def test_an_empty_cache(tmp_path: Path) -> None:
    assert "0 groups" in Parsed(page_text(report_of(write_cache(tmp_path, []), DAY))).text


def hostile(tmp_path: Path) -> Report:
    """Return facts in which each text that a stranger can choose is hostile."""
    check = envelope(
        "check",
        {
            "when": CHECK["result"]["when"],
            "images": [
                image(HOSTILE, missed("ssh", HOSTILE, message=HOSTILE), group("nfs"), system=HOSTILE, digest=HOSTILE),
                unreadable(HOSTILE, HOSTILE),
            ],
        },
    )
    head = dict.fromkeys(("created", "built_by", "manifest", "locked"), HOSTILE)
    cache = write_cache(tmp_path / "cache", [("ssh", "ubuntu18.04", [package("tool", KB)])], head=head)
    facts = report_of(cache, DAY, read_check(written(tmp_path, check)))
    return replace(facts, cache=HOSTILE, signed_by=(HOSTILE,))


def test_texts_of_strangers_are_text(tmp_path: Path) -> None:
    text = page_text(hostile(tmp_path))
    parsed = Parsed(text)
    assert not {"script", "img", "iframe", "object", "form"} & {tag for tag, _ in parsed.elements}
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert [tag for tag, _ in parsed.elements].count("style") == 1
    assert "alert(1)" in parsed.text
    assert "{{ 7*7 }}\\x1b[31m\\u202e\\n" in parsed.text  # shown as everything that the command prints
    assert not re.search("[\x1b\u202e]", text)


def test_its_policy_allows_its_own_style_and_nothing_else(facts: Report) -> None:
    text = page_text(facts)
    [policy] = [
        attributes["content"] or ""
        for tag, attributes in Parsed(text).elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    [style] = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert "script" not in policy
    assert "unsafe" not in policy


def test_it_loads_nothing_and_leads_nowhere_else(facts: Report) -> None:
    for _, attributes in Parsed(page_text(facts)).elements:
        for name in ("src", "href", "srcset", "action", "style"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "data:,", (name, value)


def test_the_same_facts_give_the_same_bytes(facts: Report) -> None:
    assert page_text(facts) == page_text(facts)


def test_the_picture_has_the_largest_groups_and_the_table_all(tmp_path: Path) -> None:
    text = page_text(report_of(many_groups(tmp_path / "cache", 40), DAY))
    parsed = Parsed(text)
    assert text.count('<text class="value"') == 2 * MOST_DRAWN
    assert f"The {MOST_DRAWN} largest of 20 groups; the table has all." in parsed.text
    assert all(f">group{index}</th>" in text for index in range(40))


def test_a_wide_matrix_has_only_groups_that_some_image_does_not_get(cache: CacheFolder, tmp_path: Path) -> None:
    names = [f"group{index}" for index in range(MOST_COLUMNS + 5)]

    def columns(bad: str) -> tuple[list[str], str]:
        groups = [missed(name) if name == bad else group(name) for name in names]
        check = envelope("check", {"when": CHECK["result"]["when"], "images": [image("job", *groups)]})
        text = page_text(report_of(cache, DAY, read_check(written(tmp_path, check))))
        return re.findall('<th scope="col">(group[0-9]+)</th>', text), text

    found, text = columns("group3")
    assert found == ["group3"]
    assert "14 other groups would install wherever checked" in text
    names = names[:MOST_COLUMNS]
    assert columns("group3")[0] == names


def test_a_thousand_groups_take_less_than_three_megabytes(tmp_path: Path) -> None:
    number = 1000
    cache = many_groups(tmp_path / "cache", number)
    images = [image(f"job{index}", *(group(f"group{one}") for one in range(number))) for index in range(5)]
    check = written(tmp_path, envelope("check", {"when": CHECK["result"]["when"], "images": images}))
    assert len(page_text(report_of(cache, DAY, read_check(check))).encode()) < 3_000_000
