"""The patients on whom predictors are judged here, each with every out-of-sample score that they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.provenance import names, provenance
from core.cohort.query import CohortQuery, Filter
from core.errors import NotMeasured, UnknownName
from core.figures.chart import Provenance
from core.response.leaderboard import PROTOCOL_LABELS
from core.response.predicted import OUT_OF_SAMPLE, SHORT, untreated
from data.store import Store
from models import MODULES, card

COLUMNS = ("patient_id", "study", "cohort", "cancer_type", "response", "arm", "drug_class")
POOLED = "all"
"""Instead of a cohort: all of them together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A predictor by one protocol: "LORIS", "elastic net score, cross-fitted".

    Attributes
    ----------
    score, probability : columns of the frame (the latter only where the predictor gives one). n : patients with both a
        response and the score.
    """

    predictor: str
    protocol: str
    n: int = 0

    @property
    def score(self) -> str:
        return f"score|{self.predictor}|{self.protocol}"

    @property
    def probability(self) -> str:
        return f"probability|{self.predictor}|{self.protocol}"

    @property
    def simple(self) -> bool:
        """One measured marker, not a fitted model."""
        return card(self.predictor).kind == "marker"

    @property
    def label(self) -> str:
        """As a figure says it."""
        name = short(self.predictor)
        name = f"{name[:1].upper()}{name[1:]}"
        return name if self.protocol == "published" else f"{name}, {PROTOCOL_LABELS[self.protocol]}"

    @property
    def spoken(self) -> str:
        """As a sentence says it: "the cross-fitted elastic net score"."""
        way = {"out_of_fold": "the cross-fitted ", "leave_one_cohort_out": "the leave-one-cohort-out "}
        return way.get(self.protocol, "") + short(self.predictor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Patients of a cohort with an evaluable response, their scores, and where they come from.

    Attributes
    ----------
    frame : COLUMNS, then score|predictor|protocol and probability|predictor|protocol; null = not scored.
    variants : the predictors that scored at least one of them, as listed in `models`; never in-sample.
    cohorts : (study, cohort) pooled. total : patients whom the query addresses in these cohorts. chosen : the one cohort
        that was asked for, or POOLED.
    """

    frame: pl.DataFrame
    variants: tuple[Variant, ...]
    cohorts: tuple[tuple[str, str], ...]
    total: int
    query: CohortQuery
    chosen: str = POOLED

    def preferred(self, predictor: str) -> Variant | None:
        """The protocol of a predictor that is shown where one must be: most patients, then the order of the schema."""
        mine = [v for v in self.variants if v.predictor == predictor]
        return max(mine, key=lambda v: (v.n, -OUT_OF_SAMPLE.index(v.protocol)), default=None)


def short(predictor: str) -> str:
    """A predictor as a sentence says it."""
    return SHORT.get(predictor, card(predictor).label)


def judged(store: Store, query: CohortQuery, *, cohort: str = POOLED, columns: Sequence[str] = ()) -> Judged:
    """Everybody who can judge a predictor: response known, not in a control arm, not without ICB.

    Parameters
    ----------
    cohort : "study/cohort" of one cohort, or POOLED. columns : further patient columns to bring along.

    Raises
    ------
    EmptyCohort, NotMeasured
        Nobody matches; or nobody has a response and an out-of-sample score.
    UnknownName
        The query has no such cohort.
    """
    everyone = cohort_frame.patients(store, query, columns=tuple(dict.fromkeys((*COLUMNS, *columns))))
    if cohort != POOLED:
        study, _, name = cohort.partition("/")
        everyone = everyone.filter((pl.col("study") == study) & (pl.col("cohort") == name))
        if everyone.is_empty():
            raise UnknownName(f"there is no cohort '{cohort}' among these patients; pick one from the list")
    known = everyone.filter(pl.col("response").is_not_null() & ~untreated())
    found = every_score(store, query)
    frame = known.join(found, on="patient_id", how="left", maintain_order="left")
    variants = []
    for name in found.columns:
        kind, _, rest = name.partition("|")
        if kind == "score":
            predictor, _, protocol = rest.partition("|")
            n = frame[name].count()
            variants += [Variant(predictor=predictor, protocol=protocol, n=n)] if n else []
    if not variants:
        elsewhere = store.sql("SELECT study, max(n) AS n FROM performance GROUP BY 1 ORDER BY 2 DESC, 1")[
            "study"
        ].to_list()
        raise cohort_frame.not_measured("Response with a predictor's score", query, elsewhere=elsewhere)
    order = {name: i for i, name in enumerate(MODULES)}
    return Judged(
        frame=frame,
        variants=tuple(sorted(variants, key=lambda v: (order[v.predictor], OUT_OF_SAMPLE.index(v.protocol)))),
        cohorts=tuple(frame.select("study", "cohort").unique(maintain_order=True).iter_rows()),
        total=everyone.height,
        query=query,
        chosen=cohort,
    )


