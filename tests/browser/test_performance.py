"""The performance page in a real browser: every closer look opens, lives in the link, and says what cannot be shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from core.response.closer import LOOKS
from tests.browser.conftest import healthy, settled, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Tab = Callable[[str], Page]


@pytest.mark.parametrize("look", [look for look in LOOKS if look != "beside"])
def test_every_look_opens_from_its_link(tab: Tab, synthetic_app: str, look: str) -> None:
    page = tab(f"{synthetic_app}/performance?study=synthetic_a&look={look}&predictor=loris")
    page.wait_for_selector(".js-plotly-plot >> nth=1", timeout=30_000)
    healthy(page)
    assert "Look closer" in words(page)
    assert page.locator(".state").count() == 0
    assert f"look={look}" in page.evaluate("location.search") or look == "discrimination"


def test_a_look_is_chosen_by_keyboard_and_lives_in_the_link(tab: Tab, synthetic_app: str) -> None:
    page = tab(f"{synthetic_app}/performance?study=synthetic_a&predictor=tmb")
    chooser = page.get_by_role("combobox", name="Look")
    chooser.focus()
    chooser.fill("Subgroups")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1200)
    settled(page)
    healthy(page)
    assert "look=subgroups" in page.evaluate("location.search")
    assert "in subgroups" in words(page)
    assert "Precision and recall" not in words(page)


@pytest.mark.parametrize("look", ["calibration", "benefit"])
def test_a_marker_is_never_drawn_as_a_probability(tab: Tab, synthetic_app: str, look: str) -> None:
    page = tab(f"{synthetic_app}/performance?study=synthetic_a&look={look}&predictor=tmb")
    page.wait_for_selector(".state")
    healthy(page)
    assert "Not a probability" in words(page)
    assert page.locator(".answer").count() == 1
    expect(page.locator(".js-plotly-plot")).to_have_count(1)


@pytest.mark.realdata
def test_the_multimodal_model_stands_beside_simpler_ones(tab: Tab, real_app: str) -> None:
    page = tab(f"{real_app}/performance?study=imvigor210&look=beside")
    page.wait_for_selector(".js-plotly-plot >> nth=3", timeout=30_000)
    healthy(page)
    said = words(page)
    assert "Response in a cohort that was left out: " in said
    assert "Overall survival within IMvigor210: " in said
    assert "With a part taken away" in said
    page = tab(f"{real_app}/performance?study=loris&look=beside")
    page.wait_for_selector(".state", timeout=30_000)
    assert "o study chosen here takes part in a comparison of models" in words(page)


@pytest.mark.realdata
def test_the_paired_test_on_screen_equals_an_independent_delong(
    tab: Tab, real_app: str, frame: Callable[[str], object]
) -> None:
    for study, cohort, model, protocol in (
        ("imvigor210", "IMvigor210", "elastic_net", "out_of_fold"), ("loris", "Chowell_test", "loris", "published"),
    ):  # fmt: skip
        rows = frame(
            f"""SELECT q.response, m.score AS model, t.score AS tmb FROM patient q
                JOIN prediction m ON m.patient_id = q.patient_id AND m.predictor = '{model}' AND m.protocol = '{protocol}'
                JOIN prediction t ON t.patient_id = q.patient_id AND t.predictor = 'tmb' AND t.protocol = 'published'
                WHERE q.cohort = '{cohort}' AND q.response IS NOT NULL AND m.score IS NOT NULL AND t.score IS NOT NULL"""
        )
        y = rows["response"].to_numpy().astype(bool)  # type: ignore[index]
        parts = []
        for name in ("model", "tmb"):
            x = rows[name].to_numpy()  # type: ignore[index]
            wins = (x[y][:, None] > x[~y][None, :]) + 0.5 * (x[y][:, None] == x[~y][None, :])
            parts.append((wins.mean(), wins.mean(axis=1), wins.mean(axis=0)))
        (one, a, b), (two, c, d) = parts
        spread = np.sqrt((a - c).var(ddof=1) / a.size + (b - d).var(ddof=1) / b.size)
        low, high = (f"{v:+.2f}".replace("-", "−") for v in (one - two - 1.96 * spread, one - two + 1.96 * spread))
        said = words(tab(f"{real_app}/performance?study={study}"))
        assert f"AUC {one:.2f} against {two:.2f}, difference +{one - two:.2f} ({low} to {high})" in said, said[:500]
        assert f"n = {len(y)}" in said


@pytest.mark.realdata
def test_average_precision_and_brier_on_screen_equal_scikit_learn(
    tab: Tab, real_app: str, frame: Callable[[str], object]
) -> None:
    from sklearn.metrics import average_precision_score, brier_score_loss

    rows = frame(
        """SELECT q.response, p.score, p.probability FROM patient q JOIN prediction p USING (patient_id)
           WHERE q.cohort = 'Chowell_test' AND p.predictor = 'loris' AND p.protocol = 'published' AND q.response IS NOT NULL"""
    )
    y = rows["response"].to_numpy().astype(bool)  # type: ignore[index]
    link = f"{real_app}/performance?study=loris&predictor=loris&look="
    page = tab(f"{link}discrimination")
    page.wait_for_selector(".js-plotly-plot >> nth=2")
    drawn = " ".join(page.locator(".js-plotly-plot").all_inner_texts()).replace("\u00a0", " ")
    assert f"average precision {average_precision_score(y, rows['score']):.2f} (" in drawn  # type: ignore[index]
    said = words(tab(f"{link}calibration"))
    assert f"Brier score {brier_score_loss(y, rows['probability']):.3f} (" in said  # type: ignore[index]
    assert f"the response rate ({y.mean() * (1 - y.mean()):.3f})" in said


@pytest.mark.realdata
def test_who_trained_loris_is_said_and_not_shown(tab: Tab, real_app: str) -> None:
    page = tab(f"{real_app}/performance?study=loris&predictor=loris&on=loris/Chowell_train")
    page.wait_for_selector(".state")
    said = words(page)
    assert "964 patients of this cohort trained LORIS" in said
    assert "they trained it" in said
