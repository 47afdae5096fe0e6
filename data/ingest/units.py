"""Units that a user's column may come in, and the values that a patient can have.

A factor turns the user's number into the unit of `data.schema`. The ranges are limits of the possible, not of the
usual: a value outside is a wrong unit or a typing error, never a patient.
"""

from __future__ import annotations

from collections.abc import Mapping

from data.errors import IngestError
from data.ingest.folder import near
from data.schema import DAYS_PER_MONTH, PATIENT, RECIST_LEVELS

_TIME = {"days": 1 / DAYS_PER_MONTH, "weeks": 7 / DAYS_PER_MONTH, "months": 1.0, "years": 365.25 / DAYS_PER_MONTH}
_PERCENT = {"%": 1.0, "fraction": 100.0}
_FRACTION = {"fraction": 1.0, "%": 0.01}

FACTORS: Mapping[str, Mapping[str, float]] = {
    **{column.name: _TIME for column in PATIENT.columns if column.kind == "time"},
    "age_years": {"years": 1.0, "months": 1 / 12, "days": 1 / 365.25},
    "albumin_g_per_dl": {"g/dL": 1.0, "g/L": 0.1, "mg/dL": 0.001},
    "haemoglobin_g_per_dl": {"g/dL": 1.0, "g/L": 0.1, "mmol/L": 1.6114},
    "tmb_per_mb": {"mutations/Mb": 1.0},
    "neoantigen_per_mb": {"neoantigens/Mb": 1.0},
    "platelets_per_nl": {"10^9/L": 1.0, "/nL": 1.0, "10^3/uL": 1.0, "/uL": 0.001},
    "pdl1_tps_percent": _PERCENT,
    "til_percent": _PERCENT,
    "tumour_change_percent": _PERCENT,
    "fcna": _FRACTION,
    "purity": _FRACTION,
    "leukocyte_fraction": _FRACTION,
}
"""Columns for which study.toml must say the unit, except age, which is in years unless it says otherwise."""

COUNTED: Mapping[str, str] = {"tmb_per_mb": "mutations", "neoantigen_per_mb": "neoantigens"}
"""Rates that may come as a plain count, with `megabases = ` the size of the region that was sequenced."""

RANGES: Mapping[str, tuple[float, float]] = {
    **{column.name: (0.0, 1200.0) for column in PATIENT.columns if column.kind == "time"},
    "age_years": (0.0, 120.0),
    "pack_years": (0.0, 400.0),
    "bmi": (5.0, 150.0),
    "treatment_year": (1950.0, 2100.0),
    "tmb_per_mb": (0.0, 5000.0),
    "mutation_count": (0.0, 500_000.0),
    "neoantigen_per_mb": (0.0, 5000.0),
    "neoantigen_count": (0.0, 500_000.0),
    "pdl1_tps_percent": (0.0, 100.0),
    "til_percent": (0.0, 100.0),
    "tumour_change_percent": (-100.0, 1000.0),
    "albumin_g_per_dl": (0.3, 10.0),
    "haemoglobin_g_per_dl": (1.0, 30.0),
    "platelets_per_nl": (0.0, 5000.0),
    "nlr": (0.0, 1000.0),
    "fcna": (0.0, 1.0),
    "hed": (0.0, 100.0),
    "purity": (0.0, 1.0),
    "ploidy": (0.5, 20.0),
    "leukocyte_fraction": (0.0, 1.0),
}

LEVELS: Mapping[str, tuple[str, ...]] = {
    "sex": ("female", "male"),
    "recist": RECIST_LEVELS,
    "smoking": ("never", "former", "current", "ever"),
    "pdl1_ic": ("IC0", "IC1", "IC2+"),
    "pdl1_tc": ("TC0", "TC1", "TC2+"),
    "ldh": ("normal", "elevated"),
    "phenotype": ("desert", "excluded", "inflamed"),
    "arm": ("ICB", "control"),
}
"""Columns whose words are fixed; others keep the user's words."""

SYNONYMS: Mapping[str, Mapping[str, str | None]] = {
    "sex": {"f": "female", "m": "male", "woman": "female", "man": "male", "w": "female"},
    "recist": {
        "complete response": "CR", "partial response": "PR", "stable disease": "SD", "progressive disease": "PD",
        "ne": None, "not evaluable": None, "inevaluable": None, "not evaluated": None,
    },
    "pdl1_ic": {"ic2": "IC2+", "ic3": "IC2+"},
    "pdl1_tc": {"tc2": "TC2+", "tc3": "TC2+"},
    "ldh": {"high": "elevated", "low": "normal"},
    "phenotype": {"immune desert": "desert", "immune excluded": "excluded", "immune inflamed": "inflamed"},
}  # fmt: skip

TRUE_WORDS = frozenset({"true", "yes", "y", "1", "t"})
FALSE_WORDS = frozenset({"false", "no", "n", "0", "f"})
AGE_CAP = 90.0
AGE_LAST_SHOWN = 89.0


def factor(column: str, unit: str | None, *, megabases: float | None = None) -> float:
    """What a value of `column` in `unit` is multiplied with.

    Raises
    ------
    IngestError
        The unit is unknown for the column, or missing where it must be said.
    """
    known = FACTORS.get(column)
    counted = COUNTED.get(column)
    names = [*(known or {}), *([f"{counted} (with megabases = ...)"] if counted else [])]
    if counted is not None and unit == counted:
        if megabases is None:
            raise IngestError(f'{column} in "{unit}" needs megabases = the size of the sequenced region, e.g. 38.0')
        return 1.0 / megabases
    if megabases is not None:
        raise IngestError(
            f"megabases goes only with unit = {' or '.join(map(repr, COUNTED.values()))}, not with {column}"
        )
    own = PATIENT.column(column).unit
    if known is None:
        if unit not in (None, "", own):
            raise IngestError(
                f"unit {unit!r} is unknown for {column}; {f'give it in {own}' if own else 'it has no unit'}"
            )
        return 1.0
    if unit is None:
        if column == "age_years":
            return 1.0
        raise IngestError(f"{column} needs its unit; say unit = one of {', '.join(map(repr, names))}")
    by_name = {_plain(name): value for name, value in known.items()}
    if _plain(unit) not in by_name:
        raise IngestError(f"unit {unit!r} is unknown for {column}; {near(unit, names)}")
    return by_name[_plain(unit)]


def _plain(unit: str) -> str:
    return (
        unit.strip().lower().replace("µ", "u").replace("μ", "u").replace("⁹", "^9").replace("³", "^3").replace(" ", "")
    )
