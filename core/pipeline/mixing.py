"""Mixing: batch corrections of the treated cohorts measured, and the feature space that these cohorts share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import polars as pl

from core.pipeline.features import wide
from core.pipeline.staging import Finished, Frames, Piece, Staging, fingerprint
from core.pipeline.tme import mapped
from core.tme.mixing.measurement import Pool, measure
from core.tme.mixing.standardisation import scaled
from core.tme.shared import SPACE

Progress = Callable[[str], None]

LEAST_PATIENTS, LEAST_STUDIES, LEAST_FEATURES = 15, 2, 5
KNOWN_SHARE = 0.8


def pieces(staging: Staging, *, scores: pl.DataFrame, seed: int) -> Iterator[tuple[str, Pool, Piece]]:
    """The work of `fill`: each pool with its name and how it is measured.

    Parameters
    ----------
    scores : one score a patient and signature, from `core.pipeline.features.best_scores`.
    """
    for name, pool in pools(staging, scores).items():
        key = fingerprint("mixing", seed, *pool.patients, *pool.features, pool.x, np.nan_to_num(pool.response, nan=-1.0))
        yield name, pool, Piece(f"mixing-{key}", partial(_made, pool, seed=seed))


def fill(staging: Staging, finished: Finished, *, work: Iterable[tuple[str, Pool, Piece]], progress: Progress) -> None:
    """Table mixing, and the shared space in tables embedding and cluster; `work` is that of `pieces`.

    Published cohorts treated with ICB make one pool, the synthetic ones another; a user's own cohort is in none.
    """
    staging.clear("mixing")
    for table in ("embedding", "cluster"):
        staging.clear(table, f"space = '{SPACE}'")
    for name, pool, piece in work:
        progress(f"mixing of {len(set(pool.studies))} {name} cohorts ({len(pool.patients):,} patients)")
        made = finished.get(*piece)
        staging.append("mixing", made["mixing"].with_columns(pool=pl.lit(name)))
        for table in ("embedding", "cluster"):
            staging.append(table, made[table])


def pools(staging: Staging, scores: pl.DataFrame) -> dict[str, Pool]:
    """The pools that can be measured: two studies or more with 15 patients each who have all of 5 shared signatures."""
    everyone = staging.sql(
        """SELECT p.patient_id, p.study, p.response, p.response_definition, coalesce(s.synthetic, false) AS synthetic
           FROM patient p JOIN study s USING (study) WHERE p.arm = 'ICB' AND NOT coalesce(s.uploaded, false) ORDER BY s.rowid, p.rowid"""
    )
    found = {}
    for name, synthetic in (("published", False), ("synthetic", True)):
        pool = _pool(everyone.filter(pl.col("synthetic") == synthetic), scores)
        if pool is not None:
            found[name] = pool
    return found


def _pool(patients: pl.DataFrame, scores: pl.DataFrame) -> Pool | None:
    own = scores.filter(pl.col("score").is_finite()).join(patients.select("patient_id"), on="patient_id", how="semi")
    sizes = own.group_by("study").agg(pl.col("patient_id").n_unique().alias("n")).filter(pl.col("n") >= LEAST_PATIENTS)
    known = own.join(sizes, on="study").group_by("study", "signature").agg(pl.len() / pl.col("n").first())
    shared = known.filter(pl.col("len") >= KNOWN_SHARE).group_by("signature").len("studies").filter(pl.col("studies") == sizes.height)
    features = tuple(sorted(shared["signature"]))
    if sizes.height < LEAST_STUDIES or len(features) < LEAST_FEATURES:
        return None
    people = patients.join(sizes, on="study", how="semi").filter(pl.col("patient_id").is_in(own["patient_id"].unique().implode()))
    names, x = wide(own.filter(pl.col("signature").is_in(features)), people["patient_id"].to_list(), value="score")
    complete = np.isfinite(x).all(axis=1)
    kept = people.filter(pl.Series(complete))
    enough = kept.group_by("study").len().filter(pl.col("len") >= LEAST_PATIENTS)
    placed = kept["study"].is_in(enough["study"].implode()).to_numpy()
    kept, x = kept.filter(pl.Series(placed)), x[complete][placed]
    if enough.height < LEAST_STUDIES:
        return None
    recist = pl.col("response_definition").fill_null("RECIST").str.starts_with("RECIST")
    response = kept.select(pl.when(recist).then(pl.col("response").cast(pl.Float64)).fill_null(np.nan)).to_series().to_numpy()
    return Pool(
        patients=tuple(kept["patient_id"]), studies=tuple(kept["study"]), features=tuple(names), x=x,
        response=response.astype(np.float64), n_missing=people.height - kept.height,
    )  # fmt: skip


def _made(pool: Pool, *, seed: int) -> Frames:
    found = measure(pool, seed=seed)
    mixing = found.table.with_columns(
        n_missing=pl.lit(pool.n_missing), studies=pl.lit(sorted(set(pool.studies))), features=pl.lit(list(pool.features))
    )
    space = mapped(list(pool.patients), list(pool.features), scaled(found.features), seed=seed)
    study = dict(zip(pool.patients, pool.studies, strict=True))
    placed = {
        table: frame.with_columns(study=pl.col("patient_id").replace_strict(study), space=pl.lit(SPACE)) for table, frame in space.items()
    }
    return {"mixing": mixing, **placed}
