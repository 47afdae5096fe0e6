"""Study size: the answer of a sample-size calculation, and what all of them share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from core.errors import UnknownName

MOST = 200_000
"""Patients beyond which a study is not computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """An answer; see `core.markers.cutoff.sample_size`.

    Attributes
    ----------
    question : what the study can then say. patients : in total, unusable ones included; usable : without them.
    needed : (what, how many) the formula asks for, before it is turned into patients: "responders", "events".
    power : reached with that number, nan for a precision. formula, doi : of the method. assumptions : sentences.
    """

    question: str
    patients: int
    usable: int
    needed: tuple[tuple[str, int], ...]
    power: float
    formula: str
    doi: str
    assumptions: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The answer in words."""
        parts = " and ".join(f"{n:,} {what}" for what, n in self.needed)
        return f"{self.patients:,} patients ({parts}) {self.question}."


def made(
    question: str,
    *,
    usable: float,
    needed: tuple[tuple[str, int], ...],
    unusable: float,
    formula: str,
    doi: str,
    assumptions: tuple[str, ...],
    power: float = float("nan"),
) -> SampleSize:
    """Round up, add the patients that cannot be used, and refuse a study that nobody runs.

    Raises
    ------
    UnknownName
        The unusable share is not from 0 up to 1, or over 200,000 patients would be needed.
    """
    if not 0 <= unusable < 1:
        raise UnknownName(f"the share of unusable patients is {unusable:g}; give one from 0 up to, but not, 1")
    total = usable / (1 - unusable)
    if total > MOST:
        raise UnknownName(f"over {MOST:,} patients would be needed; relax the width, the power or the effect")
    lost = (f"{percent(unusable)} of patients cannot be used",) if unusable else ()
    return SampleSize(
        question=question, patients=up(total), usable=up(usable), needed=needed, power=power, formula=formula, doi=doi,
        assumptions=(*assumptions, *lost),
    )  # fmt: skip


def z_sum(power: float, alpha: float) -> float:
    """Sum of the two normal quantiles of a two-sided test."""
    return NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)


def power_of(shift: float, alpha: float) -> float:
    """Power of a two-sided normal test whose statistic has mean `shift`."""
    return NormalDist().cdf(shift - NormalDist().inv_cdf(1 - alpha / 2))


def up(value: float) -> int:
    """Rounded up."""
    return math.ceil(value - 1e-9)


def percent(share: float) -> str:
    """A share in words."""
    return f"{100 * share:.3g}%"


def shares(**values: float) -> None:
    """Refuse what is not a share strictly between 0 and 1."""
    for name, value in values.items():
        if not (math.isfinite(value) and 0 < value < 1):
            raise UnknownName(f"{name.replace('_', ' ')} is {value:g}; give a share between 0 and 1, such as 0.8")


def positive_ratio(value: float, what: str) -> None:
    """Refuse what is not a positive number other than 1."""
    if not (math.isfinite(value) and value > 0 and abs(math.log(value)) > 1e-9):
        raise UnknownName(f"the {what} is {value:g}; give a positive number other than 1, such as 0.6")
