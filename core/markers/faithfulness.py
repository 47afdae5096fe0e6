"""Faithfulness: how far a stored attribution can be trusted - deletion, insertion, and how its ranking holds."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.markers import attribution
from data.store import Store
from models import card


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number with its interval; `n` patients or draws, `detail` what it was taken over."""

    value: float
    low: float | None
    high: float | None
    n: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """Of the treated cohort (a separately judged group of patients) with most patients among those asked for.

    Attributes
    ----------
    curves : curve, features, n, change, ci_low, ci_high. used : features that the model uses there.
    deletion, insertion : how many times better than a random order. tau, overlap : agreement of the ranking over refits or
        resamples, None where there are too few features. cohorts : study, cohort, n, deletion, insertion, tau, overlap; all of them.
    additive : the model is a sum of one term a feature. whole : cohort's patients, however filtered.
    """

    study: str
    cohort: str
    curves: pl.DataFrame
    used: int
    deletion: Measure
    insertion: Measure
    tau: Measure | None
    overlap: Measure | None
    cohorts: pl.DataFrame
    n: int
    predictor: str
    predictor_label: str
    protocol: str
    additive: bool


def faithfulness(store: Store, query: CohortQuery, *, predictor: str) -> Faithfulness:
    """Deletion and insertion against a random order, and the stability of the ranking, as stored when the data were built.

    Each number is of a whole cohort: filters do not change it. See `models.attribution.deletion` and `.stability`.

    Raises
    ------
    UnknownName, NotMeasured
        As `core.markers.attribution.rows`, or nothing was stored on these cohorts.
    """
    cohorts = attribution.rows(store, query, predictor).select("study", "cohort", "predictor", "protocol").unique(maintain_order=True)
    keys = ["study", "cohort", "predictor", "protocol"]
    measures = store.sql("SELECT * FROM attribution_measure WHERE predictor = $p", {"p": predictor}).join(cohorts, on=keys, how="semi")
    treated = store.sql("SELECT DISTINCT study, cohort, true AS treated FROM performance")  # judged by the response to treatment
    judged = (
        measures.filter(pl.col("measure") == "deletion_ratio")
        .join(treated, on=["study", "cohort"], how="left", maintain_order="left")
        .sort(pl.col("treated").fill_null(value=False), "n", "study", "cohort", descending=[True, True, False, False])
    )
    if judged.is_empty():
        raise NotMeasured(
            f"Deletion curves of {card(predictor).label} were not computed here; they take two patients and two features: pick a larger study"
        )
    first = judged.row(0, named=True)
    own = {
        row["measure"]: Measure(value=row["value"], low=row["ci_low"], high=row["ci_high"], n=row["n"], detail=row["detail"])
        for row in measures.filter((pl.col("study") == first["study"]) & (pl.col("cohort") == first["cohort"])).iter_rows(named=True)
    }
    curves = store.sql(
        """SELECT curve, features, n, change, ci_low, ci_high FROM attribution_curve
           WHERE study = $study AND cohort = $cohort AND predictor = $predictor AND protocol = $protocol ORDER BY curve, features""",
        {name: first[name] for name in keys},
    )
    names = {"deletion_ratio": "deletion", "insertion_ratio": "insertion", "rank_tau": "tau", "top_overlap": "overlap"}
    wide = (
        measures.filter(pl.col("measure").is_in(list(names)))
        .with_columns(pl.col("measure").replace(names))
        .pivot(on="measure", index=["study", "cohort"], values=["value", "ci_low", "ci_high"])
    )
    wide = judged.select("study", "cohort", "n").join(wide, on=["study", "cohort"], how="left", maintain_order="left")
    return Faithfulness(
        study=first["study"], cohort=first["cohort"], curves=curves, used=int(first["detail"]), deletion=own["deletion_ratio"],
        insertion=own["insertion_ratio"], tau=own.get("rank_tau"), overlap=own.get("top_overlap"), cohorts=wide, n=first["n"],
        predictor=predictor, predictor_label=card(predictor).label, protocol=first["protocol"], additive=predictor in attribution.ADDITIVE,
    )  # fmt: skip
