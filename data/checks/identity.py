"""Checks of who is who: repeated people, repeated ids, rows that belong to nobody, direct identifiers."""

from __future__ import annotations

import re

import polars as pl

from data.checks.check import Check, Result, Subject, absent, failed, ids, passed, some, verdict

TELLING = (
    "age_years", "tmb_per_mb", "os_months", "pfs_months", "albumin_g_per_dl", "nlr", "mutation_count", "neoantigen_count",
    "purity", "ploidy", "fcna", "hed", "platelets_per_nl", "haemoglobin_g_per_dl", "bmi",
)  # fmt: skip
"""Numbers fine enough that two people seldom share several."""
LEAST_TELLING = 4
"""Equal numbers needed, all that both rows know: three of these coincide by chance in a thousand patients."""
PERSONAL = {
    "e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE),
    "social security number": re.compile(r"\b\d{3}-\d{2}-\d{4}\b"),
    "telephone number": re.compile(r"(?:\+\d{1,3}[ -]?)?\(?\b\d{3}\)?[ -]\d{3}[ -]\d{4}\b"),
    "date": re.compile(r"\b(?:19|20)\d{2}-[01]\d-[0-3]\d\b|\b[0-3]?\d[./][01]?\d[./](?:19|20)\d{2}\b"),
    "internet address": re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|https?://", re.IGNORECASE),
}


def twins(patients: pl.DataFrame, *, least: int = LEAST_TELLING) -> pl.DataFrame:
    """Rows equal to another one in every telling number, at least `least` of which are known. Adds column `twin`."""
    numbers = [name for name in TELLING if name in patients.columns and patients[name].null_count() < patients.height]
    if len(numbers) < least or patients.is_empty():
        return patients.head(0).with_columns(twin=pl.lit(None, dtype=pl.String))
    rounded = [pl.col(name).round(6).alias(f"_{name}") for name in numbers]
    known = pl.sum_horizontal([pl.col(name).is_not_null() for name in numbers])
    also = [pl.col("sex").fill_null("?").alias("_sex"), pl.col("os_event").alias("_event")]
    keyed = patients.filter(known >= least).with_columns(*rounded, *also)
    keys = [f"_{name}" for name in numbers] + ["_sex", "_event"]
    return (
        keyed.with_columns(_n=pl.len().over(keys), twin=pl.col("patient_id").first().over(keys))
        .filter(pl.col("_n") > 1)
        .drop([*keys, "_n"])
    )


def _duplicates(subject: Subject) -> Result:
    if subject.patients.is_empty():
        return absent("no patients")
    numbers = [name for name in TELLING if subject.known(name).height]
    if len(numbers) < LEAST_TELLING:
        return absent(f"fewer than {LEAST_TELLING} telling numbers a patient")
    found = twins(subject.patients)
    pairs = found["twin"].n_unique() if found.height else 0
    return verdict(
        ids(found),
        wrong=f"{{n}} rows are equal to another one in all of their numbers ({pairs:,} groups)",
        right=f"no two rows are equal in all of {len(numbers)} numbers",
    )


def _numbered(subject: Subject) -> Result:
    known = subject.known("source_id")
    if known.is_empty():
        return absent("no source ids")
    stem = pl.col("source_id").str.replace(r"[_.\-]\d{1,2}$", "")
    second = known.filter((stem != pl.col("source_id")) & stem.is_in(known["source_id"].implode()))
    same = known.select("source_id", "os_months").rename({"source_id": "stem", "os_months": "first_os"})
    second = (
        second.with_columns(stem=stem).join(same, on="stem").filter(pl.col("os_months").eq_missing(pl.col("first_os")))
    )
    return verdict(
        ids(second),
        wrong="{n} rows have the id of another row with a number added, and its survival: one person counted twice",
        right="no id is another id with a number added",
    )


