"""Enrich: scores, predictions, performance, attribution, TME types and map of a staged database, in that order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from core.errors import BadModel
from core.evaluation import record
from core.pipeline import (
    attributions,
    cells,
    embeddings,
    mixing,
    network_attributions,
    performance,
    pooled,
    predictions,
    scores,
    tissue,
    tme,
)
from core.pipeline.features import COLUMNS, Features, best_scores
from core.pipeline.staging import Finished, Frames, Staging, fingerprint
from core.speakers import ASSETS, COMPARISON, speakers

Progress = Callable[[str], None]

_NEEDED = tuple(dict.fromkeys(("patient_id", "study", "cohort", "arm", "response", "response_definition", *COLUMNS)))


def enrich(
    path: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    cache_dir: Path | None = None,
    models: Sequence[Path] = (ASSETS,),
    explain: bool = False,
    workers: int = 1,
) -> None:
    """Fill a staged database with everything that is derived from its tables.

    Parameters
    ----------
    path : database file that nobody else has open; tables signature_score, cell_fraction, prediction, performance,
        embedding, model, cluster, attribution, attribution_summary, cell_density and spatial_statistic are filled (rows that a source brought are kept).
    seed : folds, resampling and the picture. progress : told in words what is being done.
    cache_dir : folder where finished pieces are kept, so that an unchanged study is not computed twice.
    models : folders of trained models; the first that holds any speaks. Without one there are no embeddings by a model.
    explain : also explain the trained model's scores, minutes of work; else only what was explained before is written again.
    workers : processes; with two or more, TME types, mixing, cells and tissue are worked on while the models speak.

    Same database, same seed, same code: same answer.
    """
    from threadpoolctl import threadpool_limits

    say = progress if progress is not None else _silent
    staging = Staging(path)
    try:
        with threadpool_limits(1), Finished(cache_dir, workers=workers) as finished:  # many small products: threads cost more than they give
            scores.fill(staging, finished, progress=say)
            best = best_scores(staging)
            types = list(tme.pieces(staging, scores=best, seed=seed))
            pooling = list(mixing.pieces(staging, scores=best, seed=seed))
            cellular = list(cells.pieces(staging, seed=seed))
            sections = list(tissue.pieces(staging, seed=seed))
            # the longest first: what no process has begun when it is asked for is done here
            finished.ahead(piece for _, _, piece in sorted(types, key=lambda one: one[1], reverse=True)[:1])
            finished.ahead(piece for _, _, piece in (*pooling, *cellular))
            finished.ahead(piece for one in sections for piece in (*(part for _, part in one.sections), *filter(None, [one.niches])))
            finished.ahead(piece for _, _, piece in types)
            spoken = _embed(staging, finished, cache_dir=cache_dir, models=models, seed=seed, progress=say)
            _predict(staging, finished, best=best, others=spoken, seed=seed, progress=say)
            _explain(staging, finished, models=models, compute=explain, progress=say)
            evaluated(staging, progress=say)
            tme.fill(staging, finished, work=types, progress=say)
            mixing.fill(staging, finished, work=pooling, progress=say)
            cells.fill(staging, finished, work=cellular, progress=say)
            tissue.fill(staging, finished, work=sections, progress=say)
    finally:
        staging.close()


def _embed(
    staging: Staging, finished: Finished, *, cache_dir: Path | None, models: Sequence[Path], seed: int, progress: Progress
) -> list[pl.DataFrame]:
    """Embeddings and predictions of the trained models; models that cannot be read are told and change nothing else."""
    try:
        found = speakers(models)
    except BadModel as error:
        progress(f"no embeddings by a model: {error}")
        return []
    if found is None:
        return []
    how = embeddings.How(threads=os.cpu_count() or 1)
    desk = embeddings.Desk(speakers=found, cache_dir=cache_dir, how=how, say=progress)
    return embeddings.fill(staging, finished, desk=desk, progress=progress, seed=seed)


def _explain(staging: Staging, finished: Finished, *, models: Sequence[Path], compute: bool, progress: Progress) -> None:
    """Attributions of the trained models; models that cannot be read are told and change nothing else."""
    try:
        found = speakers(models)
        if found is not None:
            network_attributions.fill(staging, finished, speakers=found, progress=progress, compute=compute)
    except BadModel as error:
        progress(f"no attributions of a model: {error}")


def evaluated(staging: Staging, *, progress: Progress, path: Path = COMPARISON) -> None:
    """Comparisons of models that come with the software; a damaged file is told and changes nothing else."""
    staging.clear("evaluation")
    if not path.is_file():
        return
    try:
        staging.append("evaluation", record.read(path))
    except record.BadEvaluation as error:
        progress(f"no comparison of models: {error}")


def _predict(
    staging: Staging, finished: Finished, *, best: pl.DataFrame, others: list[pl.DataFrame], seed: int, progress: Progress
) -> None:
    for name in ("prediction", "performance", *attributions.EXPLAINED):
        staging.clear(name)
    chosen = ", ".join(f'p."{name}"' for name in _NEEDED)
    everyone = staging.sql(
        f"SELECT {chosen}, s.synthetic, s.uploaded FROM patient p JOIN study s USING (study) ORDER BY s.rowid, p.rowid"
    )
    fitted = predictions.calibration(everyone)
    slope = "" if fitted is None else repr(fitted)
    made: list[pl.DataFrame] = []
    for (study, cohort), part in everyone.group_by("study", "cohort", maintain_order=True):
        own = best.filter(pl.col("study") == study).filter(pl.col("patient_id").is_in(part["patient_id"].implode()))
        made += predictions.markers(part, own)
        published, explained = predictions.loris_rows(part, fitted)
        made += published
        for frames in explained:
            attributions.write(staging, frames)
        if predictions.enough(part):
            progress(f"{study}: cross-fitting the elastic net on {cohort} ({part.height:,} patients)")
            key = fingerprint("elastic net", seed, part, own, slope)

            found = finished.get(f"crossfit-{key}", partial(_cross_fit, part, own, seed=seed))
            if found:
                made.append(found["prediction"])
                attributions.write(staging, found)
    made += _pooled(finished, everyone=everyone, best=best, seed=seed, progress=progress)
    made += others
    progress("judging the predictors")
    if made:
        table = pl.concat(made, how="diagonal_relaxed")
        staging.append("prediction", table)
        staging.append("performance", performance.judge(table, everyone))


def _pooled(
    finished: Finished, *, everyone: pl.DataFrame, best: pl.DataFrame, seed: int, progress: Progress
) -> list[pl.DataFrame]:
    """Leave one cohort out: RNA cohorts on signatures, LORIS cohorts on clinical features; synthetic ones among themselves.

    A user's own cohort, and one whose response is not RECIST, is scored but trains none of the others.
    """
    made: list[pl.DataFrame] = []
    marked = everyone.with_columns(
        held_out=pl.col("uploaded").fill_null(value=False)
        | ~pl.col("response_definition").fill_null("RECIST").str.starts_with("RECIST")
    )
    for synthetic in (False, True):
        kind = marked.filter(pl.col("synthetic").fill_null(value=False) == synthetic)
        cohorts = [
            (str(study) if str(study) == str(cohort) else f"{study} {cohort}", part)
            for (study, cohort), part in kind.group_by("study", "cohort", maintain_order=True)
        ]
        pools = {"expression": pooled.rna_pool(cohorts, best)}
        if not synthetic:
            pools["clinical"] = pooled.clinical_pool([(n, p) for n, p in cohorts if p["study"][0] == "loris"])
        for name, members in pools.items():
            if len(members) < 2:
                continue
            progress(f"leaving one cohort out: {len(members)} cohorts, {name}")
            key = fingerprint("leave out", seed, name, *(f.design for _, _, f in members), *(p for _, p, _ in members))

            found = finished.get(f"leaveout-{key}", partial(_leave_out, members, seed=seed))
            made += [found["prediction"]] if found else []
    return made


def _cross_fit(part: pl.DataFrame, own: pl.DataFrame, *, seed: int) -> Frames:
    rows, explained = predictions.cross_fitted(part, own, seed=seed)
    return {"prediction": rows[0], **explained} if rows else {}


def _leave_out(members: list[tuple[str, pl.DataFrame, Features]], *, seed: int) -> Frames:
    rows = pooled.leave_one_out(members, seed=seed)
    return {"prediction": pl.concat(rows)} if rows else {}


def _silent(_words: str) -> None:
    return
