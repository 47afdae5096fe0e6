"""Effect modification: does a marker say who benefits from a treatment (predictive), or who lives longer (prognostic)?

The verdict's rule is fixed before any number is seen (`RULE`). Ballman 2015, doi 10.1200/JCO.2015.63.3651; Royston &
Sauerbrei 2008 (several markers in one model); Holm 1979.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured, TooFewPatients
from core.finding import Finding
from core.survival.endpoint import Bools, Floats, Ints
from core.survival.kaplan_meier import Z95

REFERENCE = "10.1200/JCO.2015.63.3651"
LEVEL = 0.05
FEWEST_EVENTS = 5
"""Events that each arm needs before its effect is estimated."""
RULE = (
    "Predictive: the treatment by marker interaction has p < .05 after Holm's correction over the markers asked. Prognostic: no "
    "such interaction, and the marker's effect among patients without the treatment has p < .05 after the same correction. "
    "Predictive and prognostic: both. Neither: none of them, which does not show that there is no effect."
)
VERDICTS = ("predictive", "prognostic", "predictive and prognostic", "neither", "not estimable", "prognostic only")
"""`prognostic only`: no patient without the treatment, so that nothing but prognosis can be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modification:
    """What one marker does to the effect of a treatment.

    Attributes
    ----------
    marker : its name. by : what the effects are per ("at or above 10 against below", "per 1 SD").
    interaction : Finding, ratio of hazard ratios; under 1 = the treatment helps more where the marker is high.
    in_control, in_treated : Finding, the marker's hazard ratio in each arm.
    arm_low, arm_high : Finding, the treatment's hazard ratio where the marker is low and high (1 SD under and over the
        mean where it is not cut).
    p_interaction, p_control : corrected by Holm over the markers asked. asked : how many those were.
    verdict : one of VERDICTS. counts : arm, level, n, events. adjusted : other markers in the same model.
    notes : what a reader must know.
    """

    marker: str
    by: str
    interaction: Finding
    in_control: Finding
    in_treated: Finding
    arm_low: Finding
    arm_high: Finding
    p_interaction: float
    p_control: float
    asked: int
    verdict: str
    counts: pl.DataFrame
    adjusted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def table(self) -> pl.DataFrame:
        """One row an effect: effect, hazard_ratio, ci_low, ci_high, p_value, n, events; null = not estimable."""
        parts = (self.interaction, self.in_control, self.in_treated, self.arm_low, self.arm_high)
        rows = [(f.name, f.effect, *(f.ci95 or (None, None)), f.p_value, f.n, f.events) for f in parts]
        schema = ["effect", "hazard_ratio", "ci_low", "ci_high", "p_value", "n", "events"]
        return pl.DataFrame(rows, schema=schema, orient="row", infer_schema_length=None).with_columns(
            pl.col("hazard_ratio", "ci_low", "ci_high", "p_value").cast(pl.Float64).fill_nan(None)
        )


def interaction(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    marker: npt.ArrayLike,
    *,
    arm: npt.ArrayLike,
    strata: npt.ArrayLike | None = None,
    marker_cut: float | None = None,
    name: str = "marker",
) -> Modification:
    """Interaction of a treatment with one marker in a Cox model; see `interactions`.

    Parameters
    ----------
    time : (n,) float, months. event : (n,) bool. marker : (n,) float, nan = unknown. arm : (n,) 1 = treated, 0 = control,
        nan = unknown. strata : (n,) codes, each with a baseline hazard of its own. marker_cut : high = at or above it;
        per 1 SD where None.

    References
    ----------
    Ballman 2015, doi 10.1200/JCO.2015.63.3651.
    """
    columns = np.asarray(marker, dtype=np.float64)[:, None]
    found = interactions(
        time, event, columns, arm=arm, strata=strata, names=(name,), cuts=None if marker_cut is None else (marker_cut,)
    )
    return found[0]


