"""Recommended: which predictor to use, by a rule that prefers the simpler one until a more complex one is shown to be better.

The rule. A predictor qualifies when its paired 95% interval against every simpler predictor, on the patients who have both,
lies above 0. Recommended is the most complex that qualifies; of equally complex ones that with the highest estimate. Chance
counts as the simplest: where its own interval does not lie above one half, none is recommended. On the same patients this
is the highest estimate that no simpler predictor can rival. Every simpler one must be beaten (an intersection-union test:
Berger 1982, doi 10.1080/00401706.1982.10487790), so that their number needs no correction; each more complex candidate is
tested at one-sided 2.5%, and of m of them, none truly better, at most m times 2.5% are recommended by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.finding import Finding
from models import MODULES, card

REFERENCE = "10.1080/00401706.1982.10487790"
TIERS = ("single marker", "published formula", "linear model", "trees", "multimodal model")
"""From simple to complex."""
_TIER_OF: Mapping[str, int] = {
    "elastic_net": 2, "ridge_signatures": 2, "pca_ridge": 2, "ridge_cox": 2, "tmb_clinical": 2, "joint_ridge": 2, "late_fusion": 2,
    "additive_fusion": 2, "transferred": 2, "clinical": 2, "expression": 2, "pathology": 2, "genome": 2, "burden": 2, "neoantigen": 0,
    "gradient_boosting": 3, "multimodal": 4,
}  # fmt: skip
RULE = (
    "Recommended: the most complex predictor whose paired 95% interval against every simpler one lies above 0 on shared patients; of equally "
    f"complex ones the highest estimate; none if it is not shown to beat chance. From simple to complex: {', '.join(TIERS)}."
)
"""The rule as a page states it."""
MOST_OF = 0.5
"""Share of the best-measured predictor's patients that a candidate must have, and of a model's patients that a simpler
predictor must share to be compared with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A predictor with its out-of-sample estimate.

    Attributes
    ----------
    key : of the caller's choice. tier : place in TIERS. estimate, ci95 : AUC or c-index on its own patients. n : patients.
    """

    key: str
    tier: int
    estimate: float
    ci95: tuple[float, float]
    n: int

    @property
    def shown(self) -> bool:
        """Whether it is shown to do better than chance: its 95% interval lies above one half."""
        return self.ci95[0] > 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A candidate against a simpler one on the patients who have both: `difference` = estimate of `one` less of `other`."""

    one: str
    other: str
    difference: Finding

    @property
    def beats(self) -> bool:
        """The 95% interval of the difference lies above 0."""
        return self.low > 0

    @property
    def low(self) -> float:
        """Lower 95% limit of the difference; minus infinity where it has none."""
        low = self.difference.ci95[0] if self.difference.ci95 is not None else float("nan")
        return low if low == low else float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the rule recommends.

    Attributes
    ----------
    picked : where the rule ends, or None where there is no candidate; recommended only if `shown`. qualified : keys of the
        candidates that beat every simpler one. comparisons : every comparison made. candidates : considered, best estimate
        first. left_out : keys with too few patients to be considered.
    """

    picked: Candidate | None
    qualified: frozenset[str]
    comparisons: tuple[Comparison, ...]
    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...]

    def closest(self, key: str) -> Comparison | None:
        """The comparison of a candidate with a simpler one that speaks most against it; None where it has none."""
        mine = [c for c in self.comparisons if c.one == key]
        return min(mine, key=lambda c: (c.beats, c.low), default=None)


def tier(predictor: str) -> int:
    """Place of a predictor in TIERS; of one that is not listed here, from its card."""
    if predictor in _TIER_OF:
        return _TIER_OF[predictor]
    if predictor not in MODULES:
        return len(TIERS) - 1
    about = card(predictor)
    if about.kind == "marker":
        return 0
    words = f"{predictor} {about.label}".lower()
    if any(part in words for part in ("multimodal", "transformer", "foundation")):
        return 4
    if any(part in words for part in ("boost", "tree", "forest")):
        return 3
    return 1 if about.protocol in {"published", "external"} else 2


def choose(candidates: Sequence[Candidate], *, against: Callable[[str, str], Finding | None]) -> Choice:
    """Apply the rule.

    Parameters
    ----------
    candidates : with finite estimates; one measured in fewer than half of the patients of the best-measured one is left out.
    against : (key, simpler key) -> difference of the estimates on shared patients with its paired 95% interval; None where
        they share too few, and then that simpler one has no say. An interval that is nan is not above 0.

    Estimand of each comparison: the estimate of the one less that of the other in the patients who have both. Null
    hypothesis of a qualification: some simpler predictor is at least as good (each tested at one-sided 2.5%; all must be
    rejected). A candidate that shares enough patients with none of the simpler ones does not qualify. Of equal estimates the
    one listed first goes first.

    References
    ----------
    Berger 1982, doi 10.1080/00401706.1982.10487790.
    """
    most = max((c.n for c in candidates), default=0)
    enough = [c for c in candidates if c.n >= MOST_OF * most and c.estimate == c.estimate]
    kept = {c.key for c in enough}
    ranked = sorted(enough, key=lambda c: -c.estimate)
    made: list[Comparison] = []
    qualified: list[Candidate] = []
    for one in ranked:
        simpler = [other for other in ranked if other.tier < one.tier]
        faced = [
            Comparison(one=one.key, other=other.key, difference=difference)
            for other in simpler
            if (difference := against(one.key, other.key)) is not None
        ]
        made += faced
        if all(pair.beats for pair in faced) and (faced or not simpler):
            qualified.append(one)
    return Choice(
        picked=max(qualified, key=lambda c: (c.tier, c.estimate), default=None), qualified=frozenset(c.key for c in qualified),
        comparisons=tuple(made), candidates=tuple(ranked), left_out=tuple(c.key for c in candidates if c.key not in kept),
    )  # fmt: skip
