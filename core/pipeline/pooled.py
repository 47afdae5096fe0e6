"""Pooled: the elastic net fitted on all cohorts but one, and used on that one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from core.pipeline.features import Features, assemble, clinical, wide
from core.pipeline.predictions import LEAST_EVALUABLE, LEAST_OF_CLASS, evaluable, probability_of, rows
from models.baselines import elastic_net

Floats = npt.NDArray[np.float64]

SHARED_CLINICAL = (
    "tmb_per_mb", "age_years", "albumin_g_per_dl", "nlr", "fcna", "prior_systemic_therapy", "sex", "cancer_type",
)  # fmt: skip
"""Features of the leave-one-cohort-out model of LORIS."""


def leave_one_out(members: Sequence[tuple[str, pl.DataFrame, Features]], *, seed: int) -> list[pl.DataFrame]:
    """Elastic net of each cohort fitted on all others. members: (name, patients, features), the same features each."""
    made = []
    for name, patients, features in members:
        train = [(p, f) for other, p, f in members if other != name and not p["held_out"][0]]
        if not train:
            continue
        judged = [evaluable(p) for p, _ in train]
        design = np.vstack([f.design[own] for (_, f), own in zip(train, judged, strict=True)])
        response = np.concatenate(
            [p["response"].fill_null(value=False).to_numpy()[own] for (p, _), own in zip(train, judged, strict=True)]
        )
        if response.size < LEAST_EVALUABLE or min(response.sum(), (~response).sum()) < LEAST_OF_CLASS:
            continue
        fitted = elastic_net.fit(
            design, response.astype(bool), flaggable=np.zeros(design.shape[1], dtype=bool), seed=seed
        )
        known = np.isfinite(features.design).mean(axis=1) >= 0.3
        score = np.where(known, probability_of(fitted.log_odds(features.design)), np.nan)
        trained_on = ", ".join(other for other, p, _ in members if other != name and not p["held_out"][0])
        made.append(
            rows(
                patients, "elastic_net", score, protocol="leave_one_cohort_out", trained_on=trained_on, probability=True
            )
        )
    return made


def rna_pool(
    cohorts: Sequence[tuple[str, pl.DataFrame]], scores: pl.DataFrame
) -> list[tuple[str, pl.DataFrame, Features]]:
    """Cohorts with expression, on the signatures that all of them have, everything standardised within the cohort."""
    with_scores = [
        (n, p.filter(pl.col("patient_id").is_in(scores["patient_id"].unique().implode()))) for n, p in cohorts
    ]
    with_scores = [(n, p) for n, p in with_scores if p.height >= 10 and evaluable(p).sum() >= 10]
    tables = {n: scores.filter(pl.col("patient_id").is_in(p["patient_id"].implode())) for n, p in with_scores}
    shared = None
    for name, patients in with_scores:
        counted = tables[name].drop_nulls("z").group_by("signature").len()
        own = set(counted.filter(pl.col("len") >= 0.8 * patients.height)["signature"])
        shared = own if shared is None else shared & own
    if len(with_scores) < 2 or not shared:
        return []
    members = []
    for name, patients in with_scores:
        ids = patients["patient_id"].to_list()
        names, matrix = wide(tables[name].filter(pl.col("signature").is_in(sorted(shared))), ids, value="z")
        blocks = [(signature, matrix[:, [j]], matrix[:, j]) for j, signature in enumerate(names)]
        burden = "tmb_per_mb" if patients["tmb_per_mb"].null_count() < patients.height else "mutation_count"
        for label, column in (("tmb_per_mb", burden), ("age_years", "age_years")):
            (_, values, raw) = clinical(patients.with_columns(pl.col(column).alias(label)), columns=(label,))[0]
            blocks.append((label, _within(values), raw))
        members.append((name, patients, assemble(tuple(ids), blocks)))
    return members


def clinical_pool(cohorts: Sequence[tuple[str, pl.DataFrame]]) -> list[tuple[str, pl.DataFrame, Features]]:
    """Cohorts of LORIS on the clinical features of all of them, in their own units, one design for all."""
    used = [(n, p) for n, p in cohorts if evaluable(p).sum() >= 10]
    if len(used) < 2:
        return []
    everyone = pl.concat([p for _, p in used])
    blocks = [
        block
        for block in clinical(everyone, columns=SHARED_CLINICAL)
        if block[1].shape[1] and np.isfinite(block[1]).any()
    ]
    whole = assemble(tuple(everyone["patient_id"]), blocks)
    members, start = [], 0
    for name, patients in used:
        part = slice(start, start + patients.height)
        members.append(
            (
                name,
                patients,
                Features(
                    patients=whole.patients[part],
                    design=whole.design[part],
                    parents=whole.parents,
                    names=whole.names,
                    values=whole.values[part],
                ),
            )
        )
        start += patients.height
    return members


def _within(values: Floats) -> Floats:
    """Standardise each column within the cohort; a column that does not vary becomes missing."""
    known = np.isfinite(values)
    n = known.sum(axis=0)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=0) / np.maximum(n, 1)
    spread = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(axis=0) / np.maximum(n - 1, 1))
    usable = (n >= 3) & (spread > 1e-12)
    return np.where(known & usable, (values - mean) / np.where(usable, spread, 1.0), np.nan)
