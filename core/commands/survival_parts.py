"""Survival parts: curves, restricted means, tests and models of any table, each as plain lists for JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from core.commands.survival_rows import Rows
from core.errors import CohortError, NotMeasured
from core.survival.cox_model import CoxModel, fit_table
from core.survival.endpoint import Bools, Ints
from core.survival.gray import gray_test
from core.survival.incidence import cumulative_incidence
from core.survival.kaplan_meier import Curve, early_ends, estimate
from core.survival.proportional_hazards import ph_test
from core.survival.rank_tests import RankTest, every_test, holm, pairs_of
from core.survival.rmst import Contrast, area, common_horizon, difference, ratio
from core.survival.survival_at import survival_at

Part = dict[str, object]
T = TypeVar("T")
NAMES = {"gehan": "gehan_wilcoxon"}
"""Keys of the document that differ from the kinds of `rank_tests`."""
LISTS = {
    "time": "time", "at_risk": "n_risk", "events": "n_event", "censored": "n_censor", "survival": "survival",
    "std_err": "std_err", "std_err_log": "std_err_log", "ci_low": "ci_low", "ci_high": "ci_high",
}  # fmt: skip


def attempt(what: str, notes: list[str], make: Callable[[], T]) -> T | None:
    """A part of the document, or None with a note where it cannot be computed."""
    try:
        return make()
    except CohortError as error:
        notes.append(f"{what}: {error}")
        return None


def curves(rows: Rows, interval: str, notes: list[str]) -> list[Curve]:
    """Kaplan-Meier curve of each group that has a row; the event is any cause."""
    found = []
    for k, name in enumerate(rows.names):
        own = rows.used & (rows.group == k)
        if own.any():
            entry = None if rows.entry is None else rows.entry[own]
            found.append(estimate(rows.time[own], rows.cause[own] > 0, entry=entry, group=name, interval=interval, tied=False))
    if not found:
        notes.append("km: no row can be used, so nothing is estimated")
    for curve in found:
        if not curve.events:
            notes.append(f"{curve.group}: no events, so survival stays at 1 and the median is not reached")
    notes += early_ends(tuple(found))
    return found


def km(found: Sequence[Curve]) -> list[Part]:
    """Curves as lists."""
    return [
        {"group": c.group, "n": c.n, "n_events": c.events, **{key: c.steps[name].to_list() for key, name in LISTS.items()}}
        for c in found
    ]


def medians(found: Sequence[Curve]) -> list[Part]:
    """Median survival of each curve; null = not reached."""
    return [
        {"group": c.group, "n": c.n, "events": c.events, "median": c.median, "ci_low": c.median_ci[0], "ci_high": c.median_ci[1]}
        for c in found
    ]


def follow_up(rows: Rows, interval: str) -> Part | None:
    """Median follow-up by reverse Kaplan-Meier, over all and by group; None without rows."""
    if not rows.used.any():
        return None

    def of(own: Bools) -> Part:
        entry = None if rows.entry is None else rows.entry[own]
        curve = estimate(rows.time[own], rows.cause[own] == 0, entry=entry, interval=interval, tied=False)
        return {"n": curve.n, "median": curve.median, "ci_low": curve.median_ci[0], "ci_high": curve.median_ci[1]}

    present = [k for k in range(len(rows.names)) if (rows.used & (rows.group == k)).any()]
    groups = [{"group": rows.names[k], **of(rows.used & (rows.group == k))} for k in present]
    return {"method": "reverse Kaplan-Meier", **of(rows.used), "groups": groups}


def at(found: Sequence[Curve], times: Sequence[float], notes: list[str]) -> list[Part]:
    """Survival at chosen times."""
    table = survival_at(found, times)
    notes += [f"{row['group']}: {row['note']}" for row in table.iter_rows(named=True) if row["note"]]
    return table.drop("note").to_dicts()


def rmst(found: Sequence[Curve], horizon: float | None, notes: list[str]) -> Part | None:
    """Restricted means, and differences and ratios of each later group with each earlier one."""
    if not found:
        return None
    chosen = common_horizon([float(c.steps["time"].to_numpy()[-1]) for c in found]) if horizon is None else horizon
    if not (np.isfinite(chosen) and chosen > 0):
        raise NotMeasured(
            "every time is 0, so there is no area under a curve" if horizon is None
            else f"the horizon must be above 0, not {chosen:g}"
        )  # fmt: skip
    means = [area(curve, chosen) for curve in found]
    notes += [f"rmst, {c.group}: {m.note}" for c, m in zip(found, means, strict=True) if m.note]
    pairs = [(later, earlier) for earlier in range(len(found)) for later in range(earlier + 1, len(found))]

    def contrasts(of: Callable[..., Contrast]) -> list[Part]:
        answers = []
        for a, b in pairs:
            got = of(means[a], means[b])
            pair = {"a": found[a].group, "b": found[b].group}
            answers.append({**pair, "estimate": got.estimate, "ci_low": got.ci95[0], "ci_high": got.ci95[1], "p_value": got.p_value})
            if got.note:
                notes.append(f"rmst, {pair['a']} against {pair['b']}: {got.note}")
        return answers

    return {
        "horizon": chosen,
        "groups": [
            {"group": c.group, "n": m.n, "rmst": m.value, "se": m.se, "ci_low": m.ci95[0], "ci_high": m.ci95[1]}
            for c, m in zip(found, means, strict=True)
        ],
        "differences": contrasts(difference),
        "ratios": contrasts(ratio),
    }


def _codes(rows: Rows, used: Bools) -> Ints:
    """Groups of some rows as 0 .. k-1, every value in use."""
    return np.unique(rows.group[used], return_inverse=True)[1].astype(np.int64)


def _test(test: RankTest, extra: Part | None = None) -> Part:
    return {"statistic": test.statistic, "df": test.df, "p_value": test.p_value, **(extra or {})}


def tests(rows: Rows, exponents: tuple[float, float], notes: list[str]) -> Part | None:
    """The rank tests over all groups, and their stratified versions."""
    if not rows.grouped or not rows.used.any():
        return None
    rho, gamma = exponents
    document: Part = {}
    versions: list[tuple[str, Bools, Ints | None]] = [("", rows.used, None)]
    if rows.strata is not None:
        layered = rows.used & (rows.strata >= 0)
        versions.append(("_stratified", layered, rows.strata[layered]))
    for suffix, used, strata in versions:
        entry = None if rows.entry is None else rows.entry[used]
        found = every_test(
            rows.time[used], rows.cause[used] > 0, _codes(rows, used), rho=rho, gamma=gamma, strata=strata, entry=entry
        )
        for kind, test in found.items():
            extra: Part = {"rho": rho, "gamma": gamma} if kind == "fleming_harrington" else {}
            if test.note:
                notes.append(f"{test.label}: {test.note}")
            document[NAMES.get(kind, kind) + suffix] = None if test.note else _test(test, extra)
    return document


def pairwise(rows: Rows, notes: list[str]) -> list[Part] | None:
    """The log-rank test of each two groups, with Holm's correction."""
    if not rows.grouped or not rows.used.any():
        return None
    used = rows.used
    entry = None if rows.entry is None else rows.entry[used]
    names = [rows.names[k] for k in np.unique(rows.group[used])]
    found = pairs_of(rows.time[used], rows.cause[used] > 0, _codes(rows, used), entry=entry)
    corrected = holm(np.array([test.p_value for *_, test in found]))
    notes += [f"log-rank test, {names[a]} against {names[b]}: {test.note}" for a, b, test in found if test.note and len(names) > 2]
    return [
        {"a": names[a], "b": names[b], "statistic": test.statistic, "p_value": test.p_value, "p_holm": float(p)}
        for (a, b, test), p in zip(found, corrected, strict=True)
    ]


