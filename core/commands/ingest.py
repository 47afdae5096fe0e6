"""python -m core ingest FOLDER: take in a user's own cohort, check it, store it, and bring the database up to date."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from core.commands.build import Progress, plan
from core.commands.report import Report
from core.settings import Settings
from data import build as builder
from data import study_folder, workshop
from data.errors import CohortError
from data.ingest import Intake, take_in
from data.ingest.identifier_words import KINDS
from data.ingest.stored import replaced, stored_version
from data.sources import MODULES, SYNTHETIC
from data.store import Store

SHOWN = 40
ALARMING = frozenset({"time_in_days", "event_flag_inverted"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="folder with study.toml and the files that it names"
    )
    parser.add_argument(
        "--drop-identifiers", action="store_true",
        help="leave columns of direct identifiers out, instead of refusing the folder",
    )  # fmt: skip
    parser.add_argument("--no-build", action="store_true", help="store the cohort; the next build takes it in")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Take the folder in; an error at any step leaves the version before, and the database, as they were."""
    folder: Path = args.folder.parent if args.folder.name == "study.toml" else args.folder
    intake = take_in(folder, published={*MODULES, *SYNTHETIC}, drop_identifiers=args.drop_identifiers)
    study = intake.source.study
    if stored_version(settings.upload_dir, study) == intake.version:
        checks = _checked(settings, settings.upload_dir / study)
        changed = False
        _build(settings, wanted=not args.no_build)
    else:
        row = study_folder.study_row(intake.source, version=intake.version, notes=intake.tables.notes, uploaded=True)
        with replaced(
            settings.upload_dir, study, lambda fresh: study_folder.write(fresh, intake.tables, row=row)
        ) as target:
            checks = _checked(settings, target)
            changed = True
            _build(settings, wanted=not args.no_build)
    return report(intake, checks, changed=changed, spoken=_spoken(settings, study))


def report(intake: Intake, checks: pl.DataFrame, *, changed: bool, spoken: str = "") -> Report:
    """What became of every file and row, the rows that were refused, and the data checks that failed."""
    refused = intake.refused().drop("study")
    told = checks.select("check", "title", "status", "n", "detail")
    failed = told.filter(pl.col("status").is_in(["fail", "warn"]))
    notes = [*([spoken] if spoken else []), *intake.tables.notes]
    if refused.height > SHOWN:
        notes.insert(0, f"{refused.height - SHOWN} more rows were refused; --json lists all of them.")
    warnings = [f"WARNING: {row['detail']}; check the columns in study.toml" for row in _alarming(failed)]
    study = intake.source.study
    what = "stored" if changed else "unchanged since it was last taken in"
    return Report(
        title="".join(f"{warning}\n" for warning in warnings)
        + (
            f"Study {study} {what}: {intake.rows_in:,} rows in = {intake.rows_accepted:,} accepted + "
            f"{intake.rows_refused:,} refused; {told.filter(status='pass').height} data checks passed, {failed.height} did not"
        ),
        tables=[
            (
                "Files (of an expression matrix, samples are counted)",
                pl.DataFrame([asdict(one) for one in intake.files]),
            ),
            *_shown("Refused rows", refused.head(SHOWN)),
            *_shown("Data checks that did not pass", failed.drop("check")),
        ],
        notes=notes,
        document={
            "study": study,
            "version": intake.version,
            "changed": changed,
            "warnings": warnings,
            "rows_in": intake.rows_in,
            "rows_accepted": intake.rows_accepted,
            "rows_refused": intake.rows_refused,
            "files": [asdict(one) for one in intake.files],
            "refused": refused.to_dicts(),
            "checks": told.to_dicts(),
            "identifiers": [
                {"file": one.file, "column": one.column, "kind": KINDS[one.kind], "seen_by": one.by, "dropped": True}
                for one in intake.dropped
            ],
            "notes": list(intake.tables.notes),
            "embedding": spoken,
        },
    )


def _alarming(failed: pl.DataFrame) -> Iterator[dict[str, str]]:
    """Failed checks after which no survival curve means what it says: a wrong unit of time, an inverted event flag."""
    for row in failed.iter_rows(named=True):
        if row["check"] in ALARMING or (row["check"] == "progressor_without_event" and "inverted" in row["detail"]):
            yield row


def _shown(heading: str, frame: pl.DataFrame) -> Sequence[tuple[str, pl.DataFrame]]:
    return () if frame.is_empty() else ((heading, frame),)


def _checked(settings: Settings, folder: Path) -> pl.DataFrame:
    return workshop.checked(study_folder.read(folder), settings.cache_dir / "checks")


def _spoken(settings: Settings, study: str) -> str:
    """What the trained model made of the cohort, in a sentence; empty where there is no model, or no database yet."""
    try:
        store = Store.open_current(settings.database_dir, query_seconds=settings.query_seconds)
    except CohortError:
        return ""
    try:
        if store.sql("SELECT count(*) AS n FROM model")["n"][0] == 0:
            return ""
        row = store.sql(
            """SELECT count(*) AS patients, count(e.patient_id) AS embedded, any_value(e.space) AS model,
                      list_sort(list_distinct(flatten(list(e.seen)))) AS seen
               FROM patient p LEFT JOIN (SELECT * FROM embedding WHERE space IN (SELECT model FROM model)) e USING (patient_id)
               WHERE p.study = $s""",
            {"s": study},
        ).row(0, named=True)
    except CohortError:
        return ""
    finally:
        store.close()
    if not row["embedded"]:
        return f"Nothing is known of these {row['patients']:,} patients that the trained model reads: no embedding, no prediction by it."
    return (
        f"{row['embedded']:,} of {row['patients']:,} patients were embedded, and their response predicted, by {row['model']}, which saw "
        f"{', '.join(row['seen'])}."
    )


def _build(settings: Settings, *, wanted: bool) -> None:
    """Bring the database up to date with the studies that it has now; with all where there is none yet."""
    if not wanted:
        return
    studies, synthetic = present(settings)
    with Progress() as progress:
        builder.build(
            plan(settings, studies=studies, synthetic=synthetic, progress=progress),
            say=progress.say,
            progress=progress.bytes,
        )


def present(settings: Settings) -> tuple[dict[str, str] | None, builder.Synthetic]:
    """Published studies of the database that is served, and whether synthetic ones stand in for them."""
    try:
        store = Store.open_current(settings.database_dir, query_seconds=settings.query_seconds)
    except CohortError:
        return None, "auto"
    try:
        rows = store.sql("SELECT study, status FROM study")
    except CohortError:
        return None, "auto"
    finally:
        store.close()
    listed = set(rows["study"])
    simulated = not listed.isdisjoint(SYNTHETIC)
    return {study: module for study, module in MODULES.items() if study in listed}, "always" if simulated else "never"
