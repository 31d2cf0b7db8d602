"""The page in a real browser: nothing is logged, everything has a name and a contrast, keys reach all of it."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import unavailable
from tests.report.caches import many_groups
from tests.report.conftest import DAY, Written
from tests.report.test_page import hostile
from tests.support.chromium import COMMAND, Page, browser, have_chromium

from package_cache.cache.layout import CacheFolder
from package_cache.report.facts import Report, report_of

WIDTHS = {"a desktop": 1200, "a telephone": 390}
SCHEMES = ("light", "dark")

CONTRASTS = """
(() => {
  const channels = text => text.match(/[0-9.]+/g).map(Number);
  const linear = c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const luminance = rgb => rgb.slice(0, 3).map(c => linear(c / 255))
    .reduce((sum, c, index) => sum + c * [.2126, .7152, .0722][index], 0);
  const ratio = (one, other) => {
    const [dark, light] = [one, other].map(luminance).sort((x, y) => x - y);
    return (light + .05) / (dark + .05);
  };
  const behind = element => {
    for (; element; element = element.parentElement) {
      const found = channels(getComputedStyle(element).backgroundColor);
      if (found.length === 3) return found;  // not transparent
    }
    return [255, 255, 255];
  };
  const seen = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || ["title", "desc"].includes(element.tagName)) continue;
    const {fill, color} = getComputedStyle(element);
    seen.push([text, ratio(channels(element.closest("svg") ? fill : color), behind(element)), 4.5]);
  }
  for (const drawn of document.querySelectorAll("svg rect, svg .day")) {
    const {fill, stroke} = getComputedStyle(drawn);
    const colour = channels(drawn.tagName === "rect" ? fill : stroke);
    seen.push([drawn.outerHTML, ratio(colour, behind(drawn.closest("figure"))), 3]);
  }
  return seen;
})()
"""
"""Each text and part of a picture, its contrast, and the least that it must have: WCAG 2.2, 1.4.3 and 1.4.11."""

FOCUSABLE = "[...document.querySelectorAll('a[href], [tabindex=\"0\"]')].length"
FOCUSED = """(() => { const all = [...document.querySelectorAll('a[href], [tabindex="0"]')];
  return [all.indexOf(document.activeElement), document.activeElement.getBoundingClientRect().height > 0]; })()"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Page]:
    if not have_chromium():
        unavailable("chromium", FileNotFoundError(f"there is no command {COMMAND}"))
    with browser() as page:
        yield page


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_logged_and_nothing_cut_off(
    chromium: Page, facts: Report, page: Written, width: int, scheme: str
) -> None:
    chromium.open(page(facts), width=width, scheme=scheme)
    assert chromium.said == []
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert chromium.evaluate("getComputedStyle(document.body).maxWidth") != "none"  # its policy allows its style
    assert len(chromium.screenshot()) > 10_000


def test_it_hears_what_the_browser_refuses(chromium: Page, facts: Report, page: Written) -> None:
    file = page(facts)
    file.write_text(file.read_text().replace("</main>", "<script>document.title = 'run'</script></main>"))
    chromium.open(file, width=1200)
    assert "Content Security Policy" in json.dumps(chromium.said)
    assert chromium.evaluate("document.title") != "run"


def test_hostile_texts_do_nothing(chromium: Page, page: Written, tmp_path: Any) -> None:
    chromium.open(page(hostile(tmp_path)), width=390)
    assert chromium.said == []
    assert chromium.evaluate("document.scripts.length + document.images.length") == 0
    assert chromium.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrasts(chromium: Page, facts: Report, page: Written, scheme: str) -> None:
    chromium.open(page(facts), width=1200, scheme=scheme)
    found = chromium.evaluate(CONTRASTS)
    assert len(found) > 100
    assert [(text, round(ratio, 2)) for text, ratio, least in found if ratio < least] == []


def test_what_assistive_technology_gets(chromium: Page, facts: Report, page: Written) -> None:
    chromium.open(page(facts), width=1200)
    names = chromium.names()
    roles = [role for role, _ in names]
    assert [role for role in roles if role in ("banner", "navigation", "main", "contentinfo")] == [
        "banner", "navigation", "main", "contentinfo",
    ]  # fmt: skip
    for role in ("link", "table", "region", "navigation", "columnheader", "rowheader", "image", "img", "heading"):
        assert all(name.strip() for found, name in names if found == role), role
    assert roles.count("region") == chromium.evaluate("document.querySelectorAll('section, .scrolling').length")
    images = [name for role, name in names if role in ("image", "img")]
    assert [name.partition(":")[0] for name in images] == [
        "Sizes of the groups for ubuntu16.04 ssh", "Sizes of the groups for ubuntu18.04 nfs",
        "Ends of support The dates are in the table below.",
    ]  # fmt: skip
    assert {"rowheader", "columnheader"} <= set(roles)
    levels = chromium.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(each => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert chromium.evaluate("[...document.querySelectorAll('th')].every(each => each.scope)")
    assert chromium.evaluate("new Set([...document.querySelectorAll('[id]')].map(each => each.id)).size") == (
        chromium.evaluate("document.querySelectorAll('[id]').length")
    )
    broken = "[...document.querySelectorAll('a')].filter(each => !document.getElementById(each.hash.slice(1))).length"
    assert chromium.evaluate(broken) == 0
    assert chromium.evaluate("document.documentElement.lang") == "en"


def test_keys_reach_everything_in_its_order(chromium: Page, facts: Report, page: Written) -> None:
    chromium.open(page(facts), width=390)
    order = []
    for _ in range(chromium.evaluate(FOCUSABLE)):
        chromium.press("Tab")
        order.append(chromium.evaluate(FOCUSED))
    assert order == [[index, True] for index in range(len(order))]
    assert len(order) > 20


def test_the_first_key_leads_past_the_links(chromium: Page, facts: Report, page: Written) -> None:
    chromium.open(page(facts), width=1200)
    chromium.press("Tab")
    assert chromium.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert chromium.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    chromium.press("Enter")
    assert chromium.evaluate("document.activeElement.id") == "main"


def test_paper_is_white_and_has_no_links_to_follow(chromium: Page, facts: Report, page: Written) -> None:
    chromium.open(page(facts), width=800, scheme="dark", media="print")
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert chromium.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert chromium.evaluate("document.documentElement.scrollWidth") == 800
    assert all(ratio >= least for _, ratio, least in chromium.evaluate(CONTRASTS))


def test_a_thousand_groups(chromium: Page, page: Written, tmp_path: Any) -> None:
    cache: CacheFolder = many_groups(tmp_path / "cache-of-many", 1000)
    chromium.open(page(report_of(cache, DAY)), width=390)
    assert chromium.said == []
    assert chromium.evaluate("document.querySelectorAll('th[scope=row]').length") > 1000
    assert chromium.evaluate("document.documentElement.scrollWidth") == 390
