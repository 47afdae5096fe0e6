"""The recommendation: the rule on constructed cases, its error under the null, and its marks on the synthetic studies."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import EmptyCohort, NotMeasured, UnknownName
from core.finding import Finding
from core.response import recommendations as module
from core.response.closer.look import look
from core.response.leaderboard import leaderboard
from core.response.paired import compare, compare_within, covariance, covariance_within
from core.response.ranking import ranking
from core.response.recommendations import ENDPOINTS, RECOMMENDED, recommendations
from core.response.recommended import RULE, TIERS, Candidate, Choice, choose, tier
from data.store import Store
from models import EVALUATED, MODULES


def candidate(key: str, level: int, estimate: float, *, n: int = 100) -> Candidate:
    return Candidate(key=key, tier=level, estimate=estimate, ci95=(estimate - 0.08, estimate + 0.08), n=n)


def applied(candidates: list[Candidate], lows: dict[tuple[str, str], float | None]) -> Choice:
    """The rule with these lower limits; None = they share too few patients; not named = -0.05."""

    def against(one: str, other: str) -> Finding | None:
        low = lows.get((one, other), -0.05)
        if low is None:
            return None
        return Finding(name="d", statistic=1.0, p_value=0.1, effect=low + 0.1, ci95=(low, low + 0.2), n=100)

    return choose(candidates, against=against)


def test_a_complex_model_that_beats_every_simpler_one_is_recommended() -> None:
    people = [candidate("tmb", 0, 0.62), candidate("ridge", 2, 0.66), candidate("deep", 4, 0.75)]
    found = applied(people, {("ridge", "tmb"): 0.01, ("deep", "tmb"): 0.02, ("deep", "ridge"): 0.01})
    assert found.picked is not None
    assert found.picked.key == "deep"
    assert found.qualified == {"tmb", "ridge", "deep"}


def test_one_simpler_rival_is_enough_to_lose() -> None:
    people = [candidate("tmb", 0, 0.62), candidate("ridge", 2, 0.66), candidate("deep", 4, 0.75)]
    found = applied(people, {("ridge", "tmb"): 0.01, ("deep", "tmb"): 0.02, ("deep", "ridge"): -0.001})
    assert found.picked is not None
    assert found.picked.key == "ridge"
    closest = found.closest("deep")
    assert closest is not None
    assert closest.other == "ridge"


def test_where_nothing_is_shown_the_best_of_the_simplest_is_recommended() -> None:
    people = [candidate("gep", 0, 0.6), candidate("tmb", 0, 0.65), candidate("trees", 3, 0.7), candidate("deep", 4, 0.71)]
    found = applied(people, {})
    assert found.picked is not None
    assert found.picked.key == "tmb"


def test_a_lower_estimate_elsewhere_does_not_hide_a_model_that_wins_on_shared_patients() -> None:
    people = [candidate("tmb", 0, 0.72, n=60), candidate("ridge", 2, 0.68)]
    found = applied(people, {("ridge", "tmb"): 0.02})
    assert found.picked is not None
    assert found.picked.key == "ridge"


def test_few_patients_do_not_enter_and_have_no_say() -> None:
    people = [candidate("pdl1", 0, 0.9, n=40), candidate("tmb", 0, 0.6), candidate("ridge", 2, 0.7)]
    found = applied(people, {("ridge", "tmb"): 0.01})
    assert found.left_out == ("pdl1",)
    assert found.picked is not None
    assert found.picked.key == "ridge"
    apart = applied([candidate("tmb", 0, 0.6), candidate("ridge", 2, 0.7)], {("ridge", "tmb"): None})
    assert apart.picked is not None
    assert apart.picked.key == "tmb"


def test_undefined_intervals_are_not_above_nothing() -> None:
    people = [candidate("tmb", 0, 0.6), candidate("ridge", 2, 0.7), candidate("none", 4, float("nan"))]
    found = applied(people, {("ridge", "tmb"): float("nan")})
    assert found.picked is not None
    assert found.picked.key == "tmb"
    assert found.left_out == ("none",)
    assert choose([], against=lambda *_: None).picked is None
    assert not Candidate(key="x", tier=0, estimate=0.55, ci95=(0.45, 0.65), n=9).shown


def test_chance_recommends_a_complex_model_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        y = rng.random(120) < 0.4
        signal = y * 0.8
        scores = signal[:, None] + rng.normal(size=(120, 3))
        strata = np.zeros(120, dtype=np.int64)
        people = [candidate(str(j), (0, 2, 4)[j], float(covariance(scores, y)[0][j])) for j in range(3)]
        found = choose(people, against=lambda a, b, s=scores, o=y, t=strata: compare_within(s[:, [int(a), int(b)]], o, t))  # type: ignore[misc]
        wrong += found.picked is not None and found.picked.tier > 0
    assert wrong / 300 < 0.08  # at most two more complex ones at 2.5% each, and a simulation error of 1.3%


def test_complexity_is_known_of_every_predictor() -> None:
    assert tier("tmb") == tier("gep") == 0
    assert tier("loris") == tier("loris_recalibrated") == 1
    assert tier("elastic_net") == 2
    assert tier("gradient_boosting") == 3
    assert tier("multimodal") == tier("something new") == len(TIERS) - 1
    assert all(0 <= tier(name) < len(TIERS) for name in MODULES)
    assert {tier(name) for name in EVALUATED} == {2, 3}  # what a multimodal model must beat is never as complex
    assert all(name in RULE for name in TIERS)


def test_strata_of_one_are_the_paired_test() -> None:
    rng = np.random.default_rng(1)
    y = rng.random(80) < 0.4
    scores = rng.normal(size=(80, 2)) + y[:, None] * np.array([1.0, 0.4])
    one = np.zeros(80, dtype=np.int64)
    for mine, known in zip(covariance_within(scores, y, one), covariance(scores, y), strict=True):
        np.testing.assert_allclose(mine, known, atol=1e-14)
    within, whole = compare_within(scores, y, one), compare(scores[:, 0], scores[:, 1], y)
    assert (within.effect, within.p_value) == pytest.approx((whole.effect, whole.p_value))
    shifted = scores + np.repeat([0.0, 9.0], 40)[:, None]
    halves = np.repeat([0, 1], 40)
    assert compare_within(shifted, y, halves).effect == pytest.approx(compare_within(scores, y, halves).effect)
    assert np.isnan(covariance_within(scores, y, np.arange(80))[0]).all()


def test_every_study_and_endpoint_of_the_synthetic_database(synthetic_store: Store) -> None:
    for study in ("synthetic_a", "synthetic_b", "synthetic_c"):
        for endpoint in ENDPOINTS:
            try:
                found = recommendations(synthetic_store, CohortQuery((study,)), endpoint=endpoint)
            except NotMeasured:
                continue
            assert [r.study for r in found] == [study]
            marks = [m for v in found[0].variants if (m := found[0].mark(v.predictor, v.protocol))]
            assert len(marks) == (found[0].picked is not None)
            assert not any(v.protocol == "in_sample" for v in found[0].variants)
            if found[0].recommended:
                assert marks == [RECOMMENDED]
    with pytest.raises(UnknownName, match="response"):
        recommendations(synthetic_store, CohortQuery(("synthetic_a",)), endpoint="cure")
    with pytest.raises(EmptyCohort):
        recommendations(synthetic_store, CohortQuery(("tcga",)), endpoint="os")


def test_estimates_are_those_of_the_leaderboard(synthetic_store: Store) -> None:
    found = recommendations(synthetic_store, CohortQuery(("synthetic_a",)))[0]
    stored = leaderboard(synthetic_store, studies=["synthetic_a"])
    for c in found.choice.candidates:
        v = found.named(c.key)
        row = stored.filter(pl.col("predictor") == v.predictor, pl.col("protocol") == v.protocol).row(0, named=True)
        assert c.estimate == pytest.approx(row["auc"], abs=1e-12)
        assert c.ci95 == pytest.approx((row["ci_low"], row["ci_high"]), abs=1e-12)


def test_a_cohort_that_holds_training_patients_does_not_count(synthetic_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    query = CohortQuery(("synthetic_a",))
    before = recommendations(synthetic_store, query)[0]
    assert before.picked is not None
    picked = before.picked
    cohort = synthetic_store.table("patient", study="synthetic_a")["cohort"][0]
    monkeypatch.setattr(module, "sharing_cohorts", lambda store, study, variant: frozenset({cohort} if variant == picked else ()))
    after = recommendations(synthetic_store, query)[0]
    assert after.apart == (cohort,)
    assert after.picked != picked
    assert cohort in look(synthetic_store, query, kind="recommended").charts[0].caption


def test_the_page_marks_one_predictor_and_states_the_rule(synthetic_store: Store) -> None:
    query = CohortQuery(("synthetic_a",))
    advised = recommendations(synthetic_store, query)[0]
    found = ranking(synthetic_store, query)
    chart = found.charts[0]
    assert RULE in chart.caption
    assert chart.table["mark"].drop_nulls().to_list() == ([RECOMMENDED] if advised.recommended else [])
    said = advised.recommended.spoken if advised.recommended else "No predictor is recommended"
    assert said in found.sentence
    closer = look(synthetic_store, query, kind="recommended")
    assert len(closer.charts) >= 2
    assert all("one-sided 2.5%" in c.caption for c in closer.charts)
    verdicts = closer.charts[0].table["verdict"].to_list()
    assert sum(v in {RECOMMENDED, "first, but not above chance"} for v in verdicts) == 1
