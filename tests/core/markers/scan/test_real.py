"""Scans of published studies: a few markers as R's and lifelines' own models give them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.markers import marker as markers
from core.markers.scan.scan import scan
from data.store import Store

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def lifelines_p(store: Store, query: CohortQuery, marker: str) -> tuple[float, float]:
    import pandas as pd
    from lifelines import CoxPHFitter

    ends = store.patients(query.where(), columns=("patient_id", "os_months", "os_event"))
    frame = markers.values(store, query, marker).join(ends, on="patient_id").drop_nulls(["value", "os_months", "os_event"])
    x = frame["value"].to_numpy()
    data = pd.DataFrame(
        {"t": frame["os_months"].to_numpy(), "e": frame["os_event"].to_numpy(), "x": (x - x.mean()) / x.std(ddof=1)}
    )
    tight = {"precision": 1e-20, "r_precision": 1e-18, "step_size": 1.0}
    row = CoxPHFitter().fit(data, "t", "e", fit_options=tight).summary.iloc[0]
    return float(np.exp(row["coef"])), float(row["p"])


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        (CohortQuery(("imvigor210",)), ("clinical:tmb_per_mb", "gene:CXCL9", "gene:CD274", "gene:TGFB1")),
        (CohortQuery(("tcga",), (Filter("cohort", "in", ("TCGA-SKCM",)),)), ("gene:CXCL9", "clinical:age_years")),
        (CohortQuery(("riaz2017",)), ("gene:CXCL9", "gene:CD8A")),
    ],
    ids=["imvigor210", "SKCM", "riaz2017"],
)
def test_hazard_ratios_and_p_values_equal_lifelines(real_store: Store, query: CohortQuery, chosen: tuple[str, ...]) -> None:
    table = scan(real_store, query, outcome="os").table
    for name in chosen:
        row = table.row(by_predicate=pl.col("marker") == name, named=True)
        ratio, p = lifelines_p(real_store, query, name)
        assert row["effect"] == pytest.approx(ratio, rel=1e-7), name
        assert row["p_value"] == pytest.approx(p, abs=1e-8), name


def test_tmb_and_response_in_imvigor210(real_store: Store) -> None:
    table = scan(real_store, CohortQuery(("imvigor210",)), outcome="response", kinds=("clinical",)).table
    row = table.row(by_predicate=pl.col("marker") == "clinical:tmb_per_mb", named=True)
    assert (row["n"], row["n_missing"]) == (234, 64)
    assert round(row["auc"], 3) == 0.728
    assert row["q_value"] < 0.05


def test_samples_after_the_start_of_treatment_are_no_markers(real_store: Store) -> None:
    """Of Nathanson's 24 biopsies 15 were taken after the start: too few are left for a gene scan."""
    table = scan(real_store, CohortQuery(("liu2019",)), outcome="os", kinds=("gene",)).table
    assert table["n"].max() == 120
