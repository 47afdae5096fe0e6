"""Principal components of the genes, then a ridge, logistic or Cox."""

from __future__ import annotations

from models.card import Card
from models.outcome import Outcome
from models.ridge import Floats
from models.tuning import Tuned, tune

COMPONENTS = 30

CARD = Card(
    name="pca_ridge",
    label=f"PCA-{COMPONENTS} + ridge",
    kind="probability",
    inputs=("expression of all genes that the training patients share",),
    unit="log-odds of response, or log hazard",
    protocol="leave_one_cohort_out",
    reference="Bair et al., J Am Stat Assoc 2006 (components before regression)",
    doi="10.1198/016214505000000628",
    licence="own code",
    intended_use="What a deep model of the transcriptome has to beat.",
    limits="Components are learnt from the training patients alone and say nothing about which gene matters.",
)


def fit(x: Floats, outcome: Outcome, *, seed: int = 0, components: int = COMPONENTS) -> Tuned:
    """Ridge on the first components of (n, p) genes, nan = missing; components and penalty from the patients given."""
    return tune(x, outcome, seed=seed, most=components)
