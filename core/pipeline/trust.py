"""Trust: how far a cohort's attributions can be trusted, and what would flip each prediction; rows of three tables.

Deletion and insertion curves, stability of the ranking, and each patient's smallest change across the threshold. The
threshold is the cohort's median output: the cut between predicted high and low that the survival page uses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from core.pipeline.explained import Explained
from core.pipeline.staging import Frames
from models.attribution import deletion, stability
from models.attribution.counterfactual import Change, Range, linear, observed_range
from models.attribution.neighbours import OFF, manifold
from models.card import ModelError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RESAMPLES = 300
FEWEST = 20
"""Patients below which a cohort's range and neighbours say nothing."""
MEASURED = frozenset({
    "tmb_per_mb", "tmb_in_cohort", "mutation_count", "neoantigen_in_cohort", "fcna", "purity", "leukocyte_fraction", "til_percent", "albumin_g_per_dl", "nlr",
    "platelets_per_nl", "haemoglobin_g_per_dl", "bmi", "pdl1_tps_percent",
})  # fmt: skip
"""Numbers that a measurement of the same patient could show to be different. Age, sex, cancer and history are not among them."""


def trust(
    patients: pl.DataFrame, explained: Explained, *, evaluate: Callable[[Bools], Floats] | None = None,
    curve_rows: npt.NDArray[np.int64] | None = None, search: Callable[[int, Range, float], Change] | None = None, seed: int = 0,
) -> Frames:  # fmt: skip
    """Rows of attribution_curve, attribution_measure and counterfactual; {} where nothing can be said.

    Parameters
    ----------
    patients : patient_id, study, cohort, (n,), in the order of `explained`.
    evaluate : (m, f) features kept -> (m,) log-odds of the patients `curve_rows` (None = all); None = the model is additive,
        so that its SHAP values say it.
    search : (patient number, range, threshold) -> the smallest change of any model; None = by `explained.slopes`.
    """
    if explained.shap.shape[0] < 2:
        return {}
    identity = {
        "study": patients["study"][0], "cohort": patients["cohort"][0], "predictor": explained.predictor, "protocol": explained.protocol,
    }  # fmt: skip
    measures: list[dict[str, object]] = []
    made: Frames = {}
    output = evaluate if evaluate is not None else deletion.additive(explained.shap, explained.base)
    try:
        shap = explained.shap if curve_rows is None else explained.shap[curve_rows]
        curves = deletion.curves(output, shap, steps=20 if evaluate is None else 10, orders=20 if evaluate is None else 3, seed=seed)
    except ModelError:
        return {}
    made["attribution_curve"] = pl.DataFrame([{**identity, **row} for row in _points(curves, seed=seed)])
    for kind in ("deletion", "insertion"):
        found = deletion.ratio(curves, kind=kind, seed=seed)
        measures.append(_measure(f"{kind}_ratio", (found.value, found.low, found.high), n=found.n, detail=str(int(curves.k[-1]))))
    try:
        steady = ranking(explained, seed=seed)
    except ModelError:
        steady = None
    if steady is not None:
        over = "refits" if explained.refits is not None else "resamples"
        measures.append(_measure("rank_tau", steady.tau, n=steady.draws, detail=over))
        measures.append(_measure("top_overlap", steady.overlap, n=steady.draws, detail=str(steady.top)))
    leftover = float(np.abs(explained.leftover).max()) if explained.leftover is not None else 0.0
    measures.append(_measure("leftover", (leftover, None, None), n=explained.output.size, detail=""))
    if explained.output.size >= FEWEST and (search is not None or explained.slopes is not None):
        threshold = float(np.median(explained.output))
        measures.append(_measure("threshold", (threshold, None, None), n=explained.output.size, detail="median"))
        made["counterfactual"] = counterfactuals(patients, explained, threshold=threshold, search=search)
    frame = pl.DataFrame(measures, schema_overrides=dict.fromkeys(("value", "ci_low", "ci_high"), pl.Float64), infer_schema_length=None)
    made["attribution_measure"] = frame.with_columns(pl.lit(value).alias(name) for name, value in identity.items())
    return made


