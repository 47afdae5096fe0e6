"""Where studies are made: fetched in threads, loaded and checked in processes, kept in folders.

A loader that fails, or whose process dies, makes its own study unavailable and no other.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from data import checks, fingerprint, processes, study_folder
from data.errors import CohortError, SourceCorrupt
from data.fetch import Places, Progress, fetch, silent
from data.schema import PROVENANCE
from data.sources.source import Files, Source
from data.study_folder import StudyFolder

__all__ = ["Job", "Outcome", "Progress", "checked", "run"]


KEPT = "kept from an earlier build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One study to make: its loader's module, and the folders for its tables, its checks and its log."""

    study: str
    module: str
    folder: Path
    checks: Path
    logs: Path
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A made study, or the reason why there is none; both where an earlier version of it is kept, and why."""

    study: str
    folder: StudyFolder | None = None
    checks: pl.DataFrame | None = None
    reason: str = ""


def process_id() -> int:
    """Id of this process."""
    return os.getpid()


def one_line(error: BaseException) -> str:
    """An error's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def find_source(study: str, module: str) -> Source:
    """The Source of a study from its loader's module: SOURCE, or SOURCES[study] of a module with several."""
    found = importlib.import_module(module)
    source: Source = found.SOURCES[study] if hasattr(found, "SOURCES") else found.SOURCE
    return source


def study_version(source: Source, module: str) -> str:
    """Hash of a study's files and of the code that reads them."""
    path = fingerprint.file_of(module)
    if path is None:
        file = importlib.import_module(module).__file__
        code = Path(file).read_text(encoding="utf-8") if file else ""
    else:
        code = fingerprint.code(module, "data.study_folder")
    return fingerprint.digest([source.study, code, *(f"{file.url} {file.sha256}" for file in source.files)])


def run(
    jobs: Sequence[Job],
    *,
    places: Places,
    workers: int,
    say: Callable[[str], None],
    progress: Progress | None = None,
) -> list[Outcome]:
    """Make every study, in the order of `jobs`; see the module."""
    done: dict[str, Outcome] = {}
    ready: list[tuple[Job, Source, str]] = []
    for job in jobs:
        try:
            source = find_source(job.study, job.module)
            version = study_version(source, job.module)
            kept = None if job.force else cached(job, version)
        except Exception as error:
            done[job.study] = Outcome(study=job.study, reason=_blame(job, error))
            continue
        if kept is None:
            ready.append((job, source, version))
        else:
            done[job.study] = kept
    if ready:
        get = partial(fetch, places=places, progress=progress or silent)
        done |= _make_all(ready, get, workers=workers, say=say)
    return [_or_earlier(job, done[job.study], say=say) for job in jobs]


def cached(job: Job, version: str) -> Outcome | None:
    """The study as it was made before, or None when it was not, or is damaged."""
    try:
        folder = study_folder.read(job.folder / f"{job.study}-{version}")
        return Outcome(study=job.study, folder=folder, checks=checked(folder, job.checks))
    except (SourceCorrupt, OSError, pl.exceptions.PolarsError):
        return None


def earlier(job: Job, why: str) -> Outcome | None:
    """The newest good version of the study among those made before, with the reason why it is kept."""
    for path in sorted(job.folder.glob(f"{job.study}-*"), key=_made, reverse=True):
        try:
            folder = study_folder.read(path)
            if folder.study == job.study and study_folder.fits(folder):
                found = checked(folder, job.checks)
                return Outcome(study=job.study, folder=folder, checks=found, reason=f"{KEPT}: {why}")
        except (CohortError, OSError, pl.exceptions.PolarsError):
            continue
    return None


def from_cache(job: Job, why: str) -> Outcome | None:
    """The study as it lies in the cache, nothing fetched: its present version, else an earlier one; None without any."""
    found = None
    with contextlib.suppress(Exception):  # a loader that cannot be imported has no present version
        found = cached(job, study_version(find_source(job.study, job.module), job.module))
    return found or earlier(job, why)


