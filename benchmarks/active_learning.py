"""Does asking for the most informative patients teach the model faster than asking at random? Looking back at IMvigor210.

    python benchmarks/active_learning.py [--ask 40] [--repeats 40]

The model that never saw IMvigor210 is the start. Half of the cohort's patients with a known response are a pool of whom
nothing is told yet, the other half judge. Of the pool `--ask` patients are chosen, by rank (`models.acquisition`) or at
random; the response head is fitted anew with them beside the other cohorts, with coefficients of the cohort's own, and
judged by AUC on the half that was never in the pool. Halves are drawn anew for each repeat, so that repeats overlap and the
interval (of the mean over repeats) is of the draws, not of other cohorts. Needs a built database.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from core.evaluation import shipped
from core.evaluation.protocol import IMVIGOR
from core.pipeline.inputs import gather
from core.settings import Settings
from data.store import Store
from models import acquisition, heads
from models.training import read
from models.wide import features


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ask", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=40)
    args = parser.parse_args()
    store = Store.open_current(Settings.from_env().data_dir / "database", query_seconds=300.0)
    model = shipped.shipped().unseen(IMVIGOR)
    studies = sorted({name.partition("/")[0] for name in model.meta["cohorts"]} | {"imvigor210"})
    inputs, labels = gather(store, model.words, studies=studies)
    rows = np.flatnonzero(np.isfinite(labels.response) & labels.treated)
    design = read(inputs.take(rows), model.members[0], vocabulary=model.words, config=model.config)
    response = labels.response[rows].astype(np.float64)
    own = np.asarray(design.cohorts) == IMVIGOR
    others = np.flatnonzero(~own & np.isin(np.asarray(design.cohorts), list(model.meta["cohorts"])))
    penalties = heads.CANDIDATES[model.meta["training"]["penalties"]]
    columns = features(model.words)
    start = heads.from_arrays(model.members[0], "response")
    found: dict[str, list[float]] = {"nobody asked": [], "at random": [], "by rank": [], "whole pool": []}
    for repeat in range(args.repeats):
        rng = np.random.default_rng([repeat, 3])
        mine = rng.permutation(np.flatnonzero(own))
        pool, judges = np.sort(mine[: mine.size // 2]), np.sort(mine[mine.size // 2 :])
        ranked = acquisition.rank(start, design.take(others), design.take(pool), features=columns, penalties=penalties, most=args.ask)
        chosen = {
            "nobody asked": pool[:0], "at random": rng.permutation(pool)[: args.ask], "by rank": pool[ranked.order], "whole pool": pool,
        }  # fmt: skip
        for name, asked in chosen.items():
            taught = np.concatenate([others, asked])
            head = heads.fit_response(design.take(taught), response[taught], features=columns, penalties=penalties, own=IMVIGOR if asked.size else "")
            found[name].append(heads.auc(head.score(design.take(judges)), response[judges] > 0))
    print(f"IMvigor210, {int(own.sum())} patients with a response; {args.ask} of a pool of {int(own.sum()) // 2} asked, {args.repeats} draws; AUC on the other half")
    for name, values in found.items():
        print(f"  {name:14} {np.mean(values):.3f}  (SD over draws {np.std(values, ddof=1):.3f})")
    difference = np.asarray(found["by rank"]) - np.asarray(found["at random"])
    half = 1.96 * difference.std(ddof=1) / np.sqrt(difference.size)
    print(f"  by rank less at random: {difference.mean():+.3f} ({difference.mean() - half:+.3f} to {difference.mean() + half:+.3f})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
