"""Is what is taken for tissue tissue? Every published slide, with and without the test for texture, against where spots lie.

    python -m benchmarks.tissue_mask          # needs a built database (TMESCOPE_DATA) with her2st, and its pictures

Spots of her2st were kept by its authors because they lie under tissue: a mask should hold them, and hold nothing farther from every spot
than one and a half spots. No label of a spot is read, but the two thresholds of the test were settled with these sections in view. The
picture of A1 has a small overview of the section in a corner, which counts as beyond its spots.
"""

from __future__ import annotations

import numpy as np

from core.pipeline.slides import MASK_PX
from core.pipeline.tile_encoder import places
from core.settings import Settings
from core.spatial import tissue as masks
from core.spatial.neighbourhood import pitch
from core.spatial.pictures import remote
from core.spatial.shown_slide import THUMBNAIL_PX, TILE_SPAN, TILE_UM
from core.spatial.slide import open_slide
from core.spatial.tiling import tiling
from data.fetch import fetch_file
from data.store import Store

BEYOND = 1.5


def beside_spots(mask: masks.Mask, spots: np.ndarray) -> tuple[float, float]:
    """Share of spots of which half is on tissue, and share of the tissue that is farther than 1.5 pitches from every spot.

    Parameters
    ----------
    spots : (n, 2) x, y in pixels of the mask.
    """
    from scipy.spatial import cKDTree

    side = pitch(spots)
    half = side / 4
    held = [mask[max(0, int(y - half)) : int(y + half) + 1, max(0, int(x - half)) : int(x + half) + 1].mean() >= 0.5 for x, y in spots]
    rows, columns = np.nonzero(mask)
    distance, _ = cKDTree(spots).query(np.column_stack([columns, rows]))
    return float(np.mean(held)), float((distance > BEYOND * side).mean())


def main() -> None:
    """Print one row a slide, size of the small picture, and kind of mask."""
    settings = Settings.from_env()
    store = Store.open_current(settings.database_dir)
    guarded = masks._solid
    print(f"{'slide':<30}{'px':>6}{'mask':>18}{'tissue':>9}{'tiles':>7}{'spots held':>12}{'beyond spots':>14}")
    for slide in store.sql("SELECT * FROM slide ORDER BY slide_id").to_dicts():
        found = remote(slide["study"], slide["file"])
        if found is None:
            continue
        at = {"study": slide["study"], "section": slide["slide_id"].partition(":")[2]}
        spots = store.sql("SELECT pixel_x, pixel_y FROM spot WHERE study = $study AND section_id = $section AND pixel_x IS NOT NULL", at)
        with open_slide(fetch_file(found, places=places(settings))) as picture:
            size, um = (picture.width_px, picture.height_px), slide["um_per_px"]
            for longest in (THUMBNAIL_PX, MASK_PX):
                small = picture.thumbnail(longest)
                for name, solid in (("colour alone", lambda balanced, mark: np.ones(mark.shape, dtype=bool)), ("and texture", guarded)):
                    masks._solid = solid
                    mask = masks.tissue(small).mask
                    tiles = tiling(mask, size, span_px=round(TILE_UM / um) if um else TILE_SPAN).n
                    said = "".rjust(26)
                    if spots.height and slide["spot_scale"]:
                        held, beyond = beside_spots(mask, spots.to_numpy() * slide["spot_scale"] * mask.shape[1] / size[0])
                        said = f"{held:>12.1%}{beyond:>14.1%}"
                    print(f"{slide['slide_id']:<30}{longest:>6}{name:>18}{mask.mean():>9.1%}{tiles:>7}{said}")
    masks._solid = guarded
    store.close()


if __name__ == "__main__":
    main()
