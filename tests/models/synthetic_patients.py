"""Small made-up patients for tests of the multimodal model: response follows one gene set and one number."""

from __future__ import annotations

import numpy as np

from models.inputs import Inputs, Labels
from models.vocabulary import OTHER_GENES, Category, Number, Vocabulary

WORDS = Vocabulary(
    sets=("gep", "hallmark_a", OTHER_GENES),
    sets_hash="made up",
    genes=tuple(f"G{i}" for i in range(14)),
    numbers=(Number(name="tmb_in_cohort", modality="genome"), Number(name="age_years", modality="clinical"), Number(name="til_percent", modality="pathology")),
    categories=(Category(name="sex", modality="clinical", levels=("female", "male")), Category(name="pdl1_ic", modality="pathology", levels=("IC0", "IC1", "IC2+"))),
    mutated=("TP53", "B2M"),
    copied=("CD274",),
    slide_features=("f1", "f2", "f3"),
    slide_groups=("lymphocyte cells", "lymphocyte cells", "tissue areas"),
    tile_dim=2,
)  # fmt: skip


def patients(n: int = 160, *, seed: int = 0, cohorts: int = 4) -> tuple[Inputs, Labels]:
    """n patients of several cohorts; the first tenth lack expression, the second tenth lack everything but a number."""
    rng = np.random.default_rng(seed)
    words = WORDS
    member = np.zeros((3, 14), dtype=bool)
    member[0, :5], member[1, 3:10], member[2, 10:] = True, True, True
    shared = rng.standard_normal((n, 1))
    expression = (0.7 * shared * (np.arange(14) < 6) + rng.standard_normal((n, 14))).astype(np.float32)
    numbers = rng.standard_normal((n, 3)).astype(np.float32)
    categories = np.column_stack([rng.integers(0, 2, n), rng.integers(-1, 3, n)]).astype(np.int64)
    tenth = n // 10
    expression[: 2 * tenth] = np.nan
    numbers[rng.random((n, 3)) < 0.1] = np.nan
    mutated = (rng.random((n, 2)) < 0.3).astype(np.float32)
    copied = rng.integers(-2, 3, (n, 1)).astype(np.float32)
    slide = rng.standard_normal((n, 3)).astype(np.float32)
    mutated[::2], copied[::3], slide[::2] = np.nan, np.nan, np.nan
    tiles = np.full((n, 2), np.nan, dtype=np.float32)
    for block in (mutated, copied, slide):
        block[tenth : 2 * tenth] = np.nan
    categories[tenth : 2 * tenth] = -1
    log_odds = 1.5 * shared[:, 0] + np.nan_to_num(numbers[:, 0])
    response = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.float32)
    time = rng.exponential(12 * np.exp(0.4 * log_odds)).astype(np.float32) + 0.1
    made = Inputs(
        patients=tuple(f"p{i}" for i in range(n)),
        cohorts=tuple(f"c{i % cohorts}" for i in range(n)),
        expression=expression, membership=member, numbers=numbers, categories=categories,
        mutated=mutated, copied=copied, slide=slide, tiles=tiles,
    )  # fmt: skip
    known = Labels(
        response=response,
        os_months=np.minimum(time, 30).astype(np.float32),
        os_event=(time < 30).astype(np.float32),
        pfs_months=np.minimum(time / 2, 30).astype(np.float32),
        pfs_event=(time / 2 < 30).astype(np.float32),
        subtype=rng.integers(-1, 6, n).astype(np.int64),
        treated=np.ones(n, dtype=bool),
    )
    made.check(words)
    return made, known