def _ids_restart(subject: Subject) -> Result:
    known = subject.known("source_id")
    if known.is_empty():
        return absent("no source ids")
    again = known.filter(pl.col("source_id").is_duplicated())
    if again.height:
        where = sorted(set(again["cohort"].drop_nulls()))
        return failed(ids(again), f"{again.height:,} patients share a source id with another one (in {some(where)})")
    return passed(f"{known.height:,} source ids, each once")


def _id_form(subject: Subject) -> Result:
    known = subject.known("source_id")
    if known.is_empty():
        return absent("no source ids")
    tidy = pl.col("source_id").str.strip_chars()
    folded = tidy.str.to_lowercase()
    odd = known.filter(
        (tidy != pl.col("source_id"))
        | (tidy == "")
        | (folded.is_duplicated().over("cohort") & ~pl.col("source_id").is_duplicated().over("cohort"))
    )
    return verdict(
        ids(odd), wrong="{n} ids are blank, padded, or differ from another in case alone", right="ids are tidy"
    )


def _orphans(subject: Subject) -> Result:
    if subject.patients.is_empty():
        return absent("no patients")
    known = set(subject.patients["patient_id"])
    found, where = [], []
    for name, frame in subject.tables.items():
        if name == "patient" or "patient_id" not in frame.columns:
            continue
        missing = [i for i in frame["patient_id"].drop_nulls().unique(maintain_order=True) if i not in known]
        if missing:
            where.append(f"{name} {len(missing):,}")
            found += missing
    for matrix in subject.expression:
        missing = [i for i in dict.fromkeys(matrix.patients) if i not in known]
        if missing:
            where.append(f"expression {matrix.assay} {len(missing):,}")
            found += missing
    return verdict(
        found, wrong=f"{{n}} ids are not in the patient table ({some(where)})", right="every row has its patient"
    )


def _several_samples(subject: Subject) -> Result:
    bulk = subject.bulk()
    if not bulk:
        return absent("no expression of patients' samples")
    found = [p for matrix in bulk for p in matrix.patients if list(matrix.patients).count(p) > 1]
    return verdict(
        found, wrong="{n} patients have several samples in one assay", right="one sample a patient in each assay"
    )


def _personal(subject: Subject) -> Result:
    if subject.patients.is_empty():
        return absent("no patients")
    found, where = [], []
    text = [name for name, dtype in subject.patients.schema.items() if dtype == pl.String]
    for name in text:
        if name in {"patient_id", "study", "cohort", "response_definition"}:
            continue
        values = subject.patients[name].drop_nulls().unique().to_list()
        for kind, pattern in PERSONAL.items():
            hits = [value for value in values if pattern.search(value)]
            if hits:
                where.append(f"{kind} in {name}")
                found += ids(subject.patients.filter(pl.col(name).is_in(hits)))
    return verdict(
        found, wrong=f"{{n}} patients have what looks like a direct identifier: {some(where)}", right="none seen"
    )


CHECKS = (
    Check(id="duplicate_patients", title="No patient appears twice", judge=_duplicates,
          about="Rows equal in every number are one person twice, which narrows every interval."),
    Check(id="numbered_ids", title="One row a person, not a sample", judge=_numbered,
          about="An id that is another one with a number added is often a second tumour of the same person, whose outcome "
                "then counts twice."),
    Check(id="ids_restart", title="Ids do not restart", judge=_ids_restart,
          about="Ids that start again in each sheet or cohort join the wrong rows; the cohort must be part of the id."),
    Check(id="id_form", title="Ids are tidy", judge=_id_form,
          about="Padded or differently cased ids fail to join."),
    Check(id="orphan_rows", title="Every row belongs to a patient", judge=_orphans,
          about="Samples without a clinical row add nothing; they may be a typing error in an id."),
    Check(id="several_samples", title="One sample a patient in each assay", judge=_several_samples,
          about="Several samples of one patient are not independent; only the first is scored."),
    Check(id="direct_identifiers", title="No direct identifiers", judge=_personal,
          about="Names, dates, addresses and numbers of persons must not be in a research database."),
)  # fmt: skip
