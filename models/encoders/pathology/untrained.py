"""Untrained: a family with random weights, the null that any embedding has to beat."""

from __future__ import annotations

import numpy as np

from models.encoders.pathology.encoder import PathologyEncoder
from models.encoders.pathology.family import Family
from models.encoders.pathology.weights import shapes


def untrained(family: Family, *, seed: int = 0) -> PathologyEncoder:
    """An encoder of the same architecture that has seen nothing.

    Weights are normal with variance 1 / (inputs of the unit), norms and layer scales 1, biases 0, position embeddings and the class
    token normal with standard deviation 0.02. Random features of a picture still carry its colours and edges.
    """
    import torch

    rng = np.random.default_rng(seed)
    made: dict[str, torch.Tensor] = {}
    for name, shape in shapes(family.architecture).items():
        if name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "gamma", "running_var")):
            values = np.ones(shape)
        elif name.endswith(("bias", "running_mean")):
            values = np.zeros(shape)
        elif len(shape) > 1 and "token" not in name and "pos_embed" not in name:
            values = rng.normal(0.0, 1.0 / np.sqrt(np.prod(shape[1:])), shape)
        else:
            values = rng.normal(0.0, 0.02, shape)
        made[name] = torch.from_numpy(values.astype(np.float32))
    return PathologyEncoder(family=family, weights=made, sha256=f"untrained-{seed}")
