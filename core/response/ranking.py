"""Which predictor separates responders from non-responders here, and does a model beat the best simple marker?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort.provenance import names
from core.cohort.query import CohortQuery
from core.figures import words
from core.figures.forest import forest
from core.response.closer import patients
from core.response.closer.compared import verdict
from core.response.closer.patients import Judged
from core.response.leaderboard import PROTOCOL_LABELS
from core.response.recommendations import RECOMMENDED, Recommendation, of_response
from core.response.recommended import RULE
from core.response.roc import auc
from data.store import Store
from models import card

CAPTION = (
    "AUC for response (CR or PR) with DeLong 95% CI; squares grow with n; dashed line: chance, 0.5. Every score is out-of-sample; "
    "in-sample scores are never shown. Each row has its own patients; paired tests compare predictors on the same ones. DeLong "
    "intervals of cross-fitted scores do not include the variance of training; an AUC clearly under 0.5 in a small cohort is an artefact of "
    "cross-fitting. " + RULE
)
MOST_TOLD = 3
"""Studies whose recommendation the answer names."""


def ranking(store: Store, query: CohortQuery) -> Answer:
    """Forest picture of every predictor on every cohort of the query, filters applied.

    The sentence compares the models with the best simple marker on the patients who have both (paired DeLong, Holm), in
    the cohort in which most predictors can be compared.

    Raises
    ------
    EmptyCohort, NotMeasured
        Nobody matches; or no predictor could be judged there.
    """
    found = patients.judged(store, query)
    rows = judged_rows(found)
    if rows.is_empty():
        return Answer(sentence="No AUC can be estimated here: every cohort holds responders only, or non-responders only.", charts=())
    known = names(store.studies())
    study, cohort = pl.col("study").replace(known), pl.col("cohort")
    alone = pl.col("cohort").n_unique().over("study") == 1
    advised = of_response(store, found)
    of_study = {r.study: r for r in advised}
    marks = [
        of_study[s].mark(p, q) if s in of_study and c not in of_study[s].apart else ""
        for s, c, p, q in rows.select("study", "cohort", "predictor", "protocol").iter_rows()
    ]
    rows = rows.with_columns(pl.Series("mark", marks, dtype=pl.String))
    protocol = pl.col("protocol").replace(PROTOCOL_LABELS)  # the mark takes the place of the responders: there is no room for both
    table = rows.select(
        pl.when(alone).then(study).otherwise(pl.format("{}, {}", study, cohort)).alias("group"),
        "label", pl.col("auc").alias("estimate"), "ci_low", "ci_high", "n",
        pl.when(pl.col("mark") == RECOMMENDED).then(protocol).otherwise(pl.format("{} resp., {}", "responders", protocol)).alias("detail"),
        pl.when(pl.col("mark") == RECOMMENDED).then("mark").alias("mark"), "responders",
    )  # fmt: skip
    shown = int(rows.group_by("study", "cohort").agg(pl.col("n").max())["n"].sum())
    chart = replace(
        forest(table, provenance=patients.source(store, found, n=shown), title="AUC for response of every predictor", caption=CAPTION),
        slug="performance-by-cohort",
    )
    return Answer(sentence=f"{_sentence(store, query, found)} {advice(advised, known)}".strip(), charts=(chart,))


def advice(advised: Sequence[Recommendation], known: Mapping[str, str]) -> str:
    """What is recommended, in a sentence: "Recommended for response by the rule below: TMB."

    Parameters
    ----------
    known : study -> its name, used where there are several.
    """
    told = [r for r in advised if r.picked is not None]
    if not told:
        return ""
    several = len(told) > 1
    named = [f"{r.recommended.spoken}{f' on {known.get(r.study, r.study)}' if several else ''}" for r in told if r.recommended]
    if not named:
        ends = f"; the rule ends at {told[0].picked.spoken}" if not several and told[0].picked else ""
        return f"No predictor is recommended: none is shown to beat chance by the rule below{ends}."
    more = len(named) - MOST_TOLD
    listed = words.listing(named[:MOST_TOLD]) if more <= 0 else f"{', '.join(named[:MOST_TOLD])} and others"
    return f"{RECOMMENDED.capitalize()} for response by the rule below: {listed}."


def judged_rows(found: Judged) -> pl.DataFrame:
    """Discrimination of every predictor on every cohort: study, cohort, predictor, label, protocol, n, responders, auc,
    ci_low, ci_high (DeLong; null = not estimable).

    A cohort without responders or without non-responders has no AUC and no row.
    """
    rows = []
    for (study, cohort), part in found.frame.group_by("study", "cohort", maintain_order=True):
        for v in found.variants:
            mine = part.drop_nulls(v.score)
            hits = int(mine["response"].sum())
            if hits in {0, mine.height}:
                continue
            judged = auc(mine, score=v.score)
            low, high = judged.ci95 or (None, None)
            rows.append(
                (study, cohort, v.predictor, card(v.predictor).label, v.protocol, mine.height, hits, judged.effect, low, high)
            )
    schema = {
        "study": pl.String, "cohort": pl.String, "predictor": pl.String, "label": pl.String, "protocol": pl.String, "n": pl.Int64,
        "responders": pl.Int64, "auc": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("auc", "ci_low", "ci_high").fill_nan(None))


def _sentence(store: Store, query: CohortQuery, found: Judged) -> str:
    listed = patients.cohorts(store, query)
    first = next(iter(listed))
    if len(listed) == 1:
        return verdict(found)
    return verdict(patients.judged(store, query, cohort=first), place=listed[first])
