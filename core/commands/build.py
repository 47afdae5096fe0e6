"""python -m core build: bring the database up to date and say what is in it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from core.commands.report import Report
from core.settings import Settings
from core.speakers import ASSETS, comparison, identity
from data import build as builder
from data import fingerprint
from data.errors import UnknownName
from data.fetch import Places, Verified
from data.sources import MODULES, SYNTHETIC
from data.store import Store

SUMMARY = ("study", "patients", "evaluable", "responders", "deaths", "genes", "warnings", "status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--synthetic", choices=("auto", "always", "never"), default="auto",
        help="the embedded synthetic studies: auto adds them only when no published study can be had",
    )  # fmt: skip
    parser.add_argument(
        "--only", nargs="+", metavar="STUDY",
        help="bring these published studies up to date, and take the others as they lie in the cache",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="read and compute everything again")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Build, then report one row a study."""
    only = frozenset(args.only or ())
    unknown = sorted(only.difference(MODULES))
    if unknown:
        raise UnknownName(f"there is no published study '{unknown[0]}'; there are {', '.join(MODULES)}")
    with Progress() as progress:
        planned = plan(settings, only=only, synthetic=args.synthetic, force=args.force, progress=progress)
        built = builder.build(planned, say=progress.say, progress=progress.bytes)
        unseen = _cut_pictures(settings, built, planned.places, say=progress.say)
        unseen += _look_through_slides(settings, built, progress)
    report = summary(settings, built)
    return replace(report, notes=[*report.notes, *unseen])


def _cut_pictures(settings: Settings, built: builder.Built, places: Places, *, say: Callable[[str], None]) -> list[str]:
    """Tiles to zoom into of the pictures that spots lie on; what could not be cut, in sentences."""
    from core.spatial import pictures

    store = Store(built.path, query_seconds=settings.query_seconds)
    try:
        return pictures.fill(store, places, folder=settings.cache_dir, say=say)
    finally:
        store.close()


def _look_through_slides(settings: Settings, built: builder.Built, progress: Progress) -> list[str]:
    """Small pictures, tissue and tiles of slides that were not looked through before; what could not be had, in sentences."""
    from core.spatial import slide_shelf

    store = Store(built.path, query_seconds=settings.query_seconds)
    try:
        return slide_shelf.fill(store, places(settings), folder=settings.cache_dir, say=progress.say)
    finally:
        store.close()


def places(settings: Settings) -> Places:
    """Where the settings let files come from."""
    return Places(
        downloads=settings.download_dir,
        verified=Verified(settings.cache_dir / "verified.json"),
        mirror=settings.mirror,
        offline=settings.offline,
    )


def plan(
    settings: Settings,
    *,
    studies: dict[str, str] | None = None,
    only: frozenset[str] = frozenset(),
    synthetic: builder.Synthetic = "auto",
    force: bool = False,
    progress: Progress | None = None,
    models: tuple[Path, ...] = (),
    explain: bool = False,
) -> builder.Plan:
    """The build that the settings ask for, with the enrichment of core.pipeline.

    models : folders; () = by the settings. explain : also explain the trained model's scores.
    """
    folders = models or model_folders(settings)
    return builder.Plan(
        database_dir=settings.database_dir,
        cache_dir=settings.cache_dir,
        upload_dir=settings.upload_dir,
        places=places(settings),
        studies=dict(MODULES) if studies is None else studies,
        synthetic_studies=dict(SYNTHETIC),
        synthetic=synthetic,
        enrich=partial(
            _enrich,
            cache_dir=None if force else settings.cache_dir / "enrich",
            models=folders,
            progress=progress,
            explain=explain,
            workers=settings.workers,
        ),
        enrich_version=fingerprint.digest(
            [
                fingerprint.code("core.pipeline", "models"),
                *identity(folders),
                comparison(),
                *(["explained"] if explain else []),
            ]
        ),
        workers=settings.workers,
        force=force,
        only=only,
    )


def model_folders(settings: Settings) -> tuple[Path, ...]:
    """Where trained models are looked for: those of this machine first, then those that come with the software."""
    return (settings.models_dir, ASSETS)


def _enrich(
    path: Path,
    *,
    cache_dir: Path | None,
    models: tuple[Path, ...],
    progress: Progress | None,
    explain: bool,
    workers: int,
) -> None:
    from core.pipeline import enrich

    enrich(
        path,
        seed=0,
        progress=progress.say if progress else None,
        cache_dir=cache_dir,
        models=models,
        explain=explain,
        workers=workers,
    )


def summary(settings: Settings, built: builder.Built) -> Report:
    """One row a study: patients, evaluable, responders, deaths, genes, warnings (failed checks)."""
    store = Store(built.path, query_seconds=settings.query_seconds)
    try:
        frame = study_table(store)
    finally:
        store.close()
    what = "built" if built.changed else "already up to date"
    notes = [f"{study} is unavailable: {reason}" for study, reason in built.unavailable.items()]
    notes += [f"{study} is {reason}" for study, reason in built.kept.items()]
    if built.lacking:
        notes.append(
            f"This database lacks {', '.join(built.lacking)}: --only did not name them and the cache does not hold them; "
            "run python -m core build to have all."
        )
    return Report(
        title=f"Database {built.version} {what}: {built.path}",
        tables=[("", frame.select(SUMMARY))],
        notes=notes,
        document={
            "version": built.version,
            "path": str(built.path),
            "changed": built.changed,
            "studies": frame.to_dicts(),
            "lacking": list(built.lacking),
        },
    )


def study_table(store: Store) -> pl.DataFrame:
    """Studies with their counts and the number of failed checks."""
    failed = store.sql("SELECT study, count(*) AS warnings FROM check_result WHERE status = 'fail' GROUP BY study")
    return (
        store.studies()
        .join(failed, on="study", how="left", maintain_order="left")
        .with_columns(pl.col("warnings").fill_null(0))
        .select(*SUMMARY, "synthetic", "uploaded", "reason")
    )


class Progress:
    """Tells a person on stderr what is being done: bars in a terminal, lines in a log."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        self._console = Console(stderr=True, soft_wrap=True)
        self._bars = Bars(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
            console=self._console, transient=True, disable=not sys.stderr.isatty(),
        )  # fmt: skip
        self._tasks: dict[str, object] = {}

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def say(self, what: str) -> None:
        """One step, as a line."""
        self._console.print(what, highlight=False, markup=False)

    def bytes(self, name: str, done: int, total: int) -> None:
        """How far a download is."""
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = self._bars.add_task(name, total=total)
        self._bars.update(task, completed=done, visible=done < total)  # type: ignore[arg-type]
