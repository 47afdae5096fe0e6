"""Structure: whether a table holds more than one group, tested against nulls that have the table's correlations.

Statistic: how much better the best mixture of 2 to 5 Gaussians is than one, in BIC; the number of clusters is chosen anew
in every null table, so the p value is corrected for that choice. Null hypothesis: one group, of either shape that
`core.tme.clusters.null` calls right; the p value is the larger of the two (intersection-union test, Berger 1982,
doi 10.1080/00401706.1982.10487790).
Tables are drawn one by one and the drawing ends early where a null keeps winning (Besag and Clifford 1991,
doi 10.1093/biomet/78.2.301).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.tme.clusters import centroid, mixture, null, space

Floats = npt.NDArray[np.float64]

LEVEL = 0.05
TABLES, ENOUGH, CHANCE_TABLES = 59, 5, 19
MOST_ROWS = 800
COUNTS = (2, 3, 4, 5)
STARTS, STEPS = 3, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The test of structure.

    Attributes
    ----------
    p_value : of one group, the larger of the two nulls that keep the correlations. gap : BIC gained over the mean of the
        nearer of these nulls, in its standard deviations. gap_permuted : the same over shuffled features.
    nulls : null, tables, mean, sd, p_value, gap. gain : BIC gained by the table itself. n : rows tested.
    """

    p_value: float
    gap: float
    gap_permuted: float
    gain: float
    n: int
    nulls: pl.DataFrame

    @property
    def found(self) -> bool:
        """Whether one group is rejected at 5%."""
        return self.p_value < LEVEL


def structure(z: Floats, *, weight: Floats, seed: int = 0) -> Structure:
    """Test one group.

    Parameters
    ----------
    z : (n, q) standardised features without gaps. weight : (q,). At most 800 rows are tested, drawn at random.
    """
    rng = np.random.default_rng([seed, 3])
    if z.shape[0] > MOST_ROWS:
        z = z[np.sort(rng.permutation(z.shape[0])[:MOST_ROWS])]
    points = coordinates(z, weight)
    observed = gain(points, seed=seed)
    tails = null.freedom(points)
    shapes = null.Unimodal(z)
    drawers: dict[str, Callable[[np.random.Generator], Floats]] = {
        "elliptical": lambda draw: null.elliptical(z, draw, freedom=tails),
        "unimodal": shapes.draw,
        "permuted": lambda draw: null.permuted(z, draw),
    }
    rows = []
    for number, (name, drawer) in enumerate(drawers.items()):
        chance = name == "permuted"
        gains: list[float] = []
        for table in range(CHANCE_TABLES if chance else TABLES):
            drawn = drawer(np.random.default_rng([seed, 5, number, table]))
            gains.append(gain(coordinates(drawn, weight), seed=seed + table + 1))
            if not chance and sum(value >= observed for value in gains) >= ENOUGH:
                break
        larger = sum(value >= observed for value in gains)
        stopped = not chance and larger >= ENOUGH
        p_value = larger / len(gains) if stopped else (1 + larger) / (len(gains) + 1)
        mean, sd = float(np.mean(gains)), float(np.std(gains, ddof=1))
        rows.append((name, len(gains), mean, sd, p_value, (observed - mean) / max(sd, 1e-9)))
    right = rows[:2]
    schema = ["null", "tables", "mean", "sd", "p_value", "gap"]
    return Structure(
        p_value=max(row[4] for row in right),
        gap=min(row[5] for row in right),
        gap_permuted=rows[2][5],
        gain=observed,
        n=z.shape[0],
        nulls=pl.DataFrame(rows, schema=schema, orient="row"),
    )


def gain(points: Floats, *, seed: int) -> float:
    """BIC of one Gaussian less that of the best mixture of 2 to 5."""
    n, p = points.shape
    one = mixture.bic(mixture.fit(points, np.zeros((1, n), dtype=np.int64), k=1), n)[0]
    best = np.inf
    for k in COUNTS:
        if n < 2 * k * (p + 1) and k > COUNTS[0]:
            break
        rng = np.random.default_rng([seed, 17, k])
        labels = centroid.fit(points, centroid.seeds(points, k, starts=STARTS, rng=rng))[2]
        best = min(best, float(mixture.bic(mixture.fit(points, labels, k=k, steps=STEPS), n).min()))
    return float(one - best)


def coordinates(z: Floats, weight: Floats) -> Floats:
    """Coordinates (n, c) of a complete table, standardised and turned anew, as the table at hand was."""
    centre, scale = space.moments(z)
    table = space.soften((z - centre) / scale) * weight
    axes, offset = space.components(table)
    return np.asarray(table @ axes - offset, dtype=np.float64)
