"""python -m core cluster: the clusters of any numeric table or of a study, or that there are none."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.commands import table_file
from core.commands.database import known_studies, opened
from core.commands.report import Report
from core.errors import NotMeasured, UnknownName
from core.settings import Settings
from core.tme.clusters import Clustering, discover, model
from core.tme.clusters.methods import METHODS

Floats = npt.NDArray[np.float64]

MOST_LISTED = 12
FEWEST_DISTINCT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What is clustered: rows by name, features by name, values (n, p); columns that were left out; weights or None."""

    title: str
    rows: list[str]
    features: list[str]
    values: Floats
    left_out: list[str]
    weights: Floats | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="a table with a header: CSV or parquet, one row a patient")
    parser.add_argument("--study", metavar="STUDY", help="a study of the database instead, by its signature scores")
    parser.add_argument("--id", metavar="COLUMN", help="column that names the rows; else the first that holds words or all different values")
    parser.add_argument("--columns", default="", metavar="COLUMNS", help="features, with commas; else every column of numbers")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), metavar="METHOD", help="one or more of: " + ", ".join(METHODS))
    parser.add_argument("--most", type=int, default=8, metavar="K", help="clusters to look for at most; 8 unless said otherwise")
    parser.add_argument("--save", metavar="FOLDER", help="save the clusters as a model in this folder")
    parser.add_argument("--apply", metavar="MODEL", help="sort the rows by a saved model instead")
    parser.add_argument("--keep-scale", action="store_true", help="with --apply: do not standardise within these rows")
    parser.add_argument("--seed", type=int, default=0, help="of resampling and nulls")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Labels with confidence, stability of each cluster, and the test of structure; or the rows sorted by a model."""
    if (args.file is None) == (args.study is None):
        raise UnknownName("name one thing to cluster: a FILE, or a study with --study")
    if args.most < 2 or args.seed < 0:
        raise UnknownName("--most counts clusters (2 or more) and --seed is 0 or more")
    if args.apply and args.save:
        raise UnknownName("--apply sorts rows by a saved model and --save saves a new one; give one of the two")
    data = _of_study(args.study, settings) if args.study else _of_file(args)
    if args.apply:
        return _applied(data, model.load(Path(args.apply)), own_scale=not args.keep_scale)
    found = discover(data.values, seed=args.seed, methods=tuple(args.methods), most=args.most, weights=data.weights)
    saved = None
    if args.save:
        saved = model.save(model.fit(found, data.features, trained_on=data.title), Path(args.save))
    return _report(data, found, saved)


def _report(data: Input, found: Clustering, saved: Path | None) -> Report:
    n = int((found.labels >= 0).sum())
    structured = found.k > 1
    sizes = np.bincount(found.labels[found.labels >= 0], minlength=found.k)
    clusters = [
        {"cluster": c + 1, "n": int(sizes[c]), "stability": float(found.stability[c]), "consensus": float(found.consensus[c]), "stable": bool(found.stable[c])}
        for c in range(found.k)
    ] if structured else []  # fmt: skip
    labels = [
        {"row": row, "cluster": None if label < 0 else int(label) + 1, "confidence": float(confidence)}
        for row, label, confidence in zip(data.rows, found.labels, found.confidence, strict=True)
    ]
    notes = [found.note, *_columns_left_out(data)]
    if structured:
        shown = found.candidates.filter(pl.col("chosen"))
        notes.insert(0, "Stability: mean Jaccard overlap with refits on resampled rows; under .75 is unstable")
        notes.append(f"Silhouette {shown['silhouette'][0]:.2f}; pairs that are sometimes together: {found.ambiguous:.0%}")
    if saved is not None:
        notes.append(f"Saved as {saved}")
    title = f"{found.k} clusters by {found.method}" if structured else "No structure"
    return Report(
        title=f"{title}: {data.title}, n = {n:,}, {len(data.features)} features",
        tables=[("", pl.DataFrame(clusters))] if structured else [],
        notes=notes,
        document={
            "of": data.title, "n": n, "n_missing": len(data.rows) - n, "features": data.features, "structure": structured, "k": found.k,
            "method": found.method, "p_structure": found.p_structure, "gap": found.gap, "nulls": found.structure.nulls.to_dicts(),
            "ambiguous": found.ambiguous, "clusters": clusters, "candidates": found.candidates.to_dicts(), "labels": labels,
            "saved": None if saved is None else str(saved), "notes": notes,
        },
    )  # fmt: skip


def _applied(data: Input, rule: model.ClusterModel, *, own_scale: bool) -> Report:
    given = model.assign(rule, data.values, data.features, own_scale=own_scale)
    n = int((given.labels >= 0).sum())
    rows = [
        {
            "cluster": c + 1, "name": rule.names[c], "n": int((given.labels == c).sum()),
            "confidence": float(given.confidence[given.labels == c].mean()) if (given.labels == c).any() else None,
            "outside": int((given.outside & (given.labels == c)).sum()),
        }
        for c in range(rule.k)
    ]  # fmt: skip
    labels = [
        {"row": row, "cluster": None if label < 0 else int(label) + 1, "confidence": float(confidence), "outside": bool(outside)}
        for row, label, confidence, outside in zip(data.rows, given.labels, given.confidence, given.outside, strict=True)
    ]
    notes = [given.note, f"Model {rule.name}, found in {rule.trained_on}"]
    return Report(
        title=f"{n:,} rows of {data.title} sorted into {rule.k} clusters",
        tables=[("", pl.DataFrame(rows))],
        notes=notes,
        document={
            "of": data.title, "model": rule.name, "trained_on": rule.trained_on, "n": n, "n_missing": len(data.rows) - n, "k": rule.k,
            "outside": int(given.outside.sum()), "limit": rule.limit, "clusters": rows, "labels": labels, "notes": notes,
        },
    )  # fmt: skip


def _of_file(args: argparse.Namespace) -> Input:
    path = Path(args.file)
    frame = _parquet(path) if path.suffix.lower() in {".parquet", ".pq"} else table_file.read_table(path)
    names = [name for name in frame.columns if name != table_file.LINE]
    asked = table_file.listed(args.columns)
    table_file.columns(frame, asked, option="--columns")
    if args.id:
        table_file.columns(frame, [args.id], option="--id")
    numeric = {name: _numbers(frame, name, must=name in asked) for name in asked or names if name != args.id}
    features = [name for name, values in numeric.items() if values is not None]
    named = args.id or next((name for name in names if name not in features and frame[name].n_unique() == frame.height), None)
    counting = not args.id and named is None and not asked and features and _counts_rows(numeric[features[0]])
    if counting:  # a first column 1, 2, 3, ... numbers the rows
        named, features = features[0], features[1:]
    if not features:
        raise NotMeasured(f"{path.name} has no column of numbers to cluster by; it has {', '.join(names[:MOST_LISTED])}")
    rows = [str(value) for value in frame[named].to_list()] if named else [str(number + 1) for number in range(frame.height)]
    values = np.column_stack([column for name in features if (column := numeric[name]) is not None])
    return Input(title=path.name, rows=rows, features=features, values=values, left_out=[n for n in names if n not in features and n != named])


def _parquet(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise NotMeasured(f"there is no file {path}; name a CSV or parquet file")
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise NotMeasured(f"{path.name} is no parquet file, or it is damaged ({str(error).splitlines()[0]}); write it again") from error
    if frame.height == 0:
        raise NotMeasured(f"{path.name} has column names but no row")
    return frame


def _numbers(frame: pl.DataFrame, name: str, *, must: bool) -> Floats | None:
    """A column as numbers, None where it is none, or holds one value only; `must`: then the error says why."""
    column = frame[name]
    if column.dtype == pl.String:
        if not must and not table_file.is_numeric(frame, name):
            return None
        return table_file.numbers(frame, name)
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        if must:
            raise NotMeasured(f"column {name} holds {column.dtype}, no numbers; choose columns of numbers")
        return None
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)


def _counts_rows(values: Floats | None) -> bool:
    return values is not None and values.size > FEWEST_DISTINCT and bool(np.isfinite(values).all() and (np.diff(values) == 1).all())


def _of_study(study: str, settings: Settings) -> Input:
    from core.pipeline.features import best_scores
    from core.pipeline.tme import features
    from core.tme.naming import balance

    with opened(settings) as store:
        known_studies(store, [study])
        patients, names, z = features(store, study, best_scores(store))
        if not patients:
            others = store.sql("SELECT DISTINCT study FROM signature_score ORDER BY study")["study"].to_list()
            raise NotMeasured(f"{study} has no signature scores to cluster by; {', '.join(others) or 'no study'} has", elsewhere=others)
    return Input(title=study, rows=patients, features=names, values=z, left_out=[], weights=balance(names))


def _columns_left_out(data: Input) -> list[str]:
    if not data.left_out:
        return []
    more = ", ..." if len(data.left_out) > MOST_LISTED else ""
    return [f"Left out, no numbers: {', '.join(data.left_out[:MOST_LISTED])}{more}"]
