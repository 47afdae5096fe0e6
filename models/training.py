"""Training: pre-training, fine-tuning and heads of every member, from tables of inputs and labels to a model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models import fusion, heads
from models.card import ModelError
from models.config import Config
from models.dense import dense, rows
from models.finetune import finetune, start_heads
from models.inputs import Inputs, Labels
from models.multimodal import Arrays, Multimodal
from models.pretrain import Checkpoint, pretrain
from models.vocabulary import Vocabulary
from models.wide import features, wide

if TYPE_CHECKING:
    from models.dense import Dense

Say = Callable[[str], None]
Keeper = Callable[[str], Checkpoint]
LEAST_UNTREATED = 200
MOST_KEPT = 8
_DONE: dict[str, tuple[Arrays, dict[str, float]]] = {}
"""Finished pre-trainings of this process: leaving out one treated cohort after another changes none of them."""


def train(
    inputs: Inputs, labels: Labels, *, vocabulary: Vocabulary, config: Config, seed: int = 0, say: Say | None = None,
    checkpoint_of: Keeper | None = None, starts: list[Arrays] | None = None, device: str = "cpu",
) -> Multimodal:  # fmt: skip
    """Train a model.

    Parameters
    ----------
    inputs, labels : n patients of the training cohorts. Those who never had a checkpoint inhibitor serve pre-training, and
        fine-tuning through their hidden tokens, survival and subtype; where there are fewer than 200 of them, everyone pre-trains.
    config : config.pretrain_epochs = 0 leaves the transformer untrained, config.tune_epochs = 0 only pre-trained.
    starts : pre-trained weights of each member, where they are at hand already.
    checkpoint_of : a checkpoint for each stage by name, so that a training that was killed goes on.

    Raises
    ------
    ModelError
        Too few patients (pre-training 20, a response known of 40), or arrays that do not fit.
    """
    members: list[Arrays] = []
    measured: list[dict[str, Any]] = []
    chosen: dict[str, Any] = {}
    for number in range(config.seeds):
        own = seed * 1000 + number
        found: dict[str, Any] = {"seed": own}
        if starts is not None:
            weights = starts[number]
        elif config.pretrain_epochs > 0:
            weights, found["pretraining"] = _pretrained(
                untreated(inputs, labels), vocabulary=vocabulary, config=config, seed=own, say=_beginning(say, number, config),
                checkpoint=checkpoint_of(f"pretrain-{own}") if checkpoint_of else None, device=device,
            )
        else:
            weights = fusion.arrays(fusion.start(vocabulary, config, seed=own))
        if config.tune_epochs > 0:
            keeper = checkpoint_of(f"finetune-{own}") if checkpoint_of else None
            whole = _decoder(weights, vocabulary, config, seed=own) | weights
            weights, told = finetune(
                inputs, labels, start=whole, vocabulary=vocabulary, config=config, seed=own, say=_beginning(say, number, config),
                checkpoint=keeper, device=device,
            )
            found["fine_tuning"] = told
        weights = {name: block for name, block in weights.items() if not name.startswith("tell.") and name != "project"}
        weights = fusion.arrays(start_heads(config, cohorts=1, seed=own)) | weights
        design = read(inputs, weights, vocabulary=vocabulary, config=config, device=device)
        member, chosen = fit_heads(design, labels, vocabulary=vocabulary, known=chosen)
        members.append({name: block for name, block in weights.items() if not name.startswith("head.") or "subtype" in name} | member)
        measured.append(found)
        if say is not None:
            say(f"member {number + 1} of {config.seeds}: heads fitted, penalties '{chosen['penalties']}'")
    answered = np.isfinite(labels.response) & labels.treated
    meta = {
        "training": {"members": measured, **chosen},
        "cohorts": sorted(set(inputs.cohorts)),
        "labelled_cohorts": sorted({c for c, known in zip(inputs.cohorts, answered, strict=True) if known}),
        "n": inputs.n,
        "n_response": int(answered.sum()),
    }
    return Multimodal(words=vocabulary, config=config, members=tuple(members), meta=meta)


def untreated(inputs: Inputs, labels: Labels) -> Inputs:
    """Patients for pre-training: those who never had a checkpoint inhibitor, where there are enough.

    They have no response to predict, so one pre-trained transformer serves every cohort that is left out, and no
    measurement of a patient who is judged has been seen.
    """
    rows = np.flatnonzero(~labels.treated)
    return inputs.take(rows) if rows.size >= LEAST_UNTREATED else inputs


def _pretrained(
    inputs: Inputs, *, vocabulary: Vocabulary, config: Config, seed: int, say: Say | None, checkpoint: Checkpoint | None, device: str
) -> tuple[Arrays, dict[str, float]]:
    """Pre-training, done once in a process for the same patients, sizes and seed."""
    key = hashlib.blake2b(
        "".join([*inputs.key(), *inputs.cohorts, repr(vocabulary), repr(config), str(seed), device]).encode(), digest_size=16
    ).hexdigest()
    if key not in _DONE:
        _DONE[key] = pretrain(inputs, vocabulary=vocabulary, config=config, seed=seed, say=say, checkpoint=checkpoint, device=device)
        while len(_DONE) > MOST_KEPT:
            _DONE.pop(next(iter(_DONE)))
    weights, told = _DONE[key]
    return dict(weights), dict(told)


def read(
    inputs: Inputs, weights: Arrays, *, vocabulary: Vocabulary, config: Config, batch: int = 512, device: str = "cpu"
) -> heads.Design:
    """What the heads read about each patient."""
    import torch

    parameters = fusion.tensors(weights, device=device)
    values: Dense = dense(inputs, vocabulary, device=device)
    summary, known = (block.cpu().numpy().astype(np.float64) for block in wide(values, vocabulary))
    rich = (values["expression_known"].sum(dim=1) > 0).cpu().numpy()
    order = np.argsort(~rich, kind="stable")
    tokens = np.zeros((inputs.n, config.dim))
    with torch.inference_mode():
        for start in range(0, inputs.n, batch):
            part = order[start : start + batch]
            seen = fusion.forward(parameters, rows(values, torch.from_numpy(part)), vocabulary=vocabulary, config=config)
            tokens[part] = seen.embedding.cpu().numpy()
    return heads.Design(wide=summary, known=known, deep=tokens, cohorts=inputs.cohorts)


def fit_heads(
    design: heads.Design, labels: Labels, *, vocabulary: Vocabulary, known: dict[str, Any] | None = None
) -> tuple[Arrays, dict[str, Any]]:
    """Response, overall and progression-free survival; the penalties are chosen once, for the first member.

    Raises
    ------
    ModelError
        No treated patient with a known response.
    """
    columns = features(vocabulary)
    told = np.flatnonzero(np.isfinite(labels.response) & labels.treated)
    if told.size == 0 or len(set(labels.response[told].tolist())) < 2:
        raise ModelError("a response head needs treated patients who responded and who did not")
    own, wanted = design.take(told), labels.take(told)
    chosen = dict(known or {})
    if "penalties" not in chosen:
        name, means = heads.choose(own, wanted, features=columns)
        chosen = {"penalties": name, "inner_auc": {key: round(value, 4) for key, value in means.items()}}
    penalties = heads.CANDIDATES[chosen["penalties"]]
    made = heads.fit_response(own, wanted.response.astype(np.float64), features=columns, penalties=penalties).arrays("response")
    for endpoint in ("os", "pfs"):
        time, event = (getattr(labels, f"{endpoint}_{part}") for part in ("months", "event"))
        ready = np.flatnonzero(np.isfinite(time) & np.isfinite(event) & labels.treated)
        if ready.size < 20 or not (event[ready] > 0).any():
            made |= _silent(design, columns=len(columns)).arrays(endpoint)
            continue
        fitted = heads.fit_hazard(design.take(ready), time[ready].astype(np.float64), event[ready] > 0, features=columns, penalties=penalties)
        made |= fitted.arrays(endpoint)
    return made, chosen


def _silent(design: heads.Design, *, columns: int) -> heads.Head:
    """A head that says the same of everyone."""
    none, deep = np.zeros(columns), np.zeros(design.deep.shape[1])
    return heads.Head(centre=none, scale=none, weight=none, deep_centre=deep, deep_scale=deep, deep_weight=deep, intercept=0.0)


def _decoder(weights: Arrays, vocabulary: Vocabulary, config: Config, *, seed: int) -> Arrays:
    """The parameters that tell hidden tokens, where the starting weights lack them."""
    from models.hidden import start_decoder

    made = fusion.arrays(start_decoder(vocabulary, config, seed=seed))
    return {name: block for name, block in made.items() if name not in weights}


def _beginning(say: Say | None, number: int, config: Config) -> Say | None:
    if say is None:
        return None

    def told(words: str) -> None:
        say(f"member {number + 1} of {config.seeds}, {words}")

    return told


def rows_without(inputs: Inputs, without: Sequence[str]) -> npt.NDArray[np.bool_]:
    """(n,) patients of the other cohorts."""
    return ~np.isin(np.asarray(inputs.cohorts), list(without))
