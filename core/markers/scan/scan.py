"""Scan: every marker of a cohort against response or survival, with its interval, its p value and what the number of tests does to it.

Cohorts are never pooled as patients: each is scanned on its own, markers standardised inside it, and the estimates are
pooled (see `meta`). False discovery rate: doi 10.1111/j.2517-6161.1995.tb02031.x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.cohort.query import CohortQuery
from core.errors import NotMeasured, UnknownName
from core.markers import marker as address
from core.markers.measured import ORDERED
from core.markers.scan.effects import FAR, SPLITS, Effects, effects, test_name
from core.markers.scan.many import REASONS, score_p
from core.markers.scan.matrix import KINDS, Matrix, matrix, tables
from core.markers.scan.meta import POOLED_TEST, pooled
from core.markers.scan.multiplicity import benjamini_hochberg
from core.markers.scan.outcome import FEWEST_EVENTS, Outcome, Outcomes, outcomes
from core.survival.kaplan_meier import Z95
from data.store import Store

LEVELS = (0.05, 0.10)
FRAGILE = 10.0
"""How many times the Wald p the score test's must be for a marker with outlying values to be called fragile."""
FEWEST_OF_MARKER = 10
"""Patients of a cohort with a value that a marker needs to be scanned in it."""


_LAST: dict[str, tuple[tuple[object, ...], Outcomes, list[tuple[Outcome, Matrix]]]] = {}
"""What was read last: the permutation of a scan comes right after it and needs the same matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """All markers against one outcome.

    Attributes
    ----------
    table : marker, kind, label, contrast ('per 1 SD', 'upper half', 'yes'), log_ratio, se, effect, ci_low, ci_high,
        p_value, q_value, n, n_missing, events, cohorts, note; then where they apply auc, auc_low, auc_high (response),
        n_high, responders_high, n_low, responders_low (groups), p_random, tau2, i2 (several cohorts). Smallest p first;
        null = not estimable.
    outcome, split, kinds, covariates : what was asked. found : the cohorts. test : name of the test.
    measure : 'HR' or 'OR'. per_cohort : marker, cohort, log_ratio, se, n, events, of several cohorts only.
    """

    table: pl.DataFrame
    per_cohort: pl.DataFrame
    outcome: str
    split: str
    kinds: tuple[str, ...]
    covariates: tuple[str, ...]
    found: Outcomes
    test: str
    measure: str

    @property
    def tested(self) -> int:
        """Markers with a p value."""
        return self.table["p_value"].drop_nulls().len()

    @property
    def pooled(self) -> bool:
        """Whether several cohorts were scanned and their estimates pooled."""
        return len(self.found.cohorts) > 1

    def called(self, level: float) -> pl.DataFrame:
        """Markers at a false discovery rate."""
        return self.table.filter(pl.col("q_value") <= level)


def scan(
    store: Store, query: CohortQuery, *, outcome: str = "response", kinds: Sequence[str] = KINDS, split: str = "sd",
    covariates: Sequence[str] = (),
) -> Scan:  # fmt: skip
    """Scan every marker of a cohort.

    Parameters
    ----------
    outcome : 'response', 'os', 'pfs', 'dss' or 'dfi'. kinds : of markers, see KINDS. split : 'sd' (continuous markers per
        standard deviation), 'rank' (the same of their normal scores) or 'median' (upper against lower half, which costs power). covariates : patient columns that
        every model holds; patients who lack one are left out.

    Estimand: the hazard ratio or odds ratio of each marker, one marker a model. Null hypothesis of each p value: no
    association; q values control the false discovery rate over all markers of the scan.

    Raises
    ------
    UnknownName
        There is no such outcome, kind, split or covariate.
    EmptyCohort, NotMeasured, TooFewPatients
        Nobody matches; no marker of these kinds is measured; no cohort is large enough.
    """
    found, parts = read(store, query, outcome=outcome, kinds=kinds, split=split, covariates=covariates)
    adjusted = any(o.adjusted for o in found.cohorts)
    done = [(o, m, effects(o, m.x, m.binary, split=split, alone=len(parts) == 1)) for o, m in parts]
    table, per_cohort = (_alone(*done[0]), pl.DataFrame()) if len(done) == 1 else pooled(done)
    names = table["marker"].to_list()
    described = pl.DataFrame(
        {
            "marker": names,
            "kind": [name.partition(":")[0] for name in names],
            "label": [name_of(name) for name in names],
        },
        schema={"marker": pl.String, "kind": pl.String, "label": pl.String},
    )
    table = described.join(table, on="marker", how="left", maintain_order="left")
    binary = {name for _, m in parts for name, flag in zip(m.markers, m.binary, strict=True) if flag}
    rest = "upper half" if split == "median" else "per 1 SD"
    q = benjamini_hochberg(table["p_value"].to_numpy())
    table = table.with_columns(
        pl.when(pl.col("marker").is_in(sorted(binary))).then(pl.lit("yes")).otherwise(pl.lit(rest)).alias("contrast"),
        pl.Series("q_value", q),
        (found.n - pl.col("n")).alias("n_missing"),
        (pl.col("outlying") & (pl.col("p_value") <= 0.05) & (pl.col("p_score") > FRAGILE * pl.col("p_value"))).alias(
            "fragile"
        ),
        pl.col("log_ratio").exp().alias("effect"),
    )
    first = (
        "marker", "kind", "label", "contrast", "effect", "ci_low", "ci_high", "p_value", "q_value", "n", "n_missing",
        "events", "cohorts", "note", "p_score", "outlying", "fragile", "log_ratio", "se",
    )  # fmt: skip
    table = table.select(*first, *(c for c in table.columns if c not in first))
    table = table.with_columns(pl.selectors.float().fill_nan(None)).sort(
        "p_value", nulls_last=True, maintain_order=True
    )
    return Scan(
        table=table,
        per_cohort=per_cohort,
        outcome=outcome,
        split=split,
        kinds=tuple(kinds),
        covariates=tuple(covariates),
        found=found,
        test=POOLED_TEST if len(done) > 1 else test_name(outcome, split, adjusted=adjusted),
        measure="OR" if outcome == "response" else "HR",
    )


def name_of(marker: str) -> str:
    """A marker in a list: its label, with the word that counts as 1 where it is one of two ("Sex: male")."""
    label, (kind, name) = address.label(marker), address.address(marker)
    levels = ORDERED.get(name, {}) if kind == "clinical" else {}
    one = next((word for word, value in levels.items() if value == 1), "")
    return f"{label}: {one}" if set(levels.values()) == {0, 1} else label


def read(
    store: Store, query: CohortQuery, *, outcome: str, kinds: Sequence[str], split: str, covariates: Sequence[str]
) -> tuple[Outcomes, list[tuple[Outcome, Matrix]]]:
    """The cohorts that can be scanned, each with its markers; see `scan` for the parameters and errors."""
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownName(f"there is no kind of marker '{kind}' in a scan; there are {', '.join(KINDS)}")
    if split not in SPLITS:
        raise UnknownName(f"there is no split '{split}'; there are {', '.join(SPLITS)}")
    key = (str(store.path), query.key(), outcome, tuple(kinds), tuple(covariates))
    held_back = _LAST.get("read")
    if held_back is not None and held_back[0] == key:
        return held_back[1], held_back[2]
    found = outcomes(store, query, outcome=outcome, covariates=covariates)
    parts = []
    for study in dict.fromkeys(o.study for o in found.cohorts):
        held = tables(store, query, study, kinds=kinds)
        for one in found.cohorts:
            if one.study == study:
                made = matrix(held, one.patients, kinds=kinds, fewest=FEWEST_OF_MARKER, side=FEWEST_EVENTS)
                if made.markers:
                    parts.append((one, made))
    if not parts:
        raise NotMeasured(
            f"no marker of these kinds ({', '.join(address.KINDS[k].lower() for k in kinds)}) is known for "
            f"{FEWEST_OF_MARKER} patients of {query.describe()}; choose other kinds or another study"
        )
    _LAST["read"] = (key, found, parts)
    return found, parts


def _alone(outcome: Outcome, markers: Matrix, found: Effects) -> pl.DataFrame:
    """The table of one cohort."""
    many = found.many
    return pl.DataFrame(
        {
            "marker": list(markers.markers),
            "log_ratio": many.estimate,
            "se": many.se,
            "ci_low": np.exp(many.estimate - Z95 * many.se),
            "ci_high": np.exp(many.estimate + Z95 * many.se),
            "p_value": found.p_value,
            "n": found.n,
            "events": found.events,
            "cohorts": np.ones(len(markers.markers), dtype=np.int64),
            "sd": found.sd,
            "p_score": score_p(found.score, found.score_variance),
            "outlying": found.farthest > FAR,
            "note": [REASONS[int(code)] for code in many.reason],
            **found.described,
        }
    )
