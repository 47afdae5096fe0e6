"""The chart of a slide, from a made-up one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.figures import Chart, Provenance, slide_attention
from core.pipeline.slides import SlideTiles, SlideVector
from core.spatial.tiling import Tiling
from models.encoders.pathology import family


def vector(*, trained: bool = True) -> SlideVector:
    """A slide of 3 x 4 tiles without one corner."""
    rng = np.random.default_rng(0)
    x, y = (part.ravel()[1:] for part in np.meshgrid(np.arange(4) * 200, np.arange(3) * 200))
    share = rng.dirichlet(np.ones(11)).astype(np.float32) if trained else np.full(11, 1 / 11, dtype=np.float32)
    tiles = SlideTiles(
        slide="Trial slide", encoder="0" * 16, tiling=Tiling(x=x, y=y, span_px=200, tissue=np.full(11, 0.8, np.float32)),
        features=rng.normal(size=(11, 4)).astype(np.float32), size=(800, 600), um_per_px=0.5, given=True, tile_um=100.0,
        thumbnail=rng.integers(150, 255, (60, 80, 3), dtype=np.uint8), blurred=2,
    )  # fmt: skip
    return SlideVector(tiles=tiles, vector=np.zeros(4, np.float32), attention=share, trained=trained)


def drawn(provenance: Provenance, *, trained: bool = True) -> Chart:
    """With the default encoder."""
    return slide_attention(vector(trained=trained), family=family("dinov2-small"), provenance=provenance, learnt="learnt without labels")


SLIDES: dict[str, Callable[[Provenance], Chart]] = {"slide_attention": drawn}
