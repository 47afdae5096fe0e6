"""Signature frame: the standardised signatures of the patients of some studies, one row a patient, one column a signature."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from data.store import Store

BEST = """WITH placed AS (
    SELECT s.patient_id, s.study, s.assay, s.signature, s.score, s.z, p.cohort FROM signature_score s JOIN patient p USING (patient_id)
    WHERE s.score IS NOT NULL AND s.study = ANY($studies) AND ($all OR s.signature = ANY($signatures))
), sized AS (
    SELECT x.study, x.cohort, x.assay, x.signature, count(*) AS n, coalesce(any_value(a.preferred), false) AS preferred
    FROM placed x LEFT JOIN assay a USING (study, assay) GROUP BY ALL
), ranked AS (
    SELECT *, n >= 0.9 * max(n) OVER (PARTITION BY study, cohort, signature) AS large FROM sized
), chosen AS (
    SELECT study, cohort, signature, assay FROM ranked
    QUALIFY row_number() OVER (PARTITION BY study, cohort, signature ORDER BY large DESC, preferred DESC, n DESC, assay) = 1
)
SELECT patient_id, study, cohort, signature, score, z FROM placed JOIN chosen USING (study, cohort, signature, assay)
ORDER BY signature, patient_id"""
"""One score a patient and signature: a cohort's patients are all scored from one assay for a signature, the one with most
patients; of two that differ by less than a tenth the preferred one. $studies, $all or $signatures."""

IDENTITY = ("patient_id", "study", "cohort")


def signature_frame(
    store: Store, studies: Sequence[str], *, signatures: Sequence[str] | None = None, value: str = "z"
) -> pl.DataFrame:
    """Signatures of every patient who has any: patient_id, study, cohort, then one float column a signature.

    Parameters
    ----------
    signatures : to read; all where None. value : 'z', standardised within the cohort (SD), or 'score', in the unit of the
        signature's method. Null where a patient's assay lacks the signature's genes. Empty where nobody has one.

    A study that brought z values without scores is read as it is. Rows in the order of the patients' ids.
    """
    params = {"studies": list(studies), "all": signatures is None, "signatures": list(signatures or [])}
    rows = store.sql(BEST, params)
    if rows.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(IDENTITY, pl.String))
    order = sorted(rows["signature"].unique())
    table = rows.pivot(on="signature", index=list(IDENTITY), values=value, aggregate_function="first")
    return table.select(*IDENTITY, *(pl.col(name).cast(pl.Float64) for name in order)).sort("study", "patient_id")


def shared_signatures(frame: pl.DataFrame, *, share: float = 0.8) -> tuple[str, ...]:
    """Signatures that at least `share` of the patients of every study in the frame have."""
    names = [c for c in frame.columns if c not in IDENTITY]
    if not names:
        return ()
    known = frame.group_by("study").agg(pl.col(names).is_not_null().mean()).select(names).min().row(0)
    return tuple(name for name, least in zip(names, known, strict=True) if least >= share)
