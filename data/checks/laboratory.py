"""Checks of blood values: unit and range."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import polars as pl

from data.checks.check import Check, Result, Subject, absent, failed, ids, passed
from data.schema import PATIENT

LEAST_PATIENTS = 5


class Range(NamedTuple):
    """Possible values, values that the median of a cohort takes, and what a median outside means."""

    least: float
    most: float
    median_least: float
    median_most: float
    otherwise: str


RANGES = {
    "albumin_g_per_dl": Range(0.8, 6.5, 2.0, 5.5, "the column may be in g/L, ten times as much"),
    "haemoglobin_g_per_dl": Range(3.0, 22.0, 7.0, 17.0, "the column may be in g/L or mmol/L"),
    "platelets_per_nl": Range(5.0, 1500.0, 80.0, 600.0, "the column may be per µL"),
    "nlr": Range(0.05, 150.0, 1.0, 15.0, "the column may hold a neutrophil count or a logarithm"),
}


def _in_range(column: str, subject: Subject) -> Result:
    known, limits, label = subject.known(column), RANGES[column], PATIENT.column(column)
    if known.is_empty():
        return absent(f"no {label.label.lower()}")
    middle = float(known[column].median())  # type: ignore[arg-type]
    text = f"median {middle:.3g} {label.unit}".strip()
    if known.height >= LEAST_PATIENTS and not limits.median_least <= middle <= limits.median_most:
        return failed(ids(known), f"{text}: {limits.otherwise}")
    odd = known.filter(~pl.col(column).is_between(limits.least, limits.most))
    if odd.height:
        worst = f"from {min(odd[column]):.3g} to {max(odd[column]):.3g}"
        return failed(
            ids(odd),
            f"{odd.height:,} values outside {limits.least:g} to {limits.most:g} {label.unit} ({worst}); {text}",
        )
    return passed(text)


def _judge(column: str) -> Callable[[Subject], Result]:
    return partial(_in_range, column)


CHECKS = (
    Check(id="albumin_range", title="Albumin is in g/dL", judge=_judge("albumin_g_per_dl"),
          about="Albumin is 3.5 to 5 g/dL in health. Values ten times as high are in g/L and break every score that uses it."),
    Check(id="haemoglobin_range", title="Haemoglobin is in g/dL", judge=_judge("haemoglobin_g_per_dl"),
          about="Haemoglobin is 12 to 17 g/dL in health."),
    Check(id="platelets_range", title="Platelets are in 10⁹/L", judge=_judge("platelets_per_nl"),
          about="Platelets are 150 to 400 10⁹/L in health."),
    Check(id="nlr_range", title="The neutrophil-to-lymphocyte ratio is possible", judge=_judge("nlr"),
          about="The ratio is 1 to 3 in health, 2 to 10 in most patients; a ratio of 0 or of hundreds is an entry error."),
)  # fmt: skip
