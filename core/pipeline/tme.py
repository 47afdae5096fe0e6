"""TME: feature space, types and map of each study."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from core.pipeline.scores import standardised
from core.pipeline.staging import Finished, Frames, Staging, fingerprint
from core.tme import clustering, naming, projection
from core.tme.map import SPACE

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

LEAST_PATIENTS = 15
LEAST_FEATURES = 5
KNOWN_SHARE = 0.8


def fill(staging: Staging, finished: Finished, *, scores: pl.DataFrame, progress: Progress, seed: int) -> None:
    """Tables embedding and cluster: one feature space a study, standardised within each cohort."""
    staging.clear("embedding", f"space = '{SPACE}'")
    staging.clear("cluster", f"space = '{SPACE}'")
    for study in staging.sql("SELECT study FROM study ORDER BY rowid")["study"]:
        patients, names, z = features(staging, study, scores)
        if len(patients) < LEAST_PATIENTS or len(names) < LEAST_FEATURES:
            continue
        progress(f"{study}: TME types and map of {len(patients):,} patients")
        key = fingerprint("tme", seed, ",".join(patients), ",".join(names), z)

        compute = partial(_map, patients, names, z, seed=seed)
        made = finished.get(f"tme-{key}", compute)
        for table in ("embedding", "cluster"):
            staging.append(table, made[table].with_columns(study=pl.lit(study), space=pl.lit(SPACE)))


def features(staging: Staging, study: str, scores: pl.DataFrame) -> tuple[list[str], list[str], Floats]:
    """Patients, feature names and values (n, p) standardised within cohorts.

    From the study's own expression, or from scores and fractions that its source published: whichever has more patients.
    """
    published = _published(staging, study)
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


def _published(staging: Staging, study: str) -> pl.DataFrame:
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


def _map(patients: list[str], names: list[str], z: Floats, *, seed: int) -> Frames:
    points = clustering.principal_components(z, weights=naming.balance(names))
    types = clustering.find_types(points, seed=seed)
    words = naming.name_types(z, names, types=types.labels)
    picture = projection.project(points, seed=seed)
    embedding = pl.DataFrame(
        {
            "patient_id": patients,
            "vector": pl.Series(points.astype(np.float32).tolist(), dtype=pl.List(pl.Float32)),
            "umap_1": picture[:, 0],
            "umap_2": picture[:, 1],
        }
    )
    cluster = pl.DataFrame(
        {
            "patient_id": patients,
            "cluster": types.labels + 1,
            "name": [words[label] for label in types.labels],
            "stability": types.stability[types.labels],
            "silhouette": types.silhouette,
        }
    )
    return {"embedding": embedding, "cluster": cluster}
