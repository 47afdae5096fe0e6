"""Every model on the same patients and folds: what a deep model has to beat, and whether it does.

    python benchmarks/model.py [--protocol unseen_cohorts ...] [--models late_fusion ...] [--deep] [--repeats 10] [--json FILE]

Leave one cohort out over the cohorts with expression (AUC, weighted by their patients); ten times five folds within
IMvigor210 (AUC, concordance) and within four TCGA cancers (concordance, cancers alike). Scaling, components and penalties
are learnt inside the training folds (a cohort's own patients give the scale of its genes and of its mutational burden,
their outcomes do not); patients who may be one person in two cohorts never teach for each other. Intervals
and paired differences: bootstrap over patients within cohorts. Only patients scored by one fit are compared; `--pooled`
compares all of a cohort, as published out-of-fold figures often do.

Needs a built database (python -m core build). The simple models take about five minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl

from core.errors import CohortError
from core.evaluation import compare as comparing
from core.evaluation import deep, record, shipped
from core.evaluation.alike import look_alikes
from core.evaluation.compare import NAMES, Material, figure
from core.evaluation.entry import Entry, ablated
from core.evaluation.protocol import Evaluation, unseen_cohorts
from core.pipeline.inputs import gather, vocabulary
from core.settings import Settings
from data.store import Store
from models.config import Config
from models.multimodal import Arrays
from models.vocabulary import MODALITIES

EXPECTED: Mapping[str, Mapping[str, float]] = {
    "unseen_cohorts": {
        "gep": 0.57, "cyt": 0.58, "cd8": 0.59, "ridge_signatures": 0.54, "pca_ridge": 0.59, "gradient_boosting": 0.59, "tmb": 0.63,
    },
    "imvigor_response": {"tmb": 0.726, "clinical": 0.671, "tmb_clinical": 0.761, "late_fusion": 0.786},
    "imvigor_survival": {"clinical": 0.626, "late_fusion": 0.654},
    "tcga_survival": {"clinical": 0.609, "pathology": 0.581, "expression": 0.578, "joint_ridge - genome": 0.641, "joint_ridge": 0.640},
}  # fmt: skip
"""Figures that an earlier measurement gave for the same models, printed beside these."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--protocol", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--models", nargs="+", metavar="NAME", help="these models alone (and what they are compared with)")
    parser.add_argument("--shipped", action="store_true", help="also the multimodal model as it comes with the software: see core/evaluation/shipped.py")
    parser.add_argument("--deep", action="store_true", help="also the multimodal model, trained anew for each fit (hours)")
    parser.add_argument("--ablate", action="store_true", help="with either: also without each kind of measurement, without the transformer, without pre-training")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1, help="seeds of each model; their scores are averaged")
    parser.add_argument("--shuffles", type=int, default=3, help="controls with shuffled outcomes")
    parser.add_argument("--pooled", action="store_true", help="compare patients scored by different fits of a repeat too")
    parser.add_argument("--also", nargs="+", default=[], metavar="STUDY", help="uploaded studies that take part, as if they were published")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--progress", action="store_true", help="tell of each fit, on the error channel")
    parser.add_argument("--brief", action="store_true", help="of single cohorts write figures alone, no differences: models/assets/evaluation.json")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows; those of other protocols and the same model stay")
    args = parser.parse_args(arguments)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    start = time.perf_counter()
    store = Store.open_current(Settings.from_env().data_dir / "database", query_seconds=300.0)
    words = vocabulary(store)
    listed = store.sql("SELECT study FROM study WHERE NOT coalesce(synthetic, false) AND (NOT coalesce(uploaded, false) OR study = ANY($also)) ORDER BY rowid",
                       {"also": args.also})["study"].to_list()  # fmt: skip
    inputs, labels = gather(store, words, studies=listed)
    judged = unseen_cohorts(inputs, labels, words)
    names = sorted({inputs.cohorts[row] for row in judged.judged.nonzero()[0]})
    treated = sorted({inputs.cohorts[row].partition('/')[0] for row in labels.treated.nonzero()[0]})
    found = look_alikes(store, judged=names, studies=treated)
    material = Material(inputs=inputs, labels=labels, words=words, alike=found)
    print(f"{inputs.n:,} patients, read in {time.perf_counter() - start:.1f} s; database {store.version}")
    print(f"{found.compared} pairs of cohorts compared, {found.incomparable} have too little in common; {len(found.pairs)} pairs of patients kept apart")
    for said in found.said:
        print(f"  {said}")
    everything: list[dict[str, Any]] = []
    for name in args.protocol:
        try:
            everything += _evaluate(name, material, args)
        except CohortError as error:
            print(f"\n{name}: {error}")
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    if args.json is not None:
        named = shipped.shipped().known.main.name if args.shipped else ""
        about = {"database": store.version, "model": named, "repeats": args.repeats, "seeds": args.seeds, "pooled": args.pooled, "kept_apart": [list(p) for p in found.pairs]}
        kept = _kept(args.json, but=args.protocol, model=named)
        record.write(args.json, record.brief(kept + everything) if args.brief else kept + everything, about=about)
        print(f"wrote {len(everything):,} rows to {args.json}, beside {len(kept):,} of other protocols that were there")
    return 0


def _kept(path: Path, *, but: Sequence[str], model: str) -> list[dict[str, Any]]:
    """Rows of other protocols that the file holds already, if they are of the same model."""
    if not path.is_file():
        return []
    there = record.read(path).filter(~pl.col("evaluation").is_in(list(but)))
    return there.to_dicts() if set(there["model"]) <= {model} else []


