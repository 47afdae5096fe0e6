"""Colour: what a tile shows to somebody who sees only how strongly it is stained."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
TO_STAINS = np.linalg.inv(np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]]))
"""Optical density to haematoxylin, eosin and DAB (Ruifrok and Johnston 2001; scikit-image has these vectors to two digits). The third is not used."""
SHARES = (5, 25, 50, 75, 95)
NAMES = tuple(
    f"{channel}, {what}" for channel in ("red", "green", "blue", "haematoxylin", "eosin") for what in ("mean", "sd", *(f"percentile {s}" for s in SHARES))
)


def colour_features(tiles: npt.NDArray[np.uint8]) -> Floats:
    """Mean, standard deviation and five percentiles of red, green, blue, haematoxylin and eosin: (n, 35), see NAMES.

    Parameters
    ----------
    tiles : (n, h, w, 3) uint8.
    """
    made = np.empty((len(tiles), len(NAMES)))
    for row, tile in enumerate(tiles):
        rgb = tile.reshape(-1, 3).astype(np.float64)
        density = -np.log10((rgb + 1) / 256)
        values = np.column_stack([rgb / 255, (density @ TO_STAINS)[:, :2]])
        made[row] = np.vstack([values.mean(axis=0), values.std(axis=0), np.percentile(values, SHARES, axis=0)]).T.ravel()
    return made
