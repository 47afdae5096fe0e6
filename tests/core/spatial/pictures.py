"""Made-up slides: stained tissue on glass, with pen, shadow and blur where asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

GLASS = (243, 241, 244)


def slide(height: int = 400, width: int = 600, *, seed: int = 0, tissue: tuple[int, int, int, int] = (80, 320, 120, 480)) -> np.ndarray:
    """(h, w, 3) uint8: a block of stroma (rows, columns of `tissue`) with nuclei."""
    rng = np.random.default_rng(seed)
    made = np.broadcast_to(np.asarray(GLASS, dtype=float), (height, width, 3)).copy()
    top, bottom, left, right = tissue
    if bottom > top:
        made[top:bottom, left:right] = (222, 148, 190)
        for _ in range((bottom - top) * (right - left) // 60):
            y, x = rng.integers(top, bottom - 3), rng.integers(left, right - 3)
            made[y : y + 3, x : x + 3] = (98, 62, 138)
    return np.clip(made + rng.normal(0, 3, made.shape), 0, 255).astype(np.uint8)


def tiff(path: Path, picture: np.ndarray, *, um_per_px: float | None = None) -> Path:
    """A tiled TIFF with an Aperio description."""
    import tifffile

    said = f"|MPP = {um_per_px}" if um_per_px else ""
    text = f"Aperio Image Library v11.2.1\r\n{picture.shape[1]}x{picture.shape[0]} (64x64) RAW|AppMag = 20{said}"
    tifffile.imwrite(path, picture, tile=(64, 64), photometric="rgb", description=text, metadata=None)
    return path


def png(path: Path, picture: np.ndarray) -> Path:
    """A plain picture."""
    from PIL import Image

    Image.fromarray(picture).save(path)
    return path
