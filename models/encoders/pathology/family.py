"""Family: what an encoder of tile pictures is, who may use it, and how its network is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Readout = Literal["cls", "cls_and_mean"]
Stem = Literal["patch", "convolution"]
Feedforward = Literal["gelu", "swiglu"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_SPREAD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A vision transformer (Dosovitskiy 2021, doi 10.48550/arXiv.2010.11929), in numbers.

    Attributes
    ----------
    width : of a token. depth : blocks. heads : of attention. hidden : width inside the feed-forward part.
    patch_px : side of a patch. grid : patches a side of the stored position embedding.
    registers : tokens without a place (Darcet 2024, doi 10.48550/arXiv.2309.16588).
    layer_scale : a learnt factor a channel after each half block (Touvron 2021, doi 10.48550/arXiv.2103.17239).
    feedforward : "gelu", or "swiglu" with a gate (Shazeer 2020, doi 10.48550/arXiv.2002.05202).
    stem : "patch", or "convolution" (Xiao 2021, doi 10.48550/arXiv.2106.14881) before the first block.
    epsilon : of the layer norms.
    """

    width: int
    depth: int
    heads: int
    hidden: int
    patch_px: int
    grid: int
    registers: int = 0
    layer_scale: bool = False
    feedforward: Feedforward = "gelu"
    stem: Stem = "patch"
    epsilon: float = 1e-6

    def operations(self, side_px: int) -> float:
        """Floating-point operations of one tile (a multiply-add is two): matrix products only."""
        patches = (side_px // self.patch_px) ** 2
        tokens = patches + 1 + self.registers
        inner = (3 if self.feedforward == "swiglu" else 2) * self.width * self.hidden
        block = tokens * (4 * self.width**2 + inner) + 2 * tokens**2 * self.width
        return 2.0 * (self.depth * block + patches * 3 * self.patch_px**2 * self.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One encoder of tile pictures.

    Attributes
    ----------
    name : key in tables. label : what a person calls it. hub : id of its publisher's page, "" = none.
    licence : of the weights. gated : the publisher hands them out on request only.
    reference, doi : of the paper. trained_on : pictures that the weights were trained on.
    pathology_trained : false where these are photographs of everyday things.
    input_px : side of a tile. um_per_px : resolution that the weights expect. mean, spread : of the colour channels, 0-1.
    readout : "cls" = the class token; "cls_and_mean" = with the mean of the patch tokens behind it.
    limits : what a reader must know before trusting an embedding.
    """

    name: str
    label: str
    hub: str
    licence: str
    gated: bool
    reference: str
    doi: str
    trained_on: str
    pathology_trained: bool
    architecture: Architecture
    input_px: int = 224
    um_per_px: float = 0.5
    mean: tuple[float, float, float] = IMAGENET_MEAN
    spread: tuple[float, float, float] = IMAGENET_SPREAD
    readout: Readout = "cls"
    limits: str = ""

    @property
    def dimension(self) -> int:
        """Width of a tile's embedding."""
        return self.architecture.width * (2 if self.readout == "cls_and_mean" else 1)
