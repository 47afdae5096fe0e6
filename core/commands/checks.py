"""python -m core checks: what the data checks say about every study."""

from __future__ import annotations

import argparse

import polars as pl

from core.commands.database import known_studies, opened
from core.commands.report import Report
from core.settings import Settings

COLUMNS = ("study", "check", "status", "n", "detail")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--study", nargs="+", metavar="STUDY", help="these studies alone")
    parser.add_argument("--failed", action="store_true", help="failed checks alone")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """One row a check and study. People see the checks that failed; --json has all of them."""
    with opened(settings) as store:
        studies = known_studies(store, args.study)
        frame = store.sql(
            "SELECT study, check_result.check, title, status, n, detail FROM check_result WHERE study = ANY($s) ORDER BY rowid",
            {"s": studies},
        )
    failed = frame.filter(status="fail")
    chosen = failed if args.failed else frame
    counts = frame.group_by("study", maintain_order=True).agg(
        (pl.col("status") == "pass").sum().alias("passed"),
        (pl.col("status") == "fail").sum().alias("failed"),
        (pl.col("status") == "not applicable").sum().alias("not applicable"),
    )
    return Report(
        title=f"{frame['check'].n_unique()} checks on {len(studies)} studies: {failed.height} failed",
        tables=[("Checks by study", counts), ("Failed checks", failed.select("study", "check", "n", "detail"))],
        document=chosen.select(COLUMNS).to_dicts(),
    )
