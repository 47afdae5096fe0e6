"""kBET: in how many neighbourhoods the cohorts are present in the shares that they have overall.

Buettner 2019, doi 10.1038/s41592-018-0254-1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

ALPHA = 0.05
LEAST, MOST = 10, 70


def size(batch: Ints) -> int:
    """Neighbourhood size, the patient itself included: a quarter of the mean cohort, 10 to 70.

    Luecken 2022, doi 10.1038/s41592-021-01336-8.
    """
    mean = batch.size / np.unique(batch).size
    return int(min(max(mean / 4, LEAST), MOST, batch.size))


def accepted(index: Ints, batch: Ints) -> Bools:
    """Neighbourhoods, (n,), in which Pearson's test at .05 does not reject the cohorts' overall shares.

    Parameters
    ----------
    index : (n, k) neighbours, the patient itself included. batch : (n,) codes of the cohorts, from 0.

    Null hypothesis of each test: the neighbourhood is a random draw from all patients. Where that is true everywhere
    about 95% are accepted. Every neighbourhood is tested, not a random tenth as in R kBET, so that there is no seed.

    References
    ----------
    Buettner 2019, doi 10.1038/s41592-018-0254-1.
    """
    from scipy.special import chdtrc

    kinds = int(batch.max()) + 1
    share = np.bincount(batch, minlength=kinds) / batch.size
    k = index.shape[1]
    counted = np.stack([(batch[index] == code).sum(axis=1) for code in range(kinds)], axis=1).astype(np.float64)
    expected = share * k
    statistic = ((counted - expected) ** 2 / np.maximum(expected, 1e-300)).sum(axis=1)
    return np.asarray(chdtrc(max(kinds - 1, 1), statistic) >= ALPHA, dtype=bool)
