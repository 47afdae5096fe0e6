"""python -m core embed: embed every patient with the trained model, then bring the database up to date."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import polars as pl

from core.commands.build import Progress, model_folders, plan
from core.commands.database import known_studies, opened
from core.commands.ingest import present
from core.commands.report import Report
from core.errors import BadModel
from core.pipeline import embeddings
from core.pipeline.jobs import HowMany
from core.settings import Settings
from core.speakers import Speakers, speakers
from data import build as builder
from models.vocabulary import MODALITIES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="trained models; default: those trained here, else those that came with it")
    parser.add_argument("--studies", nargs="+", metavar="STUDY", help="embed these alone now; the database takes all")
    parser.add_argument("--device", default="", choices=("cpu", "cuda"), help="default: an accelerator where there is one")
    parser.add_argument("--batch", type=int, default=0, metavar="N", help="patients at a time; halved by itself where the memory is too small")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of each worker; default: the cores")
    parser.add_argument("--actors", default="0", metavar="N", help="Ray actors: a number, or auto = one an accelerator (pip install -r requirements-ray.txt)")
    parser.add_argument("--address", default="", help="of a running Ray cluster; default: one on this machine alone, for this command")
    parser.add_argument("--explain", action="store_true", help="also explain the model's scores patient by patient: some minutes for each cohort")
    parser.add_argument("--no-build", action="store_true", help="fill the cache; the next build or embed writes the database")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Fill the cache with what is missing, then build; both stop and go on without losing what was finished."""
    how = embeddings.How(
        batch=args.batch, device=args.device, threads=args.threads or os.cpu_count() or 1, actors=actors(args.actors), address=args.address
    )
    folders = (args.models,) if args.models else model_folders(settings)
    found = speakers(folders)
    if found is None:
        raise BadModel(f"there is no trained model in {' or '.join(map(str, folders))}; run: python -m core train")
    with Progress() as progress:
        with opened(settings) as store:
            studies = known_studies(store, args.studies)
            desk = embeddings.Desk(speakers=found, cache_dir=settings.cache_dir / "enrich", how=how, say=progress.say)
            made = list(embeddings.patients(store, desk, studies=studies))
        built = None
        if not args.no_build:
            studies_now, synthetic = present(settings)
            wanted = plan(settings, studies=studies_now, synthetic=synthetic, progress=progress, models=folders, explain=args.explain)
            built = builder.build(wanted, say=progress.say, progress=progress.bytes)
    return report(found, made, built)


def actors(text: str) -> HowMany:
    """0, a number, or 'auto'.

    Raises
    ------
    BadModel
        Anything else.
    """
    if text == "auto":
        return "auto"
    if text.isdecimal() and int(text) <= 1024:
        return int(text)
    raise BadModel(f"--actors {text} is neither a number nor auto")


def report(found: Speakers, made: list[embeddings.Embedded], built: builder.Built | None) -> Report:
    """One row a study: patients embedded, computed now, left out, by which models and protocols, and what they showed."""
    rows = [row_of(one) for one in made]
    computed = sum(one.computed for one in made)
    total = sum(one.rows.height for one in made)
    notes = [words for one in made for words in one.problems]
    if built is not None:
        notes.append(f"Database {built.version} {'built' if built.changed else 'already up to date'}: {built.path}")
    return Report(
        title=f"{total:,} patients embedded by {found.main.name}"
        + (f" and {len(found.held_out)} models trained without a cohort" if found.held_out else "")
        + f": {computed:,} computed now, {total - computed:,} at hand",
        tables=[("", pl.DataFrame(rows, infer_schema_length=None))] if rows else [],
        notes=notes,
        document={
            "model": found.main.name, "held_out_models": [bundle.name for bundle in found.held_out], "patients": total,
            "computed": computed, "studies": rows, "problems": [words for one in made for words in one.problems],
            "version": built.version if built else None, "changed": built.changed if built else None,
        },
    )  # fmt: skip


def row_of(one: embeddings.Embedded) -> dict[str, object]:
    """A study's line of the report."""
    seen = dict.fromkeys(MODALITIES, 0) if one.rows.is_empty() else {name: int(one.rows["seen"].list.contains(name).sum()) for name in MODALITIES}
    protocols = "" if one.rows.is_empty() else ", ".join(one.rows["protocol"].unique().sort())
    return {"study": one.study, "embedded": one.rows.height, "computed": one.computed, "left_out": one.nothing, "protocols": protocols, **seen}