def interactions(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    markers: npt.ArrayLike,
    *,
    arm: npt.ArrayLike,
    names: Sequence[str],
    strata: npt.ArrayLike | None = None,
    cuts: Sequence[float | None] | None = None,
    adjusted: bool = True,
) -> tuple[Modification, ...]:
    """Interactions of a treatment with several markers.

    Parameters
    ----------
    time : (n,) float, months. event : (n,) bool. markers : (n, m) float, nan = unknown. arm : (n,) 1 = treated, 0 =
        control, nan = unknown. names : (m,). strata : (n,) codes or None. cuts : (m,) or None; high = at or above the cut,
        per 1 SD where None. adjusted : one model with every marker and every marker's interaction, so that a marker that
        is merely correlated with another one is not credited with its effect; else one model a marker.

    Estimand: exp of the product term of a Cox model (Efron) with treatment, marker and their product = the ratio of the
    marker's hazard ratio under treatment to that under control = the ratio of the treatment's hazard ratio in marker-high
    to that in marker-low patients. Null hypothesis: 1 (Wald). The effects within arms and levels come from the same
    model. Unless the arms were randomised, each of them is confounded by what decided on the treatment.

    Raises
    ------
    TooFewPatients
        No patient has time, event, arm and every marker.
    NotMeasured
        The columns do not match the names.

    References
    ----------
    Ballman 2015, doi 10.1200/JCO.2015.63.3651; Holm 1979 (www.jstor.org/stable/4615733); Efron 1977,
    doi 10.1080/01621459.1977.10480613.
    """
    x = np.asarray(markers, dtype=np.float64)
    limits: Sequence[float | None] = cuts if cuts is not None else [None] * x.shape[1]
    if x.ndim != 2 or not x.shape[1] == len(names) == len(limits):
        raise NotMeasured(f"{len(names)} markers are named, which does not match the table of shape {x.shape}")
    data = _usable(time, event, arm=arm, markers=x, strata=strata)
    if not data.time.size:
        raise TooFewPatients(
            "no patient has the endpoint, the treatment and every marker; choose another marker or cohort"
        )
    parts = [_one(data, [j], names, cuts=limits) for j in range(len(names))] if not adjusted else []
    found = [f for part in parts for f in part] if parts else _one(data, list(range(len(names))), names, cuts=limits)
    p_interaction = holm([f.interaction.p_value for f in found])
    p_control = holm([f.in_control.p_value for f in found])
    return tuple(
        replace(f, p_interaction=p, p_control=q, asked=len(found), verdict=f.verdict or verdict(p, q))
        for f, p, q in zip(found, p_interaction, p_control, strict=True)
    )


def verdict(p_interaction: float, p_control: float) -> str:
    """The verdict of two corrected p values; see RULE."""
    if math.isnan(p_interaction):
        return "not estimable"
    predictive, prognostic = p_interaction < LEVEL, p_control < LEVEL
    if predictive:
        return "predictive and prognostic" if prognostic else "predictive"
    return "prognostic" if prognostic else "neither"


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected by Holm's step-down method; nan stays nan and is not counted. Equals R p.adjust("holm")."""
    p = np.asarray(p_values, dtype=np.float64)
    out = np.full(p.size, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    out[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(order.size, 0, -1)))
    return [float(v) for v in out]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usable:
    time: Floats
    event: Bools
    arm: Floats
    markers: Floats
    strata: Ints | None
    n_missing: int

    def within(self, which: Bools) -> _Usable:
        strata = None if self.strata is None else self.strata[which]
        return replace(
            self, time=self.time[which], event=self.event[which], arm=self.arm[which], markers=self.markers[which],
            strata=strata,
        )  # fmt: skip


def _usable(
    time: npt.ArrayLike, event: npt.ArrayLike, *, arm: npt.ArrayLike, markers: Floats, strata: npt.ArrayLike | None
) -> _Usable:
    t, a = np.asarray(time, dtype=np.float64), np.asarray(arm, dtype=np.float64)
    e = np.asarray(event, dtype=np.float64)
    known = np.isfinite(t) & (np.nan_to_num(t, nan=-1.0) >= 0) & np.isfinite(a) & np.isfinite(e)
    known &= np.isfinite(markers).all(axis=1)
    codes = None
    if strata is not None:
        codes = np.unique(np.asarray(strata)[known], return_inverse=True)[1].astype(np.int64)
    return _Usable(
        time=t[known], event=e[known] > 0.5, arm=(a[known] > 0.5).astype(np.float64), markers=markers[known],
        strata=codes, n_missing=int((~known).sum()),
    )  # fmt: skip


def _one(
    data: _Usable, which: list[int], names: Sequence[str], *, cuts: Sequence[float | None]
) -> list[Modification]:
    """One model with the markers of `which`, and what it says of each of them; p values not yet corrected."""
    from core.survival.cox import fit_cox

    levels, spans, about, refused = [], [], [], []
    for j in which:
        level, span, by, why = _coded(data.markers[:, j], cuts[j])
        levels.append(level)
        spans.append(span)
        about.append(by)
        refused.append(why)
    treated = data.arm > 0.5
    events = (int(data.event[~treated].sum()), int(data.event[treated].sum()))
    alone = bool(treated.all() or not treated.any())
    why_not = next((w for w in refused if w), "")
    if not why_not and not alone and min(events) < FEWEST_EVENTS:
        why_not = f"only {events[0]} events without and {events[1]} with the treatment: at least {FEWEST_EVENTS} each are needed"
    if not why_not and not data.event.any():
        why_not = "no events: nothing to compare"
    k = len(which)
    z = np.stack(levels, axis=1)
    design = z if alone else np.column_stack((z, data.arm, z * data.arm[:, None]))
    fit = None
    if not why_not:
        fit = fit_cox(data.time, data.event, design, strata=data.strata)
        if not fit.estimable.all():
            why_not = "the hazard ratio cannot be estimated: the likelihood has no maximum"
    made = []
    for place, j in enumerate(which):
        contrasts = _contrasts(place, k, spans[place], alone=alone, control=not treated.any())
        findings = [
            _finding(fit if not why_not else None, contrast, name, data=_rows(data, treated, side), why=why_not or no)
            for (name, side), (contrast, no) in zip(PARTS, contrasts, strict=True)
        ]
        notes = [f"{data.n_missing:,} patients lack the endpoint, the treatment or a marker and are left out"] if data.n_missing else []
        if alone:
            notes.append("every patient had the same treatment: only prognosis can be asked")
        made.append(
            Modification(
                marker=names[j], by=about[place], interaction=findings[0], in_control=findings[1], in_treated=findings[2],
                arm_low=findings[3], arm_high=findings[4], p_interaction=np.nan, p_control=np.nan, asked=1,
                verdict="prognostic only" if alone else "", counts=_counts(data, z[:, place], treated, cut=cuts[j]),
                adjusted=tuple(names[i] for i in which if i != j), notes=tuple(notes),
            )
        )  # fmt: skip
    return made


