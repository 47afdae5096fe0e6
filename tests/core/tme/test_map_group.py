"""What is said of a group on the map: make-up, response, survival, genes and its rule, and that it was selected by eye."""

from __future__ import annotations

import numpy as np
import pytest

from core.cohort.query import CohortQuery
from core.response.rate import wilson
from core.tme import map as tme
from core.tme.group import BY_EYE, drawn, group
from core.tme.group_outcome import endpoints, response, survival
from core.tme.group_profile import genes, made_of
from core.tme.group_rule import as_rule, others
from core.tme.rank_difference import patches, rank_difference
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))


@pytest.fixture(scope="module")
def chosen(synthetic_store: Store) -> str:
    places = tme.positions(synthetic_store, QUERY)
    x, y = places["x"].to_numpy(), places["y"].to_numpy()
    box = f"{x.min() - 1:.6g}_{y.min() - 1:.6g}_{float(np.median(x)):.6g}_{y.max() + 1:.6g}"
    return drawn(synthetic_store, QUERY, corners=box, study="synthetic_a", name="Left")


def test_the_rank_test_equals_scipy() -> None:
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(0)
    values = np.vstack([rng.normal(size=60), rng.integers(0, 4, 60).astype(float)])
    member = rng.random(60) < 0.4
    found = rank_difference(values, member)
    for row in range(2):
        theirs = mannwhitneyu(values[row, member], values[row, ~member], use_continuity=False, method="asymptotic")
        assert found.p_value[row] == pytest.approx(theirs.pvalue, rel=1e-9)
        assert found.auc[row] == pytest.approx(theirs.statistic / (member.sum() * (~member).sum()))


def test_genes_of_noise_are_not_called_and_patches_hold_their_size() -> None:
    rng = np.random.default_rng(1)
    values, places = rng.normal(size=(500, 80)), rng.normal(size=(80, 2))
    member = np.arange(80) < 30
    drawn_ = patches(places, 30, count=20, seed=3)
    assert drawn_.shape == (20, 80)
    assert (drawn_.sum(axis=1) == 30).all()
    np.testing.assert_array_equal(drawn_, patches(places, 30, count=20, seed=3))
    found = rank_difference(values, member, patches=drawn_)
    assert found.called <= 2
    assert found.null_called.max() <= 5
    np.testing.assert_allclose(rank_difference(values, ~member).auc, 1 - found.auc)


def test_response_inside_and_outside(synthetic_store: Store, chosen: str) -> None:
    said = response(synthetic_store, QUERY, chosen=chosen)
    rows = {row["group"]: row for row in said.charts[0].table.rows(named=True)}
    found = group(synthetic_store, QUERY, chosen=chosen)
    known = synthetic_store.table("patient", study="synthetic_a").drop_nulls("response")
    inside = known.filter(known["patient_id"].is_in(found.inside.to_list()))
    assert (rows["Left"]["n"], rows["Left"]["responders"]) == (inside.height, int(inside["response"].sum()))
    assert (rows["Left"]["ci_low"], rows["Left"]["ci_high"]) == wilson(int(inside["response"].sum()), inside.height)
    assert BY_EYE in said.sentence
    assert any("not to be trusted" in warning for warning in said.charts[0].warnings)


def test_survival_is_marked_wherever_its_p_value_stands(synthetic_store: Store, chosen: str) -> None:
    assert "os" in endpoints(synthetic_store, QUERY, chosen=chosen)
    said = survival(synthetic_store, QUERY, chosen=chosen)
    chart = said.charts[0]
    for text in (said.sentence, chart.title, chart.caption):
        assert BY_EYE in text
    assert "HR" in said.sentence
    assert "n = " in said.sentence


def test_make_up_gives_effects_and_no_test(synthetic_store: Store, chosen: str) -> None:
    said = made_of(synthetic_store, QUERY, chosen=chosen)
    table = said.charts[0].table
    assert {"signature", "cell fraction"} >= set(table["kind"])
    assert not {"p", "p_value", "q"} & set(table.columns)
    assert ((table["ci_low"] <= table["auc"]) & (table["auc"] <= table["ci_high"])).all()
    assert "No test" in said.charts[0].caption


def test_genes_stand_beside_those_of_other_patches(synthetic_store: Store, chosen: str) -> None:
    said = genes(synthetic_store, QUERY, chosen=chosen)
    assert "patch of the same size on this map" in said.sentence
    assert "twice at the same data" in said.charts[0].caption
    again = genes(synthetic_store, QUERY, chosen=chosen)
    assert again.sentence == said.sentence
    assert said.charts[0].table["q"].drop_nulls().is_between(0, 1).all()


def test_a_group_becomes_a_rule_for_other_cohorts(synthetic_store: Store, chosen: str) -> None:
    elsewhere = others(synthetic_store, QUERY, chosen=chosen)
    assert "synthetic_a" not in elsewhere
    alone = as_rule(synthetic_store, QUERY, chosen=chosen, studies="none")
    assert "Cross-validated" in alone.sentence
    assert "no other cohort" in alone.sentence
    if elsewhere:
        said = as_rule(synthetic_store, QUERY, chosen=chosen)
        assert "Applied to" in said.sentence
        assert said.charts
