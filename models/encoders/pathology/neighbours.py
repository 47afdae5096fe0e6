"""Neighbours: a small adapter of tile embeddings, learnt without labels from which tiles lie beside each other.

A tile's projection must be near that of its neighbours (pooled by gated attention), while projections stay spread and their
numbers unrelated: VICReg (Bardes 2022, doi 10.48550/arXiv.2105.04906) with spatial neighbours as the second view. The encoder
itself is not changed. Attention learnt like this says how typical a tile is of its surroundings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import ModelError
from models.encoders.pathology.pooling import GatedAttention, checked, from_tensors, untrained

Array32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

ADAPTER = ("centre", "spread", "weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How the adapter is learnt; fixed before it was measured.

    Attributes
    ----------
    width : of a projection. neighbours : of a tile. steps, batch, rate : of AdamW. weights : of likeness, spread and unrelatedness.
    """

    width: int = 64
    neighbours: int = 8
    hidden: int = 32
    steps: int = 200
    batch: int = 256
    rate: float = 3e-3
    weights: tuple[float, float, float] = (25.0, 25.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A projection of tile embeddings and the attention learnt beside it.

    Attributes
    ----------
    centre, spread : (d,). weight : (d, width). attention : over the tiles of a slide. losses : of each step.
    """

    centre: Array32
    spread: Array32
    weight: Array32
    attention: GatedAttention
    losses: tuple[float, ...] = ()

    def project(self, tiles: Array32) -> Array32:
        """(n, d) -> (n, width)."""
        checked(tiles, width=len(self.centre))
        made: Array32 = ((tiles - self.centre) / self.spread @ self.weight).astype(np.float32)
        return made

    def tensors(self) -> dict[str, Array32]:
        """As arrays by name."""
        own = {name: getattr(self, name) for name in ADAPTER}
        return own | {f"attention.{name}": array for name, array in self.attention.tensors().items()}


def adapter_of(tensors: Mapping[str, Array32]) -> Adapter:
    """The adapter that `Adapter.tensors` gave.

    Raises
    ------
    ModelError
        An array is missing or does not fit the others.
    """
    lacking = [name for name in ADAPTER if name not in tensors]
    if lacking:
        raise ModelError(f"the weights of the adapter lack {lacking[0]}")
    attention = from_tensors({name.removeprefix("attention."): array for name, array in tensors.items() if name.startswith("attention.")})
    own = {name: np.asarray(tensors[name], dtype=np.float32) for name in ADAPTER}
    if own["weight"].ndim != 2 or own["centre"].shape != own["weight"].shape[:1] or own["spread"].shape != own["centre"].shape:
        raise ModelError(f"the adapter's weight has shape {own['weight'].shape} and its centre {own['centre'].shape}; they do not fit")
    return Adapter(centre=own["centre"], spread=own["spread"], weight=own["weight"], attention=attention)


def start(tiles: Array32, *, config: Config, seed: int) -> Adapter:
    """The adapter before it learnt anything: a random projection of standardised embeddings."""
    rng = np.random.default_rng(seed)
    d = tiles.shape[1]
    centre, spread = tiles.mean(axis=0).astype(np.float32), np.maximum(tiles.std(axis=0), 1e-6).astype(np.float32)
    random = untrained(d, seed=seed + 1, hidden=config.hidden)
    attention = GatedAttention(centre=centre, spread=spread, v=random.v, u=random.u, w=random.w)
    return Adapter(centre=centre, spread=spread, weight=rng.normal(0, d**-0.5, (d, config.width)).astype(np.float32), attention=attention)


def pretrain(slides: Sequence[tuple[Array32, npt.NDArray[np.floating]]], *, seed: int, config: Config | None = None) -> Adapter:
    """Learn an adapter from slides without labels.

    Parameters
    ----------
    slides : (tile embeddings (n, d), places (n, 2) in any one unit) of each. seed : same seed, same adapter.

    Raises
    ------
    ModelError
        Too few tiles, or embeddings that cannot be used.
    """
    import torch
    from torch.nn import functional

    made = config or Config()
    every, nearest = _gathered(slides, made)
    first = start(every, config=made, seed=seed)
    z = torch.from_numpy((every - first.centre) / first.spread)
    around = torch.from_numpy(nearest)
    arrays = (first.weight, first.attention.v, first.attention.u, first.attention.w)
    weight, v, u, w = (torch.from_numpy(array.copy()).requires_grad_() for array in arrays)
    optimiser = torch.optim.AdamW([weight, v, u, w], lr=made.rate, weight_decay=1e-3)
    order = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(made.steps):
        chosen = torch.randperm(len(z), generator=order)[: made.batch]
        beside = z[around[chosen]]
        share = ((torch.tanh(beside @ v.T) * torch.sigmoid(beside @ u.T)) @ w).softmax(dim=1)
        views = (z[chosen] @ weight, ((beside @ weight) * share[..., None]).sum(dim=1))
        likeness = functional.mse_loss(*views)
        spread, related = torch.zeros(()), torch.zeros(())
        for view in views:
            spread = spread + functional.relu(1 - (view.var(dim=0) + 1e-4).sqrt()).mean() / 2
            centred = view - view.mean(dim=0)
            covariance = centred.T @ centred / (len(view) - 1)
            related = related + ((covariance**2).sum() - (covariance.diagonal() ** 2).sum()) / made.width / 2
        loss = made.weights[0] * likeness + made.weights[1] * spread + made.weights[2] * related
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    learnt = [tensor.detach().numpy().copy() for tensor in (weight, v, u, w)]
    attention = GatedAttention(centre=first.centre, spread=first.spread, v=learnt[1], u=learnt[2], w=learnt[3])
    return Adapter(centre=first.centre, spread=first.spread, weight=learnt[0], attention=attention, losses=tuple(losses))


def nearest_tiles(places: npt.NDArray[np.floating], count: int) -> Ints:
    """The nearest other tiles of each, (n, count), nearest first."""
    from scipy.spatial import cKDTree

    _, found = cKDTree(places).query(places, k=count + 1)
    keep = found != np.arange(len(places))[:, None]
    keep &= np.cumsum(keep, axis=1) <= count
    return np.asarray(found[keep].reshape(len(places), count), dtype=np.int64)


def _gathered(slides: Sequence[tuple[Array32, npt.NDArray[np.floating]]], config: Config) -> tuple[Array32, Ints]:
    usable = [(tiles, places) for tiles, places in slides if len(tiles) > config.neighbours]
    if not usable:
        raise ModelError(f"no slide has more than {config.neighbours} tiles; an adapter needs neighbours to learn from")
    for tiles, places in usable:
        checked(tiles, width=usable[0][0].shape[1])
        if places.shape != (len(tiles), 2) or not np.isfinite(places).all():
            raise ModelError(f"places of {len(tiles)} tiles have shape {places.shape}; give x and y of each")
    offsets = np.cumsum([0, *(len(tiles) for tiles, _ in usable)])
    nearest = [nearest_tiles(places, config.neighbours) + offset for (_, places), offset in zip(usable, offsets, strict=False)]
    return np.concatenate([tiles for tiles, _ in usable]), np.concatenate(nearest)
