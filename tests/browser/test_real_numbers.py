"""Published studies in a real browser: every page opens on each, and what is on screen equals an independent computation.

The reference side reads the database with DuckDB and computes with pandas, lifelines and scikit-learn, not with core.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from data.sources import MODULES
from tests.browser.conftest import healthy, reads, words

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.realdata]
Tab = Callable[[str], Page]
PAGES = ("", "map", "survival", "attribution", "scan", "cutoff", "performance", "quality")
STUDIES = [study for study in MODULES if study not in {"wsi", "genesets"}]


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_every_study(tab: Tab, real_app: str, page: str, study: str) -> None:
    opened = tab(f"{real_app}/{page}?study={study}")
    healthy(opened)
    assert opened.locator(".answer").count() + opened.locator(".state").count() >= 1
    assert study in opened.evaluate("decodeURIComponent(location.search)")


def test_about_lists_every_licence(tab: Tab, real_app: str) -> None:
    opened = tab(f"{real_app}/about")
    healthy(opened)
    assert "Mariathasan" in words(opened)
    assert "GPL" in words(opened)


@pytest.mark.parametrize("study", ["imvigor210", "loris", "liu2019"])
def test_the_overview_counts_equal_pandas(
    tab: Tab, real_app: str, frame: Callable[[str], object], study: str
) -> None:
    patients = frame(f"SELECT response, os_event FROM patient WHERE study = '{study}'")
    known = patients["response"].dropna()  # type: ignore[index]
    said = words(tab(f"{real_app}/?study={study}"))
    assert f"{len(patients):,} patients of" in said  # type: ignore[arg-type]
    assert f"{len(known):,} evaluable, response rate {100 * known.astype(bool).mean():.0f}% ({int(known.sum()):,} of {len(known):,}" in said
    assert f"{int(patients['os_event'].dropna().sum()):,} deaths" in said  # type: ignore[index]


def test_the_hazard_ratio_on_screen_equals_lifelines(
    tab: Tab, real_app: str, frame: Callable[[str], object]
) -> None:
    from lifelines import CoxPHFitter

    rows = frame("SELECT os_months, os_event, tmb_per_mb FROM patient WHERE study = 'imvigor210'").dropna()  # type: ignore[attr-defined]
    rows["high"] = (rows["tmb_per_mb"] >= 10).astype(float)
    rows["os_event"] = rows["os_event"].astype(bool)
    fitted = CoxPHFitter().fit(rows[["os_months", "os_event", "high"]], "os_months", "os_event").summary.loc["high"]
    said = words(tab(f"{real_app}/survival?study=imvigor210&predictor=tmb&split=published&endpoint=os"))
    found = re.search(r"HR ([\d.]+) \(([\d.]+) to ([\d.]+)\), p < \.001, n = (\d+) with (\d+) events", said)
    assert found is not None, said[:400]
    expected = (fitted["exp(coef)"], fitted["exp(coef) lower 95%"], fitted["exp(coef) upper 95%"])
    assert all(abs(float(shown) - value) < 0.0051 for shown, value in zip(found.groups()[:3], expected, strict=True))
    assert int(found[4]) == len(rows)
    assert int(found[5]) == int(rows["os_event"].sum())


def test_the_response_rates_on_screen_equal_pandas(
    tab: Tab, real_app: str, frame: Callable[[str], object]
) -> None:
    rows = frame("SELECT response, tmb_per_mb FROM patient WHERE study = 'imvigor210'").dropna()  # type: ignore[attr-defined]
    page = tab(f"{real_app}/survival?study=imvigor210&predictor=tmb&split=published&endpoint=os")
    for part in (rows[rows["tmb_per_mb"] >= 10], rows[rows["tmb_per_mb"] < 10]):
        assert reads(page, f"{int(part['response'].sum())} of {len(part)}")


def test_the_auc_on_screen_equals_scikit_learn(tab: Tab, real_app: str, frame: Callable[[str], object]) -> None:
    from sklearn.metrics import roc_auc_score

    page = tab(f"{real_app}/performance?study=imvigor210")
    rows = frame("SELECT response, tmb_per_mb FROM patient WHERE study = 'imvigor210'").dropna()  # type: ignore[attr-defined]
    auc = roc_auc_score(rows["response"].astype(bool), rows["tmb_per_mb"])
    figure = page.locator(".js-plotly-plot").first
    expect(figure).to_contain_text(f"{auc:.2f} (", timeout=20_000)
    expect(figure).to_contain_text(str(len(rows)), timeout=20_000)


def test_attribution_on_screen_equals_the_stored_values(
    tab: Tab, real_app: str, frame: Callable[[str], object]
) -> None:
    strongest = frame(
        """SELECT feature, avg(abs(shap)) AS strength FROM attribution WHERE study = 'imvigor210' AND predictor = 'elastic_net'
           AND protocol = 'out_of_fold' GROUP BY 1 ORDER BY 2 DESC LIMIT 1"""
    )
    drawn = words(tab(f"{real_app}/attribution?study=imvigor210&explained=elastic_net"))
    assert f"{float(strongest['strength'][0]):.2f} (" in drawn  # type: ignore[index]


def test_a_study_without_response_still_has_its_models_compared_on_survival(tab: Tab, real_app: str) -> None:
    page = tab(f"{real_app}/performance?study=tcga")
    healthy(page)
    assert reads(page, "Beside simpler models")
    assert reads(page, "Overall survival within four TCGA cancers")
    expect(page.locator(".js-plotly-plot").first).to_contain_text("not above Joint ridge (", timeout=20_000)
