"""Image to expression, run: tiles around the spots of sections with a picture, three kinds of features, each patient left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import BadModel, NotMeasured, SlideError
from core.spatial.colour import colour_features
from core.spatial.image_expression import TILE_PX, TILE_UM, Correlations, Floats, Judged, SpotPictures, judge
from core.spatial.pictures import remote, spot_resolution
from core.spatial.shown_slide import keep, kept
from core.spatial.slide import Slide, open_slide
from data.fetch import Places, fetch_file
from data.store import Store
from models.card import ModelError
from models.encoders.pathology import Family, PathologyEncoder
from models.encoders.pathology.untrained import untrained

FEWEST_COUNTS, LEAST_DETECTED = 100, 0.25
OVERDISPERSION = 100.0
FEATURES = ("trained", "untrained", "colour")
VERSION = "1"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionTiles:
    """Spots of a section whose tile could be read.

    Attributes
    ----------
    section, patient : ids. spots : (n,) ids. features : (n, d) a kind. um_per_px : of the picture, from the distances of its spots.
    left_out : spots whose tile reaches outside the picture.
    """

    section: str
    patient: str
    spots: list[str]
    features: Mapping[str, Floats]
    um_per_px: float
    left_out: int


def section_tiles(store: Store, places: Places, *, encoder: PathologyEncoder, study: str = "her2st", folder: Path | None = None, say: Say) -> list[SectionTiles]:
    """Features of every section of a study that has a picture and spots; from the cache where nothing changed.

    Raises
    ------
    NotMeasured
        No section has both. SlideError, SourceUnavailable, BadModel: a picture or the weights cannot be had.
    """
    slides = store.sql("SELECT slide_id, patient_id, file, spot_scale FROM slide WHERE study = $s AND spot_scale IS NOT NULL ORDER BY slide_id", {"s": study})
    made = []
    for slide in slides.to_dicts():
        section = slide["slide_id"].partition(":")[2]
        spots = store.sql(
            "SELECT spot_id, pixel_x, pixel_y, x_um, y_um FROM spot WHERE study = $s AND section_id = $e AND pixel_x IS NOT NULL ORDER BY rowid",
            {"s": study, "e": section},
        )
        found = remote(study, slide["file"])
        if spots.is_empty() or found is None:
            continue
        centres = spots.select("pixel_x", "pixel_y").to_numpy() * slide["spot_scale"]
        um = spot_resolution(centres, spots.select("x_um", "y_um").to_numpy())
        key = json.dumps([VERSION, found.sha256, encoder.hash, TILE_UM, TILE_PX, um, spots.hash_rows(seed=1).sum()])
        path = folder / "spots" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors" if folder is not None else None
        tensors = _known(path)
        if tensors is None:
            say(f"{section}: embedding {spots.height:,} tiles, with trained and with random weights")
            with open_slide(fetch_file(found, places=places)) as picture:
                tensors = _features(picture, centres, round(TILE_UM / um), encoder=encoder)
            if path is not None:
                keep(path, tensors)
        rows = tensors["rows"]
        made.append(
            SectionTiles(
                section=section, patient=slide["patient_id"], spots=[spots["spot_id"][int(row)] for row in rows], um_per_px=um,
                left_out=spots.height - len(rows), features={name: tensors[name].astype(np.float64) for name in FEATURES},
            )
        )  # fmt: skip
    if not made:
        raise NotMeasured(f"no section of {study} has both a picture and spots; build her2st first: python -m core build")
    return made


def spot_pictures(store: Store, tiles: list[SectionTiles], *, features: str, study: str = "her2st") -> tuple[list[SpotPictures], list[str], list[str]]:
    """Features beside what was measured: sections, genes, cell types.

    Expression is Pearson residuals of counts (theta 100, clipped at the root of n; Lause 2021, doi 10.1186/s13059-021-02451-7):
    with log counts a spot with few molecules scores low on every gene, and a picture predicts how many there are. Genes are
    those detected in a quarter of the spots of every section; spots with fewer than 100 molecules are left out.
    """
    parts, detected = [], []
    for one in tiles:
        genes, _, counts = store.matrix(study, one.section)
        order = store.sql("SELECT samples FROM assay WHERE study = $s AND assay = $a", {"s": study, "a": one.section})["samples"][0].to_list()
        place = {spot: number for number, spot in enumerate(order)}
        fractions = store.sql(
            "SELECT spot_id, cell_type, fraction FROM spot_fraction WHERE study = $s AND section_id = $e AND level = 'major' ORDER BY cell_type",
            {"s": study, "e": one.section},
        ).pivot(on="cell_type", index="spot_id", values="fraction")
        types = sorted(set(fractions.columns) - {"spot_id"})
        cells = pl.DataFrame({"spot_id": one.spots}).join(fractions, on="spot_id", how="left", maintain_order="left").select(types).cast(pl.Float64)
        own = counts[:, [place[spot] for spot in one.spots]].astype(np.float64)
        kept_spots = (own.sum(axis=0) >= FEWEST_COUNTS) & np.isfinite(cells.fill_null(np.nan).to_numpy()).all(axis=1)
        own = own[:, kept_spots]
        detected.append({gene for gene, share in zip(genes, (own > 0).mean(axis=1), strict=True) if share >= LEAST_DETECTED})
        parts.append((one, genes, residuals(own), cells.to_numpy()[kept_spots], kept_spots, types))
    common = sorted(set.intersection(*detected))
    types = parts[0][5]
    made = []
    for one, genes, values, cells, chosen, _ in parts:
        at = {gene: number for number, gene in enumerate(genes)}
        spots = [spot for spot, use in zip(one.spots, chosen, strict=True) if use]
        made.append(
            SpotPictures(
                section=one.section, patient=one.patient, grid=np.asarray([[int(n) for n in spot.split("x")] for spot in spots], dtype=np.int64),
                features=one.features[features][chosen], targets=np.hstack([values[[at[gene] for gene in common]].T, cells]), groups=(len(common), len(types)),
            )
        )  # fmt: skip
    return made, common, types


def residuals(counts: Floats) -> Floats:
    """Pearson residuals of counts (genes, spots) under one mean share a gene and one depth a spot."""
    total = counts.sum()
    mean = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(total, 1.0)
    spread = np.sqrt(np.maximum(mean + mean**2 / OVERDISPERSION, 1e-12))
    most = np.sqrt(counts.shape[1])
    return np.asarray(np.clip((counts - mean) / spread, -most, most))


def correlations(store: Store, tiles: list[SectionTiles], *, family: Family, study: str = "her2st", seed: int = 0, say: Say) -> Correlations:
    """Every patient left out, with every kind of features.

    Parameters
    ----------
    tiles : from `section_tiles`. family : of the encoder behind them. seed : same seed, same answer.

    Raises
    ------
    NotMeasured
        Too few patients, spots or shifts; see `core.spatial.image_expression.judge`.
    """
    found: dict[tuple[str, str], Judged] = {}
    genes: list[str] = []
    types: list[str] = []
    for features in FEATURES:
        sections, genes, types = spot_pictures(store, tiles, features=features, study=study)
        for patient in dict.fromkeys(one.patient for one in sections):
            say(f"{patient} left out: predicting {len(genes):,} genes and {len(types)} cell types from {features} features")
            found[features, patient] = judge(sections, left_out=patient, seed=seed)
    of_genes = np.arange(len(genes) + len(types)) < len(genes)
    resolved = {one.section: one.um_per_px for one in tiles}
    named = {"study": study, "encoder": family.label, "trained_on": family.trained_on}
    targets, medians = [], []
    for (features, patient), one in found.items():
        targets.append(_rows(one, genes, types).with_columns(features=pl.lit(features), study=pl.lit(study)))
        for kind, chosen in (("gene", of_genes), ("cell type", ~of_genes)):
            told = {"patient_id": patient, "section_id": one.section, "features": features, "kind": kind, "um_per_px": resolved[one.section]}
            medians.append({**named, **told, **_median(one, chosen, found["untrained", patient] if features != "untrained" else None)})
    return Correlations(pl.concat(targets), pl.DataFrame(medians, infer_schema_length=None))


def _median(one: Judged, chosen: npt.NDArray[np.bool_], untrained: Judged | None) -> dict[str, object]:
    median, null, p = one.median(chosen)
    low, high = one.interval(chosen)
    beyond = one.beyond(untrained, chosen) if untrained is not None else (None, None, None)
    return {
        "n": one.n, "targets": int(np.isfinite(one.spearman[chosen]).sum()), "median": median, "ci_low": low, "ci_high": high, "null_95": null, "p_value": p,
        **dict(zip(("beyond", "beyond_low", "beyond_high"), beyond, strict=True)),
    }  # fmt: skip


def _rows(found: Judged, genes: list[str], types: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "patient_id": found.patient, "section_id": found.section, "kind": ["gene"] * len(genes) + ["cell type"] * len(types),
            "target": [*genes, *types], "n": found.n, "pearson": found.pearson, "spearman": found.spearman,
            "null_95": np.nanquantile(found.shifted, 0.95, axis=0), "p_value": found.p_values, "permuted_95": np.nanquantile(found.shuffled, 0.95, axis=0),
        }
    ).with_columns(pl.col("pearson", "spearman", "null_95", "p_value", "permuted_95").fill_nan(None))  # fmt: skip


def _known(path: Path | None) -> dict[str, npt.NDArray[Any]] | None:
    if path is None or not path.is_file():
        return None
    try:
        found = kept(path)
    except SlideError:
        return None
    return found if {"rows", *FEATURES} <= set(found) else None


def _features(picture: Slide, centres: Floats, span: int, *, encoder: PathologyEncoder) -> dict[str, npt.NDArray[Any]]:
    tiles, rows = [], []
    for row, (x, y) in enumerate(centres):
        corner = (round(x - span / 2), round(y - span / 2))
        if corner[0] < 0 or corner[1] < 0 or corner[0] + span > picture.width_px or corner[1] + span > picture.height_px:
            continue
        tiles.append(picture.square(corner, span, TILE_PX))
        rows.append(row)
    if not tiles:
        raise SlideError(f"no spot lies inside {picture.path.name}; its spots belong to another picture")
    cut = np.stack(tiles)
    try:
        return {
            "rows": np.asarray(rows, dtype=np.int64), "trained": encoder.embed(cut, precision="fp32"),
            "untrained": untrained(encoder.family).embed(cut, precision="fp32"), "colour": colour_features(cut).astype(np.float32),
        }  # fmt: skip
    except ModelError as error:
        raise BadModel(str(error)) from error
