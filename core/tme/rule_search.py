"""Search for a short conjunction of conditions on standardised features that describes a group of patients.

A condition is `feature >= cut` or `feature < cut` at a round cut, so that the result can be read aloud. Conjunctions
grow one condition at a time from the best of each length (beam search), by Matthews' correlation with the group
(Matthews 1975, doi 10.1016/0005-2795(75)90109-9), which rewards finding the group and calling nobody else alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.folds import stratified_folds

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

CUTS = np.arange(-8, 9) / 4.0
"""Cuts that a condition may have, in standard deviations: readable ones."""
BEAM = 8
FOLDS = 5
WORTH = 0.02
"""Least gain in cross-validated correlation that one more condition must bring."""
MOST_CELLS = 2_500_000
"""Rows x candidate conditions that a search may hold; a larger cohort is searched on a stratified sample of its rows."""

Found = tuple[tuple[int, bool, float], ...]
"""Conditions (column, at least, cut); at least = false is `under the cut`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Every condition that a rule may use. masks : (n, c) float32, 1 where met (a missing value meets none)."""

    masks: npt.NDArray[np.float32]
    column: Ints
    at_least: Bools
    cut: Floats


def candidates(x: Floats) -> Candidates:
    """All conditions on the columns of `x` that split its rows; x : (n, p), nan = missing."""
    n, p = x.shape
    with np.errstate(invalid="ignore"):
        above = x[:, :, None] >= CUTS
        below = x[:, :, None] < CUTS
    masks = np.concatenate((above.reshape(n, -1), below.reshape(n, -1)), axis=1)
    met = masks.sum(axis=0)
    kept = np.flatnonzero((met > 0) & (met < n))
    column = np.tile(np.repeat(np.arange(p), CUTS.size), 2)
    cut = np.tile(np.tile(CUTS, p), 2)
    at_least = np.repeat([True, False], p * CUTS.size)
    return Candidates(masks=masks[:, kept].astype(np.float32), column=column[kept], at_least=at_least[kept], cut=cut[kept])


def best(found: Candidates, member: Bools, *, rows: Ints, most: int) -> list[tuple[int, ...]]:
    """The best conjunction of 1, 2, ... `most` candidates on some rows: positions of the candidates.

    Parameters
    ----------
    member : (n,) the group. rows : (r,) rows that are looked at.
    """
    masks = found.masks[rows]
    inside = member[rows].astype(np.float32)
    positives, n = float(inside.sum()), float(rows.size)
    beam: list[tuple[int, ...]] = [()]
    winners: list[tuple[int, ...]] = []
    for _ in range(most if found.cut.size else 0):
        now = np.stack([masks[:, list(kept)].all(axis=1) if kept else np.ones(rows.size, dtype=bool) for kept in beam])
        called = now.astype(np.float32)
        hits, total = (called * inside) @ masks, called @ masks
        score = _matthews(hits.astype(np.float64), total.astype(np.float64), sizes=(positives, n))
        grown: dict[tuple[int, ...], float] = {}
        for flat in np.argsort(-score, axis=None, kind="stable")[: 6 * BEAM]:
            parent, added = divmod(int(flat), masks.shape[1])
            grown.setdefault(tuple(sorted({*beam[parent], added})), float(score[parent, added]))
        beam = sorted(grown, key=lambda kept: (-grown[kept], kept))[:BEAM]
        winners.append(beam[0])
    return winners


def _matthews(hits: Floats, total: Floats, *, sizes: tuple[float, float]) -> Floats:
    """Matthews' correlation of calls with a group, -1 to 1; 0 where everybody or nobody is called."""
    positives, n = sizes
    spread = total * (n - total) * positives * (n - positives)
    return np.asarray((hits * n - total * positives) / np.sqrt(np.where(spread > 0, spread, np.inf)), dtype=np.float64)


def matthews(called: Bools, member: Bools) -> float:
    """Matthews' correlation of calls (n,) with a group (n,)."""
    hits, total = np.array(float((called & member).sum())), np.array(float(called.sum()))
    return float(_matthews(hits, total, sizes=(float(member.sum()), float(member.size))))


def chosen(found: Candidates, member: Bools, *, rows: Ints, most: int, seed: int) -> tuple[int, ...]:
    """The conjunction fitted on `rows`, its length chosen by cross-validation within them.

    The shortest one whose cross-validated correlation is within WORTH of the best length's.
    """
    winners = best(found, member, rows=rows, most=most)
    if len(winners) < 2:
        return winners[0] if winners else ()
    own = member[rows]
    fold = stratified_folds(own, folds=FOLDS, seed=seed)
    called = np.zeros((len(winners), rows.size), dtype=bool)
    for k in range(FOLDS):
        out = fold == k
        if not out.any():
            continue
        fitted = best(found, member, rows=rows[~out], most=most)
        for length, kept in enumerate(fitted):
            called[length, out] = found.masks[np.ix_(rows[out], list(kept))].all(axis=1)
    scores = [matthews(row, own) for row in called]
    return winners[next(k for k, score in enumerate(scores) if score >= max(scores) - WORTH)]


def sample(member: Bools, *, columns: int, seed: int) -> Ints:
    """Rows to search: all, or where that is too many a seeded sample with the same share of members."""
    room = max(MOST_CELLS // max(columns * CUTS.size * 2, 1), 500)
    if member.size <= room:
        return np.arange(member.size)
    rng = np.random.default_rng([seed, 3])
    share = room / member.size
    parts = []
    for side in (np.flatnonzero(member), np.flatnonzero(~member)):
        parts.append(rng.choice(side, size=min(side.size, max(round(side.size * share), 100)), replace=False))
    return np.sort(np.concatenate(parts))


def search(x: Floats, member: Bools, *, most: int = 3, seed: int = 0) -> tuple[Found, Ints, Bools]:
    """The rule, the rows that were searched, and what rules that never saw a row say of it.

    Parameters
    ----------
    x : (n, p) standardised features, nan = missing. member : (n,).

    Returns
    -------
    conditions : 1 to `most`, or none where no feature splits the rows. rows : (r,). out_of_fold : (r,) calls of rules
        made, length and all, on the other folds.
    """
    rows = sample(member, columns=x.shape[1], seed=seed)
    part, own = x[rows], member[rows]
    found = candidates(part)
    every = np.arange(rows.size)
    final = chosen(found, own, rows=every, most=most, seed=seed)
    fold = stratified_folds(own, folds=FOLDS, seed=seed + 1)
    said = np.zeros(rows.size, dtype=bool)
    for k in range(FOLDS):
        out = fold == k
        if out.any():
            kept = chosen(found, own, rows=every[~out], most=most, seed=seed)
            said[out] = found.masks[np.ix_(every[out], list(kept))].all(axis=1)
    order = sorted(final, key=lambda c: (int(found.column[c]), bool(found.at_least[c])))
    return tuple((int(found.column[c]), bool(found.at_least[c]), float(found.cut[c])) for c in order), rows, said
