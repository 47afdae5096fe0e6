"""Can the cohort be told from the patient embedding? What domain adaptation changes, and what it costs in response.

    python benchmarks/domain.py [--passes 14]

Patients with expression of the treated cohorts, read by: nothing (the plain summaries that enter the heads), an untrained
transformer, and one pre-trained without and one with the alignment of cohorts (CORAL, Sun and Saenko 2016,
doi 10.1007/978-3-319-49409-8_35); none of the transformers saw these patients. Cohort: balanced accuracy of a multinomial
logistic ridge, five folds of patients. Response: size-weighted AUC of a logistic ridge when each cohort is left out.
Expression is standardised within each cohort before anything reads it. Needs a built database; pre-trains twice (minutes).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from core.evaluation import shipped
from core.evaluation.protocol import RESPONSE_STUDIES
from core.pipeline.inputs import gather, vocabulary
from core.settings import Settings
from data.store import Store
from models import heads, ridge
from models.inputs import Labels
from models.training import read

PENALTY = 100.0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passes", type=int, default=14)
    args = parser.parse_args()
    store = Store.open_current(Settings.from_env().data_dir / "database", query_seconds=300.0)
    words = vocabulary(store)
    listed = store.sql("SELECT study FROM study WHERE NOT coalesce(synthetic, false) AND NOT coalesce(uploaded, false) ORDER BY rowid")["study"].to_list()
    inputs, labels = gather(store, words, studies=listed)
    config = replace(shipped.shipped().known_config(), pretrain_epochs=args.passes)
    studies = np.asarray([name.partition("/")[0] for name in inputs.cohorts])
    rows = np.flatnonzero(np.isfinite(inputs.expression).any(axis=1) & labels.treated & np.isin(studies, RESPONSE_STUDIES))
    own, told = inputs.take(rows), labels.take(rows)
    names = sorted(set(own.cohorts))
    print(f"{own.n} patients of {len(names)} cohorts; chance for the cohort {1 / len(names):.2f}, the largest holds {max(own.cohorts.count(n) for n in names) / own.n:.2f}")
    blank = shipped.untrained(words, config)
    plain = read(own, blank, vocabulary=words, config=config)
    tokens = {"plain summaries": plain.wide * plain.known, "untrained transformer": plain.deep}
    for label, weight in (("pre-trained, no alignment", 0.0), (f"pre-trained, CORAL {config.coral:g}", config.coral)):
        weights = shipped.pretrained(inputs, labels, words, config=replace(config, coral=weight))
        tokens[label] = read(own, weights, vocabulary=words, config=config).deep
    print(f"  {'':28} cohort told (balanced accuracy)   response, cohort left out (AUC)")
    for label, x in tokens.items():
        print(f"  {label:28} {cohort_told(x, own.cohorts):.3f}                             {response_told(x, own.cohorts, told):.3f}", flush=True)
    return 0


def cohort_told(x: np.ndarray, cohorts: tuple[str, ...]) -> float:
    """Balanced accuracy of telling the cohort, five folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced"))
    guess = cross_val_predict(model, x, np.asarray(cohorts), cv=StratifiedKFold(5, shuffle=True, random_state=0))
    return float(balanced_accuracy_score(np.asarray(cohorts), guess))


def response_told(x: np.ndarray, cohorts: tuple[str, ...], labels: Labels) -> float:
    """Size-weighted AUC of a logistic ridge fitted to the other cohorts."""
    known = np.isfinite(labels.response)
    name = np.asarray(cohorts)
    total, weight = 0.0, 0
    for left in sorted(set(name[known].tolist())):
        test, train = known & (name == left), known & (name != left)
        y = labels.response[test] > 0
        if y.all() or not y.any():
            continue
        centre, spread = x[train].mean(axis=0), x[train].std(axis=0)
        scale = np.where(spread > 1e-8, 1.0 / np.where(spread > 1e-8, spread, 1.0), 0.0)
        fitted = ridge.logistic((x[train] - centre) * scale, labels.response[train].astype(np.float64), penalties=np.full(x.shape[1], PENALTY))
        total += heads.auc((x[test] - centre) * scale @ fitted.coefficients, y) * int(test.sum())
        weight += int(test.sum())
    return total / weight


if __name__ == "__main__":
    raise SystemExit(main())
