"""Pattern: markers that are missing in the same patients are fitted together, on the patients who have them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.markers.scan.many import Bools, Floats, Ints, Many

LEAST = 16
"""Markers that share a pattern before it is worth a fit of its own; the rest are fitted with a mask."""


def patterns(known: Bools) -> list[tuple[Ints | None, Ints]]:
    """Which columns have their values in the same rows.

    Parameters
    ----------
    known : (n, m) bool.

    Returns
    -------
    (rows, columns) of each pattern that at least 16 columns share, rows being those with values; last the other columns
    together, with rows None.
    """
    n, m = known.shape
    packed = np.ascontiguousarray(np.packbits(known, axis=0).T)
    if n == 0 or m == 0:
        return [(None, np.arange(m))]
    _, first, codes, counts = np.unique(
        packed.view([("", packed.dtype)] * packed.shape[1]).ravel(),
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    found: list[tuple[Ints | None, Ints]] = []
    shared = counts >= LEAST
    for code in np.flatnonzero(shared):
        found.append((np.flatnonzero(known[:, first[code]]), np.flatnonzero(codes == code)))
    rest = np.flatnonzero(~shared[codes])
    if rest.size:
        found.append((None, rest))
    return found


def by_pattern(x: Floats, fit: Callable[[Ints | None, Ints], Many]) -> Many | None:
    """Fit pattern by pattern and put the results in the order of the columns.

    Parameters
    ----------
    x : (n, m), nan = missing. fit : given rows (None = all) and columns, their estimates.

    Returns
    -------
    None where all columns are of one kind, so that there is nothing to take apart.
    """
    known = np.isfinite(x)
    if known.all():
        return None
    parts = patterns(known)
    if len(parts) == 1 and parts[0][0] is None:
        return None
    done = [(columns, fit(rows, columns)) for rows, columns in parts]
    names = ("estimate", "se", "statistic", "p_value", "n", "events", "reason")
    whole = {name: np.zeros(x.shape[1], dtype=getattr(done[0][1], name).dtype) for name in names}
    for columns, many in done:
        for name in names:
            whole[name][columns] = getattr(many, name)
    return Many(**whole)
