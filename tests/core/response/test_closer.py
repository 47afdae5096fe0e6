"""Closer looks at performance: same patients, corrected tests, nothing in-sample, and a sentence where nothing can be said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import CohortError, NotAProbability, NotMeasured, TooFewPatients, UnknownName
from core.figures.chart import Chart
from core.response.closer import LOOKS, patients, reliability
from core.response.closer.compared import Pair, against, best_markers, holm, signed, verdict
from core.response.closer.concerns import concerns, concerns_of
from core.response.closer.look import look
from core.response.closer.patients import POOLED, Judged, Variant
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))
PROBABLE = ("loris", "elastic_net")


def judged(scores: dict[str, np.ndarray], response: np.ndarray) -> Judged:
    """Made-up patients of one cohort; scores by predictor, 'elastic_net' cross-fitted, the others published."""
    ways = {name: "out_of_fold" if name == "elastic_net" else "published" for name in scores}
    variants = [Variant(predictor=name, protocol=ways[name], n=int(np.isfinite(v).sum())) for name, v in scores.items()]
    columns = {v.score: pl.Series(scores[v.predictor]).fill_nan(None) for v in variants}
    frame = pl.DataFrame({"study": "t", "cohort": "T", "response": response, **columns})
    return Judged(
        frame=frame, variants=tuple(variants), cohorts=(("t", "T"),), total=frame.height, query=CohortQuery(("t",))
    )


def planted(strength: dict[str, float], *, n: int = 300, seed: int = 0) -> Judged:
    """Scores that shift by so many standard deviations between the classes, with noise that they share."""
    rng = np.random.default_rng(seed)
    response = rng.random(n) < 0.35
    shared = rng.normal(size=n)
    return judged({name: 0.7 * shared + rng.normal(size=n) + s * response for name, s in strength.items()}, response)


def test_holm_equals_r(references: Path) -> None:
    sets = json.loads((references / "holm.json").read_text(encoding="utf-8"))
    for name, content in sets.items():
        p, expected = (
            np.array([np.nan if v is None else v for v in np.atleast_1d(content[k])], dtype=float)
            for k in ("p", "holm")
        )
        np.testing.assert_allclose(holm(p.tolist()), expected, atol=1e-15, err_msg=name)


def test_a_model_that_is_better_is_said_to_be() -> None:
    said = verdict(planted({"tmb": 0.4, "pdl1": 0.1, "loris": 2.0}))
    assert said.startswith("LORIS separates responders better than TMB, the best simple marker here: AUC ")
    assert "Holm" not in said.partition(";")[0]


def test_a_model_that_is_not_better_is_said_not_to_be() -> None:
    said = verdict(planted({"tmb": 1.0, "loris": 1.05, "elastic_net": 0.9}))
    assert said.startswith("No model is shown to beat TMB, the best simple marker here: ")
    assert "Holm over 2 comparisons" in said


def test_a_marker_that_beats_every_model_is_said_to() -> None:
    said = verdict(planted({"tmb": 2.5, "loris": 0.2, "elastic_net": 0.1}))
    assert said.startswith(
        "TMB, the best simple marker here, separates responders better than every model; the closest is "
    )


def test_a_rare_marker_does_not_hide_the_usual_one() -> None:
    found = planted({"tmb": 0.5, "pdl1": 1.5, "loris": 1.4})
    few = np.where(np.arange(300) < 90, found.frame["score|pdl1|published"].to_numpy(), np.nan)
    found = judged(
        {**{v.predictor: found.frame[v.score].to_numpy() for v in found.variants}, "pdl1": few},
        found.frame["response"].to_numpy(),
    )
    assert [v.predictor for v in best_markers(found)] == ["tmb", "pdl1"]
    said = verdict(found)
    assert "the best simple marker here" in said
    assert "measured in 90 of 300 patients" in said
    assert "Holm over 2 comparisons" in said


def test_nothing_to_compare_is_a_sentence() -> None:
    assert "no model can be shown to beat one" in verdict(planted({"loris": 1.0}))
    assert verdict(planted({"tmb": 1.0})).startswith("No model can be judged here; the best simple marker is TMB")
    assert verdict(planted({"tmb": 1.0, "loris": 1.0}, n=12)).startswith("Too few patients here")
    apart = planted({"tmb": 1.0, "loris": 1.0})
    half = np.arange(300) < 150
    split = {
        v.predictor: np.where(half == (v.predictor == "tmb"), apart.frame[v.score].to_numpy(), np.nan)
        for v in apart.variants
    }
    assert "shares enough patients" in verdict(judged(split, apart.frame["response"].to_numpy()))


def test_recalibrated_loris_does_not_count_beside_loris() -> None:
    found = planted({"tmb": 1.0, "loris": 1.0})
    same = judged(
        {"tmb": found.frame["score|tmb|published"].to_numpy(), "loris": found.frame["score|loris|published"].to_numpy(),
         "loris_recalibrated": found.frame["score|loris|published"].to_numpy()},
        found.frame["response"].to_numpy(),
    )  # fmt: skip
    pairs = against(same, same.variants[0])
    assert [p.one.predictor for p in pairs] == ["loris"]
    assert [p.one.predictor for p in against(same, same.variants[2])] == ["tmb"]


def test_pairs_are_of_the_same_patients_and_turn_round() -> None:
    found = planted({"tmb": 1.0, "pdl1": 0.5, "loris": 1.5})
    tmb, _, loris = found.variants
    there = next(p for p in against(found, tmb) if p.one == loris)
    back = next(p for p in against(found, loris) if p.one == tmb)
    assert there.difference.effect == pytest.approx(-(back.difference.effect or 0))
    assert there.auc_one - there.auc_other == pytest.approx(there.difference.effect)
    assert isinstance(there, Pair)
    assert signed(-0.001) == "0.00"


def test_no_model_is_better_on_noise() -> None:
    wins = [
        any(p.better for p in against(found, found.variants[0]))
        for seed in range(200)
        for found in [planted({"tmb": 0.0, "loris": 0.0, "elastic_net": 0.0}, n=120, seed=seed)]
    ]
    assert np.mean(wins) < 0.06


def charts_of(store: Store, **asked: str) -> tuple[Chart, ...]:
    return look(store, QUERY, **asked).charts  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", LOOKS)
@pytest.mark.parametrize("predictor", ["loris", "elastic_net", "tmb"])
def test_every_look_answers_or_says_why_not(synthetic_store: Store, kind: str, predictor: str) -> None:
    if kind in {"calibration", "benefit", "decided"} and predictor not in PROBABLE:
        with pytest.raises(NotAProbability, match="not a probability of response"):
            look(synthetic_store, QUERY, kind=kind, predictor=predictor)
        return
    if kind == "beside":  # comparisons are of published studies
        with pytest.raises(NotMeasured, match="comparison of models"):
            look(synthetic_store, QUERY, kind=kind, predictor=predictor)
        return
    found = look(synthetic_store, QUERY, kind=kind, predictor=predictor)
    assert found.sentence.endswith(".")
    assert "nan" not in found.sentence
    for chart in found.charts:
        assert chart.provenance.synthetic
        assert "SYNTHETIC DATA" in chart.figure.to_json()
        assert chart.table.height
        assert chart.caption.endswith(".")
        assert "in_sample" not in str(chart.table.to_dict())


def test_curves_are_of_the_same_patients(synthetic_store: Store) -> None:
    first, second, paired = charts_of(synthetic_store, kind="discrimination", predictor="elastic_net")
    assert first.provenance.n == second.provenance.n
    assert set(first.table["predictor"]) == set(second.table["predictor"])
    assert paired.table["p_holm"].to_list() == pytest.approx(holm(paired.table["p_value"].to_list()))


def test_recalibration_is_fitted_elsewhere(synthetic_store: Store) -> None:
    query = CohortQuery(("synthetic_b",))
    offered = reliability.fits(synthetic_store, query, predictor="loris")
    assert offered
    assert not any(key.startswith("synthetic_b/") for key in offered)
    found = look(synthetic_store, query, kind="calibration", predictor="loris", fitted=next(iter(offered)))
    assert f"fitted on {next(iter(offered.values()))}" in found.sentence
    before, after = (
        found.charts[1].table.filter(pl.col("probability") == name)
        for name in found.charts[1].table["probability"].unique(maintain_order=True)
    )
    assert before["observed"].to_list() == pytest.approx(after["observed"].to_list())
    assert before["n"].sum() == found.charts[1].provenance.n
    with pytest.raises(NotMeasured, match="pick one from the list"):
        look(synthetic_store, query, kind="calibration", predictor="loris", fitted="synthetic_b/Synthetic B")


def test_a_model_fitted_anew_in_each_cohort_is_not_recalibrated(synthetic_store: Store) -> None:
    assert reliability.fits(synthetic_store, QUERY, predictor="elastic_net") == {}
    assert reliability.fits(synthetic_store, QUERY, predictor="tmb") == {}
    assert "fitted anew" in charts_of(synthetic_store, kind="calibration", predictor="elastic_net")[0].caption


def test_a_cohort_is_looked_at_alone(synthetic_store: Store) -> None:
    two = CohortQuery(("synthetic_a", "synthetic_b"))
    listed = patients.cohorts(synthetic_store, two)
    assert list(listed)[-1] == POOLED
    first = next(iter(listed))
    pooled = look(synthetic_store, two, kind="discrimination", predictor="tmb").charts[0]
    alone = look(synthetic_store, two, kind="discrimination", predictor="tmb", cohort=first).charts[0]
    assert alone.provenance.n < pooled.provenance.n
    assert "pooled" in " ".join(pooled.warnings)
    assert alone.warnings == ()
    with pytest.raises(UnknownName, match="pick one from the list"):
        look(synthetic_store, two, kind="discrimination", predictor="tmb", cohort="nowhere/x")


def test_too_few_patients_is_a_sentence(synthetic_store: Store) -> None:
    few = QUERY.with_filter(Filter("age_years", "ge", 79.0))
    for kind in ("discrimination", "calibration", "benefit"):
        with pytest.raises(TooFewPatients, match="relax a filter"):
            look(synthetic_store, few, kind=kind, predictor="loris")
    for kind in LOOKS:
        try:
            assert look(synthetic_store, few, kind=kind, predictor="tmb").sentence
        except CohortError as error:
            assert len(str(error)) > 30


def test_no_tumour_change_says_so(synthetic_store: Store) -> None:
    with pytest.raises(NotMeasured, match="Best change of target lesions"):
        look(synthetic_store, QUERY.with_filter(Filter("arm", "in", ("control",))), kind="change")


def test_an_unknown_look_is_named(synthetic_store: Store) -> None:
    with pytest.raises(UnknownName, match="palmistry"):
        look(synthetic_store, QUERY, kind="palmistry")


def test_concerns_name_small_cohorts(synthetic_store: Store) -> None:
    few = QUERY.with_filter(Filter("age_years", "ge", 74.0))
    told = concerns(synthetic_store, few)
    assert any("fewer than 10" in text for text in told)
    assert len(told) == len(set(told))
    assert concerns_of(synthetic_store, few, predictor="tmb")
    assert concerns(synthetic_store, QUERY) == ()


@pytest.mark.realdata
def test_recalibrated_loris_on_chowell_test_and_who_trained_it(real_store: Store) -> None:
    query = CohortQuery(("loris",))
    listed = patients.cohorts(real_store, query)
    assert next(iter(listed)) == "loris/Chowell_test"
    found = look(
        real_store,
        query,
        kind="calibration",
        predictor="loris",
        cohort="loris/Chowell_test",
        fitted="loris/Chowell_train",
    )
    assert "0.191 to 0.152" in found.sentence
    assert "who also trained LORIS" in found.charts[1].caption
    with pytest.raises(NotMeasured, match="trained it"):
        look(real_store, query, kind="discrimination", predictor="loris", cohort="loris/Chowell_train")
    assert any("964 patients of this cohort trained LORIS" in text for text in concerns(real_store, query))
