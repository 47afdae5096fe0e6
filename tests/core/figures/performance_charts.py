"""One chart of each kind of the performance page, from simulated patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from core import figures
from core.figures import Chart, Provenance
from core.figures.transport import Summary
from core.response.abstention import risk_coverage
from core.response.calibration import calibrate
from core.response.conformal import calibrated, coverage
from core.response.decision_curve import decision_curve
from core.response.fairness import by_subgroup
from core.response.precision_recall import curve

N = 240
RNG = np.random.default_rng(5)
PROBABILITY = RNG.uniform(0.05, 0.8, N)
RESPONSE = RNG.random(N) < PROBABILITY
SCORE = RNG.normal(size=N) + RESPONSE


def cohorts(group: str, centre: float) -> pl.DataFrame:
    """Six estimates of one protocol, the last one not estimable."""
    value = [centre + 0.1 * x for x in (-0.6, 0.2, 0.9, -1.4, 0.1)]
    return pl.DataFrame(
        {
            "group": group, "label": [f"Trial {c}" for c in "ABCDEF"], "estimate": [*value, None], "ci_low": [*(v - 0.1 for v in value), None],
            "ci_high": [*(v + 0.1 for v in value), None], "n": [300, 120, 40, 20, 90, 3], "detail": "30% respond",
        },
        schema_overrides={"estimate": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64},
    )  # fmt: skip


def transport(provenance: Provenance) -> Chart:
    """Two protocols, one of them pooled."""
    table = pl.concat([cohorts("published formula", 0.7), cohorts("cross-fitted", 0.6)])
    pooled = Summary(label="Pooled, 5 cohorts", estimate=0.69, low=0.64, high=0.74, predicted=(0.52, 0.83), detail="new cohort: 0.52 to 0.83", n=570)
    return figures.transport(table, [pooled, None], provenance=provenance)


def subgroups(provenance: Provenance) -> Chart:
    """All patients, a tested column and one that is too small to test."""
    rows = [
        ("", "All patients", 0.7, 0.6, 0.8, 240, None, None), ("Sex", "female", 0.72, 0.6, 0.84, 100, 0.6, 0.04),
        ("Sex", "male", 0.69, 0.57, 0.81, 140, 0.6, 0.04), ("Cancer type", "Melanoma", None, None, None, 12, None, None),
    ]  # fmt: skip
    table = pl.DataFrame(
        rows, schema=["group", "label", "estimate", "ci_low", "ci_high", "n", "p_auc", "p_rate"], orient="row"
    ).with_columns(pl.lit(0.3).alias("rate"), pl.lit(0.2).alias("rate_low"), pl.lit(0.4).alias("rate_high"), (pl.col("n") // 3).alias("responders"))
    return figures.subgroups(table, provenance=provenance)


def tumour_change(provenance: Provenance) -> Chart:
    """Forty patients, one of whom grew beyond the axis and one without RECIST."""
    change = np.linspace(-100, 160, 40)
    recist = ["CR" if c <= -99 else "PR" if c <= -30 else "SD" if c < 20 else "PD" for c in change]
    frame = pl.DataFrame({"patient_id": [f"t:{i}" for i in range(41)], "change": [*change, None], "recist": [*recist[:-1], None, None]})
    return figures.tumour_change(frame, provenance=provenance)


def conformal(provenance: Provenance) -> Chart:
    """Both kinds of thresholds, the second without responders."""
    sets = calibrated(PROBABILITY[:120], RESPONSE[:120]).sets(PROBABILITY[120:])
    some = ~RESPONSE[120:]
    blocks = (coverage(sets, RESPONSE[120:]).with_columns(block=pl.lit("One threshold a class")), coverage(sets[some], RESPONSE[120:][some]).with_columns(block=pl.lit("Only one class")))
    return figures.conformal(pl.concat(blocks), provenance=provenance, level=0.9)


def conformal_coverage(provenance: Provenance) -> Chart:
    """Five levels."""
    levels = (0.5, 0.6, 0.8, 0.9, 0.95)
    parts = [coverage(calibrated(PROBABILITY[:120], RESPONSE[:120], level=v).sets(PROBABILITY[120:]), RESPONSE[120:]).with_columns(level=pl.lit(v)) for v in levels]
    return figures.conformal_coverage(pl.concat(parts), provenance=provenance)


def fairness(provenance: Provenance) -> Chart:
    """Two columns, one of them with a level too small for a difference."""
    rng = np.random.default_rng(6)
    frame = pl.DataFrame(
        {
            "response": RESPONSE, "called": PROBABILITY > 0.4, "probability": PROBABILITY, "sex": rng.choice(["female", "male"], N),
            "site": np.where(np.arange(N) < 6, "brain", rng.choice(["liver", "lung"], N)),
        }
    )  # fmt: skip
    table, tests = by_subgroup(frame, called="called", by=("sex", "site"), probability="probability")
    wide = tests.filter(pl.col("variable") == "sex").select("variable", p_sensitivity="p_holm").head(1)
    return figures.fairness(
        table.join(wide, on="variable", how="left").with_columns(pl.lit(None, dtype=pl.Float64).alias(c) for c in ("p_specificity", "p_ppv", "p_shift")),
        provenance=provenance,
    )


KINDS: dict[str, Callable[[Provenance], Chart]] = {
    "precision_recall": lambda p: figures.precision_recall([("LORIS", curve(SCORE, RESPONSE)), ("TMB", curve(PROBABILITY, RESPONSE))], provenance=p),
    "recalibration": lambda p: figures.recalibration(calibrate(PROBABILITY, RESPONSE), calibrate(PROBABILITY**2, RESPONSE), provenance=p),
    "decision_curve": lambda p: figures.decision_curve(
        [("LORIS", decision_curve(PROBABILITY, RESPONSE)), ("Elastic net score", decision_curve(PROBABILITY**2, RESPONSE))], provenance=p
    ),
    "conformal": conformal,
    "conformal_coverage": conformal_coverage,
    "risk_coverage": lambda p: figures.risk_coverage(risk_coverage(SCORE, RESPONSE, PROBABILITY), provenance=p, within=0.9),
    "strangeness": lambda p: figures.strangeness(PROBABILITY, PROBABILITY * 2, provenance=p),
    "fairness": fairness,
    "transport": transport,
    "subgroups": subgroups,
    "tumour_change": tumour_change,
}  # fmt: skip
