"""Device: the few array operations of the engine, on numpy or, where there is an accelerator, on torch in double precision."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from core.markers.scan.many import Floats

BLOCK = 4096
"""Markers that one block holds: its running sums stay in the processor's cache."""
ON_DEVICE = 65_536
"""Markers that one block on an accelerator holds."""


class Numpy:
    """Array operations on the processor."""

    exp, log, where = staticmethod(np.exp), staticmethod(np.log), staticmethod(np.where)

    def zeros(self, shape: Any) -> Any:
        return np.zeros(shape)

    def column(self, values: Any) -> Any:
        return np.ascontiguousarray(values, dtype=np.float64)

    def index(self, values: Any) -> Any:
        return values

    def at_least(self, values: Any, least: float) -> Any:
        return np.maximum(values, least)

    def largest(self, values: Any) -> Any:
        return values.max(axis=0)

    def stack(self, row: Any, others: Floats) -> Any:
        result = np.empty((1 + others.size, row.size))
        result[0], result[1:] = row, others[:, None]
        return result

    def cat(self, parts: Any) -> Any:
        return np.concatenate(parts)

    def solve(self, information: Any, gradient: Any) -> Any:
        return np.linalg.solve(_square(information.T, gradient.shape[0]), gradient.T[..., None])[..., 0].T

    def back(self, values: Any) -> Any:
        return np.asarray(values)


class Torch:
    """The same operations on an accelerator."""

    def __init__(self, name: str) -> None:
        import torch

        self.torch = torch
        self.name = name
        self.exp, self.log, self.where = torch.exp, torch.log, torch.where

    def zeros(self, shape: Any) -> Any:
        return self.torch.zeros(shape, dtype=self.torch.float64, device=self.name)

    def column(self, values: Any) -> Any:
        return self.torch.as_tensor(np.ascontiguousarray(values, dtype=np.float64), device=self.name)

    def index(self, values: Any) -> Any:
        return self.torch.as_tensor(values, device=self.name)

    def at_least(self, values: Any, least: float) -> Any:
        return values.clamp(min=least)

    def largest(self, values: Any) -> Any:
        return values.amax(dim=0)

    def stack(self, row: Any, others: Floats) -> Any:
        rest = self.torch.as_tensor(others, device=self.name)[:, None].expand(-1, row.shape[0])
        return self.torch.cat((row[None], rest))

    def cat(self, parts: Any) -> Any:
        return self.torch.cat(parts)

    def solve(self, information: Any, gradient: Any) -> Any:
        matrix = self.torch.as_tensor(_square(self.back(information).T, gradient.shape[0]), device=self.name)
        return self.torch.linalg.solve(matrix, gradient.T[..., None])[..., 0].T

    def back(self, values: Any) -> Any:
        return values.cpu().numpy()


def _square(flat: Floats, p: int) -> Floats:
    """(m, p, p) information matrices from their upper triangles, with a hair of ridge."""
    matrix = np.zeros((flat.shape[0], p, p))
    first, second = np.triu_indices(p)
    matrix[:, first, second] = matrix[:, second, first] = np.nan_to_num(flat, posinf=0.0, neginf=0.0)
    diagonal = np.arange(p)
    matrix[:, diagonal, diagonal] += 1e-12 * (1.0 + np.abs(matrix[:, diagonal, diagonal]))
    return matrix


@cache
def best() -> str:
    """'cuda' where torch finds an accelerator that this machine shows, else 'cpu'; torch is not imported without one."""
    if not Path("/dev/nvidiactl").exists() or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def blocks(m: int, *, most: int = BLOCK) -> list[slice]:
    """Slices of at most so many markers, of equal size, an even number of them where there are two."""
    count = max(1, -(-m // most))
    if count > 1 and count % 2:
        count += 1
    edges = np.linspace(0, m, count + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges) if b > a]


def run(task: Callable[[slice, Any], None], parts: Sequence[slice], *, device: str = "auto") -> None:
    """Run a task on every block: two threads on the processor, or one after the other on an accelerator."""
    name = best() if device == "auto" else device
    if name != "cpu":
        space = Torch(name.removeprefix("torch-"))
        end = parts[-1].stop if parts else 0
        for start in range(0, end, ON_DEVICE):
            task(slice(start, min(start + ON_DEVICE, end)), space)
        return
    space_ = Numpy()
    if len(parts) < 2:
        with np.errstate(all="ignore"):
            for part in parts:
                task(part, space_)
        return

    def quiet(part: slice) -> None:
        with np.errstate(all="ignore"):
            task(part, space_)

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(quiet, parts))
