"""Who is decided, and who is not, when the sets of a probability must hold the outcome in nine of ten patients?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.figures import words
from core.figures.conformal import conformal, conformal_coverage
from core.response.closer import patients
from core.response.closer.patients import POOLED, Judged, Variant
from core.response.closer.reliability import address, fits, fitting, probable
from core.response.conformal import FEWEST_OF_EACH, LEVEL, calibrated, coverage, crossed, expected
from core.response.outcome import Bools, Floats
from data.store import Store
from models.folds import stratified_folds

OWN = "own"
"""Instead of a cohort: the other patients of the one tested."""
LEVELS = tuple(round(0.5 + 0.01 * i, 2) for i in range(50))
FOLDS = 10
Sets = Callable[[float, bool], Bools]


def decided(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED, fitted: str = "") -> Answer:
    """Conformal sets of a predictor's out-of-sample probabilities: coverage with its interval, and the share decided.

    Parameters
    ----------
    fitted : "study/cohort" whose patients calibrate the sets, one of `calibrations`; OWN or "" = the other patients of the same cohort,
        ten folds. The patients tested never calibrate their own sets.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `reliability.probable`; or too few of a class calibrate.
    """
    found, mine = probable(store, query, predictor=predictor, cohort=cohort)
    frame = found.frame.drop_nulls(["response", mine.probability])
    p, y = frame[mine.probability].to_numpy().astype(np.float64), frame["response"].to_numpy().astype(bool)
    sets, n, hits, how, warnings = _calibrator(store, found, mine, fitted=fitted, own=(frame, p, y))
    if min(hits, n - hits) < FEWEST_OF_EACH:
        raise TooFewPatients(
            f"{words.count(hits, 'responder')} and {words.count(n - hits, 'non-responder')} would calibrate the sets; it takes {FEWEST_OF_EACH} of each: "
            "pick a larger cohort or relax a filter"
        )
    blocks = [coverage(sets(LEVEL, by), y).with_columns(pl.lit(name).alias("block")) for by, name in ((True, "One threshold a class"), (False, "One threshold for all"))]
    table = pl.concat(blocks)
    levels = pl.concat([coverage(sets(level, True), y).with_columns(pl.lit(level).alias("level")) for level in LEVELS])
    source = patients.source(store, found, n=y.size)
    ranges = [expected(k, LEVEL) for k in (hits, n - hits)]
    spread = f"in 95% of calibrations of this size the sets cover {_range(ranges[0])} of new responders and {_range(ranges[1])} of new non-responders of one population"
    first = conformal(
        table, provenance=source, level=LEVEL, title=f"{mine.label}: what sets that promise {words.percent(LEVEL)} coverage say",
        caption=f"Split conformal sets, {how}: a class is left out of a patient's set when its probability is lower than that of all but "
        f"{words.percent(1 - LEVEL)} of the calibration patients of that class. Coverage: share of sets that hold what was observed, 95% Wilson interval for the "
        f"patients tested; {spread}. Sets by class are the same for any recalibration of the probability. n = {y.size:,}.",
    )  # fmt: skip
    second = conformal_coverage(
        levels, provenance=source, title=f"{mine.label}: coverage at every level promised",
        caption=f"Conformal sets, one threshold a class, {how}; grey band: 95% Wilson interval of the coverage of all patients. On the dotted line the promise "
        "is kept; a patient is decided when the set names one class only.",
    )  # fmt: skip
    warnings = (*warnings, *patients.pooled(frame))
    return Answer(
        sentence=_sentence(mine, blocks[0], blocks[1]),
        charts=(replace(first, slug=f"conformal-{predictor}", warnings=warnings), replace(second, slug=f"conformal-levels-{predictor}")),
    )


def calibrations(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED) -> dict[str, str]:
    """What can calibrate the sets: other cohorts that the same model scored, largest first, and the cohort's own other patients."""
    other = fits(store, query, predictor=predictor, cohort=cohort)
    return {**other, OWN: "The other patients of the cohort"} if other else {}


def _calibrator(
    store: Store, found: Judged, mine: Variant, *, fitted: str, own: tuple[pl.DataFrame, Floats, Bools]
) -> tuple[Sets, int, int, str, tuple[str, ...]]:
    """(level, by class) -> sets; patients and responders who calibrate; how, in words; warnings."""
    frame, p, y = own
    if fitted in {"", OWN}:
        folds = stratified_folds(y, groups=frame["patient_id"].to_list(), folds=FOLDS)
        how = f"each patient's calibrated on the other nine of {FOLDS} folds of the cohort, whose coverage over all of it is close to the level by construction"
        share = 1 - 1 / FOLDS
        return lambda level, by: crossed(p, y, folds=folds, level=level, by_class=by), round(y.size * share), round(int(y.sum()) * share), how, ()
    offered = fits(store, found.query, predictor=mine.predictor, cohort=address(found))
    if fitted not in offered:
        raise NotMeasured(f"the sets of {mine.label} cannot be calibrated on '{fitted}' for these patients; pick one from the list")
    probability, response, trained = fitting(store, mine.predictor, fitted)
    where = offered[fitted]
    warnings = (f"The patients of {where} also trained {mine.label}: its probabilities fit them a little too well, which can cost coverage here.",) if trained else ()
    how = f"calibrated on {where} (n = {response.size:,}), tested on these {y.size:,} patients"
    return (
        lambda level, by: calibrated(probability, response, level=level, by_class=by).sets(p), response.size, int(response.sum()), how, warnings,
    )  # fmt: skip


def _range(ends: tuple[float, float]) -> str:
    return f"{words.percent(ends[0])} to {words.percent(ends[1])}"


def _sentence(mine: Variant, by_class: pl.DataFrame, together: pl.DataFrame) -> str:
    everyone = by_class.row(0, named=True)
    kept = []
    for r in by_class.iter_rows(named=True):
        if r["ci_high"] is not None and r["ci_high"] < LEVEL:
            kept.append(f"{'all patients' if r['who'] == 'all' else r['who'] + 's'} {words.percent(r['coverage'])} ({words.percent(r['ci_low'])} to {words.percent(r['ci_high'])})")
    promise = f"the promise is broken in {words.listing(kept)}" if kept else "no breach of the promise is shown in either class"
    right = f", {words.percent(everyone['right'])} of them rightly" if everyone["right"] is not None else ""
    worst = min(together.iter_rows(named=True), key=lambda r: 1.0 if r["coverage"] is None else r["coverage"])
    one = f" One threshold for all would cover {words.percent(worst['coverage'])} of the {worst['who']}s." if worst["who"] != "all" else ""
    return (
        f"{mine.label}: {words.percent(everyone['decided'])} of {everyone['n']:,} patients are decided{right}; sets promised to hold the outcome in {words.percent(LEVEL)} do so in "
        f"{words.percent(everyone['coverage'])} ({words.percent(everyone['ci_low'])} to {words.percent(everyone['ci_high'])}), and {promise}.{one}"
    )
