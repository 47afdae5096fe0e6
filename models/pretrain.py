"""Pre-training: learn from patients without looking at any outcome.

Three losses: tokens that were hidden are told from the rest (masked-token modelling); the embedding of a patient's
expression is told from other patients' by the embedding of everything else that is known about that patient
(cross-modal contrast, InfoNCE, van den Oord 2018, doi 10.48550/arXiv.1807.03748); cohorts of a batch are asked to have
embeddings of the same mean and covariance (deep CORAL, Sun & Saenko 2016, doi 10.1007/978-3-319-49409-8_35).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from models import fusion
from models.card import ModelError
from models.config import Config
from models.dense import Dense, dense, rows
from models.hidden import hide_expression, hide_tokens, masked_loss, only_expression, start_decoder
from models.inputs import Inputs
from models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

Arrays = dict[str, npt.NDArray[np.float32]]
Say = Callable[[str], None]
LEAST_PATIENTS = 20
HELD_OUT, MOST_HELD_OUT = 0.1, 400
MASKS = 3
CONTRAST_SHARE = 0.5
"""Share of the batches that pay for two more views."""
LEAST_IN_COHORT = 12
"""Patients of a cohort in a batch below which its covariance says nothing."""


class Checkpoint(Protocol):
    """Keeps arrays over a kill of the process."""

    def load(self) -> Arrays | None: ...

    def save(self, arrays: Arrays) -> None: ...


def pretrain(
    inputs: Inputs, *, vocabulary: Vocabulary, config: Config, seed: int = 0, say: Say | None = None,
    checkpoint: Checkpoint | None = None, device: str = "cpu",
) -> tuple[Arrays, dict[str, float]]:  # fmt: skip
    """Train the transformer without labels.

    Parameters
    ----------
    inputs : n patients. seed : starting weights, order, masks. say : told each pass in a sentence.
    checkpoint : saved after each pass, so that a training that was killed goes on to the identical result.

    Returns
    -------
    Weights of the pass with the least held-out masked-token loss, and what was measured: passes, loss, loss_start.

    Raises
    ------
    ModelError
        Fewer than 20 patients, or arrays that the vocabulary cannot read.
    """
    import torch

    inputs.check(vocabulary)
    if inputs.n < LEAST_PATIENTS:
        raise ModelError(f"pre-training takes at least {LEAST_PATIENTS} patients; there are {inputs.n}")
    values = dense(inputs, vocabulary, device=device)
    cohort = np.unique(np.asarray(inputs.cohorts), return_inverse=True)[1]
    order = np.random.default_rng([seed, 11]).permutation(inputs.n)
    cut = min(max(round(HELD_OUT * inputs.n), 5), MOST_HELD_OUT)
    held, kept = np.sort(order[:cut]), np.sort(order[cut:])
    parameters = fusion.start(vocabulary, config, seed=seed) | start_decoder(vocabulary, config, seed=seed)
    parameters = {name: block.to(device).requires_grad_(True) for name, block in parameters.items()}
    optimiser = torch.optim.AdamW(parameters.values(), lr=config.rate, weight_decay=config.decay)
    progress = Progress(parameters, optimiser, checkpoint)
    progress.restore()
    held_values = rows(values, torch.from_numpy(held).to(device))
    with torch.random.fork_rng(devices=[]):
        if progress.first is None:
            progress.first = _held_out(parameters, held_values, vocabulary=vocabulary, config=config, seed=seed)
        while progress.epoch < config.pretrain_epochs and progress.waited < config.patience:
            epoch = progress.epoch
            torch.manual_seed(seed * 100_003 + epoch)
            rate = config.rate * 0.5 * (1.0 + np.cos(np.pi * epoch / max(config.pretrain_epochs, 1)))
            for group in optimiser.param_groups:
                group["lr"] = max(rate, 0.02 * config.rate)
            for number, index in enumerate(batches(values, kept, size=config.batch, seed=seed * 100_003 + epoch)):
                part = rows(values, torch.from_numpy(index).to(device))
                rng = np.random.default_rng([seed, epoch, number])
                loss = _loss(parameters, part, cohort=cohort[index], vocabulary=vocabulary, config=config, rng=rng)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
                optimiser.step()
            found = _held_out(parameters, held_values, vocabulary=vocabulary, config=config, seed=seed)
            progress.step(found)
            if say is not None:
                say(f"pre-training, pass {epoch + 1} of at most {config.pretrain_epochs}: held-out loss {found:.3f} (at the start {progress.first:.3f})")
    best = progress.best or fusion.arrays(parameters)
    return best, {"passes": float(progress.epoch), "loss": progress.least, "loss_start": float(progress.first or np.nan)}


def batches(
    values: Dense, index: npt.NDArray[np.int64], *, size: int, seed: int, every: bool = False
) -> list[npt.NDArray[np.int64]]:
    """Patients in batches of alike modalities, shuffled; of patients without expression at most as many as with it, or every one."""
    rng = np.random.default_rng([seed, 5])
    rich = (values["expression_known"].sum(dim=1) > 0).cpu().numpy()[index]
    genome = ((values["mutated_known"].sum(dim=1) + values["copied_known"].sum(dim=1) + values["slide_known"].sum(dim=1)) > 0).cpu().numpy()[index]
    buckets = [index[rich & genome], index[rich & ~genome], index[~rich]]
    if not every and buckets[0].size + buckets[1].size:
        buckets[2] = rng.permutation(buckets[2])[: max(buckets[0].size + buckets[1].size, size)]
    made = []
    for bucket in buckets:
        shuffled = rng.permutation(bucket)
        parts = max(1, round(shuffled.size / size))
        made += [part for part in np.array_split(shuffled, parts) if part.size >= 2]
    return [made[i] for i in rng.permutation(len(made))]


def coral(embedding: Tensor, cohort: npt.NDArray[np.int64]) -> Tensor:
    """Distance of each cohort's mean and covariance to those of the whole batch, averaged over cohorts."""
    import torch

    codes, counts = np.unique(cohort, return_counts=True)
    large = codes[counts >= LEAST_IN_COHORT]
    if large.size < 2:
        return embedding.sum() * 0.0
    whole = embedding[torch.from_numpy(np.isin(cohort, large)).to(embedding.device)]
    mean, covariance = whole.mean(dim=0), torch.cov(whole.T)
    total = embedding.sum() * 0.0
    for code in large:
        own = embedding[torch.from_numpy(cohort == code).to(embedding.device)]
        total = total + ((own.mean(dim=0) - mean) ** 2).mean() + ((torch.cov(own.T) - covariance) ** 2).mean()
    return total / large.size