def _made(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def _or_earlier(job: Job, outcome: Outcome, *, say: Callable[[str], None]) -> Outcome:
    """The outcome, or in place of a failure the last good version of the study."""
    kept = earlier(job, outcome.reason) if outcome.folder is None else None
    if kept is None:
        return outcome
    say(f"{job.study} is {KEPT}")
    return kept


def checked(folder: StudyFolder, kept: Path) -> pl.DataFrame:
    """Results of the data checks on a study, from `kept` where neither study nor checks have changed."""
    path = kept / f"{folder.study}-{fingerprint.digest([folder.version, checks.version()])}.parquet"
    if path.is_file():
        return pl.read_parquet(path)
    found = checks.run(folder.study, folder.tables(), expression=folder.expression())
    _keep(found, path)
    return found


def _keep(found: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    found.write_parquet(draft)
    draft.replace(path)


def unavailable_row(outcome: Outcome, module: str | None) -> dict[str, object]:
    """Row of table `study` of a study that could not be made."""
    blank = {"study": outcome.study, "title": outcome.study, "synthetic": False, "uploaded": module is None}
    row: Mapping[str, object] = blank
    if module is not None:
        try:
            row = study_folder.study_row(find_source(outcome.study, module), version="")
        except Exception:  # its own loader cannot even be imported: the reason says so
            row = blank
    return {**row, "status": "unavailable", "reason": outcome.reason}


def make(job: Job, files: Files, version: str) -> None:
    """Load one study from its files, check it, and keep both. Runs in a worker process."""
    source = find_source(job.study, job.module)
    found = source.load(files)
    folder = job.folder / f"{job.study}-{version}"
    row = study_folder.study_row(source, version=version, notes=found.notes)
    tables = dict(found.tables)
    tables["provenance"] = pl.concat(
        [study_folder.provenance(source), PROVENANCE.conform(tables.get("provenance", PROVENANCE.empty()))]
    )
    written = study_folder.write(folder, found.__class__(
        tables=tables, expression=found.expression, notes=found.notes, refused=found.refused), row=row)  # fmt: skip
    path = job.checks / f"{job.study}-{fingerprint.digest([version, checks.version()])}.parquet"
    _keep(checks.run(job.study, written.tables(), expression=found.expression), path)
    study_folder.prune(job.folder, job.study)


def _make_all(
    ready: Sequence[tuple[Job, Source, str]],
    get: Callable[[Source], Files],
    *,
    workers: int,
    say: Callable[[str], None],
) -> dict[str, Outcome]:
    """Fetch in threads; load each study as soon as its files are there; a broken pool is replaced."""
    done: dict[str, Outcome] = {}
    again: list[tuple[Job, Files, str]] = []
    started = time.monotonic()
    with ThreadPoolExecutor(max(1, workers)) as threads, processes.pool(workers) as pool:
        try:
            fetching = {threads.submit(get, source): (job, version)
                        for job, source, version in ready}  # fmt: skip
            loading: dict[Future[None], tuple[Job, Files, str]] = {}
            for ended in as_completed(fetching):
                job, version = fetching[ended]
                try:
                    files = ended.result()
                except Exception as error:
                    done[job.study] = _failed(job, error, say=say)
                    continue
                try:
                    loading[processes.submit(pool, make, job, files, version)] = (job, files, version)
                except BrokenProcessPool:
                    again.append((job, files, version))
            for loaded in as_completed(loading):
                job, files, version = loading[loaded]
                try:
                    loaded.result()
                except BrokenProcessPool:
                    again.append((job, files, version))
                    continue
                except Exception as error:
                    done[job.study] = _failed(job, error, say=say)
                    continue
                done[job.study] = _finished(job, version)
                say(f"{job.study} is ready ({len(done)} of {len(ready)}, {time.monotonic() - started:.0f} s)")
        except BaseException:
            processes.end(pool)
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    for job, files, version in again:
        done[job.study] = _alone(job, files, version)
        say(f"{job.study} was loaded again by itself")
    return done


def _alone(job: Job, files: Files, version: str) -> Outcome:
    """Load one study in a pool of its own, to learn which study kills its process."""
    with processes.pool(1) as pool:
        try:
            processes.submit(pool, make, job, files, version).result()
        except BrokenProcessPool:
            reason = "the process that loads it was killed, most likely for want of memory; free some and build again"
            return Outcome(study=job.study, reason=reason)
        except Exception as error:
            return Outcome(study=job.study, reason=_blame(job, error))
        except BaseException:
            processes.end(pool)
            raise
    return _finished(job, version)


def _finished(job: Job, version: str) -> Outcome:
    found = cached(job, version)
    if found is None:
        return Outcome(study=job.study, reason=f"its tables vanished from {job.folder}; build again")
    return found


def _failed(job: Job, error: Exception, *, say: Callable[[str], None]) -> Outcome:
    outcome = Outcome(study=job.study, reason=_blame(job, error))
    say(f"{job.study} cannot be made: {outcome.reason}")
    return outcome


def _blame(job: Job, error: Exception) -> str:
    """A sentence on what went wrong; the traceback of anything unforeseen goes to a log."""
    if isinstance(error, CohortError):
        return one_line(error)
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename or job.study}: {error.strerror}"
    job.logs.mkdir(parents=True, exist_ok=True)
    log = job.logs / f"{job.study}.log"
    log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return f"its loader failed ({type(error).__name__}: {one_line(error)[:200]}); please report it with {log.name}"
