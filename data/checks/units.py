"""Checks of units and ranges: TMB, PD-L1, fractions."""

from __future__ import annotations

import polars as pl

from data.checks.check import Check, Result, Subject, absent, failed, ids, passed, verdict

LEAST_PATIENTS = 10
TMB_MEDIAN_LIMIT, TMB_LIMIT = 60.0, 1000.0
"""Median TMB is 2 to 15 per Mb in every cancer; more means that counts are called per Mb. 1,000 is past any tumour."""
COUNT_MEDIAN_LEAST = 10.0
FRACTIONS = ("fcna", "purity", "leukocyte_fraction")
RANGES = {"bmi": (10.0, 80.0), "pack_years": (0.0, 250.0), "ploidy": (1.0, 10.0), "hed": (0.0, 30.0)}


def out_of_range(subject: Subject, column: str, bounds: tuple[float, float]) -> list[str]:
    """Patients whose value lies outside bounds, both of which are allowed."""
    return ids(subject.known(column).filter(~pl.col(column).is_between(*bounds)))


def _tmb_scale(subject: Subject) -> Result:
    known = subject.known("tmb_per_mb")
    if known.is_empty():
        return absent("no TMB")
    suspects: list[str] = []
    where = []
    for (cohort,), part in known.group_by("cohort", maintain_order=True):
        middle = float(part["tmb_per_mb"].median())  # type: ignore[arg-type]
        if part.height >= LEAST_PATIENTS and middle > TMB_MEDIAN_LIMIT:
            suspects += ids(part)
            where.append(f"median {middle:.0f} per Mb in {cohort}; the column holds counts")
    extreme = known.filter(pl.col("tmb_per_mb") > TMB_LIMIT)
    if extreme.height:
        suspects += ids(extreme)
        where.append(f"{extreme.height:,} patients above {TMB_LIMIT:,.0f} per Mb")
    middle = float(known["tmb_per_mb"].median())  # type: ignore[arg-type]
    return verdict(suspects, wrong="; ".join(where), right=f"median {middle:.1f} mutations per Mb")


def _tmb_negative(subject: Subject) -> Result:
    if subject.known("tmb_per_mb").is_empty() and subject.known("mutation_count").is_empty():
        return absent("no TMB and no mutation count")
    found = out_of_range(subject, "tmb_per_mb", (0, float("inf"))) + out_of_range(
        subject, "mutation_count", (0, float("inf"))
    )
    return verdict(found, wrong="{n} patients have a negative burden", right="no burden is negative")


def _counts(subject: Subject) -> Result:
    known = subject.known("mutation_count")
    if known.is_empty():
        return absent("no mutation counts")
    broken = known.filter(pl.col("mutation_count") != pl.col("mutation_count").round())
    if broken.height:
        return failed(ids(broken), f"{broken.height:,} mutation counts are not whole numbers; they may be per Mb")
    middle = float(known["mutation_count"].median())  # type: ignore[arg-type]
    if known.height >= LEAST_PATIENTS and middle < COUNT_MEDIAN_LEAST:
        return failed(ids(known), f"median count {middle:.0f}; the column may be per Mb, or of a gene panel")
    return passed(f"median {middle:.0f} mutations")


def _burdens_agree(subject: Subject) -> Result:
    both = subject.known("tmb_per_mb", "mutation_count")
    if both.height < LEAST_PATIENTS:
        return absent("not both TMB and mutation count")
    ratio = both["mutation_count"] / both["tmb_per_mb"].replace(0.0, None)
    middle = float(ratio.drop_nulls().median() or 0.0)  # type: ignore[arg-type]
    r = both.select(pl.corr("tmb_per_mb", "mutation_count", method="spearman")).item()
    text = f"count / TMB is {middle:.1f} Mb in the median, rank correlation {r:.2f}"
    if r is None or r < 0.8 or not 0.5 <= middle <= 80:
        return failed(ids(both), f"{text}: they do not measure the same thing")
    return passed(text)


