"""Predictive or prognostic: equal to R's Cox model, invariant where it must be, verdicts by the rule that was fixed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients
from core.finding import Finding
from core.markers.cutoff.effect_modification import (
    RULE,
    VERDICTS,
    Modification,
    holm,
    interaction,
    interactions,
    verdict,
)

STORED = json.loads((Path(__file__).parents[3] / "references" / "effect_modification.json").read_text(encoding="utf-8"))
DATA = {name: np.asarray(values, dtype=np.float64) for name, values in STORED["data"].items()}
PARTS = ("interaction", "in_control", "in_treated", "arm_low", "arm_high")


def close(found: Finding, stored: dict[str, float]) -> None:
    assert found.effect == pytest.approx(stored["hr"], rel=1e-7)
    assert found.ci95 == pytest.approx((stored["low"], stored["high"]), rel=1e-7)
    assert found.p_value == pytest.approx(stored["p"], rel=1e-6)


def asked(**changed: object) -> Modification:
    given_ = {"marker": DATA["m1"], "arm": DATA["arm"], "strata": None, "marker_cut": None, **changed}
    time, event = given_.pop("time", DATA["time"]), given_.pop("event", DATA["event"])
    return interaction(time, event, given_.pop("marker"), **given_)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", PARTS)
def test_per_sd_stratified_equals_r(part: str) -> None:
    close(getattr(asked(strata=DATA["site"]), part), STORED["per_sd"][part])


@pytest.mark.parametrize("part", PARTS)
def test_cut_equals_r(part: str) -> None:
    close(getattr(asked(marker_cut=0.25), part), STORED["cut"][part])


@pytest.mark.parametrize("name", ["m1", "m2"])
def test_markers_in_one_model_equal_r(name: str) -> None:
    both = interactions(
        DATA["time"], DATA["event"], np.stack((DATA["m1"], DATA["m2"]), axis=1), arm=DATA["arm"], names=("m1", "m2"), strata=DATA["site"]
    )
    found = dict(zip(("m1", "m2"), both, strict=True))[name]
    close(found.interaction, STORED["joint"][name]["interaction"])
    close(found.in_control, STORED["joint"][name]["in_control"])
    assert found.adjusted == tuple({"m1", "m2"} - {name})


def test_holm_equals_r() -> None:
    p = [np.nan if v is None else v for v in STORED["holm"]["p"]]
    stored = [np.nan if v is None else v for v in STORED["holm"]["adjusted"]]
    np.testing.assert_allclose(holm(p), stored)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p: list[float]) -> None:
    out = holm(p)
    assert all(q >= v - 1e-15 and q <= 1 for v, q in zip(p, out, strict=True))
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.asarray(out)[order]) >= -1e-12).all() if p else out == []


def test_the_interaction_is_the_ratio_of_the_effects() -> None:
    found = asked(marker_cut=0.25)
    assert found.interaction.effect == pytest.approx(found.in_treated.effect / found.in_control.effect)
    assert found.interaction.effect == pytest.approx(found.arm_high.effect / found.arm_low.effect)
    assert found.counts["n"].sum() == found.interaction.n == 160


def test_exchanging_the_arms_inverts_the_interaction() -> None:
    one, other = asked(), asked(arm=1 - DATA["arm"])
    assert other.interaction.effect == pytest.approx(1 / one.interaction.effect, rel=1e-8)
    assert other.interaction.p_value == pytest.approx(one.interaction.p_value, rel=1e-6)
    assert other.in_control.effect == pytest.approx(one.in_treated.effect, rel=1e-8)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 50), st.floats(-20, 20))
def test_the_unit_of_the_marker_does_not_matter(scale: float, shift: float) -> None:
    assert asked(marker=DATA["m1"] * scale + shift).interaction.effect == pytest.approx(asked().interaction.effect, rel=1e-6)


def test_the_order_of_patients_does_not_matter() -> None:
    order = np.argsort(DATA["m2"])
    found = interaction(
        DATA["time"][order], DATA["event"][order], DATA["m1"][order], arm=DATA["arm"][order], strata=DATA["site"][order]
    )
    assert found.interaction.effect == pytest.approx(asked(strata=DATA["site"]).interaction.effect, rel=1e-9)


@pytest.mark.parametrize(
    ("p", "q", "said"),
    [(0.01, 0.5, "predictive"), (0.5, 0.01, "prognostic"), (0.01, 0.01, "predictive and prognostic"), (0.5, 0.5, "neither"), (np.nan, 0.01, "not estimable")],
)
def test_the_verdict_follows_its_rule(p: float, q: float, said: str) -> None:
    assert verdict(p, q) == said
    assert said in VERDICTS
    assert "Holm" in RULE


def test_without_a_control_arm_only_prognosis_can_be_asked() -> None:
    found = asked(arm=np.ones(160))
    assert found.verdict == "prognostic only"
    assert np.isfinite(found.in_treated.effect)
    assert np.isnan(found.interaction.p_value)
    assert "only prognosis" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"event": np.zeros(160)}, "only 0 events"),
        ({"marker": np.ones(160)}, "same value in every patient"),
        ({"marker_cut": 99.0}, "every patient is below the cut"),
        ({"marker_cut": -99.0}, "every patient is at or above the cut"),
        ({"event": DATA["event"] * DATA["arm"]}, "only 0 events without"),
    ],
)
def test_what_cannot_be_estimated_is_said(changed: dict[str, object], said: str) -> None:
    found = asked(**changed)
    assert found.verdict == "not estimable"
    assert np.isnan(found.interaction.effect)
    assert said in found.interaction.note
    assert found.table()["hazard_ratio"].null_count() == 5


def test_a_level_without_events_has_no_ratio() -> None:
    event = np.where((DATA["m1"] >= 0.25) & (DATA["arm"] == 1), 0.0, DATA["event"])
    found = asked(event=event, marker_cut=0.25)
    assert found.verdict == "not estimable"
    assert "no maximum" in found.interaction.note


def test_missing_infinite_and_negative_values_are_left_out() -> None:
    time, marker, arm = DATA["time"].copy(), DATA["m1"].copy(), DATA["arm"].copy()
    time[0], time[1], marker[2], marker[3], arm[4] = np.nan, -1.0, np.nan, np.inf, np.nan
    found = asked(time=time, marker=marker, arm=arm)
    assert (found.interaction.n, found.interaction.n_missing) == (155, 5)
    assert "5 patients" in found.notes[0]


def test_nobody_is_a_sentence() -> None:
    with pytest.raises(TooFewPatients, match="no patient has"):
        asked(marker=np.full(160, np.nan))
    with pytest.raises(NotMeasured, match="does not match"):
        interactions(DATA["time"], DATA["event"], DATA["m1"][:, None], arm=DATA["arm"], names=("a", "b"))


def test_the_planted_markers_of_the_simulated_trials_are_told_apart() -> None:
    from benchmarks.predictive_prognostic import measure

    seeds = 12
    found = measure(seeds, endpoint="pfs")["together"]
    assert sum(n for verdict_, n in found["predictive"].items() if verdict_.startswith("predictive")) >= seeds - 2
    assert found["prognostic"]["prognostic"] >= seeds - 3
    assert found["decoy"]["neither"] >= seeds - 4
