"""Explanation: SHAP values of n patients, with what they must add up to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Additive attributions in the unit of the model's output (log-odds); base + values.sum(1) = output.

    Attributes
    ----------
    values : (n, f). base : (n,) output where nothing is known of the patient but what is held fixed. output : (n,).
    leftover : (n,) output - base - sum of the values as computed, before `closed` spread it; rounding alone is about 1e-15.
    """

    values: Floats
    base: Floats
    output: Floats
    leftover: Floats

    @property
    def residual(self) -> float:
        """Largest |base + sum - output| over the patients."""
        return float(np.abs(self.base + self.values.sum(axis=1) - self.output).max(initial=0.0))

    def closed(self) -> Explanation:
        """The same with the leftover spread over the features in proportion to |value|, so that rows add up exactly.

        `leftover` still says how much was spread.
        """
        size = np.abs(self.values)
        total = size.sum(axis=1, keepdims=True)
        gap = (self.output - self.base - self.values.sum(axis=1))[:, None]
        spread = np.where(total > 0, size / np.where(total > 0, total, 1.0), 0.0) * gap
        return Explanation(values=self.values + spread, base=self.base, output=self.output, leftover=self.leftover)


def explanation(values: Floats, base: Floats | float, output: Floats) -> Explanation:
    """An Explanation whose leftover is computed from its parts."""
    start = np.broadcast_to(np.asarray(base, dtype=np.float64), output.shape).copy()
    return Explanation(values=values, base=start, output=output, leftover=output - start - values.sum(axis=1))
