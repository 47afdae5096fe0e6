"""A group outlined on the map with the mouse, in a real browser."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import healthy, reads, settled, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Tab = Callable[[str], Page]


def outline(page: Page, share: float) -> None:
    """Drag around the middle of the map."""
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    if box is None:
        raise AssertionError("there is no map to draw on")
    x, y, reach = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, share * min(box["width"], box["height"])
    page.mouse.move(x + reach, y)
    page.mouse.down()
    for i in range(1, 33):
        page.mouse.move(x + reach * math.cos(i * math.pi / 16), y + reach * math.sin(i * math.pi / 16))
    page.mouse.up()


def test_an_outline_becomes_a_group_that_lives_in_the_link(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/map?study=synthetic_a")
    page.wait_for_selector(".js-plotly-plot .nsewdrag")
    outline(page, 0.3)
    assert reads(page, "outlined on the UMAP picture")
    settled(page)
    healthy(page)
    sentence = next(s for s in page.locator(".definition").all_inner_texts() if "outlined on the" in s)
    address = page.evaluate("location.href")
    assert "group=" in address
    assert "synthetic_a%3A" not in address, "the link names a patient"
    again = tab(address)
    assert reads(again, sentence.replace("\u00a0", " "))
    outline(again, 0.004)
    assert reads(again, "The group before it is kept") or "too few" in words(again)
    healthy(again)
    assert reads(again, sentence.replace("\u00a0", " "))
