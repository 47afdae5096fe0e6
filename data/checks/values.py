"""Checks of single columns: constants, imputed values, placeholders, spellings."""

from __future__ import annotations

from itertools import combinations

import polars as pl

from data.checks.check import Check, Result, Subject, absent, ids, some, verdict
from data.schema import PATIENT

LEAST_PATIENTS = 20
BY_DESIGN = frozenset({
    "cancer_type", "drug", "drug_class", "arm", "cohort", "histology", "sample_site", "sex", "stage", "prior_ctla4",
    "prior_systemic_therapy", "prior_platinum", "treatment_year", "molecular_subtype",
})  # fmt: skip
"""Columns that a trial's eligibility can hold constant."""
CONTINUOUS = (
    "age_years", "tmb_per_mb", "albumin_g_per_dl", "nlr", "platelets_per_nl", "haemoglobin_g_per_dl", "bmi", "hed",
    "mutation_count", "neoantigen_count", "neoantigen_per_mb",
)  # fmt: skip
MODE_SHARE = 0.4
PLACEHOLDERS = (-1.0, -9.0, -99.0, -999.0, 999.0, 9999.0, 99999.0)
NOTHING_WORDS = frozenset({
    "", "na", "n/a", "nan", "null", "none", "unknown", "not available", "not reported", "not evaluated", "[not available]", "[unknown]",
    ".", "-", "?", "missing", "undefined", "#n/a", "#value!", "#ref!", "#name?",
})  # fmt: skip
NOTHING_MEANS_NONE = {"til_pattern": frozenset({"none"})}
"""Words that are an observation in their column."""
CATEGORIES = tuple(column.name for column in PATIENT.columns if column.kind == "category" and column.name != "cohort")
NUMBERS = tuple(column.name for column in PATIENT.columns if column.kind in {"number", "time"})


def _constant(subject: Subject) -> Result:
    found, looked = [], 0
    names = [c.name for c in PATIENT.columns if c.kind in {"number", "flag", "category"} and c.name not in BY_DESIGN]
    for (cohort,), part in subject.patients.group_by("cohort", maintain_order=True):
        for name in names:
            known = part[name].drop_nulls()
            if known.len() < LEAST_PATIENTS or name in {"recist", "response"}:
                continue
            looked += 1
            if known.n_unique() == 1:
                found.append(f"{name} of {cohort} ({known[0]})")
    if not looked:
        return absent(f"no column known for {LEAST_PATIENTS} patients")
    return verdict(
        found, wrong=f"{{n}} columns have one value for everyone: {some(found)}", right="no column is constant"
    )


def _imputed(subject: Subject) -> Result:
    found, looked = [], 0
    rows: list[str] = []
    for (cohort,), part in subject.patients.group_by("cohort", maintain_order=True):
        for name in CONTINUOUS:
            known = part.drop_nulls(name)
            if known.height < LEAST_PATIENTS:
                continue
            looked += 1
            top = known[name].value_counts(sort=True).row(0)
            if top[1] > MODE_SHARE * known.height and known[name].n_unique() > 1 and top[0] != 0:
                found.append(f"{name} of {cohort}: {top[1]} of {known.height} are {top[0]:g}")
                rows += ids(known.filter(pl.col(name) == top[0]))
            elif known[name].n_unique() == 1:
                found.append(f"{name} of {cohort}: all {known.height} are {top[0]:g}")
                rows += ids(known)
    if not looked:
        return absent(f"no continuous column known for {LEAST_PATIENTS} patients")
    return verdict(rows, wrong=f"a value that looks imputed: {some(found)}", right="no value is held by many")


def _placeholder(subject: Subject) -> Result:
    found, where = [], []
    present = [name for name in NUMBERS if subject.known(name).height]
    if not present:
        return absent("no numbers")
    for name in present:
        odd = subject.patients.filter(pl.col(name).is_in(PLACEHOLDERS) | ~pl.col(name).is_finite())
        # 999 mutations are a count like any other
        if name in {"mutation_count", "neoantigen_count", "platelets_per_nl"}:
            odd = odd.filter(pl.col(name) < 0)
        if odd.height:
            where.append(f"{name} {odd[name][0]:g}")
            found += ids(odd)
    return verdict(
        found, wrong=f"{{n}} patients have a number that stands for missing ({some(where)})", right="none seen"
    )


def _missing_words(subject: Subject) -> Result:
    found, where = [], []
    present = [name for name in CATEGORIES if subject.known(name).height]
    if not present:
        return absent("no categories")
    for name in present:
        words = NOTHING_WORDS - NOTHING_MEANS_NONE.get(name, frozenset())
        odd = subject.patients.filter(pl.col(name).str.strip_chars().str.to_lowercase().is_in(sorted(words)))
        if odd.height:
            where.append(f"{name} '{odd[name][0]}'")
            found += ids(odd)
    return verdict(
        found, wrong=f"{{n}} patients have a word that stands for missing ({some(where)})", right="none seen"
    )


def _spelling(subject: Subject) -> Result:
    found, rows = [], []
    present = [name for name in CATEGORIES if subject.known(name).height]
    if not present:
        return absent("no categories")
    for name in present:
        counts = dict(subject.patients[name].drop_nulls().value_counts().iter_rows())
        for one, other in combinations(sorted(counts), 2):
            if _same_word(one, other, counts=counts):
                found.append(f"{name}: '{one}' and '{other}'")
                rarer = min((one, other), key=lambda word: counts[word])
                rows += ids(subject.patients.filter(pl.col(name) == rarer))
    return verdict(rows, wrong=f"spellings of one word: {some(found, 3)}", right="every word has one spelling")


def _same_word(one: str, other: str, *, counts: dict[str, int]) -> bool:
    folded = ["".join(ch for ch in word.casefold() if ch.isalnum()) for word in (one, other)]
    if folded[0] == folded[1] and folded[0]:
        return not (set("+-") & set(one + other))
    rare, common = sorted((counts[one], counts[other]))
    if rare > 0.1 * common or min(map(len, folded)) < 6 or any(ch.isdigit() for ch in one + other):
        return False
    return _one_edit(*folded)


def _one_edit(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    return short[at:] == long[at + 1 :] or short[at + 1 :] == long[at + 1 :]


CHECKS = (
    Check(id="constant_column", title="No column is constant", judge=_constant,
          about="A column with one value carries no information; it may be filled in, or read from the wrong place."),
    Check(id="imputed_value", title="No continuous value is held by many", judge=_imputed,
          about="One exact value in two fifths of patients is a default or an imputed mean; it is not a measurement."),
    Check(id="placeholder_number", title="No number stands for missing", judge=_placeholder,
          about="-1, 999 or infinity in a number column enters every mean and every model."),
    Check(id="missing_word", title="No word stands for missing", judge=_missing_words,
          about="'unknown' or 'NA' as text becomes a group of its own."),
    Check(id="spelling", title="Categories are spelled one way", judge=_spelling,
          about="Two spellings of one category split its patients."),
)  # fmt: skip
