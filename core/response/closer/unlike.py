"""Who is unlike the patients that a predictor was trained on, and is it worth leaving them unpredicted?"""

from __future__ import annotations

from dataclasses import replace
from math import erfc, sqrt

import numpy as np
import polars as pl

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.figures import words
from core.figures.abstention import risk_coverage as risk_coverage_figure
from core.figures.abstention import strangeness as strangeness_figure
from core.response.abstention import ALARM, FEWEST, area, detector, risk_coverage
from core.response.closer import patients
from core.response.closer.compared import FEWEST_OF_EACH, signed
from core.response.closer.patients import POOLED, Variant
from core.response.outcome import Bools, Floats
from core.response.rate import wilson
from core.response.spaces import Space, spaces
from core.survival.kaplan_meier import Z95
from data.store import Store

_Ints = np.ndarray[tuple[int], np.dtype[np.int64]]


def unlike(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED) -> Answer:
    """Distances from the training patients, and the AUC against the share of patients kept.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `patients.judged`; the predictor has no out-of-sample score here; no feature space holds the patients, or too few.
    """
    found = patients.judged(store, query, cohort=cohort)
    mine = patients.chosen(found, predictor)
    used, training, here, rows = [], [], [], []
    for space in spaces(store, found, mine):
        if (space.here if space.train is None else space.train).shape[0] < FEWEST:
            continue
        learnt = detector(space.here if space.train is None else space.train)
        used.append(space)
        training.append(learnt.own / learnt.threshold)
        here.append((learnt.own if space.train is None else learnt.strangeness(space.here)) / learnt.threshold)
        rows.append(space.rows)
    if not used:
        raise TooFewPatients(f"fewer than {FEWEST} patients to compare with: too few to say who is unlike them; pick a larger cohort")
    index, distance = np.concatenate(rows), np.concatenate(here)
    frame = found.frame[index.tolist()]
    score, response = frame[mine.score].to_numpy().astype(np.float64), frame["response"].to_numpy().astype(bool)
    strata = frame.select(pl.concat_str("study", "cohort", separator="/").rank("dense").cast(pl.Int64)).to_series().to_numpy()
    table = risk_coverage(score, response, distance, strata=strata)
    source = patients.source(store, found, n=frame.height)
    own = all(space.train is None for space in used)
    how = _how(used, own=own)
    within = float((distance <= 1).mean())
    charts = [
        replace(
            strangeness_figure(
                None if own else np.concatenate(training), distance, provenance=source, title=f"{mine.label}: how far these patients lie from {_those(used)}",
                caption=f"{how} Threshold: {words.percent(ALARM)} of the {'patients' if own else 'training patients'}, each compared with the others, lie within it. n = {frame.height:,}.",
            ),
            slug=f"unlike-{predictor}",
        )
    ]  # fmt: skip
    if table["auc"].count():
        remark = " AUCs compare patients of the same cohort only." if len(np.unique(strata)) > 1 else ""
        charts.append(
            replace(
                risk_coverage_figure(
                    table, provenance=source, within=within, title=f"{mine.label}: AUC when the strangest patients are left unpredicted",
                    caption=f"Risk-coverage curve: AUC with DeLong 95% CI among the patients kept, the strangest left out first; dashed line: chance.{remark} Neighbouring points share "
                    f"most of their patients. Rising to the left: abstaining helps; level: the strange are predicted as well as the others. n = {frame.height:,}.",
                ),
                slug=f"risk-coverage-{predictor}",
            )
        )  # fmt: skip
    return Answer(sentence=_sentence(mine, used, (distance, score, response, strata), own=own), charts=tuple(charts))


def _those(used: list[Space]) -> str:
    return used[0].training if len(used) == 1 else "their training patients"


def _how(used: list[Space], *, own: bool) -> str:
    first = used[0]
    sizes = f" (n = {first.train.shape[0]:,})" if first.train is not None and len(used) == 1 else ""
    against = (
        "each compared with the other patients of its cohort, because the model is fitted within it, or the patients who trained it are not here"
        if own
        else f"compared with {_those(used)}{sizes}"
    )
    return f"Distance in {first.label}: the larger of the Mahalanobis distance (shrunken covariance) and the mean distance to the nearest ten; {against}."


def _sentence(mine: Variant, used: list[Space], data: tuple[Floats, Floats, Bools, _Ints], *, own: bool) -> str:
    distance, score, response, strata = data
    out = distance > 1
    low, high = wilson(int(out.sum()), out.size)
    share = f"{words.percent(float(out.mean()))} ({words.percent(low)} to {words.percent(high)})"
    promised = words.percent(1 - ALARM)
    start = (
        f"{mine.label}: each patient is compared with {_those(used)}, so about {promised} lie beyond the threshold by construction ({int(out.sum()):,} of {out.size:,})"
        if own
        else f"{mine.label}: {share} of {out.size:,} patients lie farther from {_those(used)} than {words.percent(ALARM)} of those do from each other"
        f"{f', more than the {promised} expected' if low > 1 - ALARM else ''}"
    )
    if any(_few(response[part]) for part in (out, ~out)):
        return f"{start}; too few responders or non-responders among them to say whether they are predicted worse."
    (one, first), (two, second) = (area(score[part], response[part], strata[part]) for part in (~out, out))
    se = sqrt(first**2 + second**2)
    p = erfc(abs(one - two) / se / sqrt(2)) if se > 0 else float("nan")
    told = f"AUC {_area(one, first)} within, {_area(two, second)} beyond"
    verdict = "so abstaining there would help" if p < 0.05 and one > two else "so no gain from abstaining there is shown"
    return f"{start}; {told}, difference {signed(one - two)}, {words.p(p)}, {verdict}."


def _area(value: float, se: float) -> str:
    return f"{words.ratio(value)} ({words.ratio(max(0.0, value - Z95 * se))} to {words.ratio(min(1.0, value + Z95 * se))})"


def _few(response: Bools) -> bool:
    hits = int(response.sum())
    return min(hits, response.size - hits) < FEWEST_OF_EACH
