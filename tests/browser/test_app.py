"""The app in a real browser, on the synthetic studies."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import healthy, settled, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Tab = Callable[[str], Page]
PAGES = ("", "map", "survival", "attribution", "scan", "cutoff", "performance", "quality", "about")


@pytest.mark.parametrize("page", PAGES)
def test_a_link_to_a_page_opens_it(tab: Tab, synthetic_app: str, page: str) -> None:
    opened = tab(f"{synthetic_app}/{page}?study=synthetic_a")
    healthy(opened)
    assert opened.locator("h1").count() == 1
    if page != "about":
        assert "Synthetic data: these patients are simulated" in words(opened)
        opened.wait_for_selector(".js-plotly-plot", timeout=30_000)
        assert "SYNTHETIC DATA" in words(opened)


def test_a_person_walks_through_all_pages_and_back(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/?study=synthetic_b")
    for name in ("TME map", "Survival", "Attribution", "Performance", "Quality"):
        page.locator('[data-testid="stTopNavLink"]', has_text=name).click()
        page.wait_for_timeout(600)
        settled(page)
        healthy(page)
        assert "synthetic_b" in page.evaluate("decodeURIComponent(location.search)")
    for _ in range(2):  # the cohort may have been written into the address as an entry of its own
        page.go_back()
        page.wait_for_timeout(2000)
        settled(page)
        if "Which predictor" in words(page):
            break
    assert "Which predictor" in words(page)


def test_a_control_changes_the_answer_and_lives_in_the_link(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/survival?study=synthetic_a")
    before = words(page)
    page.get_by_role("radio", name="Tertiles").click()
    page.wait_for_timeout(1200)
    settled(page)
    after = words(page)
    assert before != after
    assert "tertiles" in after
    address = page.evaluate("location.href")
    assert "split=tertiles" in address
    again = tab(address)
    assert "tertiles" in words(again)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("survival?cohort=" + quote('{"s":["synthetic_a"],"f":[["shoe_size","ge",40]]}'), "shoe_size"),
        ("map?study=nowhere2031", "nowhere2031"),
        ("?filter=shoe_size", "filter"),
        ("survival?study=synthetic_a&split=nonsense", "Do patients"),
        ("survival?study=synthetic_a&predictor=nonsense&endpoint=nonsense", "Do patients"),
    ],
)
def test_a_wrong_link_is_a_sentence(tab: Tab, synthetic_app: str, link: str, said: str) -> None:
    page = tab(f"{synthetic_app}/{link}")
    healthy(page)
    assert said in words(page)
    assert page.locator(".answer").count() == 1


def test_an_empty_cohort_offers_the_filter_to_remove(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/survival?cohort=" + quote('{"s":["synthetic_a"],"f":[["age_years","ge",500]]}'))
    healthy(page)
    assert "Nobody matches" in words(page)
    page.get_by_role("button", name=re.compile("Remove the filter")).click()
    page.wait_for_selector(".answer")
    settled(page)
    assert "Nobody matches" not in words(page)


@pytest.mark.parametrize(
    ("kind", "start"), [("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("PDF", b"%PDF"), ("HTML", b"<!doctype html>"), ("CSV", b"# ")]
)
def test_a_figure_downloads(tab: Tab, synthetic_app: str, kind: str, start: bytes) -> None:
    page = tab(f"{synthetic_app}/survival?study=synthetic_a")
    page.get_by_role("button", name="Download").first.click()
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name=re.compile(rf"^{kind}\b")).first.click()
    path = waiting.value.path()
    content = path.read_bytes()
    assert content.startswith(start)
    assert len(content) > 500
    assert "synthetic" in waiting.value.suggested_filename
    if kind in {"SVG", "HTML", "CSV"}:
        assert b"SYNTHETIC DATA" in content


def test_the_bar_filters_from_the_keyboard(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/?study=synthetic_a")
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(1500)
    settled(page)
    assert re.search(r"\d+ of \d+ patients", words(page))
    assert '"ge"' in page.evaluate("decodeURIComponent(location.search)")
