"""Spatial: what lies where - slide pictures, their tissue, their tiles, spots and what lies around them."""

from __future__ import annotations

from collections.abc import Mapping

STATISTICS: Mapping[str, str] = {
    "spot clusters": "core.spatial.spot_clusters:spot_clusters",
    "niches": "core.spatial.niches:niches",
    "colocalisation of cell types": "core.spatial.colocalisation:colocalisation",
    "immune infiltrate": "core.spatial.infiltrate:infiltrate",
    "tertiary lymphoid structures": "core.spatial.lymphoid:lymphoid",
    "cross-K": "core.spatial.point_patterns:cross_k",
    "nearest-neighbour G": "core.spatial.point_patterns:nearest_g",
    "cross-L under random labelling": "core.spatial.random_labelling:cross_l",
    "nearest neighbours under random labelling": "core.spatial.random_labelling:nearest",
    "cells against survival": "core.spatial.cell_survival:cell_survival",
    "image to expression": "core.spatial.image_expression:judge",
}
