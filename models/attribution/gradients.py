"""SHAP values of networks by gradients: integrated gradients and expected gradients, with additivity measured.

Integrated gradients (Sundararajan 2017, arXiv 1703.01365) follow the straight line from a reference to the patient;
expected gradients (Erion 2021, doi 10.1038/s42256-021-00343-w) average them over reference patients, and are SHAP values
of the Aumann-Shapley kind. Lines are integrated by Gauss-Legendre quadrature, which on a smooth network is many digits
more exact than the usual equal steps, and each patient's points are doubled until base + sum = output within `tolerance`.

Masks (keys that end in `_known`) are held at the patient's: a feature that is not known contributes 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.attribution.explanation import Explanation
from models.card import ModelError

Floats = npt.NDArray[np.float64]
Tensors = Mapping[str, Any]
"""Tensors by name, patients along the first axis."""

KNOWN = "_known"
SHARED = ("membership",)
"""Keys that all patients share: passed on as they are, never attributed to."""
MOST_ELEMENTS = 4_000_000
"""Numbers of one batch of points on lines."""


def integrated_gradients(
    function: Callable[[dict[str, Any]], Any], inputs: Tensors, *, reference: Tensors | None = None, points: int = 16,
    most: int = 256, tolerance: float = 1e-6,
) -> tuple[dict[str, Floats], Explanation]:  # fmt: skip
    """Attribution of a network along the line from one reference.

    Parameters
    ----------
    function : dict of tensors -> (n,) log-odds. inputs : floating tensors, (n, ...); computed in their dtype (float64 where
        1e-6 is asked for). reference : the same keys, first axis 1 or n; zeros where None.
    points : first number of points on the line; doubled up to `most` for patients that miss `tolerance`.

    Returns
    -------
    (key -> (n, ...) attributions; an Explanation whose values are all of them side by side, flattened, in the order of the keys).

    Raises
    ------
    ModelError
        No floating tensor to attribute to, or a function that does not give (n,) finite numbers.
    """
    n = _check(inputs)
    start = _reference(inputs, reference or {k: v[:1] * 0 for k, v in inputs.items() if k not in SHARED})
    parts = {key: np.zeros(tuple(inputs[key].shape)) for key in start}
    output, base = _values(function, inputs), _values(function, {**inputs, **start})
    todo, used = np.arange(n), points
    while todo.size:
        here = _rows(inputs, todo)
        found = _line(function, here, {k: v[todo] for k, v in start.items()}, points=used)
        sums = np.zeros(todo.size)
        for key, value in found.items():
            parts[key][todo] = value
            sums += value.reshape(todo.size, -1).sum(axis=1)
        missed = np.abs(base[todo] + sums - output[todo]) > tolerance
        used *= 2
        todo = todo[missed] if used <= most else todo[:0]
    return parts, _together(parts, base, output)


def expected_gradients(
    function: Callable[[dict[str, Any]], Any], inputs: Tensors, *, background: Tensors, draws: int = 16, points: int = 8,
    most: int = 64, tolerance: float = 1e-4, seed: int = 0,
) -> tuple[dict[str, Floats], Explanation]:  # fmt: skip
    """Attribution averaged over reference patients drawn without replacement, the same ones for every patient.

    Parameters
    ----------
    function, inputs, points, most : as `integrated_gradients`. background : tensors of m patients to draw from; where a mask says
        that a background patient lacks a value, the mean of those who have it stands in.
    draws : reference patients (all where there are fewer). tolerance : of base + sum = output, a line.

    Returns
    -------
    As `integrated_gradients`; base is the mean output over the reference patients with the patient's own masks.
    """
    _check(inputs)
    m = _check(background)
    chosen = np.sort(np.random.default_rng([seed, 17]).permutation(m)[: min(draws, m)])
    filled = complete(background)
    total: dict[str, Floats] = {}
    base = np.zeros(_check(inputs))
    output = base
    for number in chosen:
        one = {k: v[number : number + 1] for k, v in filled.items()}
        parts, found = integrated_gradients(function, inputs, reference=one, points=points, most=most, tolerance=tolerance)
        base, output = base + found.base / chosen.size, found.output
        for key, value in parts.items():
            total[key] = total.get(key, 0.0) + value / chosen.size
    return total, _together(total, base, output)


def complete(background: Tensors) -> dict[str, Any]:
    """Background tensors without masks; a value that is not known becomes the mean of the known ones (0 where there are none)."""
    made: dict[str, Any] = {}
    for key, value in background.items():
        if key.endswith(KNOWN) or key in SHARED or not value.is_floating_point():
            continue
        known = _mask(background, key)
        if known is not None:
            counted = known.sum(dim=0, keepdim=True).clamp(min=1)
            mean = (value.nan_to_num() * known).sum(dim=0, keepdim=True) / counted
            value = value.nan_to_num() * known + mean * (1 - known)
        made[key] = value
    return made


def _check(inputs: Tensors) -> int:
    floating = [k for k, v in inputs.items() if not k.endswith(KNOWN) and k not in SHARED and v.is_floating_point()]
    if not floating:
        raise ModelError(f"there is no floating tensor to attribute to among {', '.join(inputs) or 'no inputs'}")
    return int(inputs[floating[0]].shape[0])


def _mask(inputs: Tensors, key: str) -> Any | None:
    """The mask of a key in the shape of its values, as 0 and 1; None where there is none of that shape."""
    known = inputs.get(f"{key}{KNOWN}")
    if known is None:
        return None
    value = inputs[key]
    while known.ndim < value.ndim:
        known = known.unsqueeze(-1)
    fits = all(a in (1, b) for a, b in zip(known.shape, value.shape, strict=True))
    return known.to(value.dtype).expand(value.shape) if fits else None


def _reference(inputs: Tensors, reference: Tensors) -> dict[str, Any]:
    """Where each line starts: the reference, but the patient's own value where it is not known."""
    made = {}
    for key, value in inputs.items():
        if key.endswith(KNOWN) or key in SHARED or not value.is_floating_point() or key not in reference:
            continue
        start = reference[key].to(value.dtype).expand(value.shape)
        known = _mask(inputs, key)
        made[key] = (value + known * (start - value) if known is not None else start).detach()
    return made


