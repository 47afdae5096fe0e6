"""Composition: what is read, how TILs and TAMs are made, what the sentence claims, and what happens where something is missing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import EmptyCohort, NotMeasured, UnknownName
from core.figures.cell_composition import FAMILIES
from core.tme import cells
from core.tme.cell_composition import cell_composition, methods, pairs
from core.tme.cell_groups import cell_groups, groupings, labelled
from core.tme.estimates import Estimates, available, estimates
from core.tme.t_cell_states import CYTOTOXICITY, EXHAUSTION, t_cell_states
from core.tme.two_measurements import comparisons, two_measurements
from data.store import Store

SYNTHETIC = CohortQuery(("synthetic_a",))


def first_eight(store: Store, query: CohortQuery) -> CohortQuery:
    """A cohort of eight patients."""
    ages = store.patients(query.where(), columns=("age_years",))["age_years"].drop_nulls().sort()
    small = query.with_filter(Filter("age_years", "le", float(ages[7])))
    return small


def test_every_part_has_a_colour_and_every_sum_its_rule() -> None:
    for method in cells.METHODS.values():
        names = [part.name for part in method.parts]
        assert len(set(names)) == len(names)
        assert method.doi.startswith("10.")
        for part in method.parts:
            assert part.family in FAMILIES, part.name
            assert not part.total or part.rule.startswith(part.name)
    assert not cells.MCP.stacked
    assert {part.name for part in cells.QUANTISEQ.totals()} == {"TILs", "TAMs", cells.IMMUNE}
    assert "Macrophages M1" in cells.QUANTISEQ.totals()[1].rule


def test_a_table_of_the_study_is_read_and_its_parts_add_up(synthetic_store: Store) -> None:
    offered = available(synthetic_store, SYNTHETIC)
    assert next(iter(offered)) == "published:simulated"
    found = estimates(synthetic_store, SYNTHETIC, method="published:simulated")
    pieces = [part.name for part in found.method.pieces()]
    np.testing.assert_allclose(found.frame.select(pl.sum_horizontal(pieces)).to_series(), 1.0, atol=1e-9)
    lymphocytes = found.frame.select(pl.col("T cells CD8") + pl.col("T cells CD4") + pl.col("B cells")).to_series()
    np.testing.assert_allclose(found.frame["TILs"], lymphocytes)
    assert found.n + found.n_missing == synthetic_store.patients(SYNTHETIC.where()).height


def test_groups_are_compared_with_numbers_that_scipy_gives(synthetic_store: Store) -> None:
    from scipy.stats import kruskal, t

    found = estimates(synthetic_store, SYNTHETIC, method="published:simulated")
    labels, label = labelled(synthetic_store, SYNTHETIC, by="response")
    compared = cell_groups(found, labels, by="response", label=label)
    joined = found.frame.join(labels, on="patient_id").drop_nulls("response")
    parts = [joined.filter(pl.col("response") == side)["B cells"].to_numpy() for side in (True, False)]
    row = compared.tests.filter(pl.col("cell_type") == "B cells").row(0, named=True)
    assert row["p_value"] == pytest.approx(kruskal(*parts).pvalue)
    mean = compared.table.filter((pl.col("cell_type") == "B cells") & (pl.col("group") == "responder")).row(0, named=True)
    half = t.ppf(0.975, parts[0].size - 1) * parts[0].std(ddof=1) / np.sqrt(parts[0].size)
    assert (mean["low"], mean["mean"], mean["high"]) == pytest.approx((parts[0].mean() - half, parts[0].mean(), parts[0].mean() + half))
    assert compared.tests.filter(pl.col("cell_type") == "Tumour and other cells")["p_value"][0] is None
    assert compared.n + compared.n_missing == found.n


def test_the_answer_states_its_numbers(synthetic_store: Store) -> None:
    found = cell_composition(synthetic_store, SYNTHETIC, method="published:simulated", by="response")
    assert "95% CI" in found.sentence
    assert "Cliff's delta" in found.sentence
    assert "q = " in found.sentence or "q < " in found.sentence
    assert [chart.slug for chart in found.charts] == ["cells-groups", "cells-by-group"]
    assert all(chart.provenance.synthetic for chart in found.charts)
    assert "Kruskal-Wallis" in found.charts[1].caption
    again = cell_composition(synthetic_store, SYNTHETIC, method="published:simulated", by="response")
    assert again.sentence == found.sentence
    patients = cell_composition(synthetic_store, SYNTHETIC, method="published:simulated", by="response", bars="patients")
    assert patients.charts[0].slug == "cells-patients"
    assert patients.charts[0].table.height == found.charts[0].provenance.n


def test_one_group_is_described_and_not_tested(synthetic_store: Store) -> None:
    found = cell_composition(synthetic_store, SYNTHETIC, method="published:simulated", by="")
    assert found.tests.is_empty()
    assert "Cliff" not in found.sentence
    with pytest.raises(NotMeasured, match="two groups or more"):
        pairs(synthetic_store, SYNTHETIC, method="published:simulated", by="")
    women = SYNTHETIC.with_filter(Filter("sex", "in", ("female",)))
    assert "No test" in " ".join(cell_composition(synthetic_store, women, method="published:simulated", by="sex").charts[0].warnings)


def test_eight_patients_are_enough_for_a_picture(synthetic_store: Store) -> None:
    small = first_eight(synthetic_store, SYNTHETIC)
    found = cell_composition(synthetic_store, small, method="published:simulated", by="sex")
    assert found.charts[0].provenance.n <= 12
    assert found.sentence.endswith(".")


def test_scores_are_never_stacked(synthetic_store: Store) -> None:
    for method in ("mcp", "states"):
        if method in available(synthetic_store, SYNTHETIC):
            found = cell_composition(synthetic_store, SYNTHETIC, method=method, by="response")
            assert [chart.slug for chart in found.charts] == ["cells-by-group"]


def test_three_groups_are_compared_pair_by_pair(synthetic_store: Store) -> None:
    by = next(b for b in groupings(synthetic_store, SYNTHETIC) if b in {"recist", "stage", "phenotype"})
    found = cell_composition(synthetic_store, SYNTHETIC, method="published:simulated", by=by)
    assert found.cells
    holm = pairs(synthetic_store, SYNTHETIC, method="published:simulated", by=by, cell=found.cells[-1])
    assert (holm.table["p_adjusted"] >= holm.table["p_value"] - 1e-12).all()
    assert "Holm" in holm.caption
    benjamini = pairs(synthetic_store, SYNTHETIC, method="published:simulated", by=by, cell=found.cells[-1], correction="bh")
    assert (benjamini.table["p_adjusted"] <= holm.table["p_adjusted"] + 1e-12).all()


def test_several_studies_are_standardised_before_the_test(synthetic_store: Store) -> None:
    both = CohortQuery(("synthetic_a", "synthetic_b"))
    found = cell_composition(synthetic_store, both, method="published:simulated", by="response")
    assert "standardised within each cohort" in found.charts[1].caption


def test_what_is_missing_is_said_with_the_remedy(synthetic_store: Store) -> None:
    with pytest.raises(UnknownName, match="no way of counting cells called 'tea leaves'"):
        estimates(synthetic_store, SYNTHETIC, method="tea leaves")
    with pytest.raises(NotMeasured, match="no study in the database has it"):
        estimates(synthetic_store, SYNTHETIC, method="slides")
    with pytest.raises(EmptyCohort, match="relax"):
        methods(synthetic_store, SYNTHETIC.with_filter(Filter("age_years", "ge", 400.0)))
    with pytest.raises(NotMeasured, match="is a number"):
        labelled(synthetic_store, SYNTHETIC, by="age_years")
    with pytest.raises(NotMeasured, match="pair of measurements"):
        two_measurements(synthetic_store, SYNTHETIC, pairs="fractions")
    assert comparisons(synthetic_store, SYNTHETIC) == {}


def test_all_missing_fractions_leave_no_number(synthetic_store: Store) -> None:
    found = estimates(synthetic_store, SYNTHETIC, method="published:simulated")
    empty = Estimates(
        frame=found.frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("B cells")), method=found.method, absent=(), n=found.n, n_missing=0
    )
    labels, _ = labelled(synthetic_store, SYNTHETIC, by="response")
    compared = cell_groups(empty, labels, by="response")
    row = compared.tests.filter(pl.col("cell_type") == "B cells").row(0, named=True)
    assert (row["n"], row["p_value"], row["q_value"]) == (0, None, None)
    assert compared.table.filter(pl.col("cell_type") == "B cells")["mean"].null_count() == len(compared.groups.labels)


def test_t_cell_states_have_their_source_and_are_standardised(synthetic_store: Store) -> None:
    assert set(CYTOTOXICITY.genes).isdisjoint(EXHAUSTION.genes)
    states = t_cell_states(synthetic_store, ["synthetic_a"])
    for name in ("cytotoxicity", "exhaustion"):
        known = states[name].drop_nulls()
        if known.len():
            assert known.mean() == pytest.approx(0, abs=1e-9)
            assert known.std() == pytest.approx(1)
    assert t_cell_states(synthetic_store, ["nowhere"]).is_empty()
