"""The scan page in a real browser, on the synthetic studies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import healthy, settled, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Tab = Callable[[str], Page]


def test_the_scan_says_what_it_called_and_what_chance_would_give(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/scan?study=synthetic_a&outcome=os")
    page.wait_for_selector(".js-plotly-plot", timeout=30_000)
    said = words(page)
    healthy(page)
    for part in ("false discovery rate of 5%", "Pure noise would give", "Shuffled outcomes", "winner's curse", "SYNTHETIC DATA"):
        assert part in said
    link = page.locator('a[href^="cutoff?marker="]')
    assert "cohort=" in str(link.first.get_attribute("href"))


def test_a_choice_changes_the_scan_and_lives_in_the_link(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/scan?study=synthetic_a&outcome=os")
    page.get_by_role("radio", name="Upper half").click()
    page.wait_for_timeout(1500)
    settled(page)
    assert "costs power" in words(page)
    assert "how=median" in page.evaluate("location.href")
    pooled = tab(f"{synthetic_app}/scan?study=synthetic_a,synthetic_b&outcome=os&kinds=immune")
    healthy(pooled)
    assert "cohort by cohort" in words(pooled)