def every_score(store: Store, query: CohortQuery) -> pl.DataFrame:
    """One row a patient, a column a predictor and protocol; in-sample scores are not read."""
    condition, params = query.where()
    found = store.sql(
        f"""SELECT patient_id, predictor || '|' || protocol AS variant, score, probability FROM prediction
            WHERE protocol <> 'in_sample' AND score IS NOT NULL AND predictor = ANY($known)
              AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})""",
        {**params, "known": list(MODULES)},
    )
    wide = found.select("patient_id").unique(maintain_order=True)
    for variant in sorted(found["variant"].unique()):
        mine = found.filter(pl.col("variant") == variant).select(
            "patient_id",
            pl.col("score").alias(f"score|{variant}"),
            pl.col("probability").alias(f"probability|{variant}"),
        )
        wide = wide.join(mine, on="patient_id", how="left", maintain_order="left")
    return wide


def narrowed(query: CohortQuery, cohort: str) -> CohortQuery:
    """The query with one "study/cohort" of it only; itself for POOLED."""
    if cohort == POOLED:
        return query
    study, _, name = cohort.partition("/")
    return CohortQuery((study,), (*query.filters, Filter("cohort", "in", (name,))))


def cohorts(store: Store, query: CohortQuery) -> dict[str, str]:
    """Cohorts that can judge a predictor, by "study/cohort", the one to begin with first, and all pooled.

    It begins with the cohort in which most predictors can be compared; of several, the largest.
    """
    whole = judged(store, query)
    known = names(store.studies())
    scored = [v.score for v in whole.variants]
    counted = (
        whole.frame.group_by("study", "cohort", maintain_order=True)
        .agg(
            pl.len().alias("n"),
            pl.sum_horizontal((pl.col(c).count() >= 20).cast(pl.Int32) for c in scored).alias("judged"),
            (pl.col("response").sum() >= 5).alias("enough"),
        )
        .sort("enough", "judged", "n", descending=True, maintain_order=True)
    )
    several = counted["study"].n_unique() > 1
    listed = {
        f"{study}/{cohort}": f"{known[study]}, {cohort}" if several and known[study] != cohort else cohort
        for study, cohort in counted.select("study", "cohort").iter_rows()
    }
    return listed if len(listed) < 2 else {**listed, POOLED: f"All {len(listed)} cohorts, pooled"}


def predictors(store: Store, query: CohortQuery) -> dict[str, str]:
    """Predictors that have an out-of-sample score of somebody with a response; models before simple markers."""
    found = {v.predictor for v in judged(store, query).variants}
    listed = sorted((name for name in MODULES if name in found), key=lambda name: card(name).kind == "marker")
    return {name: card(name).label for name in listed}


def chosen(found: Judged, predictor: str) -> Variant:
    """The variant of a predictor on these patients.

    Raises
    ------
    NotMeasured
        None of them has its out-of-sample score; who trained it is named where that is why.
    """
    variant = found.preferred(predictor)
    if variant is None:
        where = found.cohorts[0][1] if len(found.cohorts) == 1 else "these patients"
        raise NotMeasured(
            f"{card(predictor).label} has no out-of-sample score on {where}: it is not measured there, or they trained it; "
            "pick another predictor or cohort"
        )
    return variant


def source(store: Store, found: Judged, *, n: int) -> Provenance:
    """Provenance of a figure of n of these patients."""
    return placed(store, found.query, found.chosen, n=n, n_missing=found.total - n)


def placed(store: Store, query: CohortQuery, cohort: str, *, n: int, n_missing: int) -> Provenance:
    """Provenance of a figure of one "study/cohort" of a query, or of all of it (POOLED)."""
    if cohort == POOLED:
        return provenance(store, query, n=n, n_missing=n_missing)
    study, _, name = cohort.partition("/")
    made = provenance(store, CohortQuery((study,), query.filters), n=n, n_missing=n_missing)
    return made if made.cohort.startswith(name) else replace(made, cohort=f"{made.cohort}, {name}")


def pooled(shown: pl.DataFrame) -> tuple[str, ...]:
    """A caution where cohorts are put together."""
    n = shown.select("study", "cohort").n_unique()
    if n < 2:
        return ()
    return (
        f"{n} cohorts are pooled without stratification: differences between cohorts count as if they were between patients. "
        "Choose one cohort, or look across cohorts.",
    )
