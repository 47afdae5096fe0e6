"""Do tiles of tissue say what is expressed, on a patient left out? Every configuration that was tried, beside its nulls.

    python -m benchmarks.image_expression          # needs a built database (TMESCOPE_DATA) with her2st, and its pictures

Configurations: features (DINOv2 trained; the same network with random weights; colour and stain), expression as log counts per ten
thousand or as Pearson residuals. The app shows Pearson residuals. There is no aim but honesty: the trained encoder has to beat both others.
"""

from __future__ import annotations

import time

import numpy as np

from core.pipeline import image_expression as pictures
from core.pipeline.tile_encoder import places, tile_encoder
from core.settings import Settings
from core.spatial.image_expression import judge
from data.store import Store


def logged(counts: pictures.Floats) -> pictures.Floats:
    """log(1 + counts per ten thousand): what was tried first; a shallow spot scores low on every gene, and pictures say how shallow."""
    return np.asarray(np.log1p(counts / np.maximum(counts.sum(axis=0), 1) * 1e4))


def main() -> None:
    """Print one row a configuration and patient."""
    settings = Settings.from_env()
    store = Store.open_current(settings.database_dir)
    start = time.perf_counter()
    tiles = pictures.section_tiles(store, places(settings), encoder=tile_encoder(settings=settings), folder=settings.cache_dir, say=print)
    print(f"features of {sum(len(one.spots) for one in tiles)} tiles in {time.perf_counter() - start:.0f} s (0 s where kept)")
    residuals = pictures.residuals
    print(f"{'expression':<18}{'features':<11}{'left out':<10}{'genes':>6}{'median rho':>12}{'null 95%':>10}{'p':>7}{'shuffled 95%':>14}{'cell types':>12}{'null 95%':>10}{'p':>7}")
    for name, scale in (("log counts", logged), ("Pearson residuals", residuals)):
        pictures.residuals = scale
        for features in pictures.FEATURES:
            sections, genes, _ = pictures.spot_pictures(store, tiles, features=features)
            for patient in sorted({one.patient for one in sections}):
                found = judge(sections, left_out=patient)
                of_genes = np.arange(len(found.spearman)) < len(genes)
                one, two = found.median(of_genes), found.median(~of_genes)
                shuffled = float(np.quantile(np.nanmedian(found.shuffled[:, of_genes], axis=1), 0.95))
                print(
                    f"{name:<18}{features:<11}{patient.partition(':')[2]:<10}{len(genes):>6}{one[0]:>12.3f}{one[1]:>10.3f}{one[2]:>7.3f}{shuffled:>14.3f}"
                    f"{two[0]:>12.2f}{two[1]:>10.2f}{two[2]:>7.3f}"
                )
    pictures.residuals = residuals
    store.close()


if __name__ == "__main__":
    main()
