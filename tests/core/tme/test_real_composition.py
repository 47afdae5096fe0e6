"""Composition on the published studies: numbers on screen against scipy, from the tables themselves."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.tme.cell_composition import cell_composition, methods
from core.tme.two_measurements import comparisons, two_measurements
from data.store import Store

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def test_liu_2019_means_and_tests(real_store: Store) -> None:
    """Expected from the table itself: pivot, mean, scipy.stats.kruskal, false_discovery_control."""
    from scipy.stats import false_discovery_control, kruskal

    query = CohortQuery(("liu2019",))
    found = cell_composition(real_store, query, method="quantiseq", by="response")
    raw = real_store.sql(
        """SELECT c.cell_type, c.fraction, p.response FROM cell_fraction c JOIN patient p USING (patient_id)
           WHERE c.study = 'liu2019' AND c.method = 'quanTIseq' ORDER BY c.cell_type, c.patient_id"""
    )
    other = raw.filter(pl.col("cell_type") == "Other")["fraction"]
    assert f"On average {1 - other.mean():.0%} of the cells are immune" in found.sentence
    assert f"n = {other.len()}" in found.sentence
    rows = found.charts[1].table.unique("cell_type", keep="first", maintain_order=True)
    for cell in ("B cells", "Monocytes", "CD8 T cells"):
        own = raw.filter(pl.col("cell_type") == cell).drop_nulls("response")
        sides = [own.filter(pl.col("response") == side)["fraction"].to_numpy() for side in (True, False)]
        assert rows.filter(pl.col("cell_type") == cell)["p_value"][0] == pytest.approx(kruskal(*sides).pvalue, rel=1e-9)
    np.testing.assert_allclose(rows["q_value"].to_numpy(), false_discovery_control(rows["p_value"].to_numpy()), rtol=1e-9)


def test_tcga_agreement_by_cancer_type(real_store: Store) -> None:
    """Expected: scipy.stats.spearmanr on the patients' mean lymphocyte density against TILs x leukocyte fraction."""
    from scipy.stats import spearmanr

    query = CohortQuery(("tcga",))
    assert set(comparisons(real_store, query)) == {"fractions", "scores", "slides"}
    found = two_measurements(real_store, query, pairs="fractions")
    table = found.charts[0].table
    raw = real_store.sql(
        """SELECT p.patient_id, p.cancer_type, p.leukocyte_fraction * c.lymphocytes AS tils, s.density FROM patient p
           JOIN (SELECT patient_id, sum(fraction) AS lymphocytes FROM cell_fraction WHERE method = 'CIBERSORT' AND
                 (cell_type LIKE '%T cells%' OR cell_type LIKE 'B cells%' OR cell_type LIKE 'NK cells%' OR cell_type = 'Plasma cells') GROUP BY 1) c USING (patient_id)
           JOIN (SELECT patient_id, avg(value) AS density FROM slide_feature WHERE feature = 'DENSITY [LYMPHOCYTE CELLS] IN [TUMOR]' GROUP BY 1) s USING (patient_id)
           WHERE p.study = 'tcga' AND p.leukocyte_fraction IS NOT NULL AND s.density IS NOT NULL"""
    )
    own = table.filter((pl.col("pair") == "Lymphocytes") & ~pl.col("pooled"))
    assert sorted(own["group"]) == ["LUAD", "LUSC", "SKCM", "STAD"]
    for cancer, n, rho in own.select("group", "n", "rho").iter_rows():
        part = raw.filter(pl.col("cancer_type") == cancer)
        assert n == part.height
        assert rho == pytest.approx(spearmanr(part["tils"].to_numpy(), part["density"].to_numpy()).statistic, abs=1e-9)
    assert "not validation against truth" in found.charts[0].caption
    assert 0.3 < own["rho"].min() <= own["rho"].max() < 0.7


def test_studies_without_cells_name_one_that_has_them(real_store: Store) -> None:
    for study in ("loris", "samstein2019", "her2st"):
        with pytest.raises(NotMeasured, match="tcga") as error:
            methods(real_store, CohortQuery((study,)))
        assert "liu2019" in error.value.elsewhere


def test_a_signature_that_is_absent_is_said(real_store: Store) -> None:
    found = cell_composition(real_store, CohortQuery(("tcga",)), method="mcp", by="immune_subtype")
    said = " ".join(found.charts[0].warnings)
    assert "fibroblasts" in said
    assert "cannot compare cancer types" in said
