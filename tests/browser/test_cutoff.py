"""The cut-off page in a real browser: derive, lock, validate once, open the lock by its link."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.markers.cutoff.ledger import Ledger
from tests.browser.conftest import healthy, serve, settled, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Tab = Callable[[str], Page]
PATIENCE = 30_000


@pytest.fixture(scope="module")
def folder(synthetic_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the synthetic studies and a ledger of its own."""
    made = tmp_path_factory.mktemp("workbench")
    (made / "database").symlink_to((synthetic_data_dir / "database").resolve())
    return made


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[str]:
    with serve(folder, folder / "log") as address:
        yield address


def lock_it(page: Page) -> None:
    page.get_by_role("button", name="Lock this cut-off").click()
    expect(page.get_by_text("This will be locked, and cannot be changed")).to_be_visible(timeout=PATIENCE)
    use = page.get_by_label("Intended use")
    use.fill("Select patients for immunotherapy")
    use.blur()
    button = page.get_by_role("button", name="Lock it")
    expect(button).to_be_enabled(timeout=PATIENCE)
    button.click()
    expect(page.get_by_text("3 · Validate once, on other patients")).to_be_visible(timeout=PATIENCE)
    settled(page)


def test_derive_lock_validate_and_open_by_link(tab: Tab, app: str, folder: Path) -> None:
    page = tab(f"{app}/cutoff?study=synthetic_a&marker=clinical:tmb_per_mb")
    healthy(page)
    said = words(page)
    assert "Synthetic data: these patients are simulated" in said
    assert "Tumour mutational burden" in page.inner_text(".answer")
    assert "corrected" in page.inner_text(".answer")
    ledger = Ledger(folder / "ledger")
    assert {r.kind for r in ledger.records()} == {"tried"}

    lock_it(page)
    healthy(page)
    assert "has not been validated yet" in words(page)
    assert "Nothing of their outcome has been read yet" in words(page)
    locked = ledger.records("locked")[0]
    assert f"lock={locked.hash[:16]}" in page.url

    page.get_by_role("button", name="Validate, once").click()
    page.get_by_role("button", name="Read the outcomes").click()
    expect(page.locator(".answer")).to_contain_text("sensitivity", timeout=PATIENCE)
    settled(page)
    healthy(page)
    answer = page.inner_text(".answer").replace("\u00a0", " ")
    n = re.search(r"n = (\d+)", answer)
    found = ledger.records("validated")[0].content["performance"]
    assert n is not None
    assert int(n[1]) == sum(found["cells"])
    for text in ("Re-tuned here: do not report", "Shared patients", "Two-by-two table", "Reporting checklist", "as they were written"):
        assert text in words(page), text
    assert page.get_by_role("button", name="Validate, once").count() == 0

    link = page.url
    other = page.context.new_page()
    other.goto(link)
    settled(other)
    expect(other.locator(".answer")).to_contain_text("sensitivity", timeout=PATIENCE)
    assert other.inner_text(".answer") == page.inner_text(".answer")
    other.close()
    assert len(ledger.records("validated")) == 1


def test_a_link_to_a_lock_that_is_not_here_says_so(tab: Tab, app: str) -> None:
    page = tab(f"{app}/cutoff?study=synthetic_a&lock=0123456789abcdef")
    healthy(page)
    assert "holds no locked record" in words(page)


def test_predictive_or_prognostic_in_the_randomised_trial(tab: Tab, app: str) -> None:
    page = tab(f"{app}/cutoff?study=synthetic_a&marker=gene:CXCL13&treated=yes")
    expect(page.get_by_text("Overall survival by treatment and")).to_be_visible(timeout=PATIENCE)
    healthy(page)
    said = words(page)
    assert "ICB, marker high" in said
    assert "were not randomised" not in said
