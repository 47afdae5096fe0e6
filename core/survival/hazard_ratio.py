"""Hazard ratio from a Cox model with Efron's handling of ties."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import polars as pl

from core.errors import TooFewPatients, UnknownName
from core.finding import Finding
from core.groups import groups, require
from core.survival.cox import REFERENCE, CoxFit, fit_cox
from core.survival.endpoint import Endpoint, endpoint, label
from core.survival.kaplan_meier import Z95

NAME = "hazard ratio, Cox (Efron)"
__all__ = ["NAME", "REFERENCE", "CoxFit", "fit_cox", "hazard_ratio"]


def _finding(fit: CoxFit, j: int, common: tuple[str, Endpoint, str]) -> Finding:
    """One coefficient as a Finding; nan with a reason when it is not estimable."""
    name, data, note = common
    n = int(data.time.size)
    beta, variance = float(fit.beta[j]), float(fit.covariance[j, j])
    usable = bool(fit.estimable[j])
    se = float(np.sqrt(variance)) if usable else np.nan
    z = beta / se if usable else np.nan
    return Finding(
        name=name,
        statistic=z,
        p_value=erfc(abs(z) / sqrt(2)) if usable else np.nan,
        effect=float(np.exp(beta)) if usable else np.nan,
        ci95=(float(np.exp(beta - Z95 * se)), float(np.exp(beta + Z95 * se))) if usable else (np.nan, np.nan),
        n=n,
        n_missing=data.total - n,
        events=int(data.event.sum()),
        note=note if usable else (note or "the hazard ratio cannot be estimated: the likelihood has no maximum"),
        reference=REFERENCE,
    )


def hazard_ratio(frame: pl.DataFrame, *, outcome: str = "os", by: str, reference: str | None = None) -> list[Finding]:
    """Univariable hazard ratios of a column's groups, or of a numeric marker per standard deviation.

    Parameters
    ----------
    frame : one row a patient with `<outcome>_months`, `<outcome>_event` and `by`.
    by : a column of groups (strings, booleans, Enum), or of floats: then the marker is standardised within the
        patients used, and the ratio is per 1 SD.
    reference : the group that the others are compared with; the last one where None (so that "high against low",
        "responder against non-responder").

    Returns
    -------
    list of Finding
        One a group other than the reference, in display order, or exactly one for a numeric marker. Estimand: the
        ratio of hazards, taken as constant over time. Null hypothesis: the ratio is 1 (Wald test, `statistic` = z).
        Not estimable (no events in a group, one group, constant marker): nan, and `note` says why. One group only:
        an empty list is never returned; a single nan Finding is.

    Raises
    ------
    TooFewPatients
        No patient has a time and a group.
    UnknownName
        The reference is not one of the groups.

    References
    ----------
    Efron 1977, doi 10.1080/01621459.1977.10480613.
    """
    require(frame, by)
    if frame[by].dtype.is_float():
        return [_per_sd(frame, outcome, by)]
    grouping = groups(frame, by)
    data = endpoint(frame, outcome, extra=grouping.codes >= 0)
    if data.time.size == 0:
        raise TooFewPatients(f"no patient has {label(outcome).lower()} and a known group; choose another split")
    codes = grouping.codes[data.rows]
    present = [k for k in range(len(grouping.labels)) if (codes == k).any()]
    names = [grouping.labels[k] for k in present]
    if reference is not None and reference not in names:
        raise UnknownName(f"there is no group '{reference}'; choose one of {', '.join(names)}")
    base = present[-1] if reference is None else present[names.index(reference)]
    others = [k for k in present if k != base]
    if not others:
        return [_undefined(data, f"all patients are in one group ({names[0]}): nothing to compare")]
    if not data.event.any():
        return [
            _undefined(data, "no events: nothing to compare", name=_title(grouping.labels, k, base)) for k in others
        ]
    deaths = {k: int(data.event[codes == k].sum()) for k in present}
    if deaths[base] == 0:
        note = f"no events in {grouping.labels[base]}: the hazard ratio cannot be estimated"
        return [_undefined(data, note, name=_title(grouping.labels, k, base)) for k in others]
    usable = [k for k in others if deaths[k] > 0]
    keep = np.isin(codes, [base, *usable])
    fitted = None
    if usable:
        design = np.stack([codes[keep] == k for k in usable], axis=1).astype(np.float64)
        late = None if data.entry is None else data.entry[keep]
        fitted = fit_cox(data.time[keep], data.event[keep], design, entry=late)
    results = []
    for k in others:
        name = _title(grouping.labels, k, base)
        if fitted is None or k not in usable:
            note = f"no events in {grouping.labels[k]}: the hazard ratio cannot be estimated"
            results.append(_undefined(data, note, name=name))
        else:
            results.append(_finding(fitted, usable.index(k), (name, data, "")))
    return results


def _title(labels: tuple[str, ...], k: int, base: int) -> str:
    return f"{NAME}: {labels[k]} against {labels[base]}"


def _undefined(data: Endpoint, note: str, *, name: str = NAME) -> Finding:
    nothing = CoxFit(
        beta=np.zeros(1),
        covariance=np.full((1, 1), np.nan),
        loglik=np.nan,
        loglik_null=np.nan,
        estimable=np.zeros(1, dtype=bool),
    )
    return _finding(nothing, 0, (name, data, note))


def _per_sd(frame: pl.DataFrame, outcome: str, by: str) -> Finding:
    values = frame[by].cast(pl.Float64).fill_null(np.nan).to_numpy()
    data = endpoint(frame, outcome, extra=np.isfinite(values))
    if data.time.size == 0:
        raise TooFewPatients(f"no patient has {label(outcome).lower()} and {by}; choose another marker")
    x = values[data.rows]
    sd = float(x.std(ddof=1)) if x.size > 1 else 0.0
    name = f"{NAME}, per 1 SD"
    if sd <= 1e-12 * max(1.0, float(np.abs(x).max())):
        return _undefined(data, "the marker has the same value in every patient", name=name)
    if not data.event.any():
        return _undefined(data, "no events: nothing to compare", name=name)
    fit = fit_cox(data.time, data.event, ((x - x.mean()) / sd)[:, None], entry=data.entry)
    note = f"1 SD = {sd:.4g}" if fit.estimable[0] else ""
    return _finding(fit, 0, (name, data, note))