PARTS = (
    ("interaction: ratio of hazard ratios", "all"),
    ("marker without the treatment", "control"),
    ("marker under the treatment", "treated"),
    ("treatment where the marker is low", "all"),
    ("treatment where the marker is high", "all"),
)
"""The effects that a model gives, and whose patients each counts."""


def _coded(values: Floats, cut: float | None) -> tuple[Floats, tuple[float, float], str, str]:
    """A marker centred for the model, its low and high value there, what an effect is per, and why it has none."""
    if cut is not None:
        high = (values >= cut).astype(np.float64)
        share = float(high.mean())
        why = "" if 0 < share < 1 else f"every patient is {'at or above' if share else 'below'} the cut {cut:g}"
        return high - share, (-share, 1 - share), f"at or above {cut:.4g} against below", why
    sd = float(values.std(ddof=1)) if values.size > 1 else 0.0
    if sd <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return values * 0, (-1.0, 1.0), "per 1 SD", "the marker has the same value in every patient"
    return (values - values.mean()) / sd, (-1.0, 1.0), "per 1 SD", ""


def _contrasts(
    place: int, k: int, span: tuple[float, float], *, alone: bool, control: bool
) -> list[tuple[Floats, str]]:
    """Combinations of coefficients for the five effects; a sentence where one cannot be asked.

    Coefficients: k markers, the treatment, k products. The markers are centred, so that the treatment's own coefficient
    is its effect at the average of every marker.
    """
    size = k if alone else 2 * k + 1
    zero = np.zeros(size)

    def of(*pairs: tuple[int, float]) -> Floats:
        out = zero.copy()
        for index, weight in pairs:
            out[index] = weight
        return out

    if alone:
        here, other = "no patient had another treatment", "no patient was in this arm"
        own = of((place, 1.0))
        return [(zero, here), (own if control else zero, "" if control else other), (zero if control else own, other if control else ""), (zero, here), (zero, here)]
    product = k + 1 + place
    low, high = span
    return [
        (of((product, 1.0)), ""),
        (of((place, 1.0)), ""),
        (of((place, 1.0), (product, 1.0)), ""),
        (of((k, 1.0), (product, low)), ""),
        (of((k, 1.0), (product, high)), ""),
    ]


def _rows(data: _Usable, treated: Bools, side: str) -> tuple[int, int, int]:
    mine = treated if side == "treated" else ~treated if side == "control" else np.ones_like(treated)
    return int(mine.sum()), int(data.event[mine].sum()), data.n_missing


def _finding(fit: object, contrast: Floats, name: str, *, data: tuple[int, int, int], why: str) -> Finding:
    n, events, missing = data
    effect, ci, z, p = np.nan, (np.nan, np.nan), np.nan, np.nan
    if fit is not None and not why:
        beta, covariance = fit.beta, fit.covariance  # type: ignore[attr-defined]
        value, se = float(contrast @ beta), float(np.sqrt(contrast @ covariance @ contrast))
        if np.isfinite(se) and se > 0:
            from scipy.special import ndtr

            z, effect = value / se, math.exp(value)
            ci, p = (math.exp(value - Z95 * se), math.exp(value + Z95 * se)), float(2 * ndtr(-abs(z)))
    return Finding(
        name=name, statistic=z, p_value=p, effect=effect, ci95=ci, n=n, n_missing=missing, events=events, note=why,
        reference=REFERENCE,
    )  # fmt: skip


def _counts(data: _Usable, level: Floats, treated: Bools, *, cut: float | None) -> pl.DataFrame:
    """Patients and events by arm and level (at or above the mean where the marker is not cut)."""
    high = level > 0 if cut is not None else level >= 0
    rows = []
    for arm, mine in (("treated", treated), ("control", ~treated)):
        for name, side in (("high", high), ("low", ~high)):
            rows.append((arm, name, int((mine & side).sum()), int(data.event[mine & side].sum())))
    return pl.DataFrame(rows, schema=["arm", "level", "n", "events"], orient="row")
