"""Why the elastic net has its own solver: many shuffled-label problems on one design, beside scikit-learn in one run.

300 patients, 30 features, 100 label vectors, one penalty. Both to the same optimum (largest difference of a coefficient
printed). Run: python benchmarks/elastic_net.py
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.proximal import solve

N, FEATURES, PROBLEMS, PENALTY, L1 = 300, 30, 100, 0.02, 0.5


def main() -> int:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)  # as in the build
    rng = np.random.default_rng(0)
    design = rng.standard_normal((N, FEATURES))
    chance = 1 / (1 + np.exp(-design[:, 0]))
    labels = (rng.random((N, PROBLEMS)) < chance[:, None]).astype(float)
    start = time.perf_counter()
    ours, _ = solve(
        design,
        labels,
        weights=np.full((N, PROBLEMS), 1 / N),
        penalties=np.full(PROBLEMS, PENALTY),
        l1_ratio=L1,
        iterations=2000,
        tolerance=1e-7,
    )
    batched = time.perf_counter() - start
    theirs = np.empty_like(ours)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(PROBLEMS):
            model = LogisticRegression(l1_ratio=L1, C=1 / (PENALTY * N), solver="saga", tol=1e-7, max_iter=5000)
            theirs[:, k] = model.fit(design, labels[:, k]).coef_[0]
    looped = time.perf_counter() - start
    print(f"{PROBLEMS} elastic nets, {N} x {FEATURES}: batched {batched:.2f} s, scikit-learn saga {looped:.2f} s, ratio {looped / batched:.1f}")
    print(f"largest difference of a coefficient: {np.abs(ours - theirs).max():.1e}")
    return int(np.abs(ours - theirs).max() > 1e-4)


if __name__ == "__main__":
    raise SystemExit(main())
