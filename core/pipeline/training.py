"""Training: the tables' patients to a trained model in a folder, with the card that says what it is and how well it did.

A cohort that is left out is left out of everything: pre-training, fine-tuning, early stopping. What such a model says of
that cohort is then measured, and is what the card quotes; how well a model fits its own training patients is not.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import BadModel, CohortError, UnknownName
from core.pipeline.jobs import Vectors, device_of, resolve
from core.pipeline.material import LEAST_PATIENTS, Material
from core.pipeline.predictions import LEAST_OF_CLASS
from core.response.roc import auc
from core.speakers import KIND, with_shared
from core.survival.concordance import concordance
from data.fingerprint import code, digest
from data.sources import OVERLAPPING
from models import bundle as bundles
from models.card import ModelError
from models.checkpoint import Checkpoint
from models.inputs import Inputs, Labels
from models.weights import write_whole

TRAINER = "models.training:train"
MAKER = "models.multimodal:from_parts"
CONFIG = "models.config:Config"
DONE = "done"
LEAST_DEATHS = 10

INTENDED_USE = (
    "Research: one embedding, a predicted response to checkpoint inhibitors and predicted risks of a tumour patient, from whichever of "
    "clinical variables, mutations, expression and H&E features are known. Not for decisions about a patient's treatment."
)
LIMITS = (
    "Trained on published cohorts of a few hundred patients with response; on cohorts that it never saw it separates responders less well "
    "than on its own, and simpler scores may do as well: see its metrics and the leaderboard. Patients with few measurements get an "
    "embedding near the middle. Its risks are scores, no probabilities."
)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to train, and where.

    Attributes
    ----------
    out : folder that the model's folder is written to. checkpoints : folder of what a killed training goes on from.
    studies : that train; () = every published study, or the synthetic ones where there is none. without : cohorts to leave
        out, 'study' or 'study/cohort'. config : fields of `models.config.Config` to change. seed : of everything random.
    threads, device, precision : of the training; its result depends on the number of threads, in the last digits.
    fresh : forget checkpoints of an earlier run. half : store the weights in 16 bits.
    trainer, maker, configuration : "module:name" of the code (see TRAINER, MAKER, CONFIG).
    """

    out: Path
    checkpoints: Path
    studies: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    threads: int = 1
    device: str = ""
    precision: str = ""
    fresh: bool = False
    half: bool = False
    trainer: str = TRAINER
    maker: str = MAKER
    configuration: str = CONFIG


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model that was trained. path : its folder. document : its card. held_out : metrics on the cohorts left out."""

    path: Path
    document: dict[str, Any]
    held_out: list[dict[str, Any]]


def train(found: Material, plan: Plan, *, say: Say, others: Sequence[Trained] = ()) -> Trained:
    """Train one model and write its folder; a training that was killed goes on where it stood, to the identical result.

    Parameters
    ----------
    others : models trained without a cohort each, whose metrics on it this one's card quotes.

    Raises
    ------
    UnknownName
        A cohort to leave out that is not there.
    BadModel
        Too few patients are left, or the model, its checkpoint or its folder cannot be written.
    """
    left_out = left_out_of(found.inputs.cohorts, plan.without)
    held = np.asarray([cohort in left_out for cohort in found.inputs.cohorts], dtype=bool)
    apart_from = found.kept_apart(held)
    inputs, labels = found.inputs.take(~(held | apart_from)), found.labels.take(~(held | apart_from))
    if inputs.n < LEAST_PATIENTS:
        raise BadModel(f"without {', '.join(plan.without)} {inputs.n} patients are left; a model takes {LEAST_PATIENTS}: leave fewer out")
    config = configured(plan)
    data = data_hash(inputs, labels)
    quoted = [other.path.name for other in others]
    run = digest([data, repr(plan.half), *quoted, json.dumps(config.document(), sort_keys=True), found.words.sets_hash, repr(plan.seed), repr(plan.threads), plan.device,
                  plan.precision, code(plan.trainer.partition(":")[0])])  # fmt: skip
    folder = plan.checkpoints / run
    with contextlib.suppress(OSError):  # a checkpoint says so where it matters
        folder.mkdir(parents=True, exist_ok=True)
    kept: list[Checkpoint] = []

    def checkpoint_of(name: str) -> Checkpoint:
        point = Checkpoint(folder / f"{name}.safetensors", say=say)
        if plan.fresh and all(point.path != other.path for other in kept):
            point.clear()
        kept.append(point)
        return point

    if (finished := _finished(folder, plan)) is not None:
        say(f"{finished.path.name} was trained before on the same patients, with the same settings and code")
        return finished
    if not plan.fresh and any(folder.glob("*.safetensors")):
        say("going on from where an earlier run of the same training stood")
    _prepare(plan)
    try:
        trainer = resolve(plan.trainer)
        where = {"device": device_of(plan.device)} if "device" in inspect.signature(trainer).parameters else {}
        model = trainer(
            inputs, labels, vocabulary=found.words, config=config, seed=plan.seed, say=say, checkpoint_of=checkpoint_of, **where
        )
        tensors = model.tensors()
        if plan.half:  # what is measured and kept is what is stored
            tensors = {name: rounded(array) for name, array in tensors.items()}
        model = resolve(plan.maker)(tensors, model.document())
        metrics = judge(model, found.inputs.take(held), labels=found.labels.take(held))
        document = {
            **model.document(),
            **card(inputs, labels, left_out=left_out, data=data, seed=plan.seed),
            "kept_apart": int(apart_from.sum()),
            "family": digest([json.dumps(config.document(), sort_keys=True), repr(plan.seed), data_hash(found.inputs, found.labels)]),
            "metrics": {"left_out": metrics, "leave_one_cohort_out": [row for other in others for row in other.held_out]},
        }
        path = bundles.save(plan.out, tensors, document, half=plan.half)
        write_whole(folder / DONE, path.name.encode())
        for point in kept:
            point.clear()
    except (ModelError, OSError) as error:
        raise BadModel(f"{error}; what was trained is kept, and training goes on from there" if isinstance(error, OSError) else str(error)) from error
    return Trained(path=path, document=dict(bundles.read(path).document), held_out=metrics)


def _finished(folder: Path, plan: Plan) -> Trained | None:
    """The model that an earlier run of the very same training left, if it is whole."""
    if plan.fresh or not (folder / DONE).is_file():
        return None
    path = plan.out / (folder / DONE).read_text(encoding="utf-8").strip()
    try:
        document = bundles.load(path)[1]
    except ModelError:
        return None
    return Trained(path=path, document=document, held_out=list(document["metrics"]["left_out"]))


def card(inputs: Inputs, labels: Labels, *, left_out: frozenset[str], data: str, seed: int) -> dict[str, Any]:
    """What the card says beside sizes and metrics."""
    names = list(dict.fromkeys(inputs.cohorts))
    of = {name: np.asarray([cohort == name for cohort in inputs.cohorts], dtype=bool) for name in names}
    return {
        "name": KIND,
        "kind": KIND,
        "seed": seed,
        "cohorts": names,
        "without": sorted(left_out),
        "patients": inputs.n,
        "data_hash": data,
        "splits": {
            name: {
                "patients": int(rows.sum()),
                "with_response": int(np.isfinite(labels.response[rows]).sum()),
                "responders": int(np.nansum(labels.response[rows])),
                "deaths": int(np.nansum(labels.os_event[rows])),
            }
            for name, rows in of.items()
        },
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
    }


def judge(model: Any, inputs: Inputs, *, labels: Labels) -> list[dict[str, Any]]:
    """How well a model does on each cohort that it never saw: AUC for response of treated patients, c-index for survival."""
    if not inputs.n:
        return []
    found: Vectors = model.embed(inputs)
    return [row for cohort in dict.fromkeys(inputs.cohorts) for row in _judged(cohort, inputs, found=found, labels=labels)]


def _judged(cohort: str, inputs: Inputs, *, found: Vectors, labels: Labels) -> Iterator[dict[str, Any]]:
    own = np.asarray([name == cohort for name in inputs.cohorts], dtype=bool)
    for endpoint, value, event in (
        ("response", labels.response, labels.response),
        ("os", labels.os_months, labels.os_event),
        ("pfs", labels.pfs_months, labels.pfs_event),
    ):
        rows = own & np.isfinite(value) & np.isfinite(event) & (labels.treated if endpoint == "response" else True)
        events = int(event[rows].sum())
        enough = min(events, int(rows.sum()) - events) >= LEAST_OF_CLASS if endpoint == "response" else events >= LEAST_DEATHS
        if not enough:
            continue
        try:
            if endpoint == "response":
                measured = auc(pl.DataFrame({"score": found.log_odds[rows], "response": value[rows] > 0}), score="score")
            else:
                risk = found.os_risk if endpoint == "os" else found.pfs_risk
                table = {f"{endpoint}_months": value[rows].astype(np.float64), f"{endpoint}_event": event[rows] > 0, "score": -risk[rows]}
                measured = concordance(pl.DataFrame(table), outcome=endpoint, score="score")
        except CohortError:
            continue
        low, high = measured.ci95 if measured.ci95 else (None, None)
        yield {
            "cohort": cohort, "endpoint": endpoint, "measure": "AUC" if endpoint == "response" else "c-index", "n": int(rows.sum()),
            "events": events, "value": float(measured.effect) if measured.effect is not None else None, "ci_low": low, "ci_high": high,
        }  # fmt: skip


def left_out_of(cohorts: Sequence[str], without: Sequence[str]) -> frozenset[str]:
    """The cohorts that names mean: 'study', 'study/cohort' or 'cohort', and those that are known to share patients with them.

    Raises
    ------
    UnknownName
        A name that none of the training's cohorts has.
    """
    listed = list(dict.fromkeys(cohorts))
    out: set[str] = set()
    for name in without:
        meant = [one for one in listed if name in {one, one.partition("/")[0], one.partition("/")[2], one.replace("/", " ", 1)}]
        if not meant and name not in {study for pair in OVERLAPPING for study in pair}:
            raise UnknownName(f"there is no cohort '{name}' in the training; there are {', '.join(listed)}")
        shared = with_shared({one.partition("/")[0] for one in meant} | {name}) - {one.partition("/")[0] for one in meant}
        out |= set(meant) | {one for one in listed if one.partition("/")[0] in shared}
    return frozenset(out)


def configured(plan: Plan) -> Any:
    """The sizes and rates to train with.

    Raises
    ------
    BadModel
        A field that does not exist, or a value that is none.
    """
    made = resolve(plan.configuration)()
    known = {entry.name for entry in fields(made)}
    changes = dict(plan.config)
    if (epochs := changes.pop("epochs", None)) is not None:
        changes |= {name: epochs for name in known if name == "epochs" or name.endswith("_epochs")}
    if "precision" in known and plan.precision:
        changes["precision"] = plan.precision
    elif plan.precision not in {"", "fp32"}:
        raise BadModel(f"this model trains in 32 bits only; leave --precision {plan.precision} out")
    unknown = sorted(set(changes) - known)
    if unknown:
        raise BadModel(f"the model has no setting '{unknown[0]}'; it has {', '.join(sorted(known))}")
    return replace(made, **changes)


def data_hash(inputs: Inputs, labels: Labels) -> str:
    """Hash of everything that a training reads: every patient's input, cohort and outcomes, in order."""
    found = hashlib.blake2b(digest_size=16)
    for patient, cohort, key in zip(inputs.patients, inputs.cohorts, inputs.key(), strict=True):
        found.update(f"{patient} {cohort} {key};".encode())
    for entry in fields(labels):
        found.update(np.ascontiguousarray(getattr(labels, entry.name)).tobytes())
    return found.hexdigest()


def rounded(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A 32-bit array as 16-bit storage gives it back; one that does not fit stays as it is."""
    if array.dtype != np.float32 or (array.size and float(np.abs(array).max()) >= float(np.finfo(np.float16).max)):
        return array
    return array.astype(np.float16).astype(np.float32)


def _prepare(plan: Plan) -> None:
    """One number of threads and one order of sums: the same seed gives the same bits."""
    import torch

    torch.set_num_threads(max(1, plan.threads))
    torch.use_deterministic_algorithms(True, warn_only=True)
