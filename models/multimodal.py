"""The multimodal model: encoders, fusion transformer and heads, ensembled over seeds.

Every member has its own pre-training, fine-tuning and heads; scores are averaged, the embedding is the first member's
(patient tokens of different members have no common axes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models import config as configs
from models import fusion, heads, vocabulary
from models.card import Card, ModelError
from models.config import Config
from models.dense import Dense, dense
from models.inputs import Inputs
from models.vocabulary import Vocabulary
from models.wide import features, wide

if TYPE_CHECKING:
    from torch import Tensor

Floats = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[np.float32]]
HEADS = ("response", "os", "pfs")
CARD = Card(
    name="multimodal",
    label="Multimodal model",
    kind="probability",
    inputs=("expression", "mutations and copy number", "tmb_per_mb", "H&E features", "baseline clinical columns"),
    unit="probability of response",
    protocol="leave_one_cohort_out",
    reference="Own model: fusion transformer (Vaswani et al., NeurIPS 2017) with additive heads",
    doi="10.48550/arXiv.1706.03762",
    licence="Apache-2.0 (trained here)",
    intended_use="Explore patients of whom different things were measured in one space, and ask what they carry together about response.",
    limits="Of most cohorts it knows clinical variables and TMB alone; pathology enters as H&E features or PD-L1 and phenotype, no slide of a "
    "treated patient was at hand. A cohort is scored by a model that was trained without it; the probability assumes the response rate of an "
    "average training cohort. Simpler models may predict as well: the leaderboard says which.",
)
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What the model says of n patients.

    Attributes
    ----------
    vector : (n, dim) patient embedding. log_odds : (n,) of response. os_risk, pfs_risk : (n,) log hazard relative to an average
    patient. subtype : (n, 6) chance of C1-C6. seen : (n, modalities) what was known of the patient. A patient of whom nothing
    but the study is known has nan everywhere.
    """

    vector: npt.NDArray[np.float32]
    log_odds: Floats
    os_risk: Floats
    pfs_risk: Floats
    subtype: Floats
    seen: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Multimodal:
    """A trained model.

    Attributes
    ----------
    words : what it reads. config : its sizes. members : weights of each member. meta : what its card says of the training.
    """

    words: Vocabulary
    config: Config
    members: tuple[Arrays, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def tensors(self) -> Arrays:
        """Every weight, named by its member."""
        return {f"{number}/{name}": block for number, member in enumerate(self.members) for name, block in member.items()}

    def document(self) -> dict[str, Any]:
        """Everything but the weights, as plain JSON values."""
        return {"kind": "multimodal", "vocabulary": self.words.document(), "config": self.config.document(), **self.meta}

    def embed(self, inputs: Inputs, *, batch: int = 512, device: str = "cpu") -> Embedded:
        """Read patients, in batches of alike modalities; a batch that does not fit in memory is halved.

        Raises
        ------
        ModelError
            Arrays that the vocabulary cannot read, or not even one patient fits in memory.
        """
        import torch

        inputs.check(self.words)
        n, d = inputs.n, self.config.dim
        vector = np.full((n, d), np.nan, dtype=np.float32)
        out = {name: np.zeros(n) for name in HEADS}
        subtype = np.zeros((n, 6))
        seen = inputs.seen(self.words)
        members = [fusion.tensors(member, device=device) for member in self.members]
        own_heads = [{name: heads.from_arrays(member, name) for name in HEADS} for member in self.members]
        with torch.inference_mode():
            for rows in _alike(inputs, seen, size=batch):
                for index, values in self._fitting(inputs, rows, device=device):
                    summary, known = (block.cpu().numpy().astype(np.float64) for block in wide(values, self.words))
                    for number, (member, own) in enumerate(zip(members, own_heads, strict=True)):
                        token = fusion.forward(member, values, vocabulary=self.words, config=self.config).embedding
                        deep = token.cpu().numpy()
                        if number == 0:
                            vector[index] = deep
                        design = heads.Design(wide=summary, known=known, deep=deep.astype(np.float64), cohorts=("",) * index.size)
                        for name in HEADS:
                            out[name][index] += own[name].score(design) / len(members)
                        logits = token @ member["head.subtype"] + member["head.subtype_bias"]
                        subtype[index] += torch.softmax(logits, dim=1).cpu().numpy() / len(members)
        nothing = ~seen.any(axis=1)
        vector[nothing], subtype[nothing] = np.nan, np.nan
        scores = {name: np.where(nothing, np.nan, out[name]) for name in HEADS}
        return Embedded(vector=vector, log_odds=scores["response"], os_risk=scores["os"], pfs_risk=scores["pfs"], subtype=subtype, seen=seen)

    def _fitting(self, inputs: Inputs, rows: npt.NDArray[np.int64], *, device: str) -> Iterator[tuple[npt.NDArray[np.int64], Dense]]:
        """The patients in pieces that fit in memory, as (positions, tensors); a trial pass finds the size."""
        import torch

        waiting = [rows]
        while waiting:
            index = waiting.pop(0)
            try:
                values = dense(inputs.take(index), self.words, device=device)
                if device != "cpu":
                    fusion.forward(fusion.tensors(self.members[0], device=device), values, vocabulary=self.words, config=self.config)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not any(text in str(error).lower() for text in _OUT_OF_MEMORY):
                    raise
                if index.size == 1:
                    raise ModelError("one patient alone does not fit in the accelerator's memory; use --device cpu") from error
                half = index.size // 2
                waiting = [index[:half], index[half:], *waiting]
                continue
            yield index, values

    def response_function(self, member: int) -> Callable[[Dense], Tensor]:
        """Log-odds of response of one member as a differentiable function of `dense` inputs, for attribution."""
        import torch

        weights = fusion.tensors(self.members[member])
        head = heads.from_arrays(self.members[member], "response")
        parts = {name: torch.from_numpy(getattr(head, name)).float() for name in heads.PARTS}

        def log_odds(values: Dense) -> Tensor:
            summary, known = wide(values, self.words)
            token = fusion.forward(weights, values, vocabulary=self.words, config=self.config).embedding
            plain = ((summary - parts["centre"]) * known * (parts["scale"] * parts["weight"])).sum(dim=1)
            return plain + ((token - parts["deep_centre"]) * parts["deep_scale"]) @ parts["deep_weight"] + head.intercept

        return log_odds

    def dense(self, inputs: Inputs) -> Dense:
        """The tensors that `response_function` reads."""
        inputs.check(self.words)
        return dense(inputs, self.words)


def from_parts(tensors: Mapping[str, npt.NDArray[np.float32]], document: Mapping[str, Any]) -> Multimodal:
    """The model that `tensors` and `document` wrote.

    Raises
    ------
    ModelError
        Not a multimodal model, weights of another shape, or a part that is missing.
    """
    if document.get("kind") != "multimodal":
        raise ModelError(f"this is a model of kind '{document.get('kind')}', not a multimodal one")
    words = vocabulary.from_document(document["vocabulary"])
    config = configs.from_document(dict(document["config"]))
    members: dict[int, Arrays] = {}
    for name, block in tensors.items():
        number, _, part = name.partition("/")
        members.setdefault(int(number), {})[part] = np.asarray(block, dtype=np.float32)
    if not members:
        raise ModelError("the model has no weights")
    width = len(features(words))
    for member in members.values():
        fusion.check(member, words, config)
        for name in HEADS:
            head = heads.from_arrays(member, name)
            if head.weight.shape != (width,) or head.deep_weight.shape != (config.dim,):
                raise ModelError(f"the {name} head reads {head.weight.shape[0]} features; this model has {width}")
    meta = {key: value for key, value in document.items() if key not in {"kind", "vocabulary", "config"}}
    return Multimodal(words=words, config=config, members=tuple(members[number] for number in sorted(members)), meta=meta)


def _alike(inputs: Inputs, seen: npt.NDArray[np.bool_], *, size: int) -> list[npt.NDArray[np.int64]]:
    """Positions in batches of patients with the same kinds of measurement: short ones need no empty tokens."""
    has = np.column_stack([
        np.isfinite(inputs.expression).any(axis=1),
        np.isfinite(inputs.mutated).any(axis=1) | np.isfinite(inputs.copied).any(axis=1),
        np.isfinite(inputs.slide).any(axis=1) | np.isfinite(inputs.tiles).any(axis=1),
    ])  # fmt: skip
    code = has @ np.array([1, 2, 4])
    made = []
    for kind in np.unique(code):
        own = np.flatnonzero(code == kind)
        made += [own[i : i + size] for i in range(0, own.size, size)]
    return made
