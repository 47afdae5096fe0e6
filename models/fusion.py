"""Fusion: one transformer over the tokens of every modality; what its patient token gathers is the patient's embedding.

Self-attention over all tokens at once lets every gene set attend to every clinical variable, mutation and slide token
(Vaswani 2017, doi 10.48550/arXiv.1706.03762; pre-normalised). Tokens of a modality that a patient lacks are masked, and a
state token a modality says whether it was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.card import ModelError
from models.config import Config
from models.dense import Dense
from models.encoders import clinical, genomics, histology
from models.vocabulary import MODALITIES, Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

Arrays = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """What the transformer makes of n patients.

    Attributes
    ----------
    embedding : (n, dim) the patient token. tokens : (n, t, dim) the other tokens' outputs. known : (n, t).
    names : (t,) the tokens that were read; expression, genome and slide tokens are left out where nobody has any.
    attention : (n, t) how much the patient token attends to each, mean over heads of the last layer; None unless asked for.
    """

    embedding: Tensor
    tokens: Tensor
    known: Tensor
    names: tuple[str, ...]
    attention: Tensor | None


def token_names(vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Names of the tokens, block by block."""
    return {
        "clinical": (*(f"number:{n.name}" for n in vocabulary.numbers), *(f"category:{c.name}" for c in vocabulary.categories)),
        "expression": tuple(f"set:{name}" for name in vocabulary.sets),
        "genome": (*(f"mutation:{gene}" for gene in vocabulary.mutated), *(f"copy_number:{gene}" for gene in vocabulary.copied)),
        "slide": (*(f"slide:{name}" for name in vocabulary.groups), "slide:tiles"),
    }


