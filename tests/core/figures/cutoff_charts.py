"""One chart of each kind that a cut-off's derivation draws, from simulated patients."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl

from core import figures
from core.cohort.query import CohortQuery
from core.figures import Chart, Provenance
from core.markers.cutoff.derivation import Derivation, derived

N = 240


@cache
def derivation(endpoint: str = "os", rule: str = "maxstat", marker: str = "clinical:tmb_per_mb") -> Derivation:
    """A derivation on simulated patients whose response and survival go with the marker."""
    rng = np.random.default_rng(3)
    value = np.round(np.exp(rng.normal(1.8, 1.0, N)), 1)
    time = rng.exponential(14 * np.where(value > 9, 1.8, 1.0))
    frame = pl.DataFrame(
        {
            "patient_id": [f"trial:{i:03d}" for i in range(N)], "study": "trial", "cohort": "trial",
            "value": [None if u < 0.05 else float(v) for u, v in zip(rng.random(N), value, strict=True)],
            "response": rng.random(N) < np.where(value > 9, 0.5, 0.2),
            "os_months": np.minimum(time, 30), "os_event": time < 30,
        }
    )  # fmt: skip
    return derived(
        frame, query=CohortQuery(("trial",)), marker=marker, endpoint=endpoint, rule=rule, resamples=60, orders=199
    )


def spline(provenance: Provenance) -> Chart:
    """The continuous effect beside the cut."""
    found = derivation()
    values = found.patients["value"].to_numpy()
    return figures.spline_effect(
        found.spline, provenance=provenance, label=found.label, unit=found.unit, cut=found.cut, values=values
    )


KINDS: dict[str, Callable[[Provenance], Chart]] = {
    "cutoff_curve": lambda p: figures.cutoff_curve(derivation(), provenance=p),
    "spline_effect": spline,
    "optimism": lambda p: figures.optimism(
        derivation("response", "youden").optimism, provenance=p, label="Tumour mutational burden"
    ),
}
