"""Columns: which patient columns can make the groups, the strata or the covariates of a survival analysis here."""

from __future__ import annotations

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.response.predicted import treated, untreated
from data.schema import PATIENT
from data.store import Store

MOST_GROUPS = 6
"""Curves that can be told apart in one figure; the largest groups are kept."""
FEWEST = 5
"""Patients that a group takes."""
FEWEST_SHARE = 0.01
"""Share of the patients with a known value that a group takes."""
FEWEST_KNOWN = 20
"""Patients with a value that a numeric column takes, to be split."""
KNOWN_FOR_STRATA = 0.5
KNOWN_FOR_DEFAULT = 0.8
"""Share of patients in whom a covariate must be known to be chosen without being asked for."""

AFTER_START = frozenset({"response", "recist"})
"""Columns that are known only some time after the clock has started."""
WITH_UNTREATED = frozenset({"arm", "drug_class", "cohort"})
"""Columns in which patients who never had ICB are a group of their own, so that they are not left out."""

_NO_GROUPS = frozenset(
    {"patient_id", "study", "source_id", "response_definition", "treatment_year", "tumour_change_percent"}
)
_STRATA = (
    "study", "cohort", "cancer_type", "stage", "drug_class", "drug", "prior_systemic_therapy", "prior_platinum", "prior_ctla4", "ecog",
    "sex", "metastatic_site", "ldh",
)  # fmt: skip
_COVARIATES = (
    "age_years", "sex", "cancer_type", "stage", "ecog", "prior_systemic_therapy", "prior_platinum", "metastatic_site", "ldh", "tmb_per_mb",
    "prior_ctla4", "albumin_g_per_dl", "nlr", "smoking", "pdl1_ic", "pdl1_tps_percent", "msi_high", "phenotype", "drug_class",
    "haemoglobin_g_per_dl", "platelets_per_nl", "bmi", "fcna", "hla_loh", "leukocyte_fraction", "purity", "race",
)  # fmt: skip
"""Covariates in the order of sense: who the patient is, the disease, the treatment, then markers."""
_DEFAULT = ("age_years", "sex", "cancer_type", "stage", "ecog", "prior_systemic_therapy", "prior_platinum", "tmb_per_mb", "drug_class")
MOST_DEFAULT = 5


def groupings(store: Store, query: CohortQuery) -> dict[str, str]:
    """Columns by which this cohort can be compared, with their labels: at least two groups of a fair size, or a number
    that can be split."""
    wanted = [c for c in PATIENT.columns if c.name not in _NO_GROUPS and c.kind in {"category", "flag", "number"}]
    frame = cohort_frame.patients(store, query, columns=[c.name for c in wanted])
    found = {}
    for column in wanted:
        values = frame[column.name].drop_nulls()
        if column.kind == "number":
            enough = values.len() >= FEWEST_KNOWN and values.n_unique() > 2
        else:
            enough = len(kept_levels(collapsed(column.name, values))) > 1
        if enough:
            found[column.name] = column.axis if column.name == "pack_years" else column.label
    return found


def is_number(name: str) -> bool:
    """Whether a column must be split to make groups."""
    return PATIENT.column(name).kind == "number"


def strata(store: Store, query: CohortQuery) -> dict[str, str]:
    """Columns by which a test and a hazard ratio can be stratified here, with their labels; "" = none."""
    return {"": "None", **_offered(store, query, _STRATA, categories_only=True)}


def covariates(store: Store, query: CohortQuery) -> dict[str, str]:
    """Columns that a hazard ratio can be adjusted for here, with their labels."""
    return _offered(store, query, _COVARIATES)


def default_covariates(store: Store, query: CohortQuery, *, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The covariates to begin with: known for at least 80% of the cohort, and not among `without` (the predictor's parts)."""
    offered = _offered(store, query, _DEFAULT, known=KNOWN_FOR_DEFAULT)
    return tuple(c for c in offered if c not in without)[:MOST_DEFAULT]


def _offered(
    store: Store, query: CohortQuery, wanted: tuple[str, ...], *, known: float = KNOWN_FOR_STRATA, categories_only: bool = False
) -> dict[str, str]:
    frame = cohort_frame.patients(store, query, columns=tuple(dict.fromkeys((*wanted, "arm", "drug_class"))))
    if not frame.filter(treated()).is_empty():
        frame = frame.filter(~untreated())  # they are left out of the comparison, so they do not count here
    found = {}
    for name in wanted:
        values = frame[name].drop_nulls()
        numeric = PATIENT.column(name).kind == "number"
        if values.len() < known * frame.height or (numeric and categories_only):
            continue
        if values.n_unique() > 2 if numeric else len(kept_levels(collapsed(name, values))) > 1:
            found[name] = PATIENT.column(name).label
    return found


def collapsed(name: str, values: pl.Series) -> pl.Series:
    """A column's values as strings; stages are brought to I, II, III and IV where there are too many to be told apart."""
    if values.dtype == pl.Boolean:
        return values.replace_strict({True: "yes", False: "no"}, return_dtype=pl.String)
    words = values.cast(pl.String)
    if name == "stage" and words.n_unique() > MOST_GROUPS:
        main = words.str.extract(r"^(IV|III|II|I)(?:[ABCS]?\d?| \(.*\))$")
        return main.fill_null(words)
    return words


def kept_levels(values: pl.Series, *, most: int = MOST_GROUPS) -> list[str]:
    """The levels that make groups: the six (or `most`) largest with at least 5 patients and 1% of those known, largest first."""
    counted = values.drop_nulls().rename("level").value_counts(sort=True, name="n").sort(["n", "level"], descending=[True, False])
    least = max(FEWEST, FEWEST_SHARE * values.drop_nulls().len())
    return list(counted.filter(pl.col("n") >= least)["level"])[:most]