def start(vocabulary: Vocabulary, config: Config, *, seed: int) -> Dense:
    """Untrained parameters of every part, by name."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    d, h = config.dim, config.inner
    made: Dense = {
        "patient": torch.randn(1, d, generator=generator) * 0.3,
        "state": torch.randn(len(MODALITIES), 2, d, generator=generator) * 0.3,
    }
    for encoder in (genomics, clinical, histology):
        made |= encoder.start(vocabulary, config, generator)
    for layer in range(config.layers):
        made |= {
            f"{layer}.norm1": torch.ones(d), f"{layer}.shift1": torch.zeros(d), f"{layer}.norm2": torch.ones(d), f"{layer}.shift2": torch.zeros(d),
            f"{layer}.qkv": torch.randn(d, 3 * d, generator=generator) * d**-0.5, f"{layer}.qkv_bias": torch.zeros(3 * d),
            f"{layer}.out": torch.randn(d, d, generator=generator) * d**-0.5 / config.layers, f"{layer}.out_bias": torch.zeros(d),
            f"{layer}.up": torch.randn(d, h, generator=generator) * d**-0.5, f"{layer}.up_bias": torch.zeros(h),
            f"{layer}.down": torch.randn(h, d, generator=generator) * h**-0.5 / config.layers, f"{layer}.down_bias": torch.zeros(d),
        }  # fmt: skip
    made |= {"norm": torch.ones(d), "shift": torch.zeros(d)}
    return made


def tensors(arrays: Arrays, *, device: str = "cpu") -> Dense:
    """Parameters as tensors of float32."""
    import torch

    return {name: torch.from_numpy(np.array(block, dtype=np.float32)).to(device) for name, block in arrays.items()}


def arrays(parameters: Dense) -> dict[str, npt.NDArray[np.float32]]:
    """Parameters as arrays."""
    return {name: np.asarray(block.detach().cpu().numpy(), dtype=np.float32).copy() for name, block in parameters.items()}


def check(found: Arrays, vocabulary: Vocabulary, config: Config) -> None:
    """Refuse parameters that do not fit the vocabulary and the config.

    Raises
    ------
    ModelError
        A block is missing or has another shape; names both shapes.
    """
    for name, block in start(vocabulary, config, seed=0).items():
        if name not in found:
            raise ModelError(f"the weights lack '{name}'; they belong to another model")
        if tuple(found[name].shape) != tuple(block.shape):
            raise ModelError(f"weights '{name}' have shape {tuple(found[name].shape)}; this model needs {tuple(block.shape)}")
        if not np.isfinite(found[name]).all():
            raise ModelError(f"weights '{name}' hold values that are not numbers; train again or use another copy")


def forward(
    parameters: Dense, values: Dense, *, vocabulary: Vocabulary, config: Config, training: bool = False, attention: bool = False
) -> Fused:
    """Read n patients."""
    import torch

    n = values["numbers"].shape[0]
    device = values["numbers"].device
    owner = torch.tensor([j for j, c in enumerate(vocabulary.categories) for _ in c.levels], dtype=torch.long, device=device)
    listed = token_names(vocabulary)
    blocks = [clinical.tokens(parameters, values, owner=owner)]
    known = [torch.ones(n, blocks[0].shape[1], dtype=torch.bool, device=device)]
    names = list(listed["clinical"])
    if vocabulary.sets and values["expression_known"].any():
        found, told = genomics.expression_tokens(parameters, values)
        blocks, known, names = [*blocks, found], [*known, told], [*names, *listed["expression"]]
    if values["mutated_known"].any() or values["copied_known"].any():
        found, told = genomics.genome_tokens(parameters, values)
        blocks, known, names = [*blocks, found], [*known, told], [*names, *listed["genome"]]
    if values["slide_known"].any() or values["tiles_known"].any():
        position = {name: number for number, name in enumerate(vocabulary.groups)}
        group = torch.tensor([position[name] for name in vocabulary.slide_groups], dtype=torch.long, device=device)
        found, told = histology.tokens(parameters, values, group=group)
        blocks, known, names = [*blocks, found], [*known, told], [*names, *listed["slide"]]
    seen = seen_modalities(values, vocabulary)
    state = torch.stack([parameters["state"][m][seen[:, m].long()] for m in range(len(MODALITIES))], dim=1)
    head = torch.cat([parameters["patient"].expand(n, 1, -1), state], dim=1)
    x = torch.cat([head, *blocks], dim=1)
    told = torch.cat([torch.ones(n, head.shape[1], dtype=torch.bool, device=device), *known], dim=1)
    weights = None
    for layer in range(config.layers):
        last = attention and layer == config.layers - 1
        x, weights = _layer(parameters, x, known=told, layer=layer, config=config, training=training, attention=last)
    x = torch.nn.functional.layer_norm(x, (config.dim,), parameters["norm"], parameters["shift"])
    skip = head.shape[1]
    return Fused(
        embedding=x[:, 0], tokens=x[:, skip:], known=told[:, skip:], names=tuple(names),
        attention=None if weights is None else weights[:, skip:],
    )  # fmt: skip


def seen_modalities(values: Dense, vocabulary: Vocabulary) -> Tensor:
    """(n, modalities) which modalities a patient has."""
    import torch

    def any_of(*blocks: Tensor) -> Tensor:
        return torch.cat([b.reshape(b.shape[0], -1) for b in blocks], dim=1).sum(dim=1) > 0

    found = []
    for modality in MODALITIES:
        own = [j for j, number in enumerate(vocabulary.numbers) if number.modality == modality]
        kinds = [j for j, category in enumerate(vocabulary.categories) if category.modality == modality]
        blocks = [values["numbers_known"][:, own], values["categories_known"][:, kinds]]
        if modality == "expression":
            blocks.append(values["expression_known"])
        elif modality == "genome":
            blocks += [values["mutated_known"], values["copied_known"]]
        elif modality == "pathology":
            blocks += [values["slide_known"], values["tiles_known"]]
        found.append(any_of(*blocks))
    return torch.stack(found, dim=1)


def _layer(
    parameters: Dense, x: Tensor, *, known: Tensor, layer: int, config: Config, training: bool, attention: bool
) -> tuple[Tensor, Tensor | None]:
    import torch

    f = torch.nn.functional
    n, t, d = x.shape
    own = {name.split(".", 1)[1]: block for name, block in parameters.items() if name.startswith(f"{layer}.")}
    h = f.layer_norm(x, (d,), own["norm1"], own["shift1"])
    q, k, v = (h @ own["qkv"] + own["qkv_bias"]).reshape(n, t, 3, config.heads, d // config.heads).permute(2, 0, 3, 1, 4)
    mixed = f.scaled_dot_product_attention(q, k, v, attn_mask=known[:, None, None, :])
    h = mixed.transpose(1, 2).reshape(n, t, d) @ own["out"] + own["out_bias"]
    x = x + f.dropout(h, config.dropout, training=training)
    h = f.layer_norm(x, (d,), own["norm2"], own["shift2"])
    h = f.gelu(h @ own["up"] + own["up_bias"]) @ own["down"] + own["down_bias"]
    x = x + f.dropout(h, config.dropout, training=training)
    if not attention:
        return x, None
    scores = (q[:, :, :1] @ k.transpose(-1, -2)) * (d // config.heads) ** -0.5
    shares = torch.softmax(scores.masked_fill(~known[:, None, None, :], float("-inf")), dim=-1)
    return x, shares.mean(dim=1)[:, 0]
