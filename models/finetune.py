"""Fine-tuning: the pre-trained transformer learns from outcomes, several at a time, while it goes on with masked tokens.

Heads on the patient token: response (logistic, an intercept a cohort), overall and progression-free survival
(discrete-time hazards over fixed intervals, Gensheimer & Narasimhan 2019, doi 10.7717/peerj.6257, an intercept a cohort),
immune subtype. Patients without an outcome take part through the masked tokens alone (semi-supervised).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models import fusion
from models.card import ModelError
from models.config import Config
from models.dense import Dense, dense, rows
from models.hidden import hide_tokens, masked_loss
from models.inputs import Inputs, Labels
from models.pretrain import Arrays, Checkpoint, Progress, batches
from models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

EDGES = (0.0, 2.0, 4.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 60.0)
"""Starts of the intervals of the hazards, in months; the last is open."""
SUBTYPES = 6
WEIGHTS = {"response": 1.0, "os": 0.3, "pfs": 0.3, "subtype": 0.2, "masked": 0.5}
LEAST_LABELLED = 40
HELD_OUT = 0.15


def finetune(
    inputs: Inputs, labels: Labels, *, start: Arrays, vocabulary: Vocabulary, config: Config, seed: int = 0,
    say: Callable[[str], None] | None = None, checkpoint: Checkpoint | None = None, device: str = "cpu",
) -> tuple[Arrays, dict[str, float]]:  # fmt: skip
    """Train transformer and heads on outcomes.

    Parameters
    ----------
    inputs, labels : n patients of the training cohorts alone. start : pre-trained weights.
    seed, say, checkpoint : as in `models.pretrain.pretrain`.

    Returns
    -------
    Weights of the pass with the least held-out response loss (pass 0, the pre-trained transformer, takes part), and what
    was measured.

    Raises
    ------
    ModelError
        Fewer than 40 patients with a known response.
    """
    import torch

    inputs.check(vocabulary)
    known = np.isfinite(labels.response)
    if known.sum() < LEAST_LABELLED:
        raise ModelError(f"fine-tuning takes at least {LEAST_LABELLED} patients with a known response; there are {int(known.sum())}")
    values = dense(inputs, vocabulary, device=device)
    targets = _targets(labels, inputs.cohorts, device=device)
    rng = np.random.default_rng([seed, 21])
    held = np.sort(rng.permutation(np.flatnonzero(known))[: round(HELD_OUT * known.sum())])
    kept = np.setdiff1d(np.arange(inputs.n), held)
    parameters = fusion.tensors(start, device=device) | start_heads(config, cohorts=len(set(inputs.cohorts)), seed=seed)
    parameters = {name: block.to(device).requires_grad_(True) for name, block in parameters.items()}
    optimiser = torch.optim.AdamW(
        [
            {"params": [b for n, b in parameters.items() if not n.startswith("head.")], "lr": config.tune_rate},
            {"params": [b for n, b in parameters.items() if n.startswith("head.")], "lr": 5 * config.tune_rate},
        ],
        weight_decay=config.tune_decay,
    )
    progress = Progress(parameters, optimiser, checkpoint)
    progress.restore()
    held_values, held_targets = rows(values, torch.from_numpy(held)), {k: v[held] for k, v in targets.items()}
    with torch.random.fork_rng(devices=[]):
        while progress.epoch < config.tune_epochs and progress.waited < config.patience:
            epoch = progress.epoch
            torch.manual_seed(seed * 100_019 + epoch)
            for number, index in enumerate(_mixed(values, kept, known, size=config.batch, seed=seed * 100_019 + epoch)):
                where = torch.from_numpy(index)
                part, wanted = rows(values, where), {k: v[where] for k, v in targets.items()}
                shown, hidden = hide_tokens(part, vocabulary, config=config, rng=np.random.default_rng([seed, 1, epoch, number]))
                seen = fusion.forward(parameters, shown, vocabulary=vocabulary, config=config, training=True)
                loss = supervised(parameters, seen.embedding, wanted)
                loss = loss + WEIGHTS["masked"] * masked_loss(parameters, seen, part, hidden=hidden, vocabulary=vocabulary)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
                optimiser.step()
            with torch.no_grad():
                seen = fusion.forward(parameters, held_values, vocabulary=vocabulary, config=config)
                found = float(response_loss(parameters, seen.embedding, held_targets))
            progress.step(found)
            if say is not None:
                say(f"fine-tuning, pass {epoch + 1} of at most {config.tune_epochs}: held-out response loss {found:.4f}")
    return progress.best or fusion.arrays(parameters), {"passes": float(progress.epoch), "loss": progress.least}


def start_heads(config: Config, *, cohorts: int, seed: int) -> Dense:
    """Untrained heads; the weights start at 0, so that every patient starts at the cohort's rate."""
    import torch

    d, k = config.dim, len(EDGES)
    del seed
    return {
        "head.response": torch.zeros(d), "head.response_cohort": torch.full((cohorts,), -0.8),
        "head.os": torch.zeros(d), "head.os_interval": torch.full((k,), -2.5), "head.os_cohort": torch.zeros(cohorts),
        "head.pfs": torch.zeros(d), "head.pfs_interval": torch.full((k,), -1.5), "head.pfs_cohort": torch.zeros(cohorts),
        "head.subtype": torch.zeros(d, SUBTYPES), "head.subtype_bias": torch.zeros(SUBTYPES),
    }  # fmt: skip


