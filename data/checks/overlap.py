"""Checks across studies: people who appear in more than one.

Studies publish few values of a person, so some people of two studies agree by chance alone. The agreement that is
seen is therefore held against the agreement that is left when one value is shuffled among people of the same sex
and cancer: only what exceeds it counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import polars as pl

from data.checks.check import STORED_ROWS, some
from data.schema import CHECK

ID, TITLE = "patients_across_studies", "No patient is in another study too"
ABOUT = "Pooling studies that share patients counts them twice, and a model tested on one has seen the other."
KEYS: tuple[tuple[str, ...], ...] = (
    ("tmb", "age", "sex", "cancer"),
    ("tmb", "time", "event"),
    ("age", "time", "event", "sex"),
)
"""Values that identify a person together; the first of each is the one that is shuffled."""
LEAST_SHARED, SHUFFLES, STANDARD_ERRORS = 5, 8, 4.0


class Overlap(NamedTuple):
    """Patients of two studies who agree: their ids in each, and how many would by chance."""

    one: list[str]
    other: list[str]
    by_chance: float


def profiles(patients: pl.DataFrame) -> pl.DataFrame:
    """What two studies both tend to publish of one person. Only values that are not shared by everyone count."""
    return patients.select(
        "patient_id",
        tmb=pl.col("tmb_per_mb").round(1),
        age=pl.col("age_years").round(0),
        time=pl.when(pl.col("os_months") > 0).then(pl.col("os_months").round(1)),
        event="os_event",
        sex="sex",
        cancer=pl.col("cancer_type").str.to_lowercase().str.replace_all(r"[^a-z]", ""),
    )


def overlap(one: pl.DataFrame, other: pl.DataFrame) -> Overlap | None:
    """People of two studies who agree more often than by chance, or None. Both frames come from `profiles`."""
    best: Overlap | None = None
    for key in KEYS:
        left, right = one.drop_nulls(key), other.drop_nulls(key)
        if min(left.height, right.height) < LEAST_SHARED:
            continue
        found = left.join(right, on=key, how="semi", maintain_order="left")
        if found.height < LEAST_SHARED:
            continue
        within = [name for name in ("sex", "cancer") if left[name].null_count() < left.height]
        counts = [_shuffled(left, key[0], within, seed=seed).join(right, on=key, how="semi").height
                  for seed in range(SHUFFLES)]  # fmt: skip
        chance = sum(counts) / SHUFFLES
        if found.height - chance < LEAST_SHARED + STANDARD_ERRORS * chance**0.5:
            continue
        if best is None or found.height - chance > len(best.one) - best.by_chance:
            back = right.join(left, on=key, how="semi", maintain_order="left")
            best = Overlap(found["patient_id"].to_list(), back["patient_id"].to_list(), chance)
    return best


def _shuffled(frame: pl.DataFrame, name: str, within: list[str], *, seed: int) -> pl.DataFrame:
    mixed = pl.col(name).shuffle(seed=seed)
    return frame.with_columns(mixed.over(within) if within else mixed)


def across(patients: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Patients of each study who look like one patient of another study.

    Parameters
    ----------
    patients : table `patient` by study.

    Returns
    -------
    Frame of table `check_result`, one row a study.
    """
    made = {study: profiles(frame) for study, frame in patients.items()}
    rows: dict[str, list[str]] = {study: [] for study in made}
    where: dict[str, list[str]] = {study: [] for study in made}
    for one, other in combinations(made, 2):
        found = overlap(made[one], made[other])
        if found is None:
            continue
        for study, name, shared in ((one, other, found.one), (other, one, found.other)):
            rows[study] += shared
            where[study].append(f"{name} ({len(shared):,}, where about {found.by_chance:.0f} would by chance)")
    return CHECK.conform(
        pl.DataFrame([_row(study, rows[study], where[study]) for study in made], schema=CHECK.dtypes).with_columns(
            status=pl.lit("not applicable") if len(made) < 2 else pl.col("status")
        )
    )


def _row(study: str, found: list[str], where: list[str]) -> dict[str, object]:
    unique = list(dict.fromkeys(found))
    detail = (
        f"patients who agree with one of {some(where)}" if unique else "no more agree with other studies than by chance"
    )
    return {
        "study": study,
        "check": ID,
        "title": TITLE,
        "status": "fail" if unique else "pass",
        "n": len(unique),
        "detail": detail,
        "rows": unique[:STORED_ROWS],
    }