def contrast(first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """InfoNCE of two views of the same patients, both ways."""
    import torch

    f = torch.nn.functional
    similarity = f.normalize(first, dim=1) @ f.normalize(second, dim=1).T / temperature
    target = torch.arange(first.shape[0], device=first.device)
    return 0.5 * (f.cross_entropy(similarity, target) + f.cross_entropy(similarity.T, target))


def _loss(
    parameters: Dense, part: Dense, *, cohort: npt.NDArray[np.int64], vocabulary: Vocabulary, config: Config, rng: np.random.Generator
) -> Tensor:
    shown, hidden = hide_tokens(part, vocabulary, config=config, rng=rng)
    seen = fusion.forward(parameters, shown, vocabulary=vocabulary, config=config, training=True)
    loss = masked_loss(parameters, seen, part, hidden=hidden, vocabulary=vocabulary) + config.coral * coral(seen.embedding, cohort)
    has = (part["expression_known"].sum(dim=1) > 0).cpu().numpy()
    if config.contrast > 0 and has.sum() >= 8 and rng.random() < CONTRAST_SHARE:
        views = [
            fusion.forward(parameters, view, vocabulary=vocabulary, config=config, training=True).embedding
            for view in (only_expression(part), hide_expression(part, vocabulary))
        ]
        both = np.flatnonzero(has)
        loss = loss + config.contrast / CONTRAST_SHARE * contrast(views[0][both] @ parameters["project"], views[1][both] @ parameters["project"], temperature=config.temperature)
    return loss


def _held_out(parameters: Dense, values: Dense, *, vocabulary: Vocabulary, config: Config, seed: int) -> float:
    """Masked-token loss of the held-out patients under three fixed masks."""
    import torch

    total = 0.0
    with torch.no_grad():
        for number in range(MASKS):
            shown, hidden = hide_tokens(values, vocabulary, config=config, rng=np.random.default_rng([seed, 977, number]))
            seen = fusion.forward(parameters, shown, vocabulary=vocabulary, config=config)
            total += float(masked_loss(parameters, seen, values, hidden=hidden, vocabulary=vocabulary))
    return total / MASKS


class Progress:
    """Where a training stands: pass, best weights, optimiser; kept over a kill."""

    def __init__(self, parameters: Dense, optimiser: object, checkpoint: Checkpoint | None) -> None:
        self.parameters, self.optimiser, self.checkpoint = parameters, optimiser, checkpoint
        self.epoch, self.waited = 0, 0
        self.least = float("inf")
        self.first: float | None = None
        self.best: Arrays | None = None

    def step(self, found: float) -> None:
        self.epoch += 1
        if found < self.least - 1e-4:
            self.least, self.waited, self.best = found, 0, fusion.arrays(self.parameters)
        else:
            self.waited += 1
        if self.checkpoint is not None:
            self.checkpoint.save(self._arrays())

    def _arrays(self) -> Arrays:
        made = {f"now.{k}": v for k, v in fusion.arrays(self.parameters).items()}
        made |= {f"best.{k}": v for k, v in (self.best or {}).items()}
        state = self.optimiser.state  # type: ignore[attr-defined]
        for name, block in self.parameters.items():
            for key in ("exp_avg", "exp_avg_sq", "step"):
                if key in state[block]:
                    made[f"{key}.{name}"] = np.asarray(state[block][key].detach().cpu().numpy(), dtype=np.float32).copy()
        made["where"] = np.asarray([self.epoch, self.waited, self.least, self.first or 0.0], dtype=np.float64)
        return made

    def restore(self) -> None:
        import torch

        found = self.checkpoint.load() if self.checkpoint is not None else None
        if not found or "where" not in found:
            return
        with torch.no_grad():
            for name, block in self.parameters.items():
                block.copy_(torch.from_numpy(np.array(found[f"now.{name}"])))
                if f"exp_avg.{name}" in found:
                    self.optimiser.state[block] = {  # type: ignore[attr-defined]
                        key: torch.from_numpy(np.array(found[f"{key}.{name}"])).to(block.device if key != "step" else "cpu") for key in ("exp_avg", "exp_avg_sq", "step")
                    }  # fmt: skip
        where = found["where"]
        self.epoch, self.waited, self.least, self.first = int(where[0]), int(where[1]), float(where[2]), float(where[3])
        self.best = {k.removeprefix("best."): np.array(v) for k, v in found.items() if k.startswith("best.")} or None
