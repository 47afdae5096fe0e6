"""Contents table of the encoders of tile pictures: one file a family, one line here.

All are vision transformers. Weights are files that somebody else fetched; only safetensors are read.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from models.card import ModelError
from models.encoders.pathology.encoder import PathologyEncoder, checkpoint, load
from models.encoders.pathology.family import Architecture, Family

MODULES: Mapping[str, str] = {
    "dinov2-small": "models.encoders.pathology.dinov2_small",
    "dinov2-large": "models.encoders.pathology.dinov2_large",
    "uni": "models.encoders.pathology.uni",
    "hipt": "models.encoders.pathology.hipt",
    "virchow": "models.encoders.pathology.virchow",
    "virchow2": "models.encoders.pathology.virchow2",
    "phikon": "models.encoders.pathology.phikon",
    "ctranspath": "models.encoders.pathology.ctranspath",
}
"""Families by name, in the order in which people see them; the first is the default."""

DEFAULT = next(iter(MODULES))


@cache
def family(name: str) -> Family:
    """The FAMILY of a listed encoder.

    Raises
    ------
    ModelError
        No family has this name.
    """
    if name not in MODULES:
        raise ModelError(f"there is no encoder family '{name}'; there are {', '.join(MODULES)}")
    found: Family = importlib.import_module(MODULES[name]).FAMILY
    return found


def families() -> tuple[Family, ...]:
    """Every FAMILY, in the order of the contents table."""
    return tuple(family(name) for name in MODULES)


def encoder(name: str = DEFAULT, *, weights: Path, sha256: str = "") -> PathologyEncoder:
    """A listed family with the weights of a file.

    Parameters
    ----------
    weights : a safetensors file. sha256 : what it must be, "" = whatever it is.

    Raises
    ------
    ModelError
        No such family, no safetensors file, not the one expected, or weights of another family.
    """
    return load(family(name), weights, sha256=sha256)


__all__ = [
    "DEFAULT",
    "MODULES",
    "Architecture",
    "Family",
    "PathologyEncoder",
    "checkpoint",
    "encoder",
    "families",
    "family",
    "load",
]
