"""Charts of the attribution page, drawn from made-up results."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from core import figures
from core.figures import Chart, Provenance
from core.markers.counterfactual import Counterfactual
from core.markers.faithfulness import Faithfulness, Measure
from core.markers.modality_share import Shares


def shares() -> Shares:
    """A predictor with three kinds of measurement."""
    table = pl.DataFrame({
        "modality": ["clinical", "genome", "expression"], "label": ["Clinical", "Genome", "Gene expression"], "features": [5, 2, 9],
        "share": [0.35, 0.25, 0.40], "ci_low": [0.31, 0.22, 0.36], "ci_high": [0.39, 0.28, 0.44], "known": [200, 150, 180],
    })  # fmt: skip
    return Shares(table=table, absent=("Pathology",), n=200, predictor="elastic_net", predictor_label="Elastic net", protocols=("out_of_fold",))


def faithful(*, additive: bool = True) -> Faithfulness:
    """Curves of a model with six features."""
    rows = [
        {"curve": name, "features": k, "n": 200, "change": height(k), "ci_low": height(k) * 0.9, "ci_high": height(k) * 1.1}
        for name, height in (
            ("deletion", lambda k: k**0.3), ("random_deletion", lambda k: k / 6 * 6**0.3),
            ("insertion", lambda k: (6 - k) ** 1.5 / 9), ("random_insertion", lambda k: (6 - k) / 3.4),
        )
        for k in range(1, 7)
    ]  # fmt: skip
    one = Measure(value=1.52, low=1.4, high=1.64, n=200, detail="6")
    return Faithfulness(
        study="trial", cohort="Trial", curves=pl.DataFrame(rows), used=6, deletion=one, insertion=one, tau=one, overlap=one,
        cohorts=pl.DataFrame({"cohort": ["Trial"]}), n=200, predictor="elastic_net", predictor_label="Elastic net", protocol="out_of_fold",
        additive=additive,
    )  # fmt: skip


def flipped(*, off: bool = False, exact: bool = True) -> Counterfactual:
    """A patient whom two changes take across the threshold."""
    steps = pl.DataFrame({
        "feature": ["tmb_per_mb", "nlr"], "label": ["Tumour mutational burden", "Neutrophil-to-lymphocyte ratio"], "unit": ["mutations/Mb", ""],
        "value_from": [49.0, 3.2], "value_to": [10.6, 4.4], "change_sd": [-2.1, 0.6], "moved": ["49 to 10.6 mutations/Mb", "3.2 to 4.4"],
    })  # fmt: skip
    return Counterfactual(
        patient_id="trial:007", predictor="elastic_net", predictor_label="Elastic net", protocol="out_of_fold", steps=steps, output=1.9,
        reached=-1.66, threshold=-1.65, flips=True, exact=exact, place_before=0.4, place_after=0.97 if off else 0.6, off_manifold=off,
    )  # fmt: skip


WEIGHTS = pl.DataFrame({
    "label": ["Tumour mutational burden", "Hallmark: hypoxia", "Age"], "attention": [0.1, 0.5, 0.4], "shap_share": [0.6, 0.3, 0.1],
})  # fmt: skip

ATTRIBUTION: dict[str, Callable[[Provenance], Chart]] = {
    "modality_share": lambda p: figures.modality_share(shares(), provenance=p),
    "deletion": lambda p: figures.deletion(faithful(), provenance=p),
    "counterfactual": lambda p: figures.counterfactual(flipped(), provenance=p),
    "attention": lambda p: figures.attention(WEIGHTS, provenance=p, model="the multimodal model"),
}
