"""Sources -> validated tables -> one versioned DuckDB file, swapped in atomically.

Each study is fetched, loaded and checked by itself, in a process of its own kind of work; what comes out is kept in a
folder named by a hash of its files and of the code that read them, so an unchanged study is never read twice. A study
that cannot be had is listed with the reason and stops no other.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import duckdb
import polars as pl

from data import checks, fingerprint, staging, study_folder, workshop
from data.errors import BuildError, CohortError
from data.fetch import Places
from data.lock import build_lock
from data.schema import STUDY
from data.sources import MODULES, SYNTHETIC
from data.workshop import Job, Outcome

Synthetic = Literal["auto", "always", "never"]
FREE_BYTES = 1_500_000_000
"""Disk space that a build of all studies needs."""


def _quiet(what: str) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to build, from where, to where.

    Attributes
    ----------
    database_dir, cache_dir, upload_dir : where the database goes, what may be reused, the users' cohorts.
    places : where the files come from.
    studies, synthetic_studies : module of each study's loader.
    synthetic : whether the embedded studies join: always, never, or only when no published study can be had.
    enrich : computes scores, predictions and clusters into the staging file. enrich_version : hash of that code.
    workers : processes that load studies.
    only : studies to bring up to date; the others are taken as they lie in the cache. Empty = all.
    """

    database_dir: Path
    cache_dir: Path
    upload_dir: Path
    places: Places
    studies: Mapping[str, str] = field(default_factory=lambda: dict(MODULES))
    synthetic_studies: Mapping[str, str] = field(default_factory=lambda: dict(SYNTHETIC))
    synthetic: Synthetic = "auto"
    enrich: Callable[[Path], None] | None = None
    enrich_version: str = ""
    workers: int = 2
    force: bool = False
    only: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build left behind.

    Attributes
    ----------
    path, version : the database that is served now. changed : False when it was already right.
    unavailable : reason by study. kept : studies that are served as an earlier build made them, with the reason.
    lacking : studies that were not asked for and are not in the cache, so the database is without them.
    """

    path: Path
    version: str
    changed: bool
    unavailable: Mapping[str, str]
    kept: Mapping[str, str] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()


def build(plan: Plan, *, say: Callable[[str], None] = _quiet, progress: workshop.Progress | None = None) -> Built:
    """Bring the database up to date.

    Parameters
    ----------
    say : told each step in a sentence. progress : told (file, bytes so far, bytes in all) of downloads.

    Raises
    ------
    BuildError
        The folder cannot be written, the disk is full, another build is running, or there is nothing to build from.
    """
    with build_lock(plan.database_dir), _disk_errors(plan.database_dir):
        plan.cache_dir.mkdir(parents=True, exist_ok=True)
        staging.tidy(plan.database_dir)
        outcomes = _study_tables(plan, say=say, progress=progress)
        folders = [outcome.folder for outcome in outcomes if outcome.folder is not None]
        missing = {outcome.study: outcome.reason for outcome in outcomes if outcome.folder is None}
        kept = {outcome.study: outcome.reason for outcome in outcomes if outcome.folder is not None and outcome.reason}
        had = {outcome.study for outcome in outcomes}
        lacking = tuple(study for study in plan.studies if study not in had)
        if lacking:
            say(f"the database will lack {', '.join(lacking)}: not asked for, and not in the cache")
        version = fingerprint.digest(
            [
                plan.enrich_version,
                checks.version(),
                fingerprint.code("data.staging"),
                *(f"{folder.study} {folder.version}" for folder in folders),
                *(f"{study} {reason}" for study, reason in (missing | kept).items()),
            ]
        )
        target = plan.database_dir / staging.database_name(version)
        if not plan.force and staging.is_current(plan.database_dir, version):
            return Built(
                path=target, version=version, changed=False, unavailable=missing, kept=kept, lacking=lacking
            )
        _room(plan.database_dir)
        path = plan.database_dir / f"staging-{workshop.process_id()}.duckdb"
        say(f"writing the tables of {len(folders)} studies")
        staging.create(path)
        staging.fill(path, folders, extra=_computed(outcomes, plan))
        if plan.enrich is not None:
            say("computing scores, predictions and TME types")
            plan.enrich(path)
        staging.publish(path, plan.database_dir, version)
        staging.tidy(plan.database_dir)
        return Built(path=target, version=version, changed=True, unavailable=missing, kept=kept, lacking=lacking)


def _study_tables(plan: Plan, *, say: Callable[[str], None], progress: workshop.Progress | None) -> list[Outcome]:
    """Every study's validated tables: published, then users' own, then synthetic where wanted."""
    jobs = [_job(plan, study, module) for study, module in plan.studies.items()]
    asked = [job for job in jobs if not plan.only or job.study in plan.only]
    made = workshop.run(asked, places=plan.places, workers=plan.workers, say=say, progress=progress)
    found = {outcome.study: outcome for outcome in made}
    for job in jobs:
        if job not in asked and (kept := workshop.from_cache(job, "this build was asked for other studies only")):
            found[job.study] = kept
    outcomes = [found[job.study] for job in jobs if job.study in found]
    uploads = list(_uploads(plan, say=say))
    real = any(_has_patients(outcome) for outcome in [*outcomes, *uploads])
    if plan.synthetic == "always" or (plan.synthetic == "auto" and not real):
        if plan.synthetic == "auto":
            _keep_the_good_one(plan, outcomes)
        jobs = [_job(plan, study, module) for study, module in plan.synthetic_studies.items()]
        outcomes += workshop.run(jobs, places=plan.places, workers=plan.workers, say=say, progress=progress)
    outcomes += uploads
    if not any(_has_patients(outcome) for outcome in outcomes):
        reasons = "; ".join(dict.fromkeys(outcome.reason for outcome in outcomes if outcome.reason))
        raise BuildError(f"no study with patients can be built: {reasons or 'none was asked for'}")
    return outcomes


def _job(plan: Plan, study: str, module: str) -> Job:
    return Job(
        study=study,
        module=module,
        folder=plan.cache_dir / "study",
        checks=plan.cache_dir / "checks",
        logs=plan.cache_dir / "logs",
        force=plan.force,
    )


def _uploads(plan: Plan, *, say: Callable[[str], None]) -> Iterator[Outcome]:
    if not plan.upload_dir.is_dir():
        return
    for path in sorted(plan.upload_dir.iterdir()):
        if not path.is_dir() or path.name.startswith("."):
            continue
        try:
            folder = study_folder.read(path)
            found = workshop.checked(folder, plan.cache_dir / "checks")
        except (CohortError, OSError, pl.exceptions.PolarsError) as error:
            say(f"the ingested cohort {path.name} is left out: {error}")
            yield Outcome(study=path.name, reason=workshop.one_line(error))
            continue
        yield Outcome(study=folder.study, folder=folder, checks=found)


def _has_patients(outcome: Outcome) -> bool:
    return outcome.folder is not None and outcome.folder.has("patient")


def _keep_the_good_one(plan: Plan, outcomes: list[Outcome]) -> None:
    """Refuse to replace published studies that are served now by synthetic ones alone."""
    with contextlib.suppress(OSError, duckdb.Error):
        name = (plan.database_dir / "current").read_text(encoding="utf-8").strip()
        with duckdb.connect(str(plan.database_dir / name), read_only=True) as connection:
            row = connection.execute("SELECT count(*) FROM study WHERE status = 'built' AND NOT synthetic").fetchone()
        if row and row[0]:
            reason = next((outcome.reason for outcome in outcomes if outcome.reason), "")
            raise BuildError(
                f"no published study can be had now ({reason}); the database {name} with {row[0]} of them stays as it "
                "is. To replace it by the synthetic cohort, add --synthetic always"
            )


def _computed(outcomes: list[Outcome], plan: Plan) -> dict[str, pl.DataFrame]:
    """Tables that the build makes itself: studies, checks, checks across studies."""
    modules = {**plan.studies, **plan.synthetic_studies}
    rows = [
        {**outcome.folder.row, "reason": outcome.reason or None}
        if outcome.folder is not None
        else workshop.unavailable_row(outcome, modules.get(outcome.study))
        for outcome in outcomes
    ]
    patients = {
        outcome.study: outcome.folder.frame("patient")
        for outcome in outcomes
        if outcome.folder and _has_patients(outcome)
    }
    found = [outcome.checks for outcome in outcomes if outcome.checks is not None]
    return {
        "study": STUDY.conform(pl.DataFrame(rows, schema=STUDY.dtypes)),
        "check_result": pl.concat([*found, checks.across(patients)]),
    }


def _room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise BuildError(
            f"{folder} has {free / 1e9:.1f} GB free and a build needs {FREE_BYTES / 1e9:.1f} GB; free some, or name "
            "another folder in TMESCOPE_DATA"
        )


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Say in words that the disk is full or the folder is not writable."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}:
            raise BuildError(
                f"{error.filename or folder}: {error.strerror}; free space or make the folder writable, or name another "
                "one in TMESCOPE_DATA. The last good database is untouched"
            ) from error
        raise
