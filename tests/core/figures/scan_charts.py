"""One chart of each kind that a scan draws, from simulated markers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl

from core import figures
from core.figures import Chart, Provenance
from core.markers.scan.many import two_sided
from core.markers.scan.multiplicity import benjamini_hochberg

M = 2600


@cache
def markers(measure: str = "HR", signal: float = 5.0) -> pl.DataFrame:
    """Markers without effect and ten with one; one is not estimable, one lies far out."""
    rng = np.random.default_rng(1)
    se = np.full(M, 0.1)
    log = rng.normal(0, 0.1, M)
    log[:10] += signal * 0.1 * np.where(np.arange(10) % 3 == 0, -1, 1)
    log[10], se[10] = 5.2, 1.1
    p = two_sided(log / se)
    effect = np.exp(log)
    p[11], effect[11] = np.nan, np.nan
    table = pl.DataFrame(
        {
            "marker": [f"gene:GENE{i}" for i in range(M)], "kind": "gene", "label": [f"GENE{i} expression" for i in range(M)],
            "contrast": "per 1 SD", "effect": effect, "ci_low": np.exp(log - 1.96 * se), "ci_high": np.exp(log + 1.96 * se),
            "p_value": p, "q_value": benjamini_hochberg(p), "n": 200, "n_missing": 12, "events": 90, "cohorts": 1,
            "note": "", "fragile": np.arange(M) == 3, "auc": 0.6 if measure == "OR" else None,
        }
    )  # fmt: skip
    return table.with_columns(pl.selectors.float().fill_nan(None)).sort("p_value", nulls_last=True)


def cohorts(provenance: Provenance) -> Chart:
    """A marker in three cohorts, in one of them not estimable."""
    table = pl.DataFrame(
        {
            "cohort": ["One", "Two", "Three"], "log_ratio": [-0.4, 0.1, None], "se": [0.1, 0.3, None], "n": [200, 60, 21],
            "events": [90, 31, 0],
        }
    )  # fmt: skip
    return figures.cohort_effects(table, (0.78, 0.5, 1.2), provenance=provenance, caption="One model a cohort.")


KINDS: dict[str, Callable[[Provenance], Chart]] = {
    "volcano": lambda p: figures.volcano(markers(), provenance=p),
    "ranked": lambda p: figures.ranked(markers("OR"), provenance=p, measure="OR"),
    "cohort_effects": cohorts,
    "null_hits": lambda p: figures.null_hits(
        np.random.default_rng(0).poisson(8, 500), 31, provenance=p, what="markers with p < .001"
    ),
}