def ranking(explained: Explained, *, seed: int = 0) -> stability.Stability:
    """How well the features' ranking holds: over refits where there are some, else over resampled patients.

    Raises
    ------
    ModelError
        Fewer than two features are used.
    """
    size = np.abs(explained.shap)
    draws = explained.refits if explained.refits is not None else stability.resampled(size, seed=seed)
    return stability.agreement(size.mean(axis=0), draws)


def mutable(names: tuple[str, ...], columns: frozenset[str]) -> Bools:
    """(f,) features that a counterfactual may change: measured numbers and gene-set scores. columns : patient columns."""
    return np.asarray([name in MEASURED or (name not in columns and ":" not in name) for name in names], dtype=bool)


def counterfactuals(
    patients: pl.DataFrame, explained: Explained, *, threshold: float, search: Callable[[int, Range, float], Change] | None = None
) -> pl.DataFrame:
    """The smallest change of each patient across the threshold, one row a changed feature."""
    from data.schema import PATIENT

    design = explained.design if explained.design is not None else explained.values
    within = observed_range(design, mutable=mutable(explained.names, frozenset(PATIENT.dtypes)))
    slopes = explained.slopes if explained.slopes is not None else np.zeros(design.shape)
    n = design.shape[0]
    found = [
        search(row, within, threshold)
        if search is not None
        else linear(design[row], slopes[row], output=float(explained.output[row]), threshold=threshold, within=within)
        for row in range(n)
    ]
    used = np.isfinite(design).any(axis=0) & (np.abs(explained.shap).max(axis=0) > 0)
    cloud = manifold(design[:, used])
    before = cloud.percentile(design[:, used], leave_out=np.arange(n))
    after = cloud.percentile(np.vstack([change.x for change in found])[:, used], leave_out=np.arange(n))
    rows: list[dict[str, object]] = []
    for row, change in enumerate(found):
        moved = np.flatnonzero(np.abs(change.sd) > 1e-9)
        shared = {
            "patient_id": patients["patient_id"][row], "output": float(explained.output[row]), "reached": change.output, "threshold": threshold,
            "flips": change.flips, "exact": change.exact, "place_before": float(before[row]), "place_after": float(after[row]),
            "off_manifold": bool(after[row] > OFF and moved.size),
        }  # fmt: skip
        for j in moved:
            now = float(explained.values[row, j])
            rows.append({
                **shared, "feature": explained.names[j], "value_from": None if np.isnan(now) else now,
                "value_to": float(explained.raw(np.array([change.x[j]]), int(j))[0]), "change_sd": float(change.sd[j]),
            })  # fmt: skip
        if not moved.size:
            rows.append({**shared, "feature": "", "value_from": None, "value_to": None, "change_sd": None})
    kinds = {"value_from": pl.Float64, "value_to": pl.Float64, "change_sd": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=kinds, infer_schema_length=None).with_columns(
        study=pl.lit(patients["study"][0]), cohort=pl.lit(patients["cohort"][0]), predictor=pl.lit(explained.predictor),
        protocol=pl.lit(explained.protocol),
    )  # fmt: skip


def _points(curves: deletion.Curves, *, seed: int) -> list[dict[str, object]]:
    n = curves.deletion.shape[0]
    draws = np.random.default_rng([seed, 43]).multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES) / n
    rows: list[dict[str, object]] = []
    for kind, ours, theirs in (
        ("deletion", curves.deletion, curves.random_deletion), ("insertion", curves.insertion, curves.random_insertion),
    ):  # fmt: skip
        by_patients, by_orders = draws @ ours, theirs.mean(axis=1)
        for name, mean, spread in ((kind, ours.mean(axis=0), by_patients), (f"random_{kind}", by_orders.mean(axis=0), by_orders)):
            low, high = np.quantile(spread, (0.025, 0.975), axis=0)
            rows += [
                {"curve": name, "features": int(k), "n": n, "change": float(m), "ci_low": float(a), "ci_high": float(b)}
                for k, m, a, b in zip(curves.k, mean, low, high, strict=True)
            ]
    return rows


def _measure(name: str, values: tuple[float | None, float | None, float | None], *, n: int, detail: str) -> dict[str, object]:
    value, low, high = (None if v is None or np.isnan(v) else float(v) for v in values)
    return {"measure": name, "value": value, "ci_low": low, "ci_high": high, "n": n, "detail": detail}
