"""Hidden tokens: what pre-training covers up, and how far what it tells of it is off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.config import Config
from models.dense import Dense
from models.encoders import genomics
from models.fusion import Fused
from models.vocabulary import MODALITIES, Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

Hidden = dict[str, "Tensor"]
"""Which of the columns of numbers, categories, sets, mutated, copied, slide were covered, as masks."""

_OF_EXPRESSION, _OF_GENOME, _OF_PATHOLOGY = (MODALITIES.index(name) for name in ("expression", "genome", "pathology"))


def start_decoder(vocabulary: Vocabulary, config: Config, *, seed: int) -> Dense:
    """Untrained parameters that tell a token's value from its output; used in pre-training only."""
    import torch

    generator = torch.Generator().manual_seed(seed + 1)
    d = config.dim
    width = {
        "numbers": len(vocabulary.numbers), "levels": sum(len(c.levels) for c in vocabulary.categories), "sets": len(vocabulary.sets),
        "mutated": len(vocabulary.mutated), "copied": len(vocabulary.copied), "slide": len(vocabulary.slide_features),
    }  # fmt: skip
    made = {f"tell.{name}": torch.randn(size, d, generator=generator) * d**-0.5 * 0.3 for name, size in width.items()}
    made |= {f"tell.{name}_bias": torch.zeros(size) for name, size in width.items()}
    return made | {"project": torch.randn(d, d, generator=generator) * d**-0.5}


def hide_tokens(values: Dense, vocabulary: Vocabulary, *, config: Config, rng: np.random.Generator) -> tuple[Dense, Hidden]:
    """Cover the same randomly chosen tokens of all patients; now and then a whole modality.

    The genes of a covered set are covered in every other set, too.
    """
    import torch

    device = values["numbers"].device

    def chosen(size: int, share: float) -> Tensor:
        return torch.from_numpy(rng.random(size) < share).to(device)

    share = config.mask_share
    whole = rng.random(len(MODALITIES)) < config.modality_dropout / len(MODALITIES)
    hidden: Hidden = {
        "numbers": chosen(len(vocabulary.numbers), share), "categories": chosen(len(vocabulary.categories), share),
        "sets": chosen(len(vocabulary.sets), 0.5 * share), "mutated": chosen(len(vocabulary.mutated), share),
        "copied": chosen(len(vocabulary.copied), share),
    }  # fmt: skip
    groups = chosen(len(vocabulary.groups), share)
    for number, modality in enumerate(MODALITIES):
        if whole[number]:
            hidden["numbers"] |= torch.tensor([n.modality == modality for n in vocabulary.numbers], device=device, dtype=torch.bool)
            hidden["categories"] |= torch.tensor([c.modality == modality for c in vocabulary.categories], device=device, dtype=torch.bool)
    if whole[_OF_EXPRESSION]:
        hidden["sets"] |= True
    if whole[_OF_GENOME]:
        hidden["mutated"] |= True
        hidden["copied"] |= True
    if whole[_OF_PATHOLOGY]:
        groups |= True
    position = {name: n for n, name in enumerate(vocabulary.groups)}
    member = torch.tensor([position[name] for name in vocabulary.slide_groups], dtype=torch.long, device=device)
    hidden["slide"] = groups[member] if member.numel() else torch.zeros(0, dtype=torch.bool, device=device)
    return cover(values, vocabulary, hidden), hidden


def cover(values: Dense, vocabulary: Vocabulary, hidden: Hidden) -> Dense:
    """The same patients with the columns of `hidden` unknown."""
    import torch

    shown = dict(values)
    for name in ("numbers", "mutated", "copied", "slide"):
        keep = (~hidden[name]).to(values[name].dtype)
        shown[name], shown[f"{name}_known"] = values[name] * keep, values[f"{name}_known"] * keep
    keep = (~hidden["categories"]).to(values["numbers"].dtype)
    owner = [j for j, c in enumerate(vocabulary.categories) for _ in c.levels]
    shown["categories"] = values["categories"] * keep[torch.tensor(owner, dtype=torch.long, device=keep.device)]
    shown["categories_known"] = values["categories_known"] * keep
    if hidden["sets"].any():
        open_genes = ((hidden["sets"].to(values["membership"].dtype) @ values["membership"]) == 0).to(values["expression"].dtype)
        shown["expression"], shown["expression_known"] = values["expression"] * open_genes, values["expression_known"] * open_genes
    return shown


