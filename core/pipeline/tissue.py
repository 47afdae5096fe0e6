"""Tissue: clusters, niches, scores, cell-type pairs and lymphoid peaks of every section with spots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import CohortError
from core.pipeline.staging import Finished, Frames, Piece, Staging, fingerprint
from core.spatial import colocalisation, infiltrate, lymphoid, niches, spot_clusters, spot_expression
from core.spatial.neighbourhood import FEWEST_SPOTS

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]
TABLES = ("spot_cluster", "spot_score", "cell_pair", "lymphoid_peak")
TOLD = "told"
"""Name of the frame with what a person should know of a section; no table."""
LEVEL = "major"
"""Of cell types, where pairs and niches are looked for: the finer ones are too alike to be told apart in a spot."""


class Section(NamedTuple):
    """Spots of a section: (n,) ids, (n, 2) µm, (g, n) counts of (g,) genes, (n, c) proportions of (c,) cell types."""

    name: str
    spots: list[str]
    positions: Floats
    genes: list[str]
    counts: npt.NDArray[np.float32]
    cells: list[str]
    fractions: Floats


class Work(NamedTuple):
    """What is to be done for one study: its spots, each section, and the niches of all sections together."""

    study: str
    spots: int
    sections: list[tuple[str, Piece]]
    niches: Piece | None


def pieces(staging: Staging, *, seed: int) -> Iterator[Work]:
    """The work of `fill`, a study at a time."""
    for study in staging.sql("SELECT DISTINCT study FROM spot WHERE kind = 'spot' ORDER BY study")["study"]:
        sections = list(_sections(staging, study))
        single = []
        for one in sections:
            key = fingerprint("tissue", seed, one.counts, one.positions, one.fractions, ",".join((*one.spots, *one.genes, *one.cells)))
            single.append((one.name, Piece(f"tissue-{key}", partial(_measured, one, seed=seed))))
        placed = [one for one in sections if one.cells and one.cells == sections[0].cells and len(one.spots) >= FEWEST_SPOTS]
        together = None
        if placed:
            slim = [one._replace(genes=[], counts=np.empty((0, len(one.spots)), dtype=np.float32)) for one in placed]
            key = fingerprint("niches", seed, *(part for one in placed for part in (one.positions, one.fractions)), ",".join(placed[0].cells))
            together = Piece(f"niches-{key}", partial(_niches, slim, seed=seed))
        yield Work(study, sum(len(one.spots) for one in sections), single, together)


def fill(staging: Staging, finished: Finished, *, work: Iterable[Work], progress: Progress) -> None:
    """The four tables, from the work of `pieces`; a section that is too small or lacks genes is told and stops no other."""
    for table in TABLES:
        staging.clear(table)
    for study, spots, sections, together in work:
        progress(f"{study}: clusters, niches and neighbourhoods of {spots:,} spots")
        for name, piece in sections:
            made = finished.get(*piece)
            for sentence in made.pop(TOLD)["sentence"]:
                progress(sentence)
            for table, frame in made.items():
                staging.append(table, frame.with_columns(study=pl.lit(study), section_id=pl.lit(name)))
        if together is not None:
            found = finished.get(*together)
            staging.append("spot_cluster", found["spot_cluster"].with_columns(study=pl.lit(study)))


def _sections(staging: Staging, study: str) -> list[Section]:
    made = []
    assays = staging.sql("SELECT assay, samples FROM assay WHERE study = $s AND level = 'spot' ORDER BY assay", {"s": study})
    for assay, samples in assays.iter_rows():
        genes, _, counts = staging.matrix(study, assay)
        places = staging.sql("SELECT spot_id, x_um, y_um FROM spot WHERE study = $s AND section_id = $a", {"s": study, "a": assay})
        joined = pl.DataFrame({"spot_id": list(samples)}).join(places, on="spot_id", how="left", maintain_order="left")
        fractions = staging.sql(
            "SELECT spot_id, cell_type, fraction FROM spot_fraction WHERE study = $s AND section_id = $a AND level = $l", {"s": study, "a": assay, "l": LEVEL}
        )
        cells = sorted(fractions["cell_type"].unique())
        known = np.isfinite(joined.select(pl.col("x_um", "y_um").cast(pl.Float64).fill_null(float("nan"))).to_numpy()).all(axis=1)
        values = np.empty((joined.height, 0))
        if cells:
            wide = fractions.pivot(on="cell_type", index="spot_id", values="fraction")
            values = joined.join(wide, on="spot_id", how="left", maintain_order="left").select(cells).cast(pl.Float64).fill_null(float("nan")).to_numpy()
            known &= np.isfinite(values).all(axis=1)
        rows = np.flatnonzero(known)
        if not len(rows):
            continue
        made.append(
            Section(
                name=assay, spots=[joined["spot_id"][int(row)] for row in rows], positions=joined.select("x_um", "y_um").to_numpy()[rows].astype(np.float64),
                genes=genes, counts=counts[:, rows], cells=cells, fractions=values[rows],
            )
        )  # fmt: skip
    return made


def _measured(one: Section, *, seed: int) -> Frames:
    """Rows of one section; what cannot be measured in it is left out, with a sentence in frame `told`."""
    told: list[str] = []
    scores = spot_expression.marker_scores(one.counts, one.genes)
    made: Frames = {}
    try:
        scores["infiltrate_spot"] = infiltrate.infiltrate(one.counts, one.genes, positions=one.positions, width=0.0)
        scores["infiltrate"] = infiltrate.infiltrate(one.counts, one.genes, positions=one.positions)
    except CohortError as error:
        told.append(f"section {one.name} has no infiltrate score: {error}")
    try:
        peaks = lymphoid.lymphoid(one.counts, one.genes, positions=one.positions, seed=seed)
        scores["lymphoid"] = peaks.score
        made["lymphoid_peak"] = pl.DataFrame(
            {"spot_id": [one.spots[at] for at in peaks.peaks], "score": peaks.score[peaks.peaks], "p_value": peaks.p_value}
            | {part: peaks.parts[peaks.peaks, at] for at, part in enumerate(lymphoid.PARTS)},
            schema_overrides={"spot_id": pl.String},
        )
    except CohortError as error:
        told.append(f"section {one.name} has no lymphoid peaks: {error}")
    made["spot_score"] = pl.concat(
        [pl.DataFrame({"spot_id": one.spots, "score": [name] * len(one.spots), "value": values}).fill_nan(None) for name, values in scores.items()]
        or [pl.DataFrame(schema={"spot_id": pl.String, "score": pl.String, "value": pl.Float64})]
    )
    try:
        found = spot_clusters.spot_clusters(one.counts, one.genes, positions=one.positions, seed=seed)
        made["spot_cluster"] = pl.DataFrame(
            {
                "spot_id": one.spots, "cluster": found.labels + 1, "name": [found.names[label] for label in found.labels],
                "stability": found.stability[found.labels],
            }
        ).with_columns(grouping=pl.lit("expression"))  # fmt: skip
    except CohortError as error:
        told.append(f"section {one.name} has no clusters: {error}")
    if len(one.cells) > 1:
        try:
            pairs = colocalisation.colocalisation(one.fractions, one.cells, positions=one.positions, seed=seed)
            made["cell_pair"] = pairs.rename({"first": "first_type", "second": "second_type"}).with_columns(n=pl.lit(len(one.spots)))
        except CohortError as error:
            told.append(f"section {one.name} has no pairs of cell types: {error}")
    return {**made, TOLD: pl.DataFrame({"sentence": told}, schema={"sentence": pl.String})}


def _niches(sections: list[Section], *, seed: int) -> Frames:
    around = np.vstack([niches.surroundings(one.fractions, one.positions) for one in sections])
    found = niches.niches(around, sections[0].cells, section=[one.name for one in sections for _ in one.spots], seed=seed)
    frame = pl.DataFrame(
        {
            "section_id": [one.name for one in sections for _ in one.spots], "spot_id": [spot for one in sections for spot in one.spots],
            "cluster": found.labels + 1, "name": [found.names[label] for label in found.labels], "stability": found.stability[found.labels],
        }
    ).with_columns(grouping=pl.lit("niche"))  # fmt: skip
    return {"spot_cluster": frame}
