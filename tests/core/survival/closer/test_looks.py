"""The closer looks at survival curves: each says its test, its numbers are those of the statistic, and a failure is a sentence."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cohort.query import CohortQuery, Filter
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.survival.closer import LABELS, LOOKS, answer_of, hazards, mean, ranking
from core.survival.closer.compared import compared
from core.survival.closer.competing import causes_of
from core.survival.closer.covariates import prepared
from core.survival.closer.look import Look
from core.survival.concordance import concordance
from core.survival.cox_model import cox_model
from core.survival.e_value import e_value
from core.survival.proportional_hazards import ph_test
from core.survival.rmst import compare
from data.store import Store

ICB = CohortQuery(("synthetic_a",), (Filter("arm", "in", ("ICB",)),))
ALIVE = ICB.with_filter(Filter("os_event", "in", ("false",)))
GROUPS = [{"predictor": "tmb"}, {"predictor": "tmb", "split": "tertiles"}, {"compare": "sex"}, {"compare": "age_years", "landmark": "6"}]
HERE = [name for name in LOOKS if name != "competing"]


def words(found: Look) -> str:
    """Everything that a look says."""
    charts = " ".join(f"{c.title} {c.caption} {c.alt} {' '.join(c.warnings)}" for c in found.charts)
    return f"{found.sentence} {charts} {' '.join(found.remarks)}"


@pytest.mark.parametrize("options", GROUPS, ids=str)
@pytest.mark.parametrize("name", HERE)
def test_a_look_says_its_numbers_in_words(synthetic_store: Store, name: str, options: dict[str, str]) -> None:
    if name == "ranking" and options.get("compare") == "sex":
        with pytest.raises(NotMeasured, match="no number"):
            answer_of(name)(synthetic_store, ICB, **options)
        return
    found = answer_of(name)(synthetic_store, ICB, **options)
    said = words(found)
    assert found.charts
    assert re.search(r"n = \d+", found.sentence)
    assert found.sentence.endswith(".")
    assert "n = " in found.charts[0].caption or "patients with every covariate" in found.charts[0].caption
    assert not re.search(r"\bnan\b|\binf\b|None|os_months|tmb_per_mb|age_years", said)
    assert found.charts[0].table.height > 0
    assert found.charts[0].provenance.n > 0


@pytest.mark.parametrize("name", list(LOOKS))
def test_a_look_without_events_or_groups_is_a_sentence(synthetic_store: Store, name: str) -> None:
    with pytest.raises((NotMeasured, TooFewPatients)) as raised:
        answer_of(name)(synthetic_store, ALIVE, predictor="tmb")
    assert len(str(raised.value).split()) > 8
    women = ICB.with_filter(Filter("sex", "in", ("female",)))
    with pytest.raises((NotMeasured, TooFewPatients)):
        answer_of(name)(synthetic_store, women, compare="sex")


def test_looks_are_listed_once() -> None:
    assert list(LABELS) == list(LOOKS)
    with pytest.raises(UnknownName, match="palmistry"):
        answer_of("palmistry")


def test_hazards_are_those_of_the_cox_model(synthetic_store: Store) -> None:
    found = hazards.hazards(synthetic_store, ICB, predictor="tmb", adjust="age_years,sex")
    rows = compared(synthetic_store, ICB, predictor="tmb", columns=("age_years", "sex"))
    frame = rows.shown.with_columns(pl.col("age_years") / 10)
    base = {"group": rows.reference, "sex": "male"}
    model = cox_model(frame, outcome="os", covariates=["group", "age_years", "sex"], reference=base)
    table = found.charts[0].table
    assert table["adjusted"].to_list() == pytest.approx(model.table["hazard_ratio"].to_list())
    assert table["adjusted_p"].to_list() == pytest.approx(model.table["p_value"].to_list())
    assert "Age, per 10 years" in table["label"].to_list()
    assert found.sentence.startswith("Adjusted for age and sex, ")
    ratio = model.tests["likelihood_ratio"]
    assert f"chi-square {ratio.statistic:.1f}, {ratio.df:g} df" in found.charts[0].caption
    row = model.table.row(0, named=True)
    expected = e_value(row["hazard_ratio"], (row["ci_low"], row["ci_high"]))
    assert f"{expected.point:.2f}" in found.remarks[0]


def test_hazards_without_covariates_are_univariable(synthetic_store: Store) -> None:
    table = hazards.hazards(synthetic_store, ICB, predictor="tmb", adjust=hazards.NONE).charts[0].table
    assert table.height == 1
    assert table["alone"][0] == pytest.approx(table["adjusted"][0])


def test_few_events_are_penalised_and_said(synthetic_store: Store) -> None:
    small = ICB.with_filter(Filter("age_years", "ge", 68.0))
    found = hazards.hazards(synthetic_store, small, compare="sex", adjust="stage,ecog,prior_systemic_therapy,tmb_per_mb,ldh")
    assert "penalised (ridge)" in found.charts[0].caption
    assert any(warning.startswith("Penalised because") for warning in found.charts[0].warnings)


def test_a_part_of_the_score_is_not_adjusted_for_unasked(synthetic_store: Store) -> None:
    assert "tmb_per_mb" not in hazards.usual(synthetic_store, ICB, predictor="tmb")
    assert "sex" not in hazards.usual(synthetic_store, ICB, compare="sex")
    asked = hazards.hazards(synthetic_store, ICB, predictor="tmb", adjust="tmb_per_mb")
    assert any("adjusting for a part divides its effect" in warning for warning in asked.charts[0].warnings)
    with pytest.raises(UnknownName, match="shoe_size"):
        hazards.hazards(synthetic_store, ICB, predictor="tmb", adjust="shoe_size")


def test_covariates_are_made_ready() -> None:
    n = 60
    frame = pl.DataFrame(
        {
            "age_years": np.linspace(40, 80, n), "bmi": [25.0] * n, "histology": [f"type {i % 9}" for i in range(n)],
            "sample_site": ["liver"] * 40 + ["lung"] * 18 + ["skin"] * 2, "tmb_per_mb": np.arange(n) * 1.0,
        }
    )  # fmt: skip
    ready = prepared(frame, ["age_years", "bmi", "histology", "sample_site", "tmb_per_mb"])
    assert ready.terms == ("age_years", "sample_site", "tmb_per_mb")
    assert ready.strata == ("histology",)
    assert ready.frame["sample_site"].unique().sort().to_list() == ["liver", "lung", "other"]
    assert ready.references == {"sample_site": "liver"}
    assert ready.frame["tmb_per_mb"].std() == pytest.approx(1.0)
    assert ready.labels["tmb_per_mb"].startswith("Tumour mutational burden, per SD (")
    assert any("Body mass index has one value only" in note for note in ready.notes)


def test_constancy_is_the_test_of_the_groups(synthetic_store: Store) -> None:
    found = answer_of("constancy")(synthetic_store, ICB, predictor="tmb")
    rows = compared(synthetic_store, ICB, predictor="tmb")
    test = ph_test(cox_model(rows.shown, outcome="os", covariates=["group"], reference={"group": rows.reference}, penalised=False))
    statistic = test.table.filter(pl.col("term") == "GLOBAL")["statistic"][0]
    assert f"chi-square {statistic:.2f}, 1 df" in found.sentence
    assert found.remarks


def test_means_are_turned_towards_the_reference(synthetic_store: Store) -> None:
    rows = compared(synthetic_store, ICB, compare="phenotype")
    table, _ = mean.means(rows, horizon=12.0)
    theirs = compare(rows.shown, outcome="os", by="group", horizon=12.0)
    assert rows.reference == "desert"
    ours = dict(table.filter(pl.col("what") == "difference").select("label", "estimate").iter_rows())
    means = dict(theirs.filter(pl.col("what") == "group").select("a", "estimate").iter_rows())
    assert ours == pytest.approx({f"{g} against desert": means[g] - means["desert"] for g in ("excluded", "inflamed")})
    ratios = table.filter(pl.col("what") == "ratio")
    assert (ratios["ci_low"] < ratios["estimate"]).all()
    assert (ratios["estimate"] < ratios["ci_high"]).all()
    with pytest.raises(UnknownName, match="horizon"):
        mean.mean(synthetic_store, ICB, compare="sex", horizon="13")


def test_the_horizon_is_within_what_every_group_is_followed_for(synthetic_store: Store) -> None:
    rows = compared(synthetic_store, ICB, predictor="tmb")
    table, notes = mean.means(rows)
    at = table["horizon"][0]
    for (_,), part in rows.shown.group_by("group"):
        assert (part["os_months"] >= at).mean() >= 0.1
    assert not notes


def test_the_ranking_is_that_of_the_score(synthetic_store: Store) -> None:
    found = ranking.ranking(synthetic_store, ICB, predictor="tmb")
    rows = compared(synthetic_store, ICB, predictor="tmb").shown
    assert f"c-index {concordance(rows, outcome='os', score='score').effect:.2f} (" in found.sentence
    assert "out-of-sample" in found.charts[0].caption
    assert "whichever way it turns out" in ranking.ranking(synthetic_store, ICB, compare="nlr").charts[0].caption


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(30, 80), st.booleans())
def test_cross_fitted_risks_never_see_their_own_patient(seed: int, n: int, flip: bool) -> None:
    rng = np.random.default_rng(seed)
    score = np.round(rng.normal(size=n), 1)
    time, event = rng.exponential(10, n) + 0.01, rng.random(n) < 0.6
    times = [2.0, 6.0, 12.0]
    risk = ranking.cross_fitted(time, event, score, times=times, seed=seed)
    known = risk[np.isfinite(risk).all(axis=1)]
    assert ((known >= 0) & (known <= 1)).all()
    assert (np.diff(known, axis=1) >= -1e-12).all()
    fold = np.random.default_rng(seed).permutation(n) % ranking.FOLDS
    own = fold == 0
    other = np.where(own, ~event if flip else event, event)
    moved = np.where(own, time * 3, time)
    again = ranking.cross_fitted(moved, other, score, times=times, seed=seed)
    np.testing.assert_allclose(again[own], risk[own], rtol=1e-9)


def test_cause_of_death_is_known_or_left_out(synthetic_store: Store) -> None:
    with pytest.raises(NotMeasured, match="cause of death"):
        answer_of("competing")(synthetic_store, ICB, predictor="tmb")
    found = compared(synthetic_store, ICB, predictor="tmb", columns=("dss_event",))
    deaths = [None if d is None else (d if i % 3 else None) for i, d in enumerate(found.frame["os_event"])]
    made = found.frame.with_columns(pl.Series("dss_event", deaths, dtype=pl.Boolean))
    rows, unknown = causes_of(_with(found, made))
    shown = _with(found, made).shown
    assert rows.height + unknown == shown.height
    assert unknown == shown.filter(pl.col("os_event") & pl.col("dss_event").is_null()).height
    assert set(rows["cause"]) <= {0, 1, 2}


def _with(found: object, frame: pl.DataFrame) -> object:
    from dataclasses import replace

    return replace(found, frame=frame)  # type: ignore[type-var]
