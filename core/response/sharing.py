"""Sharing: which test cohorts of a predictor seem to hold patients of the cohorts that trained it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core.cohort.overlap import BASELINE, Overlap, shared_patients
from core.errors import NotMeasured
from data.sources import OVERLAPPING
from data.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """One test cohort beside the cohorts that trained its scores.

    Attributes
    ----------
    study, cohort : the test cohort. training : its training cohorts, in words. declared : training studies that are
        known to share patients with its study. found : what the search for shared patients gave; None = declared, or
        too few columns are known in both.
    """

    study: str
    cohort: str
    training: str
    declared: tuple[str, ...] = ()
    found: Overlap | None = None

    @property
    def shares(self) -> bool:
        """Whether the scores of this cohort are not out-of-sample for all of its patients."""
        return bool(self.declared) or (self.found is not None and self.found.beyond_chance)


def sharing(store: Store, scored: pl.DataFrame) -> tuple[Sharing, ...]:
    """Every test cohort that names its training cohorts, with the patients that it seems to share with them.

    Parameters
    ----------
    scored : one row a scored patient: patient_id, study, cohort, protocol, trained_on ("study cohort, study cohort").
        Cross-fitted scores, which were trained on other folds of the same cohort, are not compared.
    """
    wanted = scored.filter(
        pl.col("trained_on").fill_null("").str.contains(" ", literal=True) & (pl.col("protocol") != "out_of_fold")
    )
    if wanted.is_empty():
        return ()
    everyone = store.sql(f"SELECT patient_id, study, cohort, {', '.join(BASELINE)} FROM patient WHERE response IS NOT NULL")
    place = pl.concat_str("study", "cohort", separator=" ")
    out = []
    for (study, cohort, trained_on), part in wanted.group_by("study", "cohort", "trained_on", maintain_order=True):
        names = [name.strip() for name in str(trained_on).split(",")]
        said = names[0].partition(" ")[2] if len(names) == 1 else f"the {len(names)} training cohorts"
        declared = [pair for pair in OVERLAPPING if study in pair and any(n.split(" ")[0] in pair - {study} for n in names)]
        others = tuple(sorted(declared[0] - {str(study)})) if declared else ()
        training = everyone.filter(place.is_in(names))
        found = None
        if not others and not training.is_empty():
            try:
                found = shared_patients(training, everyone.join(part.select("patient_id"), on="patient_id", how="semi"))
            except NotMeasured:
                found = None
        out.append(Sharing(study=str(study), cohort=str(cohort), training=said, declared=others, found=found))
    return tuple(out)
