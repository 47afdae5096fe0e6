"""Competing: death from the cancer and death from something else, each counted while the other can come first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.figures import words
from core.figures.incidence import incidence
from core.finding import Finding
from core.response.predicted import Split
from core.survival.closer.compared import Compared, compared
from core.survival.closer.look import Look
from core.survival.endpoint import ENTRY
from core.survival.gray import gray_test
from core.survival.incidence import Incidence, cumulative_incidence
from data.schema import ENDPOINTS
from data.store import Store

CAUSES = {1: "Death from the cancer", 2: "Death from another cause"}
LEAST_AT_RISK = 0.10
READ_AT = (60.0, 36.0, 24.0, 12.0, 6.0)
"""Months at which incidences are read in the sentence: the first that is on the curves."""


def competing(
    store: Store, query: CohortQuery, *, predictor: str = "", split: Split = "median", endpoint: str = "os", compare: str = "",
    landmark: str = "0", strata: str = "",
) -> Look:
    """Cumulative incidence of death from the cancer and of death from another cause, by group, with Gray's test.

    Parameters
    ----------
    endpoint : not used: the clock is that of overall survival, whatever the page shows. strata : of Gray's test.
        Others as `compared`.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `compared`; nobody's cause of death is known here; nobody died.
    """
    found = compared(
        store, query, predictor=predictor, split=split, endpoint="os", compare=compare, landmark=landmark,
        columns=("dss_event", *((strata,) if strata else ())),
    )  # fmt: skip
    if found.whole["dss_event"].null_count() == found.whole.height:
        raise cohort_frame.not_measured("The cause of death", query, elsewhere=cohort_frame.studies_with(store, "dss_months"))
    rows, unknown = causes_of(found, strata=strata)
    if not (rows["cause"] > 0).any():
        raise TooFewPatients("nobody with a known cause of death has died, so there is nothing to count; relax a filter")
    curves, tests = _estimates(rows, strata=strata)
    end = _end(curves)
    table = _table(curves, found.labels)
    chart = incidence(
        table, pl.DataFrame([(CAUSES[c], t.name, t.p_value) for c, t in tests.items()], schema=["cause", "name", "p_value"], orient="row"),
        provenance=found.source(store, query, n=curves.n), end=end, title=f"Cause of death by {found.by}" + _from(found),
    )  # fmt: skip
    counted = {c: int((rows["cause"] == c).sum()) for c in CAUSES}
    caption = (
        "Cumulative incidence (Aalen-Johansen) with pointwise 95% band (log-log): the probability of having died of this cause by then, when the "
        f"other can come first; n = {curves.n:,}: {counted[1]:,} died of the cancer, {counted[2]:,} of another cause. Gray's test"
        f"{f', stratified by {words.column(strata)}' if strata else ''}; null hypothesis: equal incidence in every group. "
        "Curves end where fewer than 10% of every group are at risk."
    )
    warnings = [f"{words.count(unknown, 'patient')} without a known cause of death {'is' if unknown == 1 else 'are'} left out."] if unknown else []
    if endpoint != "os":
        warnings.append(f"Counted on the clock of overall survival, not of {words.inside(ENDPOINTS[endpoint])}.")
    return Look(
        sentence=_sentence(curves, tests, (found, end)),
        charts=(replace(chart, slug=f"incidence-{found.key}", caption=caption, warnings=tuple(warnings)),),
        remarks=(
            "Read the two panels together: a group can have a lower incidence of death from the cancer only because more of its patients die of "
            "something else first. One minus the Kaplan-Meier estimate of one cause would overstate its incidence.",
        ),
    )  # fmt: skip


def causes_of(found: Compared, *, strata: str = "") -> tuple[pl.DataFrame, int]:
    """The rows with a group and a known end, with `cause` (0 = alive when last seen, 1 = the cancer, 2 = other); how many dead have no cause."""
    shown = found.shown.drop_nulls(strata) if strata else found.shown
    dead, cancer = pl.col("os_event"), pl.col("dss_event")
    cause = pl.when(~dead).then(0).when(cancer).then(1).when(~cancer).then(2)
    rows = shown.with_columns(cause.cast(pl.Int64).alias("cause"))
    return rows.drop_nulls("cause"), int(rows["cause"].null_count())


def _estimates(rows: pl.DataFrame, *, strata: str) -> tuple[Incidence, dict[int, Finding]]:
    time, cause = rows["os_months"].to_numpy().astype(np.float64), rows["cause"].to_numpy().astype(np.int64)
    late = rows[ENTRY].fill_null(-np.inf).to_numpy().astype(np.float64) if rows[ENTRY].drop_nulls().len() else None
    labels = rows["group"].cast(pl.String).to_list()
    curves = cumulative_incidence(time, cause, group=labels, entry=late)
    codes = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
    layers = rows[strata].cast(pl.String).rank("dense").to_numpy().astype(np.int64) if strata else None
    tests = {}
    for c in CAUSES:
        test = gray_test(time, cause, codes, of=c, strata=layers)
        tests[c] = Finding(
            name=test.label, statistic=test.statistic, p_value=test.p_value if late is None else float("nan"), effect=None, ci95=None, n=rows.height,
            events=int((cause == c).sum()), note=test.note or ("Gray's test knows no late entry" if late is not None else ""),
        )  # fmt: skip
    return curves, tests


def _end(curves: Incidence) -> float:
    """Last time at which 10% of some group are at risk."""
    return max(
        (float(t) for c in curves.curves for t in [c.steps.filter(pl.col("n_risk") >= max(1.0, LEAST_AT_RISK * c.n))["time"].to_numpy().max()]), default=1.0
    )


def _table(curves: Incidence, labels: tuple[str, ...]) -> pl.DataFrame:
    order = {label: i for i, label in enumerate(labels)}
    return (
        curves.table()
        .filter(pl.col("cause").is_in(list(CAUSES)))
        .with_columns(pl.col("group").replace_strict(order, return_dtype=pl.Int64).alias("order"))
        .sort("cause", "order", "time", maintain_order=True)
        .with_columns(pl.col("cause").replace_strict(CAUSES, return_dtype=pl.String))
        .select("group", "cause", "time", "n_risk", "n_event", "incidence", "std_err", "ci_low", "ci_high")
    )


def _from(found: Compared) -> str:
    return f", from {found.landmark:g} months on" if found.landmark else ""


def _sentence(curves: Incidence, tests: dict[int, Finding], scene: tuple[Compared, float]) -> str:
    found, end = scene
    at = next((t for t in READ_AT if t <= end), round(end, 1))
    of_cancer = {c.group: c for c in curves.curves if c.cause == 1}
    read = []
    for label in found.labels[:3]:
        if label in of_cancer:
            value, low, high = of_cancer[label].at(at)
            read.append(f"{label} {words.percent(value)}" + (f" ({words.percent(low)[:-1]} to {words.percent(high)[:-1]})" if low == low else ""))
    first, other = tests[1], tests[2]
    verdict = (
        "cannot be compared" if first.p_value != first.p_value else "differs" if first.p_value < 0.05 else "is not shown to differ"
    )
    others = f"death from another cause: {words.p(other.p_value)}" if other.events else "nobody died of another cause"
    return (
        f"The incidence of death from the cancer {verdict} between the groups ({first.name}, {words.p(first.p_value)}; {others}; n = {curves.n:,}). "
        f"Dead of the cancer by {at:g} months: {words.listing(read)}."
    )
