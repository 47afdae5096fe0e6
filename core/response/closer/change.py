"""How much did tumours shrink or grow? The waterfall of tumour change, where a study measured it."""

from __future__ import annotations

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.figures import words
from core.figures.tumour_change import SHRINKAGE, tumour_change
from core.response.closer.patients import POOLED, placed
from core.response.predicted import untreated
from core.response.rate import wilson
from data.schema import PATIENT
from data.store import Store

COLUMN = "tumour_change_percent"


def change(store: Store, query: CohortQuery, *, predictor: str = "", cohort: str = POOLED) -> Answer:
    """Waterfall of the best change of target lesions, coloured by RECIST.

    Raises
    ------
    EmptyCohort, NotMeasured
        Nobody matches; or nobody has a measured change, with the studies that have it.
    """
    held = store.sql("SELECT count(*) AS n FROM duckdb_columns() WHERE table_name = 'patient' AND column_name = $c", {"c": COLUMN})
    if not held["n"][0]:
        raise cohort_frame.not_measured(PATIENT.column(COLUMN).label, query, elsewhere=())
    everyone = cohort_frame.patients(store, query, columns=("patient_id", "study", "cohort", "recist", "arm", "drug_class", COLUMN))
    if cohort != POOLED:
        study, _, name = cohort.partition("/")
        everyone = everyone.filter((pl.col("study") == study) & (pl.col("cohort") == name))
    everyone = everyone.filter(~untreated())
    frame = everyone.drop_nulls(COLUMN)
    if frame.is_empty():
        raise cohort_frame.not_measured(PATIENT.column(COLUMN).label, query, elsewhere=cohort_frame.studies_with(store, COLUMN))
    shown = frame.select("patient_id", pl.col(COLUMN).alias("change"), "recist")
    source = placed(store, query, cohort, n=frame.height, n_missing=everyone.height - frame.height)
    left_out = everyone.height - frame.height
    chart = tumour_change(
        shown, provenance=source,
        caption=f"Smallest sum of diameters of the target lesions after the start of treatment against baseline, coloured by best response (RECIST); n = {frame.height:,}. "
        f"{words.missing(left_out, 'measured change')} Dashed lines: −30% and +20%, the limits of RECIST 1.1. Progression by a new lesion can follow shrinkage, so "
        "colour and height may differ.",
    )  # fmt: skip
    shrunk = frame.filter(pl.col(COLUMN) <= SHRINKAGE).height
    low, high = wilson(shrunk, frame.height)
    middle = float(str(frame[COLUMN].median()))
    return Answer(
        sentence=f"Target lesions shrank by 30% or more in {words.count(shrunk)} of {words.count(frame.height, 'patient')}, "
        f"{words.percent(shrunk / frame.height)} ({words.percent(low)} to {words.percent(high)}); the median best change is {middle:+.0f}%.".replace("-", "−"),
        charts=(chart,),
    )
