"""Network: the multimodal model's attributions as rows, on named features, with the numbers that say how far they hold.

Expected gradients over reference patients drawn from all that are given, masks held at the patient's own; the members'
values are averaged, as their outputs are. What quadrature leaves of base + sum = output is spread and its size stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from core.pipeline import attributions, trust
from core.pipeline.explained import Explained
from core.pipeline.staging import Frames
from models.attribution.attention import attention
from models.attribution.counterfactual import Change, Range, linear
from models.attribution.gradients import complete, expected_gradients
from models.attribution.tokens import Tokens, readable, tokens
from models.config import Config
from models.inputs import Inputs
from models.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Dense = dict[str, Any]

NULL_PATIENTS = 20
"""Patients of a cohort on whom models with shuffled outcomes are explained."""
CURVE_PATIENTS = 60
"""Patients of a cohort whose deletion curves are computed: each takes a few hundred passes through the network."""
TIED: Mapping[str, str] = {"tmb_per_mb": "tmb_in_cohort"}
"""Numbers that are one measurement on two scales: the second, a z of the first's logarithm, moves with it."""
SCALES = np.linspace(0.125, 2.0, 16)
ROWS = 256


class Reader(Protocol):
    """What is needed of a model: its vocabulary, sizes, members, dense inputs, and each member's log-odds."""

    @property
    def words(self) -> Vocabulary: ...
    @property
    def members(self) -> Sequence[Any]: ...
    @property
    def config(self) -> Config: ...
    def dense(self, inputs: Inputs) -> Dense: ...
    def response_function(self, member: int) -> Callable[[Dense], Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much is computed: reference patients, points on each line (doubled up to `most`), and what additivity may miss."""

    draws: int = 4
    points: int = 4
    most: int = 8
    tolerance: float = 5e-4


def explain(
    model: Reader, inputs: Inputs, patients: pl.DataFrame, *, background: Inputs, predictor: str, protocol: str,
    shuffled: Iterable[Reader] = (), settings: Settings | None = None, seed: int = 0,
) -> Frames:  # fmt: skip
    """Rows of every attribution table for one cohort.

    Parameters
    ----------
    inputs : n patients of one cohort. patients : patient_id, study, cohort, (n,), in the same order.
    background : patients to draw references from; those that trained the model, best of several cohorts.
    shuffled : the model with outcomes dealt out anew; their mean |SHAP| (on at most 20 of the patients, coarser lines) is the null.
    """
    chosen = settings if settings is not None else Settings()
    names = tokens(model.words, inputs.membership)
    functions = [model.response_function(member) for member in range(len(model.members))]
    few = background.take(np.sort(np.random.default_rng([seed, 47]).permutation(background.n)[: chosen.draws]))
    shap, base, output, leftover = _values(model, functions, inputs, names=names, background=few, settings=chosen)
    looks = attention(model.members, model.dense(inputs), words=model.words, config=model.config)
    shown = readable(model.words, inputs, names)
    explained = Explained(
        predictor=predictor, protocol=protocol, names=names.names, values=shown, shap=shap, base=base, output=output,
        null=_null(shuffled, inputs, names=names, background=few, seed=seed),
        design=_design(model.words, inputs, shown=shown, names=names), leftover=leftover,
        logged=frozenset(number.name for number in model.words.numbers if number.logged),
        attention=np.asarray([looks.get(name, np.nan) for name in names.names]),
    )  # fmt: skip
    design = explained.design if explained.design is not None else shown
    bench = _Bench(model=model, functions=functions, names=names, dense=model.dense(inputs), background=complete(model.dense(few)), ties=ties(names, design))
    found: Frames = {}
    if protocol != "in_sample":
        rows = np.sort(np.random.default_rng([seed, 53]).permutation(inputs.n)[:CURVE_PATIENTS])
        found = trust.trust(
            patients, explained, evaluate=lambda keep: bench.kept(keep, rows), curve_rows=rows, search=bench.search(explained), seed=seed
        )
    return attributions.frames(patients, explained, trusted=found, seed=seed)


def _values(
    model: Reader, functions: Sequence[Callable[[Dense], Any]], inputs: Inputs, *, names: Tokens, background: Inputs, settings: Settings
) -> tuple[Floats, Floats, Floats, Floats]:
    """SHAP values (n, f), base, output and leftover (n,), means over the members."""
    n = inputs.n
    shap, base, output, leftover = np.zeros((n, len(names.names))), np.zeros(n), np.zeros(n), np.zeros(n)
    reference = model.dense(background)
    for begin in range(0, n, ROWS):
        part = slice(begin, min(begin + ROWS, n))
        dense = model.dense(inputs.take(np.arange(part.start, part.stop)))
        for function in functions:
            parts, found = expected_gradients(
                function, dense, background=reference, draws=settings.draws, points=settings.points, most=settings.most,
                tolerance=settings.tolerance,
            )  # fmt: skip
            gathered = names.gather(parts)
            share = 1.0 / len(functions)
            shap[part] += gathered * share
            base[part] += found.base * share
            output[part] += found.output * share
            leftover[part] += found.leftover * share
    size = np.abs(shap)
    total = size.sum(axis=1, keepdims=True)
    shap += np.where(total > 0, size / np.where(total > 0, total, 1.0), 0.0) * leftover[:, None]
    return shap, base, output, leftover


def _null(shuffled: Iterable[Reader], inputs: Inputs, *, names: Tokens, background: Inputs, seed: int) -> Floats | None:
    """(b, f) mean |SHAP| of models that were taught shuffled outcomes; None without any."""
    few = inputs.take(np.sort(np.random.default_rng([seed, 67]).permutation(inputs.n)[:NULL_PATIENTS]))
    coarse = Settings(draws=min(2, background.n), points=2, most=2)
    reference = background.take(np.arange(coarse.draws))
    made = []
    for model in shuffled:
        functions = [model.response_function(member) for member in range(len(model.members))]
        shap, *_ = _values(model, functions, few, names=names, background=reference, settings=coarse)
        made.append(np.abs(shap).mean(axis=0))
    return np.asarray(made, dtype=np.float64) if made else None


def _design(words: Vocabulary, inputs: Inputs, *, shown: Floats, names: Tokens) -> Floats:
    """(n, f) the scale on which a feature may be changed: a number before it is standardised, a gene set's mean z; else nan."""
    made = np.full(shown.shape, np.nan)
    sets = len(words.sets)
    made[:, :sets] = shown[:, :sets]
    for j, number in enumerate(words.numbers):
        made[:, names.names.index(number.name)] = inputs.numbers[:, j].astype(np.float64) * number.spread + number.centre
    return made


def ties(names: Tokens, design: Floats) -> dict[int, tuple[int, Floats]]:
    """Feature -> (the one that moves with it, how far per unit, (n,); 0 where either is not known of the patient)."""
    made: dict[int, tuple[int, Floats]] = {}
    for first, second in TIED.items():
        if first in names.names and second in names.names:
            a, b = names.names.index(first), names.names.index(second)
            known = np.isfinite(design[:, a])
            spread = float(design[known, a].std(ddof=1)) if known.sum() > 2 else 0.0
            both = known & np.isfinite(design[:, b])
            made[a] = (b, np.where(both, 1.0 / spread, 0.0) if spread > 1e-9 else np.zeros(design.shape[0]))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """One cohort on the bench: the model's answer when features are hidden, or moved."""

    model: Reader
    functions: Sequence[Callable[[Dense], Any]]
    names: Tokens
    dense: Dense
    background: Mapping[str, Any]
    ties: Mapping[int, tuple[int, Floats]]

    def kept(self, keep: Bools, rows: npt.NDArray[np.int64]) -> Floats:
        """(m,) log-odds of the chosen patients where features not kept are at the background's mean."""
        import torch

        shares = self.names.scatter(keep)
        changed = {}
        for key, share in shares.items():
            value = self.dense[key][rows]
            mean = self.background[key].mean(dim=0, keepdim=True)
            weight = torch.as_tensor(share, dtype=value.dtype)
            changed[key] = mean + (value - mean) * weight
        return self.log_odds(rows, changed)

    def log_odds(self, rows: npt.NDArray[np.int64], changed: Mapping[str, Any]) -> Floats:
        """(m,) mean of the members on the chosen patients, with some blocks replaced."""
        import torch

        made = np.zeros(rows.size)
        with torch.no_grad():
            for begin in range(0, rows.size, ROWS):
                part = slice(begin, begin + ROWS)
                values = {k: v if k == "membership" else v[rows[part]] for k, v in self.dense.items()}
                values |= {k: v[part] for k, v in changed.items()}
                for function in self.functions:
                    made[part] += function(values).double().numpy() / len(self.functions)
        return made

    def moved(self, row: int, shift: Floats, scales: Floats) -> Floats:
        """(s,) log-odds of a patient whose numbers and gene sets are moved by scale x shift, (f,) on the scale of the design."""
        import torch

        words = self.model.words
        rows = np.full(scales.size, row)
        shift = shift.copy()
        for first, (second, rate) in self.ties.items():
            shift[second] += shift[first] * rate[row]
        step = torch.as_tensor(scales[:, None] * shift[None, :], dtype=torch.float32)
        numbers = self.dense["numbers"][rows].clone()
        for j, number in enumerate(words.numbers):
            numbers[:, j] += step[:, self.names.names.index(number.name)] / number.spread
        changed: dict[str, Any] = {"numbers": numbers}
        if len(words.sets) and np.abs(shift[: len(words.sets)]).any():
            member = self.dense["membership"]
            genes = step[:, : len(words.sets)] @ member
            changed["expression"] = self.dense["expression"][rows] + genes * self.dense["expression_known"][rows]
        return self.log_odds(rows, changed)

    def slopes(self) -> Floats:
        """(n, f) gradient of the log-odds for each number and for each gene set's genes together, on the scale of the design."""
        import torch

        words, n = self.model.words, int(self.dense["numbers"].shape[0])
        made = np.zeros((n, len(self.names.names)))
        for begin in range(0, n, ROWS):
            part = slice(begin, min(begin + ROWS, n))
            values = {k: v if k == "membership" else v[part] for k, v in self.dense.items()}
            free = {k: values[k].clone().requires_grad_() for k in ("numbers", "expression")}
            for function in self.functions:
                found = torch.autograd.grad(function({**values, **free}).sum(), list(free.values()), allow_unused=True)
                numbers, genes = (torch.zeros_like(v) if g is None else g for g, v in zip(found, free.values(), strict=True))
                for j, number in enumerate(words.numbers):
                    made[part, self.names.names.index(number.name)] += numbers[:, j].double().numpy() / number.spread / len(self.functions)
                if len(words.sets):
                    together = (genes * values["expression_known"]) @ values["membership"].T
                    made[part, : len(words.sets)] += together.double().numpy() / len(self.functions)
        for first, (second, rate) in self.ties.items():
            made[:, first] += made[:, second] * rate
            made[:, second] = np.where(rate > 0, 0.0, made[:, second])
        return made

    def search(self, explained: Explained) -> Callable[[int, Range, float], Change]:
        """The smallest change by the gradient at the patient, scaled until the network itself flips within the cohort's range."""
        slopes = self.slopes()
        design = explained.design if explained.design is not None else explained.values

        def find(row: int, within: Range, threshold: float) -> Change:
            x, output = design[row], float(explained.output[row])
            guess = linear(x, slopes[row], output=output, threshold=threshold, within=within)
            shift = np.where(np.abs(guess.sd) > 0, guess.sd * within.spread, 0.0)
            if not np.abs(shift).any():
                return guess
            free = np.abs(shift) > 0
            with np.errstate(invalid="ignore", divide="ignore"):
                room = np.where(shift > 0, within.high - x, x - within.low)[free] / np.abs(shift)[free]
            furthest = max(float(room.min()), 1.0) + 1e-9
            scales = SCALES[furthest >= SCALES]
            reached = self.moved(row, shift, scales)
            beyond = reached >= threshold if output < threshold else reached < threshold
            pick = int(np.flatnonzero(beyond)[0]) if beyond.any() else int((np.abs(reached - output)).argmax())
            sd = guess.sd * scales[pick]
            return Change(
                x=np.where(free, x + shift * scales[pick], x), sd=sd, output=float(reached[pick]), flips=bool(beyond.any()), exact=False
            )

        return find
