"""Whether learning from neighbouring tiles, without labels, makes tile embeddings say more about the tissue. her2st, real pictures.

An adapter (384 -> 64) is learnt from unlabelled tiles of a section's picture and judged by a ridge probe, beside the same adapter
before learning, principal components and the embeddings themselves:
- cell types: adapter and probe from section B4 (C2), judged on section C2 (B4), another patient: mean Spearman correlation of
  predicted and deconvolved shares of 8 cell types over spots;
- regions: adapter from B4 and C2, probe within A1 (a third patient), folds are blocks of the section: balanced accuracy over the
  pathologist's regions with 10 or more spots.
Two sections and three patients: this can show a large effect only. Tried on these same sections before: linear and two-layer
adapters, dropped inputs of 0 and .3, with and without attention, width 32 and 64; each gained about as little over its own
untrained start, and none beat the embeddings as they are.
Run: python benchmarks/tile_objective.py [--seeds 5]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.pipeline.tile_encoder import places, tile_encoder
from core.settings import Settings
from core.spatial.slide import open_slide
from core.spatial.tiling import tiling
from core.spatial.tissue import tissue
from data.fetch import fetch
from data.sources import source
from data.sources.her2st import PICTURES, load
from models.encoders.pathology import neighbours

SPAN_PX, TILE_PX = 224, 112
PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4)


@dataclass(frozen=True)
class Section:
    """Embeddings of a section: at its spots, with what is known there, and of tiles all over its tissue."""

    spots: np.ndarray
    cells: np.ndarray
    label: np.ndarray
    place: np.ndarray
    tiles: np.ndarray
    tile_place: np.ndarray


def sections(settings: Settings) -> dict[str, Section]:
    """A1, B4 and C2."""
    import polars as pl

    files = fetch(source("her2st"), places=places(settings))
    tables = load(files).tables
    encoder = tile_encoder(settings=settings)
    made = {}
    for name, file, _, _, _, _, factor in PICTURES:
        spots = tables["spot"].filter(pl.col("section_id") == name)
        cells = tables["spot_fraction"].filter((pl.col("section_id") == name) & (pl.col("level") == "major"))
        wide = spots.select("spot_id").join(cells.pivot(on="cell_type", index="spot_id", values="fraction"), on="spot_id", how="left", maintain_order="left")
        span = round(SPAN_PX * factor)
        with open_slide(files.path(file)) as slide:
            corners = [(int(x * factor - span / 2), int(y * factor - span / 2)) for x, y in spots.select("pixel_x", "pixel_y").iter_rows()]
            inside = np.asarray([0 <= x <= slide.width_px - span and 0 <= y <= slide.height_px - span for x, y in corners])
            cut = np.stack([slide.square(corner, span, TILE_PX) for corner, good in zip(corners, inside, strict=True) if good])
            mask = tissue(slide.thumbnail(1400)).mask
            grid = tiling(mask, (slide.width_px, slide.height_px), span_px=span, least=0.4)
            all_over = np.stack([slide.square((int(x), int(y)), span, TILE_PX) for x, y in zip(grid.x, grid.y, strict=True)])
        made[name] = Section(
            spots=encoder.embed(cut), cells=wide.drop("spot_id").to_numpy()[inside], label=spots["label"].fill_null("").to_numpy()[inside],
            place=spots.select("x_um", "y_um").to_numpy()[inside], tiles=encoder.embed(all_over), tile_place=np.column_stack([grid.x, grid.y]),
        )  # fmt: skip
        print(f"{name}: {len(made[name].spots)} spots, {len(made[name].tiles)} tiles", file=sys.stderr)
    return made


def ridge(x: np.ndarray, y: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """Ridge on standardised x, its penalty by 5 inner blocks of consecutive rows; (fresh rows, columns of y)."""
    centre, spread = x.mean(0), x.std(0) + 1e-9
    x, fresh, middle = (x - centre) / spread, (fresh - centre) / spread, y.mean(0)
    block = np.arange(len(x)) * 5 // len(x)

    def fit(rows: np.ndarray, penalty: float) -> np.ndarray:
        return np.linalg.solve(x[rows].T @ x[rows] + penalty * np.eye(x.shape[1]), x[rows].T @ (y[rows] - middle))

    def lost(penalty: float) -> float:
        return sum(float((((x @ fit(block != b, penalty)) - (y - middle))[block == b] ** 2).sum()) for b in range(5))

    return fresh @ fit(np.ones(len(x), dtype=bool), min(PENALTIES, key=lost)) + middle


def cell_types(data: dict[str, Section], project: Callable[[str], Callable[[np.ndarray], np.ndarray]]) -> float:
    """Mean Spearman correlation over cell types and both directions; `project(section)` is learnt from that section's tiles."""
    from scipy.stats import spearmanr

    found = []
    for one, other in (("B4", "C2"), ("C2", "B4")):
        adapt = project(one)
        guess = ridge(adapt(data[one].spots), data[one].cells, adapt(data[other].spots))
        found += [spearmanr(guess[:, j], data[other].cells[:, j]).statistic for j in range(guess.shape[1])]
    return float(np.mean(found))


