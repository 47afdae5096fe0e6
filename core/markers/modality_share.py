"""Modality share: how much of what moves a predictor is clinical, genomic, expression or pathology."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.cohort.query import CohortQuery
from core.markers import attribution
from data.schema import PATIENT
from data.store import Store
from models import card
from models.attribution.share import share
from models.vocabulary import MODALITIES

LABELS: Mapping[str, str] = {"clinical": "Clinical", "genome": "Genome", "expression": "Gene expression", "pathology": "Pathology"}
GENOME = frozenset({
    "tmb_per_mb", "tmb_in_cohort", "mutation_count", "neoantigen_per_mb", "neoantigen_count", "neoantigen_in_cohort", "fcna", "ploidy", "purity", "hed",
    "hla_loh", "msi_high",
})  # fmt: skip
PATHOLOGY = frozenset({"pdl1_tps_percent", "pdl1_ic", "pdl1_tc", "til_percent", "til_pattern", "phenotype"})
EXPRESSION = frozenset({"leukocyte_fraction", "immune_subtype"})
PREFIXES: Mapping[str, str] = {"mutation:": "genome", "copy_number:": "genome", "slide:": "pathology"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Each modality's part of the summed |SHAP| of a cohort.

    Attributes
    ----------
    table : modality, label, features, share, ci_low, ci_high, known (patients with any feature of it); the model's
        modalities only, in the order of MODALITIES. absent : modalities (words) that no feature of the predictor belongs to.
    """

    table: pl.DataFrame
    absent: tuple[str, ...]
    n: int
    predictor: str
    predictor_label: str
    protocols: tuple[str, ...]


def modality(feature: str) -> str:
    """The kind of measurement that a feature is of, one of MODALITIES; whatever is no patient column is expression."""
    for prefix, kind in PREFIXES.items():
        if feature.startswith(prefix):
            return kind
    for names, kind in ((GENOME, "genome"), (PATHOLOGY, "pathology"), (EXPRESSION, "expression")):
        if feature in names:
            return kind
    return "clinical" if feature in PATIENT.dtypes else "expression"


def modality_share(store: Store, query: CohortQuery, *, predictor: str) -> Shares:
    """Share of each modality in the summed |SHAP| of the cohort's patients, with a 95% bootstrap interval over patients.

    The estimand is a property of the model on these patients: correlated features share their credit, and a small share
    does not say that a measurement is worthless without the others. See `models.attribution.share`.

    Raises
    ------
    UnknownName, NotMeasured
        As `core.markers.attribution.rows`.
    """
    found = attribution.rows(store, query, predictor)
    wide = found.pivot(on="feature", index="patient_id", values="shap", maintain_order=True).fill_null(0.0)
    names = wide.columns[1:]
    place = np.asarray([MODALITIES.index(modality(name)) for name in names], dtype=np.int64)
    result = share(wide.select(names).to_numpy(), place, groups=len(MODALITIES))
    has = known(store, found)
    rows = [
        {
            "modality": kind, "label": LABELS[kind], "features": int((place == i).sum()), "share": float(result.value[i]),
            "ci_low": float(result.low[i]), "ci_high": float(result.high[i]), "known": has[kind],
        }
        for i, kind in enumerate(MODALITIES) if (place == i).any()
    ]  # fmt: skip
    return Shares(
        table=pl.DataFrame(rows), absent=tuple(LABELS[kind] for i, kind in enumerate(MODALITIES) if not (place == i).any()), n=wide.height,
        predictor=predictor, predictor_label=card(predictor).label,
        protocols=tuple(p for p in attribution.OUT_OF_SAMPLE if p in set(found["protocol"])),
    )  # fmt: skip


def unknown(store: Store, found: pl.DataFrame) -> pl.DataFrame:
    """How many explained patients lack each feature: feature, modality, missing, n; of attribution rows.

    A feature without a number of its own (a category) is looked up in the patient's row.
    """
    everyone = found["patient_id"].unique(maintain_order=True)
    columns = [f for f in found["feature"].unique(maintain_order=True) if f in PATIENT.dtypes]
    chosen = ", ".join(f'"{name}"' for name in columns)
    people = store.sql(
        f"SELECT patient_id{', ' if chosen else ''}{chosen} FROM patient WHERE patient_id = ANY($ids)", {"ids": everyone.to_list()}
    )
    counted = found.group_by("feature", maintain_order=True).agg(pl.col("value").is_not_null().sum().alias("known"))
    rows = []
    for feature, valued in counted.iter_rows():
        has = people.height - people[feature].null_count() if feature in PATIENT.dtypes else valued
        rows.append({"feature": feature, "modality": modality(feature), "missing": everyone.len() - int(has), "n": everyone.len()})
    return pl.DataFrame(rows)


def known(store: Store, found: pl.DataFrame) -> dict[str, int]:
    """Patients with at least one known feature of each modality, of attribution rows."""
    seen = seen_of(store, found)
    return {kind: int(seen[kind].sum()) for kind in MODALITIES}


def seen_of(store: Store, found: pl.DataFrame) -> pl.DataFrame:
    """patient_id and a flag for each modality: at least one of the predictor's features of it is known of the patient."""
    features = found["feature"].unique(maintain_order=True).to_list()
    people = found.select("patient_id").unique(maintain_order=True)
    columns = [f for f in features if f in PATIENT.dtypes]
    if columns:
        chosen = ", ".join(f'"{name}" IS NOT NULL AS "{name}"' for name in columns)
        rows = store.sql(f"SELECT patient_id, {chosen} FROM patient WHERE patient_id = ANY($ids)", {"ids": people["patient_id"].to_list()})
        people = people.join(rows, on="patient_id", how="left", maintain_order="left")
    valued = (
        found.filter(~pl.col("feature").is_in(columns))
        .with_columns(pl.col("feature").map_elements(modality, return_dtype=pl.String).alias("kind"))
        .group_by("patient_id", "kind").agg(pl.col("value").is_not_null().any().alias("has"))
    )  # fmt: skip
    for kind in MODALITIES:
        own = [f for f in columns if modality(f) == kind]
        scored = valued.filter((pl.col("kind") == kind) & pl.col("has"))["patient_id"]
        flags = [pl.col(name) for name in own] + [pl.col("patient_id").is_in(scored.implode())]
        people = people.with_columns(pl.any_horizontal(flags).alias(f"seen {kind}"))
    return people.select("patient_id", *(pl.col(f"seen {kind}").alias(kind) for kind in MODALITIES))
