"""Checks of expression matrices: scale, floor, missing values, twins, sex."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from data.checks.check import Check, Result, Subject, absent, some, verdict
from data.sources.source import Expression

LOG_LIMIT = 30.0
"""log2 of a billion: nothing on a log scale exceeds it."""
TWIN_CORRELATION = 0.9999
LEAST_GENES, LEAST_SAMPLES = 200, 5
TWIN_GENES = 4000
MALE_GENES = ("RPS4Y1", "DDX3Y", "KDM5D", "EIF1AY", "UTY", "USP9Y")
FEMALE_GENE = "XIST"
Floats = npt.NDArray[np.float32]


def _each(subject: Subject, judge: Callable[[Expression], tuple[list[str], str]], *, right: str) -> Result:
    bulk = subject.bulk()
    if not bulk:
        return absent("no expression of patients' samples")
    rows, where = [], []
    for matrix in bulk:
        found, text = judge(matrix)
        rows += found
        if found:
            where.append(f"{matrix.assay}: {text}")
    return verdict(rows, wrong=some(where), right=right)


def _scale_of(matrix: Expression) -> tuple[list[str], str]:
    values = matrix.values[np.isfinite(matrix.values)]
    if not values.size:
        return list(matrix.samples), "no value is finite"
    unit, low, high = matrix.unit.lower(), float(values.min()), float(values.max())
    everyone = list(matrix.samples)
    if "log" in unit and high > LOG_LIMIT:
        return everyone, f"called {matrix.unit}, but reaches {high:,.0f}; it is not a logarithm"
    if "z-score" in unit and not (abs(float(np.median(values))) < 1 and 0.3 < float(values.std()) < 3):
        return everyone, f"called z-scores, but median {np.median(values):.2g} and SD {values.std():.2g}"
    if "count" in unit and "log" not in unit and (low < 0 or np.any(values != np.round(values))):
        return everyone, f"called counts, but holds fractions or negative values (least {low:.3g})"
    if unit in {"tpm", "fpkm"} and low < 0:
        return everyone, f"called {matrix.unit}, but the least value is {low:.3g}"
    return [], ""


def _scale(subject: Subject) -> Result:
    return _each(subject, _scale_of, right="values fit the unit they are called")


def _tpm_sum(subject: Subject) -> Result:
    whole = [m for m in subject.bulk() if "tpm" in m.unit.lower() and len(m.genes) >= 10_000]
    if not whole:
        return absent("no whole transcriptome in TPM")
    found, where = [], []
    for matrix in whole:
        linear = np.exp2(matrix.values) if "log" in matrix.unit.lower() else matrix.values
        totals = np.nansum(linear.astype(np.float64), axis=0)
        odd = [sample for sample, total in zip(matrix.samples, totals, strict=True) if not 1e5 < total < 1.5e6]
        found += odd
        if odd:
            where.append(
                f"{matrix.assay}: a sample adds up to {np.median(totals):,.0f} in the median, not to a million"
            )
    return verdict(found, wrong=some(where), right="a sample adds up to about a million transcripts")


def _floor_of(matrix: Expression) -> tuple[list[str], str]:
    if len(matrix.genes) < LEAST_GENES:
        return [], ""
    low = np.nanmin(matrix.values)
    share = np.mean(matrix.values <= low + 1e-6, axis=0)
    odd = [sample for sample, s in zip(matrix.samples, share, strict=True) if s > 0.7]
    return odd, f"{len(odd)} samples have over 70% of genes at the lowest value ({low:.3g})"


def _floor(subject: Subject) -> Result:
    return _each(subject, _floor_of, right="no sample lies on the floor")


def _flat_of(matrix: Expression) -> tuple[list[str], str]:
    if len(matrix.genes) < 2 or len(matrix.samples) < LEAST_SAMPLES:
        return [], ""
    spread = np.nanstd(matrix.values, axis=0)
    odd = [sample for sample, s in zip(matrix.samples, spread, strict=True) if not s > 0]
    return odd, f"{len(odd)} samples have one value for every gene"


def _flat(subject: Subject) -> Result:
    return _each(subject, _flat_of, right="every sample varies over genes")


def _missing_of(matrix: Expression) -> tuple[list[str], str]:
    share = np.mean(~np.isfinite(matrix.values), axis=0)
    odd = [sample for sample, s in zip(matrix.samples, share, strict=True) if s > 0.2]
    return odd, f"{len(odd)} samples lack over 20% of genes"


def _missing(subject: Subject) -> Result:
    return _each(subject, _missing_of, right="samples have their genes")


def _twins_of(matrix: Expression) -> tuple[list[str], str]:
    values = matrix.values
    if values.shape[0] < LEAST_GENES or values.shape[1] < 2:
        return [], ""
    values = values[np.isfinite(values).all(axis=1)]
    if values.shape[0] < LEAST_GENES:
        return [], ""
    if values.shape[0] > TWIN_GENES:
        values = values[np.argsort(-values.var(axis=1), kind="stable")[:TWIN_GENES]]
    centred = values - values.mean(axis=1, keepdims=True)
    centred -= centred.mean(axis=0)
    norm = np.linalg.norm(centred, axis=0)
    centred /= np.where(norm > 0, norm, 1)
    correlation = centred.T @ centred
    one, other = np.nonzero(np.triu(correlation > TWIN_CORRELATION, 1))
    pairs = [
        (matrix.samples[i], matrix.samples[j])
        for i, j in zip(one.tolist(), other.tolist(), strict=True)
        if matrix.patients[i] != matrix.patients[j]
    ]
    return [name for pair in pairs for name in pair], f"{len(pairs)} pairs of patients share one profile"


def _twins(subject: Subject) -> Result:
    return _each(subject, _twins_of, right="no two patients share a profile")


def sex_mismatches(matrix: Expression, sex: dict[str, str]) -> tuple[list[str], int]:
    """Samples whose sex genes contradict the recorded sex, and the number that could be judged.

    XIST is expressed with two X chromosomes, the genes of `MALE_GENES` with a Y. Both are ranked against the
    midpoint between the recorded groups' medians; a sample counts only where both say the other sex, and only where
    the groups are well apart, since tumours lose Y and XIST.
    """
    row = {gene: number for number, gene in enumerate(matrix.genes)}
    y_rows = [row[gene] for gene in MALE_GENES if gene in row]
    if FEMALE_GENE not in row or not y_rows:
        return [], 0
    x, y = matrix.values[row[FEMALE_GENE]], np.nanmean(matrix.values[y_rows], axis=0)
    recorded = np.array([sex.get(patient, "") for patient in matrix.patients])
    women, men = recorded == "female", recorded == "male"
    if min(int(women.sum()), int(men.sum())) < LEAST_SAMPLES:
        return [], 0
    middles = [(float(np.nanmedian(v[women])), float(np.nanmedian(v[men]))) for v in (x, y)]
    spread = [float(np.nanstd(v)) for v in (x, y)]
    if not (middles[0][0] - middles[0][1] > 0.5 * spread[0] and middles[1][1] - middles[1][0] > 0.5 * spread[1]):
        return list(matrix.samples), -1
    like_woman = (x > sum(middles[0]) / 2) & (y < sum(middles[1]) / 2)
    like_man = (x < sum(middles[0]) / 2) & (y > sum(middles[1]) / 2)
    odd = np.flatnonzero((women & like_man) | (men & like_woman))
    return [matrix.samples[i] for i in odd.tolist()], int(women.sum() + men.sum())


def _sex(subject: Subject) -> Result:
    known = subject.known("sex")
    sex = dict(zip(known["patient_id"].to_list(), known["sex"].to_list(), strict=True))
    found, judged, unclear = [], 0, []
    for matrix in subject.bulk():
        odd, n = sex_mismatches(matrix, sex)
        if n < 0:
            unclear.append(matrix.assay)
            found += odd
        elif n:
            found, judged = found + odd, judged + n
    if unclear:
        return verdict(
            found, wrong=f"sex genes do not separate the sexes in {some(unclear)}: rows may be shuffled", right=""
        )
    if not judged:
        return absent("no sex, or no XIST and Y genes, in at least 5 women and 5 men")
    return verdict(
        found,
        wrong=f"{{n}} of {judged:,} samples have the sex genes of the other sex",
        right=f"sex genes agree with the recorded sex in all {judged:,} samples",
    )


CHECKS = (
    Check(id="expression_scale", title="Expression is on the scale it is called", judge=_scale,
          about="Raw values called logarithms, or the reverse, change every score."),
    Check(id="expression_total", title="TPM add up to a million", judge=_tpm_sum,
          about="Another total means that genes were left out after scaling, or that the unit is not TPM."),
    Check(id="expression_floor", title="No sample lies on the floor", judge=_floor,
          about="A sample with most genes at the lowest value failed, or was read from an empty column."),
    Check(id="expression_flat", title="Every sample varies over genes", judge=_flat,
          about="A constant sample is an empty column."),
    Check(id="expression_missing", title="Samples have their genes", judge=_missing,
          about="Samples that lack many genes were measured on another platform."),
    Check(id="expression_twins", title="No two patients share a profile", judge=_twins,
          about="Equal profiles under two names are one sample twice, or a mislabelled one."),
    Check(id="sex_genes", title="Sex genes agree with the recorded sex", judge=_sex,
          about="XIST is expressed by women, RPS4Y1 and its neighbours by men. A contradiction is a swapped sample."),
)  # fmt: skip
