"""Checks of mutations."""

from __future__ import annotations

import polars as pl

from data.checks.check import Check, Result, Subject, absent, failed, ids, passed, verdict

LEAST_PATIENTS = 10
PER_PATIENT_LIMIT = 20_000


def _vaf(subject: Subject) -> Result:
    known = subject.frame("mutation").drop_nulls("vaf")
    if known.is_empty():
        return absent("no variant allele fractions")
    odd = known.filter(~pl.col("vaf").is_between(0, 1))
    return verdict(
        ids(odd), wrong="{n} patients have a variant allele fraction outside 0 to 1", right="they lie in 0 to 1"
    )


def _repeated(subject: Subject) -> Result:
    mutations = subject.frame("mutation")
    placed = mutations.drop_nulls(["chromosome", "position"])
    if placed.is_empty():
        return absent("no mutations with a position")
    key = ["patient_id", "gene", "chromosome", "position", "reference_allele", "alternate_allele"]
    odd = placed.filter(placed.select(key).is_duplicated())
    return verdict(
        ids(odd),
        wrong=f"{{n}} patients have a mutation listed more than once ({odd.height:,} of {mutations.height:,} rows)",
        right=f"{mutations.height:,} mutations, each once",
    )


def _counts_agree(subject: Subject) -> Result:
    mutations = subject.frame("mutation")
    known = subject.known("mutation_count")
    if mutations.is_empty() or known.is_empty():
        return absent("not both mutations and mutation counts")
    counted = mutations.group_by("patient_id").len()
    both = known.join(counted, on="patient_id", how="inner", maintain_order="left")
    if both.height < LEAST_PATIENTS:
        return absent(f"fewer than {LEAST_PATIENTS} patients with both")
    r = both.select(pl.corr("mutation_count", "len", method="spearman")).item()
    text = f"listed and counted mutations have a rank correlation of {r:.2f} in {both.height:,} patients"
    return passed(text) if r is not None and r >= 0.8 else failed(ids(both), text)


def _hypermutated(subject: Subject) -> Result:
    mutations = subject.frame("mutation")
    if mutations.is_empty():
        return absent("no mutations")
    counted = mutations.group_by("patient_id", maintain_order=True).len()
    odd = counted.filter(pl.col("len") > PER_PATIENT_LIMIT)
    return verdict(
        ids(odd), wrong=f"{{n}} patients have over {PER_PATIENT_LIMIT:,} mutations", right="none is beyond reason"
    )


CHECKS = (
    Check(id="vaf_range", title="Variant allele fractions lie in 0 to 1", judge=_vaf, about="Larger values are percent."),
    Check(id="mutation_repeated", title="Mutations are listed once", judge=_repeated,
          about="A mutation listed once a transcript is counted several times."),
    Check(id="mutation_counts_agree", title="Mutations agree with their count", judge=_counts_agree,
          about="Where list and count disagree, ids may be mixed up."),
    Check(id="mutation_excess", title="No patient has mutations beyond reason", judge=_hypermutated,
          about="Tens of thousands of coding mutations are germline variants that were not filtered out."),
)  # fmt: skip
