"""python -m core leaderboard: how well every predictor separates responders, on every cohort, and which one is recommended."""

from __future__ import annotations

import argparse

import polars as pl

from core.cohort.query import CohortQuery
from core.commands.database import known_studies, opened
from core.commands.report import Report
from core.errors import EmptyCohort, NotMeasured
from core.response.recommendations import ENDPOINTS, RECOMMENDED, Recommendation, recommendations
from core.response.recommended import RULE, TIERS
from core.settings import Settings
from data.schema import PROTOCOLS
from data.store import Store

COLUMNS = ("study", "cohort", "predictor", "protocol", "n", "responders", "auc", "ci_low", "ci_high")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--study", nargs="+", metavar="STUDY", help="these studies alone")
    parser.add_argument(
        "--endpoint", choices=list(ENDPOINTS), default="response",
        help="response (AUC, a row a cohort), or os or pfs (Harrell's c-index of the same score, a row a study)",
    )  # fmt: skip
    parser.add_argument(
        "--in-sample", action="store_true",
        help="also print scores of patients who trained the model; they are no measure of performance "
        "(--json always has them, with their protocol)",
    )  # fmt: skip


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """One row a predictor, cohort and protocol; AUC with its 95% interval (DeLong); the recommended one of each study."""
    with opened(settings) as store:
        studies = known_studies(store, args.study)
        advised = _advised(store, studies, endpoint=args.endpoint)
        if args.endpoint != "response":
            return _of_survival(advised, args.endpoint)
        frame = store.sql(
            f"""
            SELECT {", ".join(f"p.{name}" for name in COLUMNS)} FROM performance p JOIN study s USING (study)
            WHERE p.study = ANY($studies)
            ORDER BY s.rowid, p.cohort, p.auc DESC NULLS LAST
            """,
            {"studies": studies},
        )
    marks = {r.study: r for r in advised}
    frame = frame.with_columns(
        pl.Series("rule", [marks[s].mark(p, q) if s in marks else "" for s, p, q in frame.select("study", "predictor", "protocol").iter_rows()], dtype=pl.String)
    ).with_columns((pl.col("rule") == RECOMMENDED).alias("recommended"))
    shown = frame if args.in_sample else frame.filter(pl.col("protocol") != "in_sample")
    present = [name for name in PROTOCOLS if name in set(shown["protocol"])]
    return Report(
        title=f"{shown.height} results of {shown['predictor'].n_unique()} predictors on {shown['cohort'].n_unique()} cohorts",
        tables=[("", shown.drop("recommended"))],
        notes=[*(f"{name}: {PROTOCOLS[name]}" for name in present), RULE, "The rule is applied once a study, within its cohorts."],
        document=frame.to_dicts(),
    )


def _advised(store: Store, studies: list[str], *, endpoint: str) -> list[Recommendation]:
    """Of each study that can be judged."""
    made: list[Recommendation] = []
    for study in studies:
        try:
            made += recommendations(store, CohortQuery((study,)), endpoint=endpoint)
        except (EmptyCohort, NotMeasured):
            continue
    return made


def _of_survival(advised: list[Recommendation], endpoint: str) -> Report:
    rows = [
        {
            "study": r.study, "predictor": v.predictor, "protocol": v.protocol, "complexity": TIERS[c.tier], "n": c.n, "c_index": c.estimate,
            "ci_low": c.ci95[0], "ci_high": c.ci95[1], "rule": r.mark(v.predictor, v.protocol),
        }
        for r in advised
        for c in r.choice.candidates
        for v in (r.named(c.key),)
    ]  # fmt: skip
    schema = {
        "study": pl.String, "predictor": pl.String, "protocol": pl.String, "complexity": pl.String, "n": pl.Int64, "c_index": pl.Float64,
        "ci_low": pl.Float64, "ci_high": pl.Float64, "rule": pl.String,
    }  # fmt: skip
    frame = pl.DataFrame(rows, schema=schema)
    return Report(
        title=f"{ENDPOINTS[endpoint]}: {words(frame)}",
        tables=[("", frame)],
        notes=[
            "c_index: Harrell's, of the score as it is (higher = longer), within cohorts; 95% interval by the infinitesimal jackknife.",
            *(f"{r.study}: nobody is known to have had ICB; this is prognosis, not benefit" for r in advised if r.prognosis), RULE,
        ],
        document=frame.with_columns((pl.col("rule") == RECOMMENDED).alias("recommended")).to_dicts(),
    )  # fmt: skip


def words(frame: pl.DataFrame) -> str:
    """How much the table holds."""
    return f"{frame.height} results of {frame['predictor'].n_unique()} predictors on {frame['study'].n_unique()} studies"