def _pdl1_range(subject: Subject) -> Result:
    known = subject.known("pdl1_tps_percent")
    if known.is_empty():
        return absent("no PD-L1 in percent")
    found = out_of_range(subject, "pdl1_tps_percent", (0, 100))
    return verdict(found, wrong="{n} patients have a PD-L1 outside 0 to 100%", right="PD-L1 lies in 0 to 100%")


def _pdl1_scale(subject: Subject) -> Result:
    known = subject.known("pdl1_tps_percent")
    if known.height < LEAST_PATIENTS:
        return absent(f"fewer than {LEAST_PATIENTS} patients with PD-L1 in percent")
    highest = float(known["pdl1_tps_percent"].max())  # type: ignore[arg-type]
    if 0 < highest <= 1:
        return failed(ids(known), f"the highest PD-L1 is {highest:g}%: the column holds fractions")
    return passed(f"the highest PD-L1 is {highest:g}%")


def _fractions(subject: Subject) -> Result:
    cells = subject.frame("cell_fraction").drop_nulls("fraction")
    present = [name for name in FRACTIONS if subject.known(name).height]
    if not present and cells.is_empty():
        return absent("no fractions")
    found = [i for name in present for i in out_of_range(subject, name, (0.0, 1.0))]
    found += ids(cells.filter(~pl.col("fraction").is_between(-1e-6, 1 + 1e-6)))
    return verdict(found, wrong="{n} patients have a fraction outside 0 to 1", right="all fractions lie in 0 to 1")


def _sums(subject: Subject) -> Result:
    cells = subject.frame("cell_fraction").drop_nulls("fraction")
    if cells.is_empty():
        return absent("no cell fractions")
    totals = cells.group_by("patient_id", "method", maintain_order=True).agg(pl.col("fraction").sum())
    over = totals.filter(pl.col("fraction") > 1.02)
    return verdict(
        ids(over), wrong="cell fractions of {n} patients add up to more than 1", right="they add up to 1 at most"
    )


def _body(subject: Subject) -> Result:
    present = [name for name in RANGES if subject.known(name).height]
    if not present:
        return absent("none of BMI, pack-years, ploidy, HED")
    found = {name: out_of_range(subject, name, RANGES[name]) for name in present}
    rows = [i for part in found.values() for i in part]
    where = ", ".join(f"{name} {len(part)}" for name, part in found.items() if part)
    return verdict(rows, wrong=f"values outside what is possible: {where}", right="all values are possible")


CHECKS = (
    Check(id="tmb_scale", title="TMB is per Mb", judge=_tmb_scale,
          about="Counts called per Mb are about 30 times too high, and every cut at 10 becomes meaningless."),
    Check(id="tmb_negative", title="No mutational burden is negative", judge=_tmb_negative,
          about="A negative burden is a logarithm or a placeholder."),
    Check(id="mutation_count_scale", title="Mutation counts are counts", judge=_counts,
          about="Fractions, or a median under 10, mean a burden per Mb or a small panel."),
    Check(id="burdens_agree", title="TMB and mutation count agree", judge=_burdens_agree,
          about="Both measure one thing; their ratio is the size of the target in Mb."),
    Check(id="pdl1_range", title="PD-L1 lies in 0 to 100%", judge=_pdl1_range,
          about="A proportion score cannot be outside."),
    Check(id="pdl1_scale", title="PD-L1 is in percent", judge=_pdl1_scale,
          about="Fractions called percent never pass a cut at 1% or 50%."),
    Check(id="fraction_range", title="Fractions lie in 0 to 1", judge=_fractions,
          about="Purity, altered genome and cell fractions are shares; larger values are percent."),
    Check(id="fraction_sum", title="Cell fractions add up to 1 at most", judge=_sums,
          about="More than 1 means that the values are scores, not fractions."),
    Check(id="body_range", title="BMI, pack-years, ploidy and HED are possible", judge=_body,
          about="A value outside the possible range is a unit or an entry error."),
)  # fmt: skip
