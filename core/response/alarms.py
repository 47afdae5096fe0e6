"""Alarms: what makes a performance figure untrustworthy, each as one calm sentence that names the number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.overlap import Overlap
from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures import words
from core.finding import Finding
from core.response.predicted import scores, untreated
from core.response.roc import curve
from core.response.sharing import sharing
from data.store import Store
from models import MODULES, card

Kind = Literal["auc", "events", "trained", "shared", "label"]
KINDS: Mapping[Kind, str] = {
    "auc": "AUC of 0 or 1, or an interval without width",
    "events": "fewer than 10 responders or non-responders",
    "trained": "trained on the patients shown",
    "shared": "patients shared between training and test",
    "label": "an endpoint that enters its own label",
}
FEWEST_EVENTS = 10
CIRCULAR = re.compile(
    r"benefit|survival|\bPFS\b|\bOS\b|progression.free|durable|\b(SD|stable)\b.{0,40}\b(months|weeks|days)\b",
    re.IGNORECASE,
)
"""Words by which a response definition shows that time without progression or death enters it."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One reason for doubt: which of KINDS, and the sentence that says it."""

    kind: Kind
    text: str


def alarms(store: Store, query: CohortQuery, predictor: str) -> tuple[Alarm, ...]:
    """Everything that makes a predictor's performance on these patients untrustworthy; empty when nothing was found.

    Looks at its out-of-sample scores with a response (of patients who had ICB), at who trained it, at patients shared
    with the cohorts named in `trained_on`, and at how response was defined.

    Raises
    ------
    UnknownName
        `models` lists no such predictor.
    EmptyCohort
        Nobody matches.
    """
    if predictor not in MODULES:
        raise UnknownName(f"there is no predictor '{predictor}'; there are {', '.join(MODULES)}")
    label = card(predictor).label
    columns = ("patient_id", "study", "cohort", "response", "response_definition", "arm", "drug_class")
    everyone = cohort_frame.patients(store, query, columns=columns).filter(
        ~untreated() & pl.col("response").is_not_null()
    )
    scored = scores(store, query, predictor)
    frame = everyone.join(scored, on="patient_id", how="inner", maintain_order="left")
    found: list[Alarm] = []
    if frame.height:
        judged = curve(frame["score"].to_numpy(), frame["response"].cast(pl.Boolean).to_numpy())
        found += of_auc(judged.auc, label=label) + of_events(judged.responders, judged.n)
    found += _trained(store, query, predictor=predictor, label=label)
    found += _shared(store, frame=frame, label=label)
    for study, definition in everyone.select("study", "response_definition").unique(maintain_order=True).iter_rows():
        found += of_definition(str(definition or ""), study=str(study))
    return tuple(found)


def of_auc(finding: Finding, *, label: str = "this score") -> list[Alarm]:
    """AUC of 0 or 1, or an interval that does not exist or has no width; nothing for an AUC that does not exist."""
    value = finding.effect
    if value is None or np.isnan(value):
        return []
    low, high = finding.ci95 or (np.nan, np.nan)
    if value in {0.0, 1.0}:
        what = (
            "every responder above every non-responder" if value == 1 else "every non-responder above every responder"
        )
        return [
            Alarm("auc", f"{label} has an AUC of {value:.0f} in {words.count(finding.n, 'patient')}: it ranks {what}, which points to few patients "
                  "or to a score that contains the response; the interval is no measure of certainty.")
        ]  # fmt: skip
    if not (np.isfinite(low) and np.isfinite(high)) or high - low < 1e-9:
        return [
            Alarm(
                "auc",
                f"The AUC of {label}, {words.ratio(value)}, has no usable interval (n = {finding.n:,}): {finding.note or 'too few patients'}.",
            )
        ]
    return []


def of_events(responders: int, n: int) -> list[Alarm]:
    """Fewer than 10 responders, or non-responders."""
    others = n - responders
    if n == 0 or min(responders, others) >= FEWEST_EVENTS:
        return []
    few = [
        words.count(k, noun) for k, noun in ((responders, "responder"), (others, "non-responder")) if k < FEWEST_EVENTS
    ]
    return [
        Alarm("events", f"Only {words.listing(few)} among {words.count(n, 'patient')}: with fewer than {FEWEST_EVENTS} of either, an AUC can be far off by chance "
              "and its interval is too narrow.")
    ]  # fmt: skip


def of_definition(definition: str, *, study: str) -> list[Alarm]:
    """A response that was defined with time to progression or death."""
    if not CIRCULAR.search(definition):
        return []
    return [
        Alarm("label", f"In {study}, response is '{definition}': time without progression or death can enter such a definition, so a survival "
              "curve of predicted response would partly show its own label, and its rates do not compare with RECIST rates.")
    ]  # fmt: skip


def of_overlap(found: Overlap, *, label: str, training: str) -> list[Alarm]:
    """Patients that seem to be in the training and in the test cohort, beyond chance."""
    if not found.beyond_chance:
        return []
    verb = "looks" if found.shared == 1 else "look"
    return [
        Alarm("shared", f"{words.count(found.shared, 'patient')} of {found.n_b:,} {verb} like patients of {training}, on whom {label} was trained: "
              f"there the score is not out-of-sample. {found.sentence}")
    ]  # fmt: skip


def _trained(store: Store, query: CohortQuery, *, predictor: str, label: str) -> list[Alarm]:
    condition, params = query.where()
    n = store.sql(
        f"""SELECT count(DISTINCT patient_id) AS n FROM prediction WHERE predictor = $predictor AND protocol = 'in_sample'
            AND patient_id IN (SELECT patient_id FROM patient WHERE {condition} AND response IS NOT NULL)""",
        {**params, "predictor": predictor},
    )["n"][0]
    if not n:
        return []
    return [
        Alarm("trained", f"{words.count(n, 'patient')} of this cohort trained {label}; figures on them would be in-sample and too good, so the AUC leaves them out.")
    ]  # fmt: skip


def _shared(store: Store, *, frame: pl.DataFrame, label: str) -> list[Alarm]:
    """Overlap of the scored patients of each cohort with the cohorts that trained their scores."""
    found: list[Alarm] = []
    for one in sharing(store, frame):
        if one.declared:
            found.append(
                Alarm(
                    "shared",
                    f"{one.study} and {' and '.join(one.declared)} are known to share patients, so {label} is not out-of-sample on {one.cohort}.",
                )
            )
        elif one.found is not None:
            found += [Alarm(a.kind, f"{one.cohort}: {a.text}") for a in of_overlap(one.found, label=label, training=one.training)]
    return found