def _rows(inputs: Tensors, chosen: Any) -> dict[str, Any]:
    return {key: value if key in SHARED else value[chosen] for key, value in inputs.items()}


def _width(inputs: Tensors) -> int:
    return max(1, sum(int(np.prod(v.shape[1:], dtype=np.int64)) for k, v in inputs.items() if k not in SHARED))


def _values(function: Callable[[dict[str, Any]], Any], inputs: Tensors) -> Floats:
    import torch

    n = _check(inputs)
    rows = max(1, MOST_ELEMENTS // _width(inputs))
    made = np.empty(n)
    with torch.no_grad():
        for begin in range(0, n, rows):
            part = slice(begin, begin + rows)
            found = function(_rows(inputs, part))
            if found.shape != (min(rows, n - begin),):
                raise ModelError(f"the model gave {tuple(found.shape)} values for {min(rows, n - begin)} patients; one each is needed")
            made[part] = found.double().cpu().numpy()
    if not np.isfinite(made).all():
        raise ModelError("the model's output is not a number for some patient; check its inputs for nan and infinite values")
    return made


def _line(function: Callable[[dict[str, Any]], Any], inputs: Tensors, start: Tensors, *, points: int) -> dict[str, Floats]:
    """(x - start) x the mean gradient on the line, by `points` Gauss-Legendre points."""
    import torch

    n = _check(inputs)
    place, weight = np.polynomial.legendre.leggauss(points)
    place, weight = (place + 1) / 2, weight / 2
    rows = max(1, MOST_ELEMENTS // (_width(inputs) * points))
    made = {key: np.zeros(tuple(inputs[key].shape)) for key in start}
    for begin in range(0, n, rows):
        part = slice(begin, min(begin + rows, n))
        size = part.stop - part.start
        given = {k: v if k in SHARED else v.repeat_interleave(points, dim=0) for k, v in _rows(inputs, part).items()}
        free = {}
        for key, origin in start.items():
            value, first = inputs[key][part], origin[part]
            step = torch.as_tensor(place, dtype=value.dtype, device=value.device).reshape((1, points) + (1,) * (value.ndim - 1))
            moved = first.unsqueeze(1) + step * (value - first).unsqueeze(1)
            free[key] = moved.reshape((size * points, *value.shape[1:])).detach().requires_grad_()
        result = function({**given, **free})
        slopes = torch.autograd.grad(result.sum(), list(free.values()), allow_unused=True)
        for (key, _), slope in zip(free.items(), slopes, strict=True):
            if slope is None:
                continue
            value = inputs[key][part]
            share = torch.as_tensor(weight, dtype=slope.dtype, device=slope.device).reshape((1, points) + (1,) * (value.ndim - 1))
            mean = (slope.reshape((size, points, *value.shape[1:])) * share).sum(dim=1)
            made[key][part] = (mean * (value - start[key][part])).double().cpu().numpy()
    return made


def _together(parts: Mapping[str, Floats], base: Floats, output: Floats) -> Explanation:
    flat = np.hstack([value.reshape(value.shape[0], -1) for value in parts.values()])
    return Explanation(values=flat, base=base, output=output, leftover=output - base - flat.sum(axis=1))
