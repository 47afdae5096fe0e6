"""Predicted response: a predictor's out-of-sample scores joined with outcomes and split into groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients, UnknownName
from data.schema import ENDPOINTS, PROTOCOLS
from data.store import Store
from models import MODULES, Card, card

Split = Literal["published", "median", "tertiles", "quartiles"]

SPLITS: dict[Split, str] = {
    "published": "published cut",
    "median": "median",
    "tertiles": "tertiles",
    "quartiles": "quartiles",
}
OUT_OF_SAMPLE = tuple(name for name in PROTOCOLS if name != "in_sample")
"""Protocols in order of preference where a patient has several."""

_GROUPS: dict[Split, tuple[str, ...]] = {
    "published": ("Below the cut", "At or above the cut"),
    "median": ("Low", "High"),
    "tertiles": ("Low", "Middle", "High"),
    "quartiles": ("Q1 (lowest)", "Q2", "Q3", "Q4 (highest)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Scores of a cohort, split, beside the outcomes.

    Attributes
    ----------
    frame : patient_id, study, cohort, score, probability, protocol, group, response, recist, time, event;
        time in months and event of `endpoint`; rows without a score are left out, rows without an outcome are kept.
    groups : group names, lowest score first. cuts : study (or 'all') -> the scores at which it was cut.
    n, n_missing : patients with a score; patients of the cohort without an out-of-sample score.
    n_in_sample : of those, patients left out because they trained the predictor.
    notes : what a caption must say.
    """

    card: Card
    endpoint: str
    split: Split
    frame: pl.DataFrame
    groups: tuple[str, ...]
    cuts: dict[str, tuple[float, ...]]
    protocols: tuple[str, ...]
    n: int
    n_missing: int
    n_in_sample: int
    notes: tuple[str, ...]


def available(store: Store, query: CohortQuery) -> pl.DataFrame:
    """Predictors that have out-of-sample scores here: predictor, label, protocols, n, has_cut; as listed in `models`."""
    condition, params = query.where()
    found = store.sql(
        f"""SELECT predictor, list(DISTINCT protocol ORDER BY protocol) AS protocols, count(DISTINCT patient_id) AS n
            FROM prediction WHERE protocol <> 'in_sample' AND score IS NOT NULL
              AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})
            GROUP BY predictor""",
        params,
    )
    listed = pl.DataFrame(
        {
            "predictor": list(MODULES),
            "label": [card(name).label for name in MODULES],
            "has_cut": [card(name).published_cut is not None for name in MODULES],
        }
    )
    return listed.join(found, on="predictor", how="inner", maintain_order="left")


def endpoints(store: Store, query: CohortQuery) -> dict[str, str]:
    """Endpoints that at least one patient of the cohort has, with their labels."""
    condition, params = query.where()
    counted = ", ".join(f"count(*) FILTER ({e}_months IS NOT NULL AND {e}_event IS NOT NULL) AS {e}" for e in ENDPOINTS)
    row = store.sql(f"SELECT {counted} FROM patient WHERE {condition}", params).row(0, named=True)
    return {name: label for name, label in ENDPOINTS.items() if row[name]}


def scores(store: Store, query: CohortQuery, predictor: str) -> pl.DataFrame:
    """One out-of-sample score a patient: patient_id, score, probability, protocol, trained_on.

    Where a patient has several, the protocol listed first in PROTOCOLS is taken.
    """
    condition, params = query.where()
    found = store.sql(
        f"""SELECT patient_id, score, probability, protocol, trained_on FROM prediction
            WHERE predictor = $predictor AND protocol <> 'in_sample' AND score IS NOT NULL
              AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})""",
        {**params, "predictor": predictor},
    )
    rank = {name: position for position, name in enumerate(OUT_OF_SAMPLE)}
    return (
        found.with_columns(
            pl.col("protocol").replace_strict(rank, default=len(rank), return_dtype=pl.Int32).alias("rank")
        )
        .sort("patient_id", "rank")
        .unique("patient_id", keep="first", maintain_order=True)
        .drop("rank")
    )


