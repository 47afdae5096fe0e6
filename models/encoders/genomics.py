"""Genomics encoder: gene-set tokens from expression, and one token a gene for mutations and copy number.

A gene-set token is the mean, over the genes of the set that were measured, of the gene's z-score times what was learnt
about the gene. Genes that a panel lacks drop out of the mean, so that panels of different size give tokens of the same
scale; a set with fewer than LEAST_GENES measured genes is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.config import Config
from models.dense import Dense
from models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Generator, Tensor

LEAST_GENES = 3


def start(vocabulary: Vocabulary, config: Config, generator: Generator) -> Dense:
    """Untrained parameters."""
    import torch

    s, g, r, d = len(vocabulary.sets), len(vocabulary.genes), config.gene_dim, config.dim

    def normal(*shape: int, spread: float) -> Tensor:
        return torch.randn(*shape, generator=generator) * spread

    genes = normal(g, r, spread=0.1)
    genes[:, 0] = 1.0  # the first number starts as the plain mean of the set
    return {
        "genes": genes,
        "set_weight": normal(s, r, d, spread=0.7),
        "set_bias": normal(s, d, spread=0.3),
        "mutated_bias": normal(len(vocabulary.mutated), d, spread=0.3),
        "mutated_weight": normal(len(vocabulary.mutated), d, spread=0.7),
        "copied_bias": normal(len(vocabulary.copied), d, spread=0.3),
        "copied_weight": normal(len(vocabulary.copied), d, spread=0.7),
    }


def set_means(values: Dense) -> tuple[Tensor, Tensor]:
    """Plain mean z of each set's measured genes, (n, sets), and which sets are known, (n, sets)."""
    member = values["membership"]
    count = values["expression_known"] @ member.T
    total = (values["expression"] * values["expression_known"]) @ member.T
    known = count >= LEAST_GENES
    small = (member.sum(dim=1) < LEAST_GENES) & (count >= member.sum(dim=1))  # a set of one or two genes, all measured
    known = known | (small & (count > 0))
    return total / count.clamp(min=1.0) * known, known


def expression_tokens(parameters: Dense, values: Dense) -> tuple[Tensor, Tensor]:
    """Gene-set tokens (n, sets, dim) and which are known (n, sets)."""
    import torch

    member = values["membership"]
    known_genes = values["expression_known"]
    count = (known_genes @ member.T).clamp(min=1.0)
    shown = values["expression"] * known_genes
    parts = [(shown * parameters["genes"][:, k]) @ member.T / count for k in range(parameters["genes"].shape[1])]
    learnt = torch.stack(parts, dim=-1)
    _, known = set_means(values)
    return torch.einsum("nsr,srd->nsd", learnt, parameters["set_weight"]) + parameters["set_bias"], known


def genome_tokens(parameters: Dense, values: Dense) -> tuple[Tensor, Tensor]:
    """Mutation tokens, then copy-number tokens: (n, mutated + copied, dim), and which are known."""
    import torch

    mutated = values["mutated"][:, :, None] * parameters["mutated_weight"] + parameters["mutated_bias"]
    copied = values["copied"][:, :, None] * parameters["copied_weight"] + parameters["copied_bias"]
    known = torch.cat([values["mutated_known"], values["copied_known"]], dim=1) > 0
    return torch.cat([mutated, copied], dim=1), known
