"""Synthetic patients of several cohorts whose response and survival have a planted cause."""

from __future__ import annotations

import numpy as np
import pytest

from core.evaluation.alike import Alike
from core.evaluation.compare import Material
from models.inputs import Inputs, Labels
from models.vocabulary import Category, Number, Vocabulary

GENES = tuple(f"G{number}" for number in range(24))
WORDS = Vocabulary(
    sets=("gep", "cyt", "cd8_teff", "f_tbrs", "ifng6", "other_genes"),
    genes=GENES,
    numbers=(
        Number(name="tmb_per_mb", modality="genome"),
        Number(name="tmb_in_cohort", modality="genome"),
        Number(name="neoantigen_in_cohort", modality="genome"),
        Number(name="age_years", modality="clinical"),
        Number(name="pdl1_tps_percent", modality="pathology"),
    ),
    categories=(
        Category(name="sex", modality="clinical", levels=("female", "male")),
        Category(name="ecog", modality="clinical", levels=("0", "1", "2 or more")),
        Category(name="pdl1_ic", modality="pathology", levels=("IC0", "IC1", "IC2+")),
    ),
    mutated=("TP53",),
    copied=("MYC",),
    slide_features=("area", "density"),
    slide_groups=("a", "a"),
)
COHORTS = {
    "imvigor210/IMvigor210": 90, "liu2019/Liu": 60, "riaz2017/Riaz": 50, "loris/Chowell": 80,
    "tcga/TCGA-LUAD": 60, "tcga/TCGA-LUSC": 60, "tcga/TCGA-SKCM": 60, "tcga/TCGA-STAD": 60,
}  # fmt: skip


def patients(seed: int = 0, *, strength: float = 1.6) -> tuple[Inputs, Labels]:
    """Genes of the first set, the burden and the age raise response and lengthen life."""
    rng = np.random.default_rng(seed)
    names = [name for name, n in COHORTS.items() for _ in range(n)]
    n = len(names)
    groups = np.asarray(names)
    expression = rng.standard_normal((n, len(GENES)))
    inflamed, burden, age = (rng.standard_normal(n) for _ in range(3))
    expression[:, :6] += inflamed[:, None]
    slide = np.column_stack([inflamed + rng.standard_normal(n), rng.standard_normal(n)])
    log_odds = strength * (inflamed + burden) / 2
    response = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.float32)
    months = rng.exponential(10 * np.exp(log_odds / 2 + age / 2)).astype(np.float32)
    loris = np.char.startswith(groups, "loris/")
    tcga = np.char.startswith(groups, "tcga/")
    expression[loris] = np.nan
    slide[~tcga] = np.nan
    membership = np.zeros((len(WORDS.sets), len(GENES)), dtype=bool)
    for row in range(5):
        membership[row, row : row + 6] = True
    membership[-1] = ~membership[:-1].any(axis=0)
    f32 = np.float32
    inputs = Inputs(
        patients=tuple(f"{name.partition('/')[0]}:{number}" for number, name in enumerate(names)),
        cohorts=tuple(names),
        expression=expression.astype(f32),
        membership=membership,
        numbers=np.column_stack([burden, burden, burden + rng.standard_normal(n), age, np.full(n, np.nan)]).astype(f32),
        categories=np.column_stack([rng.integers(0, 2, n), rng.integers(0, 3, n), rng.integers(-1, 3, n)]),
        mutated=rng.integers(0, 2, (n, 1)).astype(f32),
        copied=rng.integers(-2, 3, (n, 1)).astype(f32),
        slide=slide.astype(f32),
        tiles=np.empty((n, 0), dtype=f32),
    )
    labels = Labels(
        response=np.where(tcga, np.nan, response).astype(f32),
        os_months=months,
        os_event=(rng.random(n) < 0.7).astype(f32),
        pfs_months=np.full(n, np.nan, dtype=f32),
        pfs_event=np.full(n, np.nan, dtype=f32),
        subtype=np.full(n, -1),
        treated=~tcga,
    )
    return inputs, labels


@pytest.fixture(scope="session")
def material() -> Material:
    inputs, labels = patients()
    return Material(inputs=inputs, labels=labels, words=WORDS, alike=Alike(pairs=(), said=(), compared=0, incomparable=0))
