"""LORIS: the published six-feature logistic score of response to immune checkpoint blockade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import Card, ModelError

FEATURES = ("tmb_per_mb", "prior_systemic_therapy", "albumin_g_per_dl", "nlr", "age_years", "cancer_type")

CARD = Card(
    name="loris",
    label="LORIS (published)",
    kind="probability",
    inputs=FEATURES,
    unit="score from 0 to 1",
    protocol="published",
    reference="Chang et al., Nature Cancer 2024",
    doi="10.1038/s43018-024-00772-7",
    licence="published formula; no code reused",
    intended_use="Score a patient before treatment from five routine measurements and the cancer type.",
    limits="Fitted on the Chowell training cohort: its figures there are in-sample. Class-weighted fitting puts the score "
    "above the observed response rate, so that it is a ranking until recalibrated. Sixteen cancer types have a term; "
    "for any other the score is not defined. No fixed cut was published.",
)

INTERCEPT = -2.0886
SLOPES: Mapping[str, float] = {
    "tmb_per_mb": 0.0371,
    "prior_systemic_therapy": -0.8775,
    "albumin_g_per_dl": 0.5382,
    "nlr": -0.0330,
    "age_years": 0.0049,
}
CEILINGS: Mapping[str, float] = {"tmb_per_mb": 50.0, "nlr": 25.0, "age_years": 85.0}
CANCER_TERMS: Mapping[str, float] = {
    "Bladder": -0.3323,
    "Breast": -0.3323,
    "Colorectal": -0.1020,
    "Endometrial": -0.0079,
    "Esophageal": 0.5500,
    "Gastric": 0.2306,
    "Head & Neck": 0.0678,
    "Hepatobiliary": -0.1189,
    "Melanoma": -0.0086,
    "Mesothelioma": 0.1255,
    "NSCLC": 0.0008,
    "Ovarian": -0.0520,
    "Pancreatic": -1.1169,
    "Renal": 0.5451,
    "Sarcoma": 0.0542,
    "SCLC": -0.0033,
}
_ALIASES: Mapping[str, str] = {
    "urothelial": "Bladder",
    "oesophageal": "Esophageal",
    "headandneck": "Head & Neck",
    "nonsmallcelllung": "NSCLC",
    "nonsmallcelllungcancer": "NSCLC",
    "smallcelllung": "SCLC",
    "smallcelllungcancer": "SCLC",
    "kidney": "Renal",
    "pancreas": "Pancreatic",
}


def _plain(words: str) -> str:
    return "".join(character for character in words.casefold() if character.isalnum())


_TERM_OF = {_plain(name): value for name, value in CANCER_TERMS.items()} | {
    alias: CANCER_TERMS[name] for alias, name in _ALIASES.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The score taken apart: log-odds = intercept + sum of terms.

    Attributes
    ----------
    log_odds : (n,) S; nan where any input is missing or the cancer type has no published term.
    terms : (n, 6) one column a feature of FEATURES, in log-odds.
    intercept : float.
    """

    log_odds: npt.NDArray[np.float64]
    terms: npt.NDArray[np.float64]
    intercept: float

    @property
    def score(self) -> npt.NDArray[np.float64]:
        """LORIS = 1 / (1 + e^-S), (n,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.log_odds)), dtype=np.float64)


def cancer_term(cancer_types: Sequence[str | None]) -> npt.NDArray[np.float64]:
    """The published term of each cancer type; nan, never 0, where the table has none."""
    return np.asarray(
        [_TERM_OF.get(_plain(name), np.nan) if name else np.nan for name in cancer_types], dtype=np.float64
    )


def terms(numbers: Mapping[str, npt.NDArray[np.float64]], cancer_types: Sequence[str | None]) -> Terms:
    """Score patients with the published formula.

    Parameters
    ----------
    numbers : (n,) array for each key of SLOPES, in the unit of its name; prior therapy is 0 or 1; nan = missing.
    cancer_types : (n,) names as in CANCER_TERMS.

    Raises
    ------
    ModelError
        A feature is absent or its length differs.
    """
    n = len(cancer_types)
    columns = []
    for name, slope in SLOPES.items():
        if name not in numbers:
            raise ModelError(f"LORIS needs {name}; give it as an array, nan where it is missing")
        values = np.asarray(numbers[name], dtype=np.float64)
        if values.shape != (n,):
            raise ModelError(f"LORIS got {values.shape} values of {name} for {n} patients; lengths must agree")
        columns.append(slope * np.minimum(values, CEILINGS.get(name, np.inf)))
    columns.append(cancer_term(cancer_types))
    parts = np.column_stack(columns) if n else np.empty((0, len(FEATURES)))
    return Terms(log_odds=parts.sum(axis=1) + INTERCEPT, terms=parts, intercept=INTERCEPT)


def score(
    numbers: Mapping[str, npt.NDArray[np.float64]], cancer_types: Sequence[str | None]
) -> npt.NDArray[np.float64]:
    """LORIS of each patient, (n,) from 0 to 1; nan where it is not defined."""
    return terms(numbers, cancer_types).score