def _evaluate(name: str, material: Material, args: argparse.Namespace) -> list[dict[str, Any]]:
    made = comparing.evaluation(name, material, repeats=args.repeats)
    entries = list(comparing.simple_entries(name, material.words))
    if args.deep:
        entries += _deep(made.endpoint, material, args)
    if args.shipped:
        entries += _shipped(made, material, args)
    if args.models:
        unknown = sorted(set(args.models) - {entry.name for entry in entries})
        if unknown:
            print(f"\n{name} has no model {', '.join(unknown)}; it has {', '.join(entry.name for entry in entries)}")
        entries = [entry for entry in entries if entry.name in args.models]
    if not entries:
        return []
    print(f"\n{name}: {made.label}; {int(made.judged.sum())} patients, {int(made.happened(material.labels)[made.judged].sum())} events, "
          f"{made.repeats} repeats, {len(made.splits)} fits a model")  # fmt: skip
    clock = time.perf_counter()
    found = comparing.compare(made, material, entries, seeds=tuple(range(args.seeds)), pooled=args.pooled, say=_teller(args))
    took = time.perf_counter() - clock
    control = comparing.control(made, material, entries, shuffles=args.shuffles, pooled=args.pooled) if args.shuffles else []
    _print(name, found, control, entries=entries)
    print(f"{took:.0f} s, the control another {time.perf_counter() - clock - took:.0f} s")
    return found + control


def _teller(args: argparse.Namespace) -> Callable[[str], None]:
    def say(words: str) -> None:
        if args.progress or "left out" in words:
            print(f"  {words}", file=sys.stderr, flush=True)

    return say


def _deep(endpoint: str, material: Material, args: argparse.Namespace) -> list[Entry]:
    whole = deep.multimodal(material.words, endpoint, device=args.device)
    made = [whole]
    if args.ablate:
        made.append(deep.without_pretraining(material.words, endpoint, device=args.device))
        made += [ablated(whole, material.words, modality) for modality in MODALITIES]
    return made


def _shipped(made: Evaluation, material: Material, args: argparse.Namespace) -> list[Entry]:
    models, words = shipped.shipped(), material.words
    if made.name == "tcga_survival":
        config = models.known_config()
        weights = shipped.pretrained(material.inputs, material.labels, words, config=config)
        weights_of: Callable[[str], tuple[Arrays, Config]] = lambda _cohort: (weights, config)  # noqa: E731
    else:
        weights_of = lambda cohort: shipped.transformer(models.unseen(cohort))  # noqa: E731
    within = made.protocol == "out_of_fold"
    treated = material.inputs.take(np.flatnonzero(shipped.readers(material.inputs, material.labels, made.endpoint, tcga=made.name == "tcga_survival")))
    common: dict[str, Any] = {"weights_of": weights_of, "within": within}
    found = [shipped.refitted(treated, words, made.endpoint, **common)] if within else [shipped.unseen_cohort(models, made.endpoint)]
    if not args.ablate:
        return found
    if not within:
        found += [shipped.unseen_cohort(models, made.endpoint, member=number) for number in range(models.known_config().seeds)]
        found.append(shipped.refitted(treated, words, made.endpoint, **common, name="multimodal, refitted", label="Multimodal, heads refitted"))
    found.append(shipped.refitted(treated, words, made.endpoint, **common, name="multimodal - transformer", label="Multimodal, additive part alone", penalties="sets"))
    blank = shipped.untrained(words, models.known_config())
    found.append(shipped.refitted(
        treated, words, made.endpoint, weights_of=lambda _cohort: (blank, models.known_config()), within=within,
        name="multimodal - training", label="Multimodal, transformer untrained", penalties="both",
    ))  # fmt: skip
    for modality in MODALITIES:
        found.append(shipped.refitted(
            treated, words, made.endpoint, **common, name=f"multimodal - {modality}", label=f"Multimodal, without {modality}", without=(modality,),
        ))  # fmt: skip
    return found


def _print(name: str, found: Sequence[Mapping[str, Any]], control: Sequence[Mapping[str, Any]], *, entries: Sequence[Entry]) -> None:
    cohorts = list(dict.fromkeys(row["cohort"] for row in found if row["cohort"]))
    expected = EXPECTED.get(name, {})
    width = max(len(entry.label) for entry in entries)
    for cohort in cohorts if len(cohorts) > 1 else []:
        own = [row for row in found if row["cohort"] == cohort and not row["against"]]
        best = max(own, key=lambda row: row["estimate"] or 0)
        print(f"  {cohort}: {best['n']} patients, {best['events']} events")
        for row in own:
            print(f"    {row['label']:{width}}  {_interval(row)}  n {row['n']}")
    simple = [e.name for e in entries if e.simple]
    whole = {e.name: figure(found, e.name) for e in entries}
    present = [n for n in simple if whole[n]]
    best_name = max(present, key=lambda n: whole[n]["estimate"]) if present else ""  # type: ignore[index]
    print(f"  {'over all':{width + 2}}  {'estimate (95% interval)':24} {'n':>5} {'events':>6}  earlier  shuffled  less the best simple ({best_name})")
    for entry in entries:
        row = whole[entry.name]
        if row is None:
            print(f"  {entry.label:{width + 2}}  nobody has it")
            continue
        chance = next((r for r in control if r["predictor"] == entry.name and r["cohort"] == ""), None)
        less = figure(found, entry.name, against=best_name)
        print(
            f"  {entry.label:{width + 2}}  {_interval(row):24} {row['n']:>5} {row['events']:>6}  "
            f"{expected.get(entry.name, float('nan')):7.3f}  {chance['estimate'] if chance else float('nan'):8.3f}  "
            + (f"{_interval(less)} n {less['n']}" if less else "")
        )


def _interval(row: Mapping[str, Any]) -> str:
    return f"{row['estimate']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f})"


if __name__ == "__main__":
    raise SystemExit(main())
