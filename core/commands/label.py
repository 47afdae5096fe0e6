"""python -m core label: which patients' response to find out next, because it would teach the trained model most."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.commands.build import model_folders
from core.commands.database import known_studies, opened
from core.commands.report import Report
from core.errors import UnknownName
from core.figures import words
from core.response.next_labels import MOST, next_labels
from core.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("study", metavar="STUDY", help="whose patients without a known response are ranked")
    parser.add_argument("--most", type=int, default=MOST, metavar="N", help=f"patients to list; {MOST} unless given")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="trained models; default: those trained here, else those that came with it")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Rank the patients."""
    if args.most < 1:
        raise UnknownName(f"--most {args.most} lists nobody; give 1 or more")
    folders = (args.models,) if args.models else model_folders(settings)
    with opened(settings) as store:
        known_studies(store, [args.study])
        table, model = next_labels(store, args.study, folders=folders, most=args.most)
    return Report(
        title=f"{words.count(table.height, 'patient')} of {args.study} whose response would teach {model} most, in order",
        tables=[("", table)],
        notes=[
            "Information: nats about the coefficients of the response head (Laplace approximation), the patients before it taken as known.",
            "It says what the model would learn, not who will respond; no response of anybody listed has been read.",
        ],
        document={"model": model, "study": args.study, "patients": table.to_dicts()},
    )
