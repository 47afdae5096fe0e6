"""Pooling: the tiles of a slide become one vector, by gated attention (Ilse 2018, doi 10.48550/arXiv.1802.04712).

Attention says how much a tile weighs in the vector. It is no importance: what follows may undo or ignore it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import ModelError

Array32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """A slide.

    Attributes
    ----------
    vector : (d,). attention : (n,) share of each tile; together 1.
    """

    vector: Array32
    attention: Array32


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedAttention:
    """Attention of a tile z: softmax over tiles of w' (tanh(V z) * sigmoid(U z)), z standardised first.

    Attributes
    ----------
    centre, spread : (d,). v, u : (hidden, d). w : (hidden,).
    """

    centre: Array32
    spread: Array32
    v: Array32
    u: Array32
    w: Array32

    def pool(self, tiles: Array32) -> Pooled:
        """The vector of a slide and what each tile weighs in it.

        Parameters
        ----------
        tiles : (n, d) embeddings.

        Raises
        ------
        ModelError
            No tile, another width, or a value that is no number.
        """
        checked(tiles, width=len(self.centre))
        z = (tiles - self.centre) / self.spread
        score = (np.tanh(z @ self.v.T) / (1.0 + np.exp(-np.clip(z @ self.u.T, -60, 60)))) @ self.w
        share = np.exp(score.astype(np.float64) - float(score.max()))
        share /= share.sum()
        return Pooled(vector=(share @ tiles).astype(np.float32), attention=share.astype(np.float32))

    def tensors(self) -> dict[str, Array32]:
        """As arrays by name."""
        return {name: getattr(self, name) for name in NAMES}


NAMES = ("centre", "spread", "v", "u", "w")


def from_tensors(tensors: Mapping[str, Array32]) -> GatedAttention:
    """The pooling that `GatedAttention.tensors` gave.

    Raises
    ------
    ModelError
        An array is missing or does not fit the others.
    """
    lacking = [name for name in NAMES if name not in tensors]
    if lacking:
        raise ModelError(f"the weights of the attention lack {lacking[0]}")
    found = {name: np.asarray(tensors[name], dtype=np.float32) for name in NAMES}
    hidden, d = found["v"].shape if found["v"].ndim == 2 else (0, 0)
    expected = {"centre": (d,), "spread": (d,), "v": (hidden, d), "u": (hidden, d), "w": (hidden,)}
    for name, shape in expected.items():
        if found[name].shape != shape or not np.isfinite(found[name]).all():
            raise ModelError(f"{name} of the attention has shape {found[name].shape}, or holds a value that is no number; it needs {shape}")
    return GatedAttention(**found)


def mean(tiles: Array32) -> Pooled:
    """Every tile weighs the same: what is used where no attention was trained.

    Raises
    ------
    ModelError
        No tile, or a value that is no number.
    """
    checked(tiles, width=tiles.shape[-1])
    return Pooled(vector=tiles.mean(axis=0, dtype=np.float64).astype(np.float32), attention=np.full(len(tiles), 1 / len(tiles), dtype=np.float32))


def untrained(width: int, *, seed: int, hidden: int = 64) -> GatedAttention:
    """Random attention: where training starts."""
    rng = np.random.default_rng(seed)
    v, u = (rng.normal(0, width**-0.5, (hidden, width)).astype(np.float32) for _ in range(2))
    w = rng.normal(0, hidden**-0.5, hidden).astype(np.float32)
    return GatedAttention(centre=np.zeros(width, np.float32), spread=np.ones(width, np.float32), v=v, u=u, w=w)


def train(
    slides: Sequence[Array32], labels: npt.NDArray[np.integer], *, seed: int, hidden: int = 64, steps: int = 300, decay: float = 1e-3
) -> GatedAttention:
    """Attention that tells two groups of slides apart: multiple-instance learning, one label a slide.

    Parameters
    ----------
    slides : tile embeddings (n_i, d) of each. labels : (slides,) 0 or 1. Full batches, so that the same seed gives the same
        weights. A slide's own label must be kept out where it is judged.

    Raises
    ------
    ModelError
        One group only, or slides that cannot be pooled.
    """
    import torch
    from torch.nn import functional

    if len(set(labels.tolist())) != 2 or len(slides) != len(labels):
        raise ModelError(f"{len(slides)} slides with {len(labels)} labels of {len(set(labels.tolist()))} kinds; attention needs one label a slide, of two kinds")
    width = slides[0].shape[1]
    for tiles in slides:
        checked(tiles, width=width)
    every = np.concatenate(slides)
    centre, spread = every.mean(axis=0), np.maximum(every.std(axis=0), 1e-6)
    start = untrained(width, seed=seed, hidden=hidden)
    z = torch.from_numpy((every - centre) / spread)
    owner = torch.from_numpy(np.repeat(np.arange(len(slides)), [len(tiles) for tiles in slides]))
    truth = torch.from_numpy(labels.astype(np.float32))
    v, u, w = (torch.from_numpy(getattr(start, name)).requires_grad_() for name in ("v", "u", "w"))
    head, bias = torch.zeros(width, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.AdamW([v, u, w, head, bias], lr=5e-3, weight_decay=decay)
    for _ in range(steps):
        score = (torch.tanh(z @ v.T) * torch.sigmoid(z @ u.T)) @ w
        weight = torch.exp(score - score.detach().max())
        total = torch.zeros(len(slides)).index_add(0, owner, weight)
        vector = torch.zeros(len(slides), width).index_add(0, owner, z * (weight / total[owner])[:, None])
        loss = functional.binary_cross_entropy_with_logits(vector @ head + bias, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return GatedAttention(
        centre=centre.astype(np.float32), spread=spread.astype(np.float32), **{n: t.detach().numpy().copy() for n, t in (("v", v), ("u", u), ("w", w))}
    )


def checked(tiles: Array32, *, width: int) -> None:
    """Refuse embeddings that cannot be pooled.

    Raises
    ------
    ModelError
        No tile, another width, or a value that is no number.
    """
    if tiles.ndim != 2 or tiles.shape[1] != width or not len(tiles):
        raise ModelError(f"tile embeddings have shape {tiles.shape}; pooling needs at least one of {width} numbers")
    if not np.isfinite(tiles).all():
        row = int(np.flatnonzero(~np.isfinite(tiles).all(axis=1))[0])
        raise ModelError(f"the embedding of tile {row} holds NaN or infinity; leave the tile out")
