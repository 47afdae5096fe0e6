"""Annotation of types: effects against plain formulas and scipy, the naming rule, and what went into the types is marked."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.markers.scan.multiplicity import benjamini_hochberg
from core.tme import naming
from core.tme.against_rest import against_rest, delta_intervals
from core.tme.annotation import annotate
from data.store import Store


@pytest.mark.parametrize(
    ("t_cells", "stroma", "name"),
    [
        (0.7, -0.5, "Immune-enriched"),
        (0.7, 0.9, "Immune-enriched fibrotic"),
        (-0.5, 0.4, "Fibrotic"),
        (0.1, 0.9, "Fibrotic"),
        (-0.8, -0.7, "Desert"),
        (0.1, 0.0, "Mixed"),
        (0.1, -0.9, "Mixed"),
        (0.25, 0.25, "Immune-enriched fibrotic"),
        (-0.25, math.nan, "Desert"),
        (math.nan, math.nan, "Mixed"),
    ],
)
def test_the_name_follows_the_rule(t_cells: float, stroma: float, name: str) -> None:
    given, rule = naming.category(t_cells, stroma)
    assert given == name
    assert rule.startswith("T-cell theme")
    assert ("not measured" in rule) == (math.isnan(stroma))


def test_effects_equal_plain_formulas_and_scipy() -> None:
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).round(1)
    x[:5, 1] = np.nan
    x[:, 3] = 1.0
    types = rng.integers(0, 3, size=60)
    found = against_rest(x, types, ["a", "b", "c", "flat"])
    assert found.height == 12
    for row in found.filter(found["feature"] != "flat").iter_rows(named=True):
        j = ["a", "b", "c"].index(row["feature"])
        inside = x[(types == row["type"]) & np.isfinite(x[:, j]), j]
        outside = x[(types != row["type"]) & np.isfinite(x[:, j]), j]
        assert (row["n_in"], row["n_out"]) == (inside.size, outside.size)
        pairs = np.sign(inside[:, None] - outside[None, :])
        assert row["delta"] == pytest.approx(pairs.mean())
        spread = np.sqrt(((inside.size - 1) * inside.var(ddof=1) + (outside.size - 1) * outside.var(ddof=1)) / (inside.size + outside.size - 2))
        g = (inside.mean() - outside.mean()) / spread * (1 - 3 / (4 * (inside.size + outside.size - 2) - 1))
        assert row["smd"] == pytest.approx(g)
        assert row["smd_low"] < row["smd"] < row["smd_high"]
        theirs = mannwhitneyu(inside, outside, method="asymptotic", use_continuity=False).pvalue
        assert row["p_value"] == pytest.approx(theirs)
    assert found.filter(feature="flat")["p_value"].null_count() == 3
    p = found["p_value"].fill_null(np.nan).to_numpy()
    np.testing.assert_allclose(found["q_value"].fill_null(np.nan).to_numpy(), benjamini_hochberg(p))
    with_ends = delta_intervals(found.filter(feature="a"), x, types, names=["a", "b", "c", "flat"])
    assert (with_ends["delta_low"] <= with_ends["delta"]).all()
    assert (with_ends["delta_high"] >= with_ends["delta"]).all()


def test_too_small_a_type_is_not_tested() -> None:
    x = np.random.default_rng(1).normal(size=(20, 1))
    found = against_rest(x, np.array([0] * 18 + [1] * 2), ["a"])
    assert found.filter(type=1)["p_value"].null_count() == 1
    assert found.filter(type=1)["delta"].null_count() == 1


def test_types_of_a_study_are_annotated(synthetic_store: Store) -> None:
    study = synthetic_store.sql(
        "SELECT study FROM cluster WHERE space = 'tme_signatures' GROUP BY study HAVING count(DISTINCT cluster) > 1 ORDER BY study"
    )["study"][0]
    found = annotate(synthetic_store, CohortQuery((study,)))
    assert found.names.height >= 2
    assert found.names["rule"].str.contains("T-cell theme").all()
    assert found.signatures["made_types"].any()
    assert {c.slug for c in found.charts} >= {"type-signatures"}
    assert "prove nothing" in found.charts[0].caption
    if found.genes.height:
        assert not found.genes["made_types"].all()
        assert "type-genes" in {c.slug for c in found.charts}
    again = annotate(synthetic_store, CohortQuery((study,)))
    assert again.signatures.equals(found.signatures)


def test_several_studies_are_compared_in_the_shared_space(synthetic_store: Store) -> None:
    found = annotate(synthetic_store, CohortQuery(("synthetic_a", "synthetic_b", "synthetic_c")), genes=False)
    assert found.genes.is_empty()
    shared = synthetic_store.sql("SELECT DISTINCT name FROM cluster WHERE space = 'tme_shared'")["name"].to_list()
    assert set(found.names["type"]) <= set(shared)


def test_no_types_say_where_there_are_some(synthetic_store: Store) -> None:
    with pytest.raises(NotMeasured, match="TME types"):
        annotate(synthetic_store, CohortQuery(("nothing",)))