def predicted(
    store: Store, query: CohortQuery, predictor: str, *, split: Split = "median", endpoint: str = "os"
) -> Predicted:
    """Split a cohort by predicted response.

    Quantiles are taken within each study, so that a scale that differs between studies cannot make the groups.

    Raises
    ------
    UnknownName
        No such predictor, split or endpoint.
    EmptyCohort, NotMeasured, TooFewPatients
        Nobody matches; nobody has the score or no cut was published; too few for this many groups.
    """
    if predictor not in MODULES:
        raise UnknownName(f"there is no predictor '{predictor}'; there are {', '.join(MODULES)}")
    if split not in SPLITS:
        raise UnknownName(f"there is no split '{split}'; there are {', '.join(SPLITS)}")
    if endpoint not in ENDPOINTS:
        raise UnknownName(f"there is no endpoint '{endpoint}'; there are {', '.join(ENDPOINTS)}")
    about = card(predictor)
    if split == "published" and about.published_cut is None:
        raise NotMeasured(f"no cut was published for {about.label}; split at the median, tertiles or quartiles instead")
    everyone = cohort_frame.patients(
        store,
        query,
        columns=("patient_id", "study", "cohort", "response", "recist", f"{endpoint}_months", f"{endpoint}_event"),
    ).rename({f"{endpoint}_months": "time", f"{endpoint}_event": "event"})
    scored = everyone.join(scores(store, query, predictor), on="patient_id", how="inner", maintain_order="left")
    if scored.is_empty():
        raise cohort_frame.not_measured(about.label, query, elsewhere=_studies_scored(store, predictor))
    groups = _GROUPS[split]
    if split != "published" and scored.height < 2 * len(groups):
        raise TooFewPatients(
            f"{scored.height} patients have {about.label}; {SPLITS[split]} need at least {2 * len(groups)}: relax a filter or "
            "split at the median"
        )
    frame, cuts = _split(scored, about, split)
    in_sample = _in_sample(store, query, predictor=predictor, frame=frame)
    return Predicted(
        card=about,
        endpoint=endpoint,
        split=split,
        frame=frame,
        groups=groups,
        cuts=cuts,
        protocols=tuple(p for p in OUT_OF_SAMPLE if p in set(frame["protocol"])),
        n=frame.height,
        n_missing=everyone.height - frame.height,
        n_in_sample=in_sample,
        notes=_notes(about, split, frame=frame, missing=everyone.height - frame.height, in_sample=in_sample),
    )


def _split(scored: pl.DataFrame, about: Card, split: Split) -> tuple[pl.DataFrame, dict[str, tuple[float, ...]]]:
    groups = _GROUPS[split]
    if split == "published" and about.published_cut is not None:
        cuts: dict[str, tuple[float, ...]] = {"all": (about.published_cut.value,)}
    else:
        shares = np.arange(1, len(groups)) / len(groups)
        cuts = {
            str(study): tuple(float(q) for q in np.quantile(part["score"].to_numpy(), shares))
            for (study,), part in scored.group_by("study", maintain_order=True)
        }
    named = []
    for study, score in scored.select("study", "score").iter_rows():
        own = cuts.get(study, cuts.get("all", ()))
        # a published cut includes its value in the upper group; a quantile leaves it in the lower one
        above = sum(score >= cut if split == "published" else score > cut for cut in own)
        named.append(groups[above])
    return scored.with_columns(pl.Series("group", named, dtype=pl.String)), cuts


def _studies_scored(store: Store, predictor: str) -> list[str]:
    found = store.sql(
        "SELECT study, count(*) AS n FROM prediction WHERE predictor = $p AND protocol <> 'in_sample' AND score IS NOT NULL "
        "GROUP BY study ORDER BY n DESC, study",
        {"p": predictor},
    )
    return list(found["study"])


def _in_sample(store: Store, query: CohortQuery, *, predictor: str, frame: pl.DataFrame) -> int:
    condition, params = query.where()
    found = store.sql(
        f"""SELECT DISTINCT patient_id FROM prediction WHERE predictor = $predictor AND protocol = 'in_sample'
            AND score IS NOT NULL AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})""",
        {**params, "predictor": predictor},
    )
    return found.filter(~pl.col("patient_id").is_in(frame["patient_id"].implode())).height


def _notes(about: Card, split: Split, *, frame: pl.DataFrame, missing: int, in_sample: int) -> tuple[str, ...]:
    notes = []
    if split == "published" and about.published_cut is not None:
        notes.append(f"{about.published_cut.meaning} ({about.published_cut.source}).")
    elif frame["study"].n_unique() > 1:
        notes.append(f"{SPLITS[split].capitalize()} taken within each study.")
    if in_sample:
        notes.append(f"{in_sample:,} patients trained {about.label}; in-sample scores are not shown.")
    if missing - in_sample > 0:
        notes.append(f"{missing - in_sample:,} patients have no {about.label} and are left out of the split.")
    return tuple(notes)
