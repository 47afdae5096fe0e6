"""The survival page in a real browser: its controls and closer looks, and numbers on screen against lifelines."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import healthy, settled, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Tab = Callable[[str], Page]
HIGH = "survival?study=imvigor210&predictor=tmb&split=published&endpoint=os"


def test_a_closer_look_is_chosen_and_lives_in_the_link(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/survival?study=synthetic_a&predictor=tmb")
    before = page.locator(".answer").inner_text()
    page.wait_for_selector(".js-plotly-plot >> nth=2", timeout=30_000)
    page.get_by_role("combobox", name=re.compile("What to look at")).click()
    page.keyboard.type("Restricted")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    settled(page)
    healthy(page)
    assert "look=mean" in page.evaluate("location.href")
    assert "Restricted mean survival time: area under" in words(page)
    assert page.locator(".answer").inner_text() == before
    page.wait_for_selector(".js-plotly-plot >> nth=2", timeout=30_000)
    again = tab(page.evaluate("location.href"))
    assert "Restricted mean survival time: area under" in words(again)


def test_a_look_that_is_not_measured_names_no_error(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/survival?study=synthetic_a&predictor=tmb&look=competing")
    healthy(page)
    assert "Not measured here" in words(page)
    assert page.locator(".answer").count() == 1
    assert page.locator(".js-plotly-plot").count() >= 1


def test_the_options_under_more_change_the_figure(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/survival?study=synthetic_a&compare=phenotype")
    assert "Does overall survival differ by immune phenotype?" in words(page)
    page.get_by_text("More", exact=True).first.click()
    page.wait_for_timeout(600)  # the panel slides open; a list opened while it moves is closed again
    page.get_by_role("combobox", name=re.compile("Start the clock")).click()
    page.get_by_role("option", name="At 6 months").click()
    page.wait_for_timeout(1500)
    settled(page)
    healthy(page)
    assert "landmark=6" in page.evaluate("location.href")
    assert "from 6 months on" in words(page)
    page.get_by_text("Every pair of groups").click()
    page.wait_for_timeout(500)
    assert "p, Holm" in words(page)


@pytest.mark.realdata
def test_the_adjusted_hazard_ratio_on_screen_equals_lifelines(tab: Tab, real_app: str, frame: Callable[[str], object]) -> None:
    from lifelines import CoxPHFitter

    rows = frame("SELECT os_months, os_event, tmb_per_mb, sex, ecog, prior_platinum FROM patient WHERE study = 'imvigor210'").dropna()  # type: ignore[attr-defined]
    design = rows[["os_months"]].assign(
        event=rows["os_event"].astype(bool), high=(rows["tmb_per_mb"] >= 10) * 1.0, female=(rows["sex"] == "female") * 1.0,
        one=(rows["ecog"] == "1") * 1.0, two=(rows["ecog"] == "2") * 1.0, platinum=rows["prior_platinum"].astype(float),
    )  # fmt: skip
    fitted = CoxPHFitter().fit(design, "os_months", "event").summary.loc["high"]
    said = words(tab(f"{real_app}/{HIGH}&look=hazards&adjust=sex,ecog,prior_platinum"))
    found = re.search(r"prior platinum, TMB ≥ 10 against TMB < 10: HR ([\d.]+) \(([\d.]+) to ([\d.]+)\), p < \.001, n = (\d+)", said)
    assert found is not None, said[-1500:]
    expected = (fitted["exp(coef)"], fitted["exp(coef) lower 95%"], fitted["exp(coef) upper 95%"])
    assert all(abs(float(shown) - value) < 0.0051 for shown, value in zip(found.groups()[:3], expected, strict=True))
    assert int(found[4]) == len(rows)


@pytest.mark.realdata
def test_the_stratified_hazard_ratio_on_screen_equals_lifelines(tab: Tab, real_app: str, frame: Callable[[str], object]) -> None:
    from lifelines import CoxPHFitter

    rows = frame(
        """SELECT os_months, os_event, cancer_type, s.score FROM patient JOIN (SELECT patient_id, score FROM prediction WHERE predictor = 'loris'
           AND protocol <> 'in_sample') s USING (patient_id) WHERE study = 'loris' AND arm <> 'control' AND drug_class IS DISTINCT FROM 'no ICB'"""
    )
    high = rows["score"] >= rows["score"].median()  # type: ignore[index]
    design = rows[["os_months", "cancer_type"]].assign(event=rows["os_event"], high=high * 1.0).dropna()  # type: ignore[index]
    design["event"] = design["event"].astype(bool)
    fitted = CoxPHFitter().fit(design, "os_months", "event", strata=["cancer_type"]).summary.loc["high"]
    said = words(tab(f"{real_app}/survival?study=loris&predictor=loris&split=median&strata=cancer_type"))
    found = re.search(r"HR ([\d.]+) \(([\d.]+) to ([\d.]+)\), p < \.001, n = ([\d,]+) with \d+ events; stratified by cancer type", said)
    assert found is not None, said[:600]
    assert abs(float(found[1]) - fitted["exp(coef)"]) < 0.0051
    assert int(found[4].replace(",", "")) == len(design)


@pytest.mark.realdata
def test_phenotypes_on_screen_equal_lifelines(tab: Tab, real_app: str, frame: Callable[[str], object]) -> None:
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import multivariate_logrank_test
    from lifelines.utils import restricted_mean_survival_time

    rows = frame("SELECT os_months, os_event, phenotype FROM patient WHERE study = 'imvigor210'").dropna()  # type: ignore[attr-defined]
    test = multivariate_logrank_test(rows["os_months"], rows["phenotype"], rows["os_event"].astype(bool))
    said = words(tab(f"{real_app}/survival?study=imvigor210&compare=phenotype&look=mean&horizon=18"))
    assert f"log-rank test over 3 groups p = {test.p_value:.3f}".replace("0.", ".") in said
    means = {}
    for name, part in rows.groupby("phenotype"):
        curve = KaplanMeierFitter().fit(part["os_months"], part["os_event"].astype(bool))
        means[name] = restricted_mean_survival_time(curve, t=18)
        assert f"{100 * float(curve.predict(12)):.0f}% (" in said
    for name in ("excluded", "inflamed"):
        assert f"{name} against desert {means[name] - means['desert']:+.1f} months" in said


@pytest.mark.realdata
def test_causes_of_death_are_told_apart_where_they_are_known(tab: Tab, real_app: str, frame: Callable[[str], object]) -> None:
    page = tab(f"{real_app}/survival?study=tcga&predictor=tmb&split=published&look=competing")
    healthy(page)
    rows = frame("SELECT os_months, os_event, dss_event FROM patient WHERE study = 'tcga' AND tmb_per_mb IS NOT NULL")
    known = rows.dropna(subset=["os_months", "os_event"])  # type: ignore[attr-defined]
    dead = known[known["os_event"].astype(bool)]
    of_cancer = int(dead["dss_event"].dropna().astype(bool).sum())
    other = int((~dead["dss_event"].dropna().astype(bool)).sum())
    assert f"{of_cancer:,} died of the cancer, {other:,} of another cause" in words(page)
    assert "Gray's test" in words(page)