def supervised(parameters: Dense, embedding: Tensor, targets: dict[str, Tensor]) -> Tensor:
    """Weighted sum of the losses of the outcomes that are known."""
    total = WEIGHTS["response"] * response_loss(parameters, embedding, targets)
    for endpoint in ("os", "pfs"):
        total = total + WEIGHTS[endpoint] * hazard_loss(parameters, embedding, targets, endpoint=endpoint)
    return total + WEIGHTS["subtype"] * _subtype_loss(parameters, embedding, targets)


def response_loss(parameters: Dense, embedding: Tensor, targets: dict[str, Tensor]) -> Tensor:
    """Mean log loss of response over the patients who have one."""
    import torch

    told = torch.isfinite(targets["response"])
    if not bool(told.any()):
        return embedding.sum() * 0.0
    logit = embedding[told] @ parameters["head.response"] + parameters["head.response_cohort"][targets["cohort"][told]]
    return torch.nn.functional.binary_cross_entropy_with_logits(logit, targets["response"][told])


def hazard_loss(parameters: Dense, embedding: Tensor, targets: dict[str, Tensor], *, endpoint: str) -> Tensor:
    """Mean negative log-likelihood of discrete-time hazards; a patient counts in each interval that was begun and observed."""
    import torch

    f = torch.nn.functional
    time, event = targets[f"{endpoint}_months"], targets[f"{endpoint}_event"]
    told = torch.isfinite(time) & torch.isfinite(event)
    if not bool(told.any()):
        return embedding.sum() * 0.0
    edges = torch.tensor(EDGES, device=time.device)
    interval = torch.clamp((time[told][:, None] >= edges).sum(dim=1) - 1, min=0)
    risk = embedding[told] @ parameters[f"head.{endpoint}"] + parameters[f"head.{endpoint}_cohort"][targets["cohort"][told]]
    logits = risk[:, None] + parameters[f"head.{endpoint}_interval"]
    place = torch.arange(len(EDGES), device=time.device)
    happened = ((place == interval[:, None]) & (event[told][:, None] > 0)).to(logits.dtype)
    at_risk = (place < interval[:, None]) | (happened > 0)
    loss = f.binary_cross_entropy_with_logits(logits, happened, reduction="none") * at_risk
    return loss.sum() / max(int(told.sum()), 1)


def _subtype_loss(parameters: Dense, embedding: Tensor, targets: dict[str, Tensor]) -> Tensor:
    import torch

    told = targets["subtype"] >= 0
    if not bool(told.any()):
        return embedding.sum() * 0.0
    logits = embedding[told] @ parameters["head.subtype"] + parameters["head.subtype_bias"]
    return torch.nn.functional.cross_entropy(logits, targets["subtype"][told])


def _targets(labels: Labels, cohorts: tuple[str, ...], *, device: str) -> dict[str, Tensor]:
    import torch

    names = ("response", "os_months", "os_event", "pfs_months", "pfs_event")
    made = {name: torch.from_numpy(np.asarray(getattr(labels, name), dtype=np.float32)).to(device) for name in names}
    made["subtype"] = torch.from_numpy(labels.subtype).to(device)
    made["cohort"] = torch.from_numpy(np.unique(np.asarray(cohorts), return_inverse=True)[1].astype(np.int64)).to(device)
    return made


def _mixed(values: Dense, index: npt.NDArray[np.int64], known: npt.NDArray[np.bool_], *, size: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """Batches of the patients with a response, and about half as many of the others, chosen anew each pass."""
    own, others = index[known[index]], index[~known[index]]
    rng = np.random.default_rng([seed, 6])
    made = batches(values, own, size=size, seed=seed, every=True)
    made += batches(values, rng.permutation(others)[: own.size // 2], size=size, seed=seed + 1, every=True)
    return [made[i] for i in rng.permutation(len(made))]