def only_expression(values: Dense) -> Dense:
    """The same patients with everything but expression unknown."""
    return {
        name: block if name in {"membership", "expression", "expression_known"} else block * 0.0 for name, block in values.items()
    }


def hide_expression(values: Dense, vocabulary: Vocabulary) -> Dense:
    """The same patients without expression."""
    import torch

    shown = dict(values)
    shown["expression"], shown["expression_known"] = values["expression"] * 0.0, values["expression_known"] * 0.0
    own = torch.tensor([n.modality != "expression" for n in vocabulary.numbers], device=values["numbers"].device).to(values["numbers"].dtype)
    shown["numbers"], shown["numbers_known"] = values["numbers"] * own, values["numbers_known"] * own
    return shown


def masked_loss(parameters: Dense, seen: Fused, truth: Dense, *, hidden: Hidden, vocabulary: Vocabulary) -> Tensor:
    """Mean over the kinds of token of the loss on covered, known values: squared error, cross-entropy for 0/1 and levels."""
    import torch

    f = torch.nn.functional
    place = {name: number for number, name in enumerate(seen.names)}
    losses = []

    def outputs(prefix: str, names: list[str]) -> Tensor:
        return seen.tokens[:, [place[f"{prefix}:{name}"] for name in names]]

    def told(kind: str, prefix: str, names: list[str]) -> Tensor:
        return (outputs(prefix, names) * parameters[f"tell.{kind}"]).sum(dim=-1) + parameters[f"tell.{kind}_bias"]

    def mean(error: Tensor, mask: Tensor) -> None:
        weight = mask.to(error.dtype)
        if weight.sum() > 0:
            losses.append((error * weight).sum() / weight.sum())

    if vocabulary.numbers:
        found = told("numbers", "number", [n.name for n in vocabulary.numbers])
        mean((found - truth["numbers"]) ** 2, truth["numbers_known"] * hidden["numbers"])
    start = 0
    for j, category in enumerate(vocabulary.categories):
        stop = start + len(category.levels)
        rows = truth["categories_known"][:, j] > 0
        if bool(hidden["categories"][j]) and bool(rows.any()):
            out = outputs("category", [category.name])[:, 0][rows]
            logits = out @ parameters["tell.levels"][start:stop].T + parameters["tell.levels_bias"][start:stop]
            losses.append(f.cross_entropy(logits, truth["categories"][rows, start:stop].argmax(dim=1)) / max(len(vocabulary.categories) / 4, 1))
        start = stop
    if f"set:{vocabulary.sets[0]}" in place if vocabulary.sets else False:
        target, known = genomics.set_means(truth)
        mean((told("sets", "set", list(vocabulary.sets)) - target) ** 2, known * hidden["sets"])
    if vocabulary.mutated and f"mutation:{vocabulary.mutated[0]}" in place:
        logits = told("mutated", "mutation", list(vocabulary.mutated))
        error = f.binary_cross_entropy_with_logits(logits, truth["mutated"], reduction="none")
        mean(error, truth["mutated_known"] * hidden["mutated"])
        mean((told("copied", "copy_number", list(vocabulary.copied)) - truth["copied"]) ** 2, truth["copied_known"] * hidden["copied"])
    if vocabulary.groups and f"slide:{vocabulary.groups[0]}" in place:
        position = {name: n for n, name in enumerate(vocabulary.groups)}
        owner = [position[name] for name in vocabulary.slide_groups]
        out = outputs("slide", list(vocabulary.groups))
        found = (out[:, owner] * parameters["tell.slide"]).sum(dim=-1) + parameters["tell.slide_bias"]
        mean((found - truth["slide"]) ** 2, truth["slide_known"] * hidden["slide"])
    return torch.stack(losses).mean() if losses else seen.embedding.sum() * 0.0
