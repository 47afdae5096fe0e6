"""Patients that two cohorts seem to share: the same id, exact matches and near matches over several columns.

Anonymised tables cannot prove that two rows are one person. What can be said is how many rows agree on many measured
values, and how many such agreements chance alone would give: the rate at which two *different* patients of one cohort
agree by the same rule, times the number of pairs compared between the cohorts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from core.cohort.row_pairs import LEAST, LEAST_NUMBERS, ROUNDING, SHARES, Rule, best_matches, by_chance, coded, units
from core.errors import NotMeasured
from core.groups import label_of

BASELINE = (
    "age_years", "sex", "cancer_type", "stage", "treatment_year", "drug_class", "bmi", "tmb_per_mb", "mutation_count",
    "neoantigen_count", "albumin_g_per_dl", "nlr", "platelets_per_nl", "haemoglobin_g_per_dl", "fcna", "hla_loh", "hed",
    "msi_high", "prior_systemic_therapy", "pdl1_tps_percent", "purity", "ploidy",
)  # fmt: skip
"""Columns measured before the outcome: a check that uses only these reads no validation label."""
OUTCOMES = ("os_months", "os_event", "pfs_months", "pfs_event", "response")
"""Columns that tell patients apart well, but are the labels of a validation."""
TOLERANCE = 0.01
TABLE = {
    "patient": pl.String, "other": pl.String, "kind": pl.String, "agreed": pl.Int64, "compared": pl.Int64,
    "differs": pl.String,
}  # fmt: skip
COUNTER = re.compile(r"\D*\d{0,4}")
"""An id that only counts rows ("12", "Pt12"): no evidence that two patients are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What two cohorts seem to share.

    Attributes
    ----------
    same_id, exact, near : patients of b who have, in a: a patient with the same id; else one that agrees exactly on
        every column known in both; else one that agrees nearly (see `shared_patients`).
    expected_exact, expected_near : how many patients of b chance alone would match exactly, or nearly.
        expected_known : False = no two patients of one of the cohorts match, so that a product over columns stood in.
    may_differ : share of the compared columns on which a near match may disagree.
    n_a, n_b : patients. columns : compared. tolerance : relative, of a near number.
    table : one row a matched patient of b: patient, other (best match in a), kind, agreed, compared, differs (labels).
    sentence : all of it in words.
    """

    same_id: int
    exact: int
    near: int
    expected_exact: float
    expected_near: float
    expected_known: bool
    may_differ: float
    n_a: int
    n_b: int
    columns: tuple[str, ...]
    tolerance: float
    table: pl.DataFrame
    sentence: str

    @property
    def shared(self) -> int:
        """Patients of b with any match."""
        return self.same_id + self.exact + self.near

    @property
    def beyond_chance(self) -> bool:
        """A shared id; or more matches than chance gives (Poisson, one-sided p under .001) where chance gives under one."""
        return self.same_id > 0 or any(
            expected < 1 and _tail(found, expected) < 0.001
            for found, expected in ((self.exact, self.expected_exact), (self.exact + self.near, self.expected_near))
        )


def shared_patients(
    a: pl.DataFrame, b: pl.DataFrame, *, columns: Sequence[str] = BASELINE, tolerance: float = TOLERANCE
) -> Overlap:
    """Patients of b that look like patients of a.

    Parameters
    ----------
    a, b : one row a patient; `patient_id` is used where both have it. columns : compared where both frames have the
        column with at least one value; a numeric column counts as a number, any other as a word.
    tolerance : two numbers nearly agree when they differ by at most this share of the larger, or by one unit of the
        last decimal that the coarser cohort records (67 and 67.9 years nearly agree where one cohort has whole years).

    A match takes 4 columns known in both rows, 2 of them numbers. Exact: all of them equal (numbers to 6 decimals).
    Near: at most one in five of them disagrees, words by being different, numbers by not nearly agreeing; one in ten,
    or none, where the looser rule would give a match or more by chance. The choice looks at each cohort by itself, so
    that it cannot be led by what is found between them.

    Expected by chance: the rate at which two different patients of one cohort match by the same rule, times the pairs,
    as patients of b with at least one (`core.cohort.row_pairs.by_chance`). Were patients listed twice within a cohort
    the expectation would be too high, so that an overlap is understated rather than invented.

    Raises
    ------
    NotMeasured
        Fewer than 4 columns, or 2 numbers, are known in both cohorts and no patient shares an id.
    """
    used = [name for name in dict.fromkeys(columns) if _known(a, name) and _known(b, name)]
    numbers = [name for name in used if a[name].dtype.is_numeric() and b[name].dtype.is_numeric()]
    same = _same_ids(a, b)
    comparable = len(used) >= LEAST and len(numbers) >= LEAST_NUMBERS and a.height > 0 and b.height > 0
    if not comparable:
        if not same and a.height and b.height:
            raise NotMeasured(
                f"the two cohorts have {len(used)} columns in common, {len(numbers)} of them numbers; looking for shared "
                f"patients takes {LEAST} and {LEAST_NUMBERS}"
            )
        return _summed(a, b, rule=((), tolerance, 0.0), found=({}, same), expected=((0.0, True), (0.0, True)))
    left, right = coded(a, b, used=used, numbers=numbers)
    compare = Rule(used=tuple(used), numbers=frozenset(numbers), units=units(a, b, numbers), tolerance=tolerance)
    chance = by_chance(left, right, compare)
    share = next((d for d in SHARES if chance[d][0] < 1), 0.0)
    return _summed(
        a, b, rule=(tuple(used), tolerance, share), found=(best_matches(left, right, rule=compare, share=share), same),
        expected=(chance[None], chance[share]),
    )  # fmt: skip


def _known(frame: pl.DataFrame, name: str) -> bool:
    return name in frame.columns and frame[name].null_count() < frame.height


def _same_ids(a: pl.DataFrame, b: pl.DataFrame) -> dict[int, int]:
    """Row of b -> row of a with the same id; ids that only count rows are not compared across studies."""
    if "patient_id" not in a.columns or "patient_id" not in b.columns:
        return {}
    whole = {str(v): i for i, v in enumerate(a["patient_id"].to_list()) if v is not None}
    ends = {tail: i for v, i in whole.items() if not COUNTER.fullmatch(tail := v.rpartition(":")[2])}
    found = {}
    for j, v in enumerate(b["patient_id"].to_list()):
        if v is None:
            continue
        place = whole.get(str(v), ends.get(str(v).rpartition(":")[2]))
        if place is not None:
            found[j] = place
    return found


def _tail(found: int, expected: float) -> float:
    """P(at least this many | Poisson mean)."""
    if found == 0:
        return 1.0
    from scipy.special import gammainc

    return float(gammainc(found, max(expected, 1e-12)))


def _summed(
    a: pl.DataFrame,
    b: pl.DataFrame,
    *,
    rule: tuple[tuple[str, ...], float, float],
    found: tuple[dict[int, tuple[int, bool, int, int]], dict[int, int]],
    expected: tuple[tuple[float, bool], tuple[float, bool]],
) -> Overlap:
    best, same = found
    used, tolerance, share = rule
    rows = []
    for j in sorted({*best, *same}):
        i, exact, alike, compared = best.get(j, (same.get(j, 0), False, 0, 0))
        kind = "same id" if j in same else "exact" if exact else "near"
        i = same.get(j, i)
        rows.append((_name(b, j), _name(a, i), kind, alike, compared, _differs(a, b, rows=(i, j), used=used)))
    table = pl.DataFrame(rows, schema=TABLE, orient="row")
    kinds = table["kind"].to_list()
    counts = (kinds.count("same id"), kinds.count("exact"), kinds.count("near"))
    return Overlap(
        same_id=counts[0], exact=counts[1], near=counts[2], expected_exact=expected[0][0], expected_near=expected[1][0],
        expected_known=expected[0][1] and expected[1][1], may_differ=share, n_a=a.height, n_b=b.height, columns=used,
        tolerance=tolerance, table=table, sentence=_sentence(counts, (a.height, b.height), expected=expected, rule=rule),
    )  # fmt: skip


def _name(frame: pl.DataFrame, row: int) -> str:
    return str(frame["patient_id"][row]) if "patient_id" in frame.columns else f"row {row + 1}"


def _differs(a: pl.DataFrame, b: pl.DataFrame, *, rows: tuple[int, int], used: Sequence[str]) -> str:
    """Labels of the columns on which two rows are known and not equal."""
    i, j = rows
    differing = []
    for name in used:
        x, y = a[name][i], b[name][j]
        if x is None or y is None or x == y:
            continue
        if isinstance(x, float) and isinstance(y, float) and abs(x - y) < 0.5 * 10.0**-ROUNDING:
            continue
        differing.append(label_of(name).lower())
    return ", ".join(differing)


def _sentence(
    counts: tuple[int, int, int],
    sizes: tuple[int, int],
    *,
    expected: tuple[tuple[float, bool], tuple[float, bool]],
    rule: tuple[tuple[str, ...], float, float],
) -> str:
    same, exact, near = counts
    used, tolerance, share = rule
    said = (
        f"Of {sizes[1]:,} patients, {same:,} {'has' if same == 1 else 'have'} the id of one of the other {sizes[0]:,}"
    )
    if not used:
        return f"{said}; too few columns are known in both cohorts to compare patients without an id."
    free = f"one column in {1 / share:.0f} free to differ" if share else "no column free to differ"
    weak = ""
    if expected[1][0] >= 1:
        weak = " These columns are too few or too coarse to tell patients apart: near matches are no evidence here."
    return (
        f"{said}, {exact:,} {'agrees' if exact == 1 else 'agree'} with one exactly ({_few(expected[0])} expected by chance) "
        f"and {near:,} nearly ({_few(expected[1])} by chance). Compared: {len(used)} columns where known in both, at least {LEAST}; "
        f"nearly = numbers within {tolerance:.0%} or one unit of the coarser cohort's last decimal, {free}.{weak}"
    )


def _few(chance: tuple[float, bool]) -> str:
    x, known = chance
    text = f"{x:,.0f}" if x >= 9.5 else f"{x:.1f}" if x >= 0.05 else "under 0.1"
    return text if known or x < 0.05 else f"about {text}"
