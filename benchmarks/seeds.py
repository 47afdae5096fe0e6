"""How much do random numbers matter? The multimodal model of many seeds, each cohort left out in turn.

    python benchmarks/seeds.py [--seeds 20] [--part 0/2] [--file seeds.jsonl]

Each seed starts and pre-trains a transformer of its own, without labels, on patients who never had a checkpoint inhibitor
(none of whom is judged), and its response heads are fitted to the other cohorts, penalties chosen inside them. Fine-tuning,
which every cohort left out needs anew, is left out: it costs hours for twenty seeds, and `benchmarks/model.py --ablate` shows
the members of the models that come with the software, fine-tuned, one by one. A run goes on where an earlier one stood;
`--part 0/2` and `--part 1/2` share the work between two processes. Minutes a seed. Needs a built database.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from core.evaluation import compare as comparing
from core.evaluation import shipped
from core.evaluation.alike import look_alikes
from core.evaluation.compare import Material, figure
from core.evaluation.protocol import unseen_cohorts
from core.pipeline.inputs import gather, vocabulary
from core.settings import Settings
from data.store import Store


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--part", default="0/1", help="this process takes the seeds that leave this rest: 0/2, 1/2")
    parser.add_argument("--file", type=Path, default=Path("seeds.jsonl"))
    args = parser.parse_args()
    rest, parts = map(int, args.part.split("/"))
    store = Store.open_current(Settings.from_env().data_dir / "database", query_seconds=300.0)
    words = vocabulary(store)
    listed = store.sql("SELECT study FROM study WHERE NOT coalesce(synthetic, false) AND NOT coalesce(uploaded, false) ORDER BY rowid")["study"].to_list()
    inputs, labels = gather(store, words, studies=listed)
    judged = sorted({inputs.cohorts[row] for row in unseen_cohorts(inputs, labels, words).judged.nonzero()[0]})
    treated_studies = sorted({inputs.cohorts[row].partition("/")[0] for row in labels.treated.nonzero()[0]})
    material = Material(inputs=inputs, labels=labels, words=words, alike=look_alikes(store, judged=judged, studies=treated_studies))
    made = comparing.evaluation("unseen_cohorts", material)
    readers = inputs.take(np.flatnonzero(shipped.readers(inputs, labels, made.endpoint, tcga=False)))
    config = shipped.shipped().known_config()
    for seed in range(args.seeds):
        if seed % parts != rest or seed in measured(args.file):
            continue
        start = time.perf_counter()
        weights = shipped.pretrained(inputs, labels, words, config=config, seed=seed)
        entry = shipped.refitted(readers, words, made.endpoint, weights_of=lambda _cohort, own=weights: (own, config), within=False)
        row = figure(comparing.compare(made, material, [entry]), "multimodal")
        if row is None:
            continue
        with args.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seed": seed, "auc": row["estimate"], "low": row["ci_low"], "high": row["ci_high"], "n": row["n"]}) + "\n")
        print(f"seed {seed}: AUC {row['estimate']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f}), n {row['n']}, {time.perf_counter() - start:.0f} s", flush=True)
    values = np.asarray(list(measured(args.file).values()))
    if values.size > 1:
        print(f"{values.size} seeds: mean {values.mean():.3f}, SD {values.std(ddof=1):.3f}, {values.min():.3f} to {values.max():.3f}")
    return 0


def measured(path: Path) -> dict[int, float]:
    """Seeds that a file holds, and their AUC."""
    if not path.is_file():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return {int(row["seed"]): float(row["auc"]) for row in rows}


if __name__ == "__main__":
    raise SystemExit(main())
