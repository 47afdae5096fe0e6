"""Config: every size and rate of a multimodal model, as plain numbers that its card repeats."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from models.card import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Sizes and rates.

    Attributes
    ----------
    dim, layers, heads, inner : width of a token, transformer layers, attention heads, width of the feed-forward part.
    gene_dim : numbers that are learnt about a gene. dropout : of attention and feed-forward outputs.
    mask_share, modality_dropout : share of tokens hidden, chance that a whole modality is hidden, in pre-training.
    contrast, coral : weight of the contrastive and of the domain-adaptation loss beside the masked-token loss (1).
    temperature : of the contrastive loss.
    pretrain_epochs, patience : most passes over the patients; passes without a better held-out loss before it stops.
    batch, rate, decay : patients a step, learning rate, weight decay (AdamW).
    tune_epochs, tune_rate, tune_decay : the same for fine-tuning.
    seeds : members of the ensemble, whose scores are averaged; each costs its own time in training and in use.
    """

    dim: int = 64
    layers: int = 2
    heads: int = 4
    inner: int = 128
    gene_dim: int = 4
    dropout: float = 0.1
    mask_share: float = 0.3
    modality_dropout: float = 0.3
    contrast: float = 0.2
    coral: float = 0.5
    temperature: float = 0.2
    pretrain_epochs: int = 14
    patience: int = 5
    batch: int = 128
    rate: float = 2e-3
    decay: float = 1e-4
    tune_epochs: int = 4
    tune_rate: float = 3e-4
    tune_decay: float = 1e-2
    seeds: int = 2

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def from_document(document: dict[str, Any]) -> Config:
    """The config that `Config.document` wrote.

    Raises
    ------
    ModelError
        A field that does not exist, or dim that heads do not divide.
    """
    known = {field.name for field in fields(Config)}
    unknown = sorted(set(document) - known)
    if unknown:
        raise ModelError(f"the model's config has {', '.join(unknown)}, which this version does not know; update TMEscope")
    made = Config(**document)
    if made.dim % made.heads:
        raise ModelError(f"a width of {made.dim} cannot be shared by {made.heads} attention heads")
    return made
