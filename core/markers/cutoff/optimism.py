"""Optimism: how much a cut that was searched for flatters itself, and how far it moves, by bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import UnknownName
from core.markers.cutoff.curve import hazards, rates
from core.markers.cutoff.resampled_hazard import resampled_log_hr
from core.markers.cutoff.usable import FEWEST, Primary, Usable, usable
from core.survival.endpoint import Floats, Ints

RESAMPLES = 500
NAN = float("nan")
NO_INTERVAL = (NAN, NAN)
SLOW = (
    "the best cut settles more slowly than the square root of n, so that its bootstrap interval is a description of how far "
    "it moves, not an interval with exact coverage"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """One measure of a searched cut, less its optimism.

    Attributes
    ----------
    apparent : on the patients the cut was searched on. corrected : still somewhat too good, see `bootstrap_cut`. optimism : Harrell's, mean over resamples of (measure of the
        resample's cut in the resample - the same cut in the original patients). optimism_ci : its 2.5 and 97.5
        percentiles over resamples. corrected : apparent - optimism. Log hazard ratios for the hazard ratio.
    """

    apparent: float
    optimism: float
    optimism_ci: tuple[float, float]
    corrected: float


NOTHING = Corrected(apparent=NAN, optimism=NAN, optimism_ci=NO_INTERVAL, corrected=NAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimism:
    """How far a searched cut moves and how much it flatters itself; see `bootstrap_cut`.

    Attributes
    ----------
    cut : found on the patients themselves. cut_ci : 2.5 and 97.5 percentiles of the resamples' cuts; nan for a given cut. cuts : (b,) float.
    log_hr : of patients at or above the cut against those below, signed. youden : positive = by `direction`.
    rule, direction, resamples, failed, seed : as asked for; `failed` resamples gave no cut. n : patients.
    note : caveat, or why nothing was computed.
    """

    cut: float
    cut_ci: tuple[float, float]
    cuts: Floats
    log_hr: Corrected
    youden: Corrected
    rule: str
    direction: str
    resamples: int
    failed: int
    seed: int
    n: int
    note: str = ""

    @property
    def hazard_ratio(self) -> tuple[float, float]:
        """Apparent and optimism-corrected hazard ratio."""
        return float(np.exp(self.log_hr.apparent)), float(np.exp(self.log_hr.corrected))


def bootstrap_cut(
    marker: npt.ArrayLike,
    *,
    time: npt.ArrayLike | None = None,
    event: npt.ArrayLike | None = None,
    response: npt.ArrayLike | None = None,
    primary: Primary | None = None,
    rule: str = "maxstat",
    direction: str = "high",
    cut: float | None = None,
    resamples: int = RESAMPLES,
    seed: int = 1,
    minprop: float = 0.1,
    maxprop: float = 0.9,
) -> Optimism:
    """Search the cut anew in bootstrap samples.

    Parameters
    ----------
    marker : (n,) float. time, event, response : (n,); nan = unknown. primary : the endpoint that is searched on.
    rule : 'maxstat' (largest standardised log-rank or chi-square statistic, either direction), 'youden' (response only),
        'median', or 'given' (with `cut`: nothing is searched, so that the optimism is that of no search).
    direction : 'high', positive at or above the cut, or 'low', below it.
    resamples : samples of n patients drawn with replacement, by `seed`.

    Estimand: the expected difference between what the searched cut shows on the patients it was searched on and what
    the same cut shows on the population they stand for. Tied times in resamples are handled as by the log-rank test.
    It is underestimated: a resample shares two thirds of its patients with the sample that its cut is tried on. Of a noise
    marker (100 and 300 patients, largest statistic or largest Youden index) 60 to 75% of the optimism is taken away: a
    hazard ratio of 1.87 is corrected to 1.20, not to 1.

    Returns
    -------
    Optimism
        nan with a note where fewer than 5 patients, or no cut, are there.

    Raises
    ------
    NotMeasured, TooFewPatients, UnknownName
        As `usable`; there is no such rule or direction.

    References
    ----------
    Harrell, Lee & Mark 1996, doi 10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4; the slow rate of a
    searched cut: Banerjee & McKeague 2007, doi 10.1214/009053606000001415.
    """
    data = usable(marker, time=time, event=event, response=response, primary=primary)
    return optimism_of(
        data, rule=rule, direction=direction, cut=cut, resamples=resamples, seed=seed, span=(minprop, maxprop)
    )


def optimism_of(
    data: Usable,
    *,
    rule: str,
    direction: str,
    cut: float | None = None,
    resamples: int = RESAMPLES,
    seed: int = 1,
    span: tuple[float, float] = (0.1, 0.9),
) -> Optimism:
    """`bootstrap_cut` of patients that are already picked. `cut` : reported as the apparent cut where it is known."""
    if rule not in {"maxstat", "youden", "median", "given"}:
        raise UnknownName(f"there is no rule '{rule}'; choose youden, maxstat, median or given")
    if direction not in {"high", "low"}:
        raise UnknownName(f"there is no direction '{direction}'; choose high or low")
    if rule == "given" and cut is None:
        raise UnknownName("the rule 'given' needs a cut, for example cut = 10")
    if rule == "youden" and data.primary != "response":
        raise UnknownName("the Youden index needs a response; choose the endpoint response, or the largest statistic")
    order = np.argsort(data.marker, kind="stable")
    sorted_ = _Sorted(data, order)
    observed = _search(sorted_, np.ones((1, data.n)), (rule, direction, span, cut))
    reason = ""
    if data.n < FEWEST:
        reason = f"{data.n} patients are too few to resample"
    elif observed[0] < 0:
        reason = "no cut can be searched for, so that nothing is resampled"
    rng = np.random.default_rng(seed)
    if reason or resamples < 1:
        place = np.zeros(0, dtype=np.int64)
        weights = np.zeros((0, data.n))
    else:
        weights = rng.multinomial(data.n, np.full(data.n, 1 / data.n), size=resamples).astype(np.float64)
        place = _search(sorted_, weights, (rule, direction, span, cut))
    found = place >= 0
    cuts = sorted_.cut_at(place[found], cut if rule == "given" else None)
    here = float(cut) if cut is not None else float(sorted_.cut_at(observed, None)[0]) if observed[0] >= 0 else NAN
    measured = _measure(sorted_, weights[found], (cuts, here, direction), either=rule == "maxstat")
    notes = [*data.notes, *([reason] if reason else [])]
    if not reason and rule in {"maxstat", "youden"}:
        notes.append(SLOW)
    return Optimism(
        cut=here,
        cut_ci=NO_INTERVAL if rule == "given" else _percentiles(cuts),
        cuts=cuts,
        log_hr=measured[0],
        youden=measured[1],
        rule=rule,
        direction=direction,
        resamples=resamples,
        failed=int((~found).sum()),
        seed=seed,
        n=data.n,
        note="; ".join(notes),
    )


class _Sorted:
    """Patients in the order of the marker, and where each of its values begins."""

    def __init__(self, data: Usable, order: Ints) -> None:
        self.marker = data.marker[order]
        self.time, self.event, self.response = data.time[order], data.event[order], data.response[order]
        self.primary = data.primary
        self.values, self.first = np.unique(self.marker, return_index=True)

    def cut_at(self, place: Ints, given: float | None) -> Floats:
        """The values at these places; a given cut instead."""
        return self.values[place] if given is None else np.full(place.size, given)


def _search(data: _Sorted, weights: Floats, how: tuple[str, str, tuple[float, float], float | None]) -> Ints:
    """(b,) place of each sample's cut among the values, -1 where there is none; `weights` (b, n) copies of each patient."""
    rule, direction, span, cut = how
    b = weights.shape[0]
    cumulated = np.concatenate((np.zeros((b, 1)), weights.cumsum(axis=1)), axis=1)
    below = cumulated[:, data.first]
    n = cumulated[:, -1:]
    present = np.diff(np.concatenate((below, n), axis=1), axis=1) > 0
    if rule == "given":
        under = cumulated[:, np.searchsorted(data.marker, float(cut if cut is not None else NAN), side="left")]
        return np.where((under > 0) & (under < n[:, 0]), 0, -1).astype(np.int64)
    if rule == "median":
        return _median(data, below, present)
    inside = present & (below >= np.maximum(1, np.floor(n * span[0]))) & (below <= np.floor(n * span[1]))
    if rule == "youden":
        hits = (weights * data.response).cumsum(axis=1)
        under = np.concatenate((np.zeros((b, 1)), hits), axis=1)[:, data.first]
        k = hits[:, -1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            size = (below - under) / (n - k) - under / k
        size = size if direction == "high" else -size
        usable_ = inside & (k > 0) & (k < n)
    else:
        scores = _scores(data, weights) if data.primary == "survival" else np.broadcast_to(data.response, weights.shape)
        weighted = weights * scores
        total, square = weighted.sum(axis=1, keepdims=True), (weighted * scores).sum(axis=1, keepdims=True)
        under = np.concatenate((np.zeros((b, 1)), weighted.cumsum(axis=1)), axis=1)[:, data.first]
        spread = below * (n - below) / (n**2 * (n - 1)) * (n * square - total**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.abs(under - below / n * total) / np.sqrt(np.maximum(spread, 0))
        usable_ = inside & (n * square - total**2 > 1e-9)
    size = np.where(usable_ & np.isfinite(size), size, -np.inf)
    top = size.max(axis=1, keepdims=True)
    best = (size >= top - 1e-10 * np.abs(top)).argmax(axis=1)
    return np.where(np.isfinite(top[:, 0]), best, -1).astype(np.int64)


def _median(data: _Sorted, below: Floats, present: npt.NDArray[np.bool_]) -> Ints:
    """Place of the first value at or above each sample's median that leaves somebody below it."""
    n = below[:, -1:] + np.where(present[:, -1:], 1, 0)
    half = np.where(present & (below > 0) & (below >= np.floor(n / 2)), 1, 0)
    return np.where(half.any(axis=1), half.argmax(axis=1), -1).astype(np.int64)


def _scores(data: _Sorted, weights: Floats) -> Floats:
    """(b, n) log-rank scores of the patients within each sample (Nelson-Aalen denominators)."""
    order = np.argsort(data.time, kind="stable")
    time, died = data.time[order], data.event[order].astype(np.float64)
    w = weights[:, order]
    at_risk = w[:, ::-1].cumsum(axis=1)[:, ::-1][:, np.searchsorted(time, time, side="left")]
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = np.where(at_risk > 0, w * died / at_risk, 0.0)
    hazard = rise.cumsum(axis=1)[:, np.searchsorted(time, time, side="right") - 1]
    scores = np.empty_like(hazard)
    scores[:, order] = died - hazard
    return scores


def _measure(
    data: _Sorted, weights: Floats, found: tuple[Floats, float, str], *, either: bool
) -> tuple[Corrected, Corrected]:
    """Log hazard ratio and Youden index with their optimism.

    Where a search takes either direction, a resample's measures are read in the direction that its search took.
    """
    cuts, here, direction = found
    if not np.isfinite(here):
        return NOTHING, NOTHING
    alive, rated = np.isfinite(data.time), np.isfinite(data.response)
    side = 1.0 if direction == "high" else -1.0
    levels = np.unique(np.append(cuts, here))
    own, theirs = np.searchsorted(levels, here), np.searchsorted(levels, cuts)
    hr = youden = None
    if alive.any():
        t, e, x = data.time[alive], data.event[alive], data.marker[alive]
        fitted = np.asarray(hazards(t, e, x, cuts=levels)["log_hr"], dtype=np.float64)
        inside = resampled_log_hr(t, e, x[None, :] >= cuts[:, None], weights=weights[:, alive])
        hr = (float(fitted[own]), inside, fitted[theirs])
    if rated.any():
        hit = data.response[rated] > 0
        fitted = np.asarray(rates(hit, data.marker[rated], cuts=levels)["youden"], dtype=np.float64)
        w, high = weights[:, rated], data.marker[rated][None, :] >= cuts[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = (w * high * hit).sum(axis=1) / (w * hit).sum(axis=1)
            inside = inside - (w * high * ~hit).sum(axis=1) / (w * ~hit).sum(axis=1)
        youden = (float(fitted[own]), inside, fitted[theirs])
    turn, facing = np.full(cuts.size, side), side
    led = (hr, -1.0) if data.primary == "survival" else (youden, 1.0)
    if either and led[0] is not None:
        turn = np.where(np.nan_to_num(led[1] * led[0][1]) < 0, -1.0, 1.0)
        facing = -1.0 if led[1] * led[0][0] < 0 else 1.0
    return (
        NOTHING if hr is None else _corrected(hr, -turn, -facing),
        # Youden's index is that of the positive side
        NOTHING if youden is None else _turned(_corrected(youden, turn, facing), side),
    )


def _corrected(measured: tuple[float, Floats, Floats], turn: Floats, facing: float) -> Corrected:
    """Optimism of a measure that is better the larger turn x measure is; said in the direction of the apparent one."""
    apparent, inside, outside = measured
    known = np.isfinite(inside) & np.isfinite(outside)
    if not known.any() or not np.isfinite(apparent):
        return Corrected(apparent=apparent, optimism=NAN, optimism_ci=NO_INTERVAL, corrected=NAN)
    excess = facing * turn[known] * (inside[known] - outside[known])
    mean = float(excess.mean())
    return Corrected(apparent=apparent, optimism=mean, optimism_ci=_percentiles(excess), corrected=apparent - mean)


def _turned(measure: Corrected, side: float) -> Corrected:
    if side > 0:
        return measure
    low, high = measure.optimism_ci
    return Corrected(
        apparent=-measure.apparent, optimism=-measure.optimism, optimism_ci=(-high, -low), corrected=-measure.corrected
    )


def _percentiles(values: Floats) -> tuple[float, float]:
    """2.5 and 97.5 percentiles; of few values, none."""
    if values.size < 20:
        return NO_INTERVAL
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
