"""python -m core train: train the multimodal model on the database's patients and write it with its card."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import polars as pl

from core.commands.build import Progress
from core.commands.database import opened
from core.commands.report import Report
from core.errors import BadModel
from core.pipeline.material import Material, folds, material
from core.pipeline.training import Plan, Trained, train
from core.settings import Settings

SHOWN = ("cohort", "endpoint", "measure", "n", "events", "value", "ci_low", "ci_high")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the model's folder goes; default: the folder of models")
    parser.add_argument("--studies", nargs="+", default=[], metavar="STUDY", help="train on these; default: every published study")
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="COHORT",
        help="leave whole cohorts out of the training (STUDY or STUDY/COHORT); the model is then judged on them",
    )  # fmt: skip
    parser.add_argument(
        "--each", action="store_true", help="also train one model without each treated study, so that every cohort has a model that never saw it"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="members of the ensemble")
    parser.add_argument("--epochs", type=int, metavar="N", help="most passes over the patients, in every phase")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=NUMBER", help="other settings of the model, as its card names them")
    parser.add_argument("--seed", type=int, default=0, help="of everything random; the same seed gives the same model")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of the processor; the last digits depend on it")
    parser.add_argument("--device", default="", choices=("cpu", "cuda"), help="default: an accelerator where there is one")
    parser.add_argument("--precision", default="", choices=("fp32", "bf16"), help="default: what the model chooses")
    parser.add_argument("--half", action="store_true", help="store the weights in 16 bits: half the size")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="go on where a killed run of the same training stood (the default)")
    group.add_argument("--fresh", action="store_true", help="begin anew, whatever an earlier run left")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Train, then report what the card says."""
    plan = Plan(
        out=args.out or settings.models_dir,
        checkpoints=settings.cache_dir / "training",
        studies=tuple(args.studies),
        without=tuple(args.without),
        config=changes(args),
        seed=args.seed,
        threads=args.threads,
        device=args.device,
        precision=args.precision,
        fresh=args.fresh,
        half=args.half,
    )
    if args.each and args.without:
        raise BadModel("--each leaves every treated study out in turn; leave --without out")
    with opened(settings) as store, Progress() as progress:
        progress.say("reading the patients")
        found = material(store, studies=plan.studies)
        progress.say(f"{found.inputs.n:,} patients of {len(set(found.inputs.cohorts)):,} cohorts")
        held_out = [_one(found, replace(plan, without=group), progress) for group in folds(found)] if args.each else []
        progress.say("training the model on all cohorts" if not plan.without else f"training without {', '.join(plan.without)}")
        main = train(found, plan, say=progress.say, others=held_out)
    return report(main, held_out)


def changes(args: argparse.Namespace) -> dict[str, float | int]:
    """Settings of the model that the arguments change.

    Raises
    ------
    BadModel
        A value that is no positive number.
    """
    made: dict[str, float | int] = {}
    for name in ("seeds", "epochs"):
        value = getattr(args, name)
        if value is not None:
            if value < 1:
                raise BadModel(f"--{name} {value} trains nothing; give 1 or more")
            made[name] = value
    for text in args.set:
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise BadModel(f"--set {text} is no NAME=NUMBER") from None
        made[name] = int(number) if number.is_integer() and not {".", "e"} & set(value.lower()) else number
    if args.threads < 1:
        raise BadModel(f"--threads {args.threads} cannot work; give 1 or more")
    return made


def report(main: Trained, held_out: list[Trained]) -> Report:
    """The card: where it is, what trained it, how well it does on cohorts that it never saw."""
    card = main.document
    metrics = [*main.held_out, *(row for one in held_out for row in one.held_out)]
    table = pl.DataFrame(metrics, infer_schema_length=None).select(SHOWN) if metrics else pl.DataFrame()
    notes = [f"Intended use: {card['intended_use']}", f"Limits: {card['limits']}"]
    if card["without"]:
        notes.insert(0, f"Left out: {', '.join(card['without'])}")
    if not metrics:
        notes.insert(0, "No cohort was left out, so nothing here says how well it does on new patients: use --each or --without.")
    notes.append("Run python -m core embed to bring the database up to date with it.")
    return Report(
        title=f"Model {main.path.name}: {card['patients']:,} patients of {len(card['cohorts'])} cohorts; {main.path}",
        tables=[("On cohorts that the model never saw", table)] if metrics else [],
        notes=notes,
        document={
            "model": main.path.name, "path": str(main.path), "patients": card["patients"], "cohorts": card["cohorts"],
            "without": card["without"], "data_hash": card["data_hash"], "config": card.get("config"), "splits": card["splits"],
            "metrics": metrics, "held_out_models": [str(one.path) for one in held_out], "intended_use": card["intended_use"],
            "limits": card["limits"],
        },
    )  # fmt: skip


def _one(found: Material, plan: Plan, progress: Progress) -> Trained:
    progress.say(f"training without {', '.join(plan.without)}")
    return train(found, plan, say=progress.say)
