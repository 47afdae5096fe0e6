"""Checks of what is missing, and for whom."""

from __future__ import annotations

import math

import polars as pl

from data.checks.check import Check, Result, Subject, absent, failed, passed, some, verdict
from data.schema import PATIENT

KINDS = frozenset({"number", "category", "flag"})
OUTCOMES = frozenset({"recist", "response", "cohort"})
LEAST_PATIENTS = 40
LEVEL = 0.01
"""Family-wise error over all columns of a study (Bonferroni)."""
LEAST_DIFFERENCE = 0.10


def chi_square_2x2(a: int, b: int, *, c: int, d: int) -> float:
    """P value of Pearson's chi-square of the table ((a, b), (c, d)), 1 degree of freedom; 1 where a margin is empty."""
    n, margins = a + b + c + d, (a + b) * (c + d) * (a + c) * (b + d)
    if not margins:
        return 1.0
    statistic = n * (a * d - b * c) ** 2 / margins
    return math.erfc(math.sqrt(statistic / 2))


def _tested() -> list[str]:
    return [column.name for column in PATIENT.columns if column.kind in KINDS and column.name not in OUTCOMES]


def _by_outcome(subject: Subject, outcome: str) -> Result:
    parts = [
        (str(cohort), part)
        for (cohort,), part in subject.known(outcome).group_by("cohort", maintain_order=True)
        if part.height >= LEAST_PATIENTS and part[outcome].n_unique() == 2
    ]
    cells = [
        (cohort, part, name)
        for cohort, part in parts
        for name in _tested()
        if 0 < part[name].null_count() < part.height
    ]
    if not cells:
        return absent(f"no cohort of {LEAST_PATIENTS} with both outcomes and a column that is partly missing")
    found = []
    for cohort, part, name in cells:
        yes, no = part.filter(pl.col(outcome)), part.filter(~pl.col(outcome))
        a, c = yes[name].null_count(), no[name].null_count()
        p = chi_square_2x2(a, yes.height - a, c=c, d=no.height - c)
        difference = a / yes.height - c / no.height
        if p * len(cells) < LEVEL and abs(difference) >= LEAST_DIFFERENCE:
            found.append((name, f"{name} of {cohort} ({a / yes.height:.0%} against {c / no.height:.0%})"))
    words = "responders against non-responders" if outcome == "response" else "deceased against censored"
    return verdict(
        [name for name, _ in found],
        wrong=f"missing more often in one outcome, {words}: {some([text for _, text in found])}",
        right=f"what is missing does not depend on the outcome ({len(cells)} columns tested)",
    )


def _by_response(subject: Subject) -> Result:
    return _by_outcome(subject, "response")


def _by_death(subject: Subject) -> Result:
    return _by_outcome(subject, "os_event")


def _mostly_missing(subject: Subject) -> Result:
    patients = subject.patients
    if patients.height < LEAST_PATIENTS:
        return absent(f"fewer than {LEAST_PATIENTS} patients")
    names = [name for name in _tested() if 0.8 < patients[name].null_count() / patients.height < 1]
    return verdict(
        names, wrong=f"{{n}} columns are missing in over 80% of patients: {some(names)}", right="no such column"
    )


def _clinical(subject: Subject) -> Result:
    patients = subject.patients
    if patients.is_empty():
        return absent("no patients")
    lacking = [PATIENT.column(name).label.lower() for name in ("age_years", "sex", "cancer_type", "drug_class")
               if patients[name].null_count() == patients.height]  # fmt: skip
    if lacking:
        return failed(lacking, f"nobody has {some(lacking)}")
    return passed("age, sex, cancer type and treatment are there")


def _blank_rows(subject: Subject) -> Result:
    if subject.patients.is_empty():
        return absent("no patients")
    skipped = {
        "patient_id",
        "study",
        "cohort",
        "source_id",
        "cancer_type",
        "drug",
        "drug_class",
        "arm",
        "response_definition",
    }
    columns = [name for name in subject.patients.columns if name not in skipped]
    blank = subject.patients.filter(pl.all_horizontal(pl.col(columns).is_null()))
    # a study of images alone has no clinical table at all, which `core_columns` says
    if blank.height == subject.patients.height:
        return absent("no clinical columns")
    return verdict(blank["patient_id"].to_list(), wrong="{n} patients have no value at all", right="no empty row")


CHECKS = (
    Check(id="missing_by_response", title="Missing values do not depend on response", judge=_by_response,
          about="Where a marker is missing more often in responders, complete cases are a biased sample."),
    Check(id="missing_by_death", title="Missing values do not depend on death", judge=_by_death,
          about="Where a marker is missing more often in those who died, its hazard ratio is biased."),
    Check(id="mostly_missing", title="Columns are mostly known", judge=_mostly_missing,
          about="A column known for a few patients describes those few."),
    Check(id="core_columns", title="Age, sex, cancer type and treatment are there", judge=_clinical,
          about="Without them no estimate can be adjusted or compared."),
    Check(id="blank_rows", title="No patient is empty", judge=_blank_rows,
          about="An empty row is often a footnote or a separator of a workbook."),
)  # fmt: skip
