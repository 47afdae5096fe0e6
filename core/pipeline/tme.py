"""TME: feature space, types and map of each study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured
from core.pipeline.scores import standardised
from core.pipeline.staging import Finished, Frames, Piece, Staging, Tables, fingerprint
from core.tme import naming, projection
from core.tme.clusters import discover
from core.tme.map import SPACE

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

LEAST_PATIENTS = 15
LEAST_FEATURES = 5
KNOWN_SHARE = 0.8
ONE_TYPE = "No separate types"
"""Name of the one type of a study in which no structure is shown."""


def pieces(staging: Staging, *, scores: pl.DataFrame, seed: int) -> Iterator[tuple[str, int, Piece]]:
    """The work of `fill`: study, patients with a place on its map, and how types and map are made."""
    for study in staging.sql("SELECT study FROM study ORDER BY rowid")["study"]:
        patients, names, z = features(staging, study, scores)
        if len(patients) >= LEAST_PATIENTS and len(names) >= LEAST_FEATURES:
            key = fingerprint("tme", seed, ",".join(patients), ",".join(names), z)
            yield study, len(patients), Piece(f"tme-{key}", partial(mapped, patients, names, z, seed=seed))


def fill(staging: Staging, finished: Finished, *, work: Iterable[tuple[str, int, Piece]], progress: Progress) -> None:
    """Tables embedding and cluster: one feature space a study, standardised within each cohort; `work` is that of `pieces`."""
    staging.clear("embedding", f"space = '{SPACE}'")
    staging.clear("cluster", f"space = '{SPACE}'")
    for study, patients, piece in work:
        progress(f"{study}: TME types and map of {patients:,} patients")
        try:
            made = finished.get(*piece)
        except NotMeasured as error:
            progress(f"{study}: no TME types: {error}")
            continue
        for table in ("embedding", "cluster"):
            staging.append(table, made[table].with_columns(study=pl.lit(study), space=pl.lit(SPACE)))


def features(staging: Tables, study: str, scores: pl.DataFrame) -> tuple[list[str], list[str], Floats]:
    """Patients, feature names and values (n, p) standardised within cohorts.

    From the study's own expression, or from what its source published: whichever has more patients. Five published scores or
    more that are on one scale over all cohorts of the study are taken as they are, standardised over the study: differences
    between cancer types are then part of the picture. Else published scores and cell fractions, within each cohort.
    """
    published = _one_scale(staging, study)
    published = _published(staging, study) if published.is_empty() else published
    own = scores.filter((pl.col("study") == study) & pl.col("z").is_not_null()).select(
        "patient_id", pl.col("signature").alias("feature"), "z"
    )
    own = own.filter(~pl.col("feature").is_in(published["feature"].unique().implode()))
    order = staging.sql("SELECT patient_id FROM patient WHERE study = $s ORDER BY rowid", {"s": study})["patient_id"]
    source = max((own, published), key=lambda frame: frame["patient_id"].n_unique())
    if source.is_empty():
        return [], [], np.empty((0, 0))
    everyone = source["patient_id"].n_unique()
    counted = source.group_by("feature").len()
    kept = sorted(counted.filter(pl.col("len") >= KNOWN_SHARE * everyone)["feature"])
    if not kept:
        return [], [], np.empty((0, 0))
    table = source.filter(pl.col("feature").is_in(kept)).pivot(
        on="feature", index="patient_id", values="z", aggregate_function="first"
    )
    placed = pl.DataFrame({"patient_id": order}).join(table, on="patient_id", how="inner", maintain_order="left")
    z = (
        placed.select(kept)
        .fill_null(np.nan)
        .fill_nan(None)
        .cast(pl.Float64)
        .fill_null(np.nan)
        .to_numpy()
        .astype(np.float64)
    )
    complete = np.isfinite(z).mean(axis=1) >= KNOWN_SHARE
    return list(placed["patient_id"].filter(pl.Series(complete))), kept, z[complete]


def _one_scale(staging: Tables, study: str) -> pl.DataFrame:
    """Scores that the source published on one scale, where there are enough: patient_id, feature, z over the study."""
    rows = staging.sql(
        """SELECT patient_id, signature AS feature, score FROM signature_score
           WHERE study = $s AND score IS NOT NULL AND (study, assay) NOT IN (SELECT (study, assay) FROM assay)
             AND study NOT IN (SELECT study FROM study WHERE coalesce(uploaded, false))
           ORDER BY feature, patient_id""",
        {"s": study},
    )
    if rows["feature"].n_unique() < LEAST_FEATURES:
        return rows.select("patient_id", "feature", pl.lit(None, dtype=pl.Float64).alias("z")).clear()
    return rows.select("patient_id", "feature", standardised("score", over=("feature",)).alias("z")).drop_nulls("z")


def _published(staging: Tables, study: str) -> pl.DataFrame:
    """Scores and cell fractions that the source published, and the leukocyte fraction: patient_id, feature, z."""
    brought = staging.sql(
        """SELECT patient_id, signature AS feature, z AS value, true AS standardised FROM signature_score
           WHERE study = $s AND z IS NOT NULL AND (study, assay) NOT IN (SELECT (study, assay) FROM assay)
           UNION ALL
           SELECT patient_id, cell_type, fraction, false FROM cell_fraction
           WHERE study = $s AND method <> 'quanTIseq' AND fraction IS NOT NULL
           UNION ALL
           SELECT patient_id, 'leukocyte_fraction', leukocyte_fraction, false FROM patient
           WHERE study = $s AND leukocyte_fraction IS NOT NULL""",
        {"s": study},
    )
    cohorts = staging.sql("SELECT patient_id, cohort FROM patient WHERE study = $s", {"s": study})
    # sorted first: sums over rows in another order differ in the last bit, and the same database must give the same map
    ordered = brought.join(cohorts, on="patient_id", how="inner").sort("feature", "patient_id")
    z = pl.when("standardised").then("value").otherwise(standardised("value", over=("cohort", "feature")))
    return ordered.select("patient_id", "feature", z.alias("z")).drop_nulls("z")


def mapped(patients: list[str], names: list[str], z: Floats, *, seed: int) -> Frames:
    """Rows of tables embedding and cluster, without study and space, of z (n, p): the patients' types and picture."""
    found = discover(z, seed=seed, weights=naming.balance(names))
    known = found.labels >= 0
    labels = found.labels[known]
    placed = [patient for patient, is_known in zip(patients, known, strict=True) if is_known]
    words = naming.name_types(z[known], names, types=labels) if found.k > 1 else [ONE_TYPE]
    picture = projection.project(found.points, seed=seed)
    embedding = pl.DataFrame(
        {
            "patient_id": placed,
            "vector": pl.Series(found.points.astype(np.float32).tolist(), dtype=pl.List(pl.Float32)),
            "umap_1": picture[:, 0],
            "umap_2": picture[:, 1],
        }
    )
    cluster = pl.DataFrame(
        {
            "patient_id": placed,
            "cluster": labels + 1,
            "name": [words[label] for label in labels],
            "stability": found.stability[labels],
            "silhouette": found.silhouette[known],
            "stable": found.stable[labels] if found.k > 1 else [None] * len(placed),
            "confidence": found.confidence[known],
            "method": found.method,
            "p_structure": found.p_structure,
        },
        schema_overrides={"stable": pl.Boolean},
    ).with_columns(pl.col("stability").fill_nan(None))
    return {"embedding": embedding, "cluster": cluster}