def model(rows: Rows, *, of_group: bool) -> CoxModel:
    """Cox model of the group alone, or of the covariates; stratified where strata were asked for.

    Raises
    ------
    TooFewPatients
        No row has everything that the model takes.
    """
    import polars as pl

    use = rows.observed
    table = rows.covariates
    if of_group:
        use = rows.used
        words = [rows.names[k] if k >= 0 else None for k in rows.group.tolist()]
        table = pl.DataFrame({"group": pl.Series(words, dtype=pl.Enum(rows.names))})
    strata = None if rows.strata is None else pl.Series(rows.strata[use]).replace(-1, None)
    return fit_table(
        rows.time[use], (rows.cause[use] > 0).astype(np.float64), table.filter(pl.Series(use)),
        entry=None if rows.entry is None else rows.entry[use], strata=strata,
    )  # fmt: skip


def told(what: str, fitted: CoxModel | None) -> list[str]:
    """Rows that a Cox model left out, and why a coefficient is null, as notes of the document."""
    if fitted is None:
        return []
    out = f"{fitted.n_missing:,} {'row' if fitted.n_missing == 1 else 'rows'} without a covariate or stratum left out"
    return [f"{what}: {note}" for note in ([out] if fitted.n_missing else []) + list(fitted.notes)]


def cox(fitted: CoxModel | None) -> Part | None:
    """A Cox model as lists."""
    if fitted is None:
        return None
    keys = ("term", "coef", "hazard_ratio", "se", "z", "p_value", "ci_low", "ci_high")
    return {
        "terms": fitted.table.select(keys).to_dicts(),
        "n": fitted.n, "n_missing": fitted.n_missing, "events": fitted.events, "strata": fitted.n_strata,
        "loglik_null": fitted.loglik_null, "loglik": fitted.loglik, "ties": "efron",
        "tests": {
            kind: {"statistic": test.statistic, "df": test.df, "p_value": test.p_value} for kind, test in fitted.tests.items()
        },
        "concordance": {"estimate": fitted.concordance.effect, "se": fitted.concordance_se},
        "notes": list(fitted.notes),
    }  # fmt: skip


