"""A toy model with the signatures of the multimodal one: fast to train, real gradient steps, real checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from models.inputs import Inputs, Labels
from models.vocabulary import Vocabulary, from_document

SECONDS_AN_EPOCH = 0.0
"""A killed training needs something to be killed in."""


@dataclass(frozen=True, kw_only=True)
class Config:
    dim: int = 8
    epochs: int = 6
    seeds: int = 2

    def document(self) -> dict[str, Any]:
        return asdict(self)


def features(inputs: Inputs) -> np.ndarray:
    blocks = [np.nan_to_num(getattr(inputs, name)) for name in ("numbers", "mutated", "copied", "slide")]
    means = np.nan_to_num(inputs.expression).sum(axis=1, keepdims=True) / max(inputs.expression.shape[1], 1)
    return np.hstack([*blocks, inputs.categories.astype(np.float32), means]).astype(np.float32)


class Model:
    """Members are a matrix each."""

    def __init__(self, tensors: Mapping[str, np.ndarray], document: Mapping[str, Any]) -> None:
        self.arrays = dict(tensors)
        self.words: Vocabulary = from_document(document["vocabulary"])
        self.config = Config(**document["config"])

    def tensors(self) -> dict[str, np.ndarray]:
        return self.arrays

    def document(self) -> dict[str, Any]:
        return {"vocabulary": self.words.document(), "config": self.config.document()}

    def embed(self, inputs: Inputs, *, batch: int = 512, device: str | None = None) -> Any:
        import torch

        found = []
        for start in range(0, inputs.n, batch):
            part = torch.from_numpy(features(inputs.take(np.arange(start, min(start + batch, inputs.n)))))
            members = [torch.tanh(part @ torch.from_numpy(w)) for w in self.arrays.values()]
            found.append(torch.stack(members).mean(dim=0).numpy())
        vector = np.concatenate(found) if found else np.zeros((0, self.config.dim), dtype=np.float32)
        return SimpleNamespace(
            vector=vector, log_odds=vector[:, 0].astype(np.float64), os_risk=vector[:, 1].astype(np.float64),
            pfs_risk=vector[:, 2].astype(np.float64), subtype=np.full((inputs.n, 6), 1 / 6, dtype=np.float32), seen=inputs.seen(self.words),
        )  # fmt: skip


def from_parts(tensors: Mapping[str, np.ndarray], document: Mapping[str, Any]) -> Model:
    return Model(tensors, document)


def starved(tensors: Mapping[str, np.ndarray], document: Mapping[str, Any]) -> Model:
    """As on an accelerator with room for 16 patients."""
    model = Model(tensors, document)
    whole = model.embed

    def embed(inputs: Inputs, *, batch: int, device: str | None = None) -> Any:
        if batch > 16:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return whole(inputs, batch=batch, device=device)

    model.embed = embed  # type: ignore[method-assign]
    return model


def dying(tensors: Mapping[str, np.ndarray], document: Mapping[str, Any]) -> Model:
    """Loses its power in the second part."""
    model = Model(tensors, document)
    whole, calls = model.embed, [0]

    def embed(inputs: Inputs, *, batch: int, device: str | None = None) -> Any:
        calls[0] += 1
        if calls[0] > 1:
            raise KeyboardInterrupt
        return whole(inputs, batch=batch, device=device)

    model.embed = embed  # type: ignore[method-assign]
    return model


def starting(words: Vocabulary, n: int, config: Config | None = None, *, seed: int = 0) -> Model:
    """An untrained model for inputs with n features."""
    config = config or Config()
    rng = np.random.default_rng(seed)
    arrays = {f"{k}.w": rng.normal(scale=0.2, size=(n, config.dim)).astype(np.float32) for k in range(config.seeds)}
    return Model(arrays, {"vocabulary": words.document(), "config": config.document()})


def train(
    inputs: Inputs,
    labels: Labels,
    *,
    vocabulary: Vocabulary,
    config: Config,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
    checkpoint_of: Callable[[str], Any] | None = None,
) -> Model:
    """Full-batch Adam on the response, dropout from a generator whose state is kept with the weights."""
    import torch

    x = torch.from_numpy(features(inputs))
    known = torch.from_numpy(np.isfinite(labels.response))
    y = torch.from_numpy(np.nan_to_num(labels.response))
    arrays = {}
    for member in range(config.seeds):
        point = checkpoint_of(f"member-{member}") if checkpoint_of is not None else None
        generator = torch.Generator().manual_seed(1000 * seed + member)
        w = (torch.randn(x.shape[1], config.dim, generator=generator) * 0.05).requires_grad_()
        optimiser = torch.optim.Adam([w], lr=0.01)
        first = 0
        if point is not None and (found := point.load()) is not None:
            first = int(found["epoch"])
            with torch.no_grad():
                w.copy_(torch.from_numpy(found["w"]))
            if first:
                state = {"step": torch.tensor(float(found["step"])), "exp_avg": torch.from_numpy(found["m"]), "exp_avg_sq": torch.from_numpy(found["v"])}
                optimiser.load_state_dict({**optimiser.state_dict(), "state": {0: state}})
            generator.set_state(torch.from_numpy(found["generator"]))
        for epoch in range(first, config.epochs):
            mask = (torch.rand(x.shape, generator=generator) > 0.1).float()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.tanh((x * mask) @ w)[known, 0], y[known])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if say is not None:
                say(f"member {member + 1}, epoch {epoch + 1} of {config.epochs}: loss {loss.item():.4f}")
            if point is not None:
                state = optimiser.state_dict()["state"][0]
                point.save(
                    {"epoch": np.asarray(epoch + 1), "w": w.detach().numpy(), "step": np.asarray(float(state["step"])), "m": state["exp_avg"].numpy(),
                     "v": state["exp_avg_sq"].numpy(), "generator": generator.get_state().numpy()}
                )  # fmt: skip
            time.sleep(SECONDS_AN_EPOCH)
        arrays[f"{member}.w"] = w.detach().numpy().copy()
    return Model(arrays, {"vocabulary": vocabulary.document(), "config": config.document()})
