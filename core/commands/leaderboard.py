"""python -m core leaderboard: how well every predictor separates responders, on every cohort."""

from __future__ import annotations

import argparse

import polars as pl

from core.commands.database import known_studies, opened
from core.commands.report import Report
from core.settings import Settings
from data.schema import PROTOCOLS

COLUMNS = ("study", "cohort", "predictor", "protocol", "n", "responders", "auc", "ci_low", "ci_high")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--study", nargs="+", metavar="STUDY", help="these studies alone")
    parser.add_argument(
        "--in-sample", action="store_true",
        help="also print scores of patients who trained the model; they are no measure of performance "
        "(--json always has them, with their protocol)",
    )  # fmt: skip


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """One row a predictor, cohort and protocol; AUC with its 95% interval (DeLong)."""
    with opened(settings) as store:
        studies = known_studies(store, args.study)
        frame = store.sql(
            f"""
            SELECT {", ".join(f"p.{name}" for name in COLUMNS)} FROM performance p JOIN study s USING (study)
            WHERE p.study = ANY($studies)
            ORDER BY s.rowid, p.cohort, p.auc DESC NULLS LAST
            """,
            {"studies": studies},
        )
    shown = frame if args.in_sample else frame.filter(pl.col("protocol") != "in_sample")
    present = [name for name in PROTOCOLS if name in set(shown["protocol"])]
    return Report(
        title=f"{shown.height} results of {shown['predictor'].n_unique()} predictors on {shown['cohort'].n_unique()} cohorts",
        tables=[("", shown)],
        notes=[f"{name}: {PROTOCOLS[name]}" for name in present],
        document=frame.to_dicts(),
    )