def hazards(fitted: CoxModel | None, transform: str, notes: list[str]) -> list[Part] | None:
    """The test of proportional hazards of a model."""
    if fitted is None:
        return None
    found = ph_test(fitted, transform=transform)  # type: ignore[arg-type]
    notes += [f"proportional hazards: {note}" for note in found.notes]
    return found.table.to_dicts()


def incidence(rows: Rows, interval: str) -> list[Part]:
    """Cumulative incidence of each cause in each group."""
    used = rows.used
    entry = None if rows.entry is None else rows.entry[used]
    order = [rows.names[k] for k in rows.group[used]]
    found = cumulative_incidence(rows.time[used], rows.cause[used], group=order, entry=entry, interval=interval)
    place = {name: k for k, name in enumerate(rows.names)}
    keys = ("time", "incidence", "std_err", "std_err_delta", "ci_low", "ci_high")
    return [
        {"group": c.group, "cause": c.cause, "n": c.n, "events": c.events, **{key: c.steps[key].to_list() for key in keys}}
        for c in sorted(found.curves, key=lambda c: (place[c.group], c.cause))
    ]


def gray(rows: Rows, notes: list[str]) -> list[Part] | None:
    """Gray's test of each cause, and stratified where strata were asked for."""
    if not rows.grouped:
        return None
    if rows.entry is not None:
        raise NotMeasured("Gray's test is not defined here for patients who enter late")
    versions: list[tuple[Bools, Ints | None]] = [(rows.used, None)]
    if rows.strata is not None:
        layered = rows.used & (rows.strata >= 0)
        versions.append((layered, rows.strata[layered]))
    found = []
    for used, strata in versions:
        for cause in np.unique(rows.cause[used & (rows.cause > 0)]).tolist():
            test = gray_test(rows.time[used], rows.cause[used], _codes(rows, used), of=cause, strata=strata)
            if test.note:
                notes.append(f"{test.label}, cause {cause}: {test.note}")
            found.append({"cause": cause, "stratified": strata is not None, **_test(test)})
    return found
