"""The tissue viewer in a real browser: from the picture to a spot and back, by keyboard; sections with and without a picture."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import healthy, words

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.realdata]
Tab = Callable[[str], Page]


def test_from_the_picture_to_a_spot_and_back_by_keyboard(tab: Tab, real_app: str) -> None:
    page = tab(f"{real_app}/tissue?study=her2st&section=her2st:B4")
    canvas = page.locator("canvas")
    canvas.wait_for()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert "Spot" in page.locator(".told").inner_text()
    page.keyboard.press("Enter")
    tile = page.locator("img[alt*='H&E of 224']")
    tile.wait_for()
    page.wait_for_function("[...document.querySelectorAll('img')].some(i => i.naturalWidth === 224)")
    page.wait_for_function("location.search.includes('spot=')")
    page.get_by_role("button", name="Close the spot").click()
    tile.wait_for(state="detached")
    page.wait_for_function("!location.search.includes('spot=')")
    healthy(page)


@pytest.mark.parametrize("section", ["A1", "C2", "D1", "H1"])
def test_a_section_opens_with_or_without_a_picture(tab: Tab, real_app: str, section: str) -> None:
    page = tab(f"{real_app}/tissue?study=her2st&section=her2st:{section}")
    healthy(page)
    said = words(page)
    assert ("spots alone" in said) == (section not in {"A1", "B4", "C2"})
    assert ("taken from the distance of the spots" in said) == (section == "A1")


def test_nothing_but_tiles_is_served(real_app: str) -> None:
    for address in ("/picture/..%2fverified.json/0/0/0", "/picture/%2e%2e/0/0/0", "/picture/verified.json/0/0/0"):
        start = time.perf_counter()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{real_app}{address}", timeout=10)
        refused.value.close()
        assert refused.value.code in {400, 404}  # the server itself refuses what climbs out of a folder
        assert time.perf_counter() - start < 5
