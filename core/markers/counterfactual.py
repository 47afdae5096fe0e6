"""Counterfactual: the smallest change that would take one patient's prediction across the threshold, as stored."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from core.errors import NotMeasured, UnknownName
from core.figures import words
from core.markers.attribution import OUT_OF_SAMPLE, feature_label, feature_unit
from data.store import Store
from models import MODULES, card


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """What would have to be measured differently.

    Attributes
    ----------
    steps : feature, label, unit, value_from, value_to, change_sd, moved ("5.00 to 3.62 mutations/Mb"); largest change first; empty where nothing may change.
    output, reached, threshold : log-odds. flips : whether it crosses. exact : no smaller change exists in the model.
    place_before, place_after : share of the cohort that is nearer to its neighbours than this patient, now and after.
    off_manifold : farther than 95% of the cohort after the change.
    """

    patient_id: str
    predictor: str
    predictor_label: str
    protocol: str
    steps: pl.DataFrame
    output: float
    reached: float
    threshold: float
    flips: bool
    exact: bool
    place_before: float
    place_after: float
    off_manifold: bool

    @property
    def upwards(self) -> bool:
        """Whether the patient is below the threshold now."""
        return self.output < self.threshold

    @property
    def chances(self) -> tuple[float, float, float]:
        """Now, after the change, and at the threshold, as probabilities."""
        return chance(self.output), chance(self.reached), chance(self.threshold)

    @property
    def size(self) -> float:
        """Sum of the changes, standard deviations of the cohort."""
        return float(self.steps["change_sd"].abs().sum()) if self.steps.height else 0.0


def counterfactual(store: Store, patient_id: str, predictor: str) -> Counterfactual:
    """The stored change of a patient; the threshold is the cohort's median prediction. See `models.attribution.counterfactual`.

    Raises
    ------
    UnknownName
        No such predictor. NotMeasured: none was computed for the patient; the message says why.
    """
    if predictor not in MODULES:
        raise UnknownName(f"there is no predictor '{predictor}'; there are {', '.join(MODULES)}")
    found = store.sql(
        "SELECT * FROM counterfactual WHERE patient_id = $id AND predictor = $p", {"id": patient_id, "p": predictor}
    )
    if found.is_empty():
        raise NotMeasured(
            f"No change was sought for {patient_id.partition(':')[2]} by {card(predictor).label}: it takes an out-of-sample prediction in a "
            "cohort of at least 20; pick another patient or predictor"
        )
    protocol = min(found["protocol"].unique(), key=lambda name: OUT_OF_SAMPLE.index(name) if name in OUT_OF_SAMPLE else 9)
    found = found.filter(pl.col("protocol") == protocol)
    first = found.row(0, named=True)
    steps = (
        found.filter(pl.col("feature") != "")
        .sort(pl.col("change_sd").abs(), "feature", descending=[True, False])
        .with_columns(
            pl.col("feature").map_elements(feature_label, return_dtype=pl.String).alias("label"),
            pl.col("feature").map_elements(feature_unit, return_dtype=pl.String).alias("unit"),
        )
        .with_columns(
            pl.struct("value_from", "value_to", "unit").map_elements(_move, return_dtype=pl.String).alias("moved")
        )
        .select("feature", "label", "unit", "value_from", "value_to", "change_sd", "moved")
    )
    return Counterfactual(
        patient_id=patient_id, predictor=predictor, predictor_label=card(predictor).label, protocol=protocol, steps=steps,
        **{name: first[name] for name in ("output", "reached", "threshold", "flips", "exact", "place_before", "place_after", "off_manifold")},
    )  # fmt: skip


def chance(log_odds: float) -> float:
    """1 / (1 + e^-x)."""
    return 1.0 / (1.0 + math.exp(-max(min(log_odds, 500.0), -500.0)))


def _move(row: dict[str, object]) -> str:
    now, after = row["value_from"], row["value_to"]
    start = words.number(float(now)) if isinstance(now, (int, float)) else "unknown"
    return f"{start} to {words.number(float(str(after)), unit=str(row['unit']))}"