def regions(section: Section, adapt: Callable[[np.ndarray], np.ndarray]) -> float:
    """Balanced accuracy over regions, 9 blocks of the section in 3 folds."""
    names, counts = np.unique(section.label, return_counts=True)
    usable = [name for name, n in zip(names, counts, strict=True) if n >= 10 and name not in {"", "undetermined"}]
    keep = np.isin(section.label, usable)
    x, truth, place = adapt(section.spots[keep]), section.label[keep], section.place[keep]
    thirds = [np.digitize(place[:, k], np.quantile(place[:, k], [1 / 3, 2 / 3])) for k in range(2)]
    fold = (thirds[0] * 3 + thirds[1]) % 3
    onehot = (truth[:, None] == np.asarray(usable)).astype(float)
    guess = np.empty(len(truth), dtype=object)
    for f in range(3):
        guess[fold == f] = np.asarray(usable)[ridge(x[fold != f], onehot[fold != f], x[fold == f]).argmax(1)]
    return float(np.mean([np.mean(guess[truth == name] == name) for name in usable]))


def components(tiles: np.ndarray, count: int) -> Callable[[np.ndarray], np.ndarray]:
    """Projection on principal components of unlabelled tiles."""
    centre = tiles.mean(0)
    axes = np.linalg.svd(tiles - centre, full_matrices=False)[2][:count]
    return lambda x: (x - centre) @ axes.T


def main() -> None:
    """Print one line a way of reading the same tiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    data = sections(Settings.from_env())
    config = neighbours.Config()
    both = [(data[name].tiles, data[name].tile_place) for name in ("B4", "C2")]
    every = np.concatenate([tiles for tiles, _ in both])

    def line(name: str, cells: list[float], areas: list[float]) -> None:
        spread = f" (SD {np.std(cells):.3f} / {np.std(areas):.3f} over {len(cells)} seeds)" if len(cells) > 1 else ""
        print(f"{name:<34} cell types, other patient {np.mean(cells):.3f}   regions, blocked {np.mean(areas):.3f}{spread}")

    line("embeddings as they are, 384", [cell_types(data, lambda _: lambda x: x)], [regions(data["A1"], lambda x: x)])
    pcs = [cell_types(data, lambda name: components(data[name].tiles, config.width))]
    line("principal components, 64", pcs, [regions(data["A1"], components(every, config.width))])
    seeds = range(args.seeds)
    before = [cell_types(data, lambda name, s=s: neighbours.start(data[name].tiles, config=config, seed=s).project) for s in seeds]
    line("adapter before learning, 64", before, [regions(data["A1"], neighbours.start(every, config=config, seed=s).project) for s in seeds])
    after = [
        cell_types(data, lambda name, s=s: neighbours.pretrain([(data[name].tiles, data[name].tile_place)], config=config, seed=s).project) for s in seeds
    ]
    line("adapter learnt from neighbours, 64", after, [regions(data["A1"], neighbours.pretrain(both, config=config, seed=s).project) for s in seeds])


if __name__ == "__main__":
    main()
