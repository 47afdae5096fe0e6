"""Section: the spots of one piece of tissue with one value each, the picture they lie on, and the facts of a single spot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import CohortError, NotMeasured, SlideError, UnknownName
from core.spatial import pictures, pyramid
from core.spatial.neighbourhood import pitch
from core.spatial.spot_expression import WORDS
from core.tme.gene_names import current
from core.tme.map import STABLE
from data.store import Store

TILE_UM = 224.0
DIAMETER_UM = {"her2st": 100.0}
"""Of a spot, where the study says it; else 55% of the pitch, as on most slides."""

GROUPINGS = {"cluster": ("expression", "Expression cluster"), "niche": ("niche", "Niche by cell types around")}


@dataclass(frozen=True, slots=True, kw_only=True)
class TissuePicture:
    """A picture that spots lie on.

    Attributes
    ----------
    name : of its file of tiles. levels : (width, height) of each resolution, full first. um_per_px : at full resolution.
    estimated : the resolution was taken from the distance of the spots, as the file does not say.
    """

    name: str
    levels: tuple[tuple[int, int], ...]
    tile_px: int
    um_per_px: float
    estimated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionView:
    """A section with one colouring; n spots.

    Attributes
    ----------
    frame : spot_id, x, y (px of the picture at full resolution, else µm), x_um, y_um, label, value. kind : of the value.
    um_per_unit : of x and y. radius : of a spot, in the same unit. picture : None where there is none, and `without` says why.
    unstable : groups of a clustering whose stability is under `stable_from` -> that stability; none where the colouring is no clustering.
    """

    study: str
    section: str
    patient: str
    frame: pl.DataFrame
    colour: str
    kind: Literal["number", "category"]
    label: str
    unit: str
    levels: tuple[str, ...]
    n: int
    n_missing: int
    um_per_unit: float
    radius: float
    picture: TissuePicture | None
    without: str
    unstable: Mapping[str, float] = field(default_factory=dict)
    stable_from: float = STABLE


def sections(store: Store, query: CohortQuery) -> dict[str, str]:
    """Sections of the cohort's patients: "study:section" -> words.

    Raises
    ------
    NotMeasured
        The cohort has no section with spots; names studies that do.
    """
    condition, params = query.where()
    found = store.sql(
        f"""SELECT s.study, s.section_id, count(*) AS n, count(s.label) AS labelled, any_value(p.slide_id) AS slide FROM spot s
            LEFT JOIN slide p ON p.study = s.study AND p.slide_id = s.study || ':' || s.section_id AND p.spot_scale IS NOT NULL
            WHERE s.kind = 'spot' AND s.patient_id IN (SELECT patient_id FROM patient WHERE {condition}) GROUP BY 1, 2 ORDER BY 1, 2""",
        params,
    )
    if found.is_empty():
        others = store.sql("SELECT DISTINCT study FROM spot WHERE kind = 'spot' ORDER BY 1")["study"]
        raise cohort_frame.not_measured("A tissue section with spots", query, elsewhere=list(others))
    made = {}
    for study, section, n, labelled, slide in found.iter_rows():
        notes = [f"{n} spots", *(["picture"] if slide else []), *(["regions"] if labelled else [])]
        made[f"{study}:{section}"] = f"{section} ({', '.join(notes)})"
    return made


def colours(store: Store, query: CohortQuery, *, section: str) -> dict[str, str]:
    """What the spots of a section can be coloured by, address -> words; first what can be leant on. Genes are typed."""
    at = _where(store, query, section)
    offered: dict[str, str] = {}
    groupings = set(store.sql("SELECT DISTINCT grouping FROM spot_cluster WHERE study = $study AND section_id = $section", at)["grouping"])
    offered |= {key: GROUPINGS[key][1] for key in sorted(GROUPINGS, key=lambda key: -_stable_share(store, at, key)) if GROUPINGS[key][0] in groupings}
    if store.sql("SELECT count(label) AS n FROM spot WHERE study = $study AND section_id = $section", at)["n"][0]:
        offered["label"] = "Pathologist's region"
    scored = set(store.sql("SELECT DISTINCT score FROM spot_score WHERE study = $study AND section_id = $section", at)["score"])
    first = ("infiltrate", "lymphoid")
    offered |= {f"score:{name}": f"{words} (score)" for name, words in sorted(WORDS.items(), key=lambda item: item[0] not in first) if name in scored}
    cells = store.sql("SELECT level, cell_type FROM spot_fraction WHERE study = $study AND section_id = $section GROUP BY 1, 2 ORDER BY 1, 2", at)
    offered |= {f"cell:{level}:{cell}": f"{cell} ({'fraction' if level == 'major' else 'fraction, finer type'})" for level, cell in cells.iter_rows()}
    return offered or {"total": "Molecules counted"}


def section_view(store: Store, query: CohortQuery, *, section: str, colour: str = "cluster", folder: str = "") -> SectionView:
    """The spots of a section in one colouring.

    Parameters
    ----------
    section : "study:section". colour : 'cluster', 'niche', 'label', 'total', 'gene:CD8A', 'score:infiltrate' or 'cell:major:T-cells'.
    folder : the cache that holds the tiles.

    Raises
    ------
    UnknownName
        No such section, colouring or gene. NotMeasured : no spot of the section has the value.
    """
    at = _where(store, query, section)
    spots = store.sql(
        "SELECT spot_id, patient_id, x_um, y_um, pixel_x, pixel_y, label, total FROM spot WHERE study = $study AND section_id = $section ORDER BY rowid", at
    )
    usable = spots.drop_nulls(["x_um", "y_um"])
    values, kind, label, unit = _values(store, at, colour)
    frame = usable.join(values, on="spot_id", how="left", maintain_order="left") if values is not None else usable.with_columns(value=pl.col("label"))
    if frame["value"].null_count() == frame.height:
        raise NotMeasured(f"{label} is not known for any spot of section {at['section']}; colour by something else or pick another section")
    picture, without, scale = _picture(store, at, frame, folder=Path(folder) if folder else None)
    if picture is not None:
        frame = frame.with_columns(x=pl.col("pixel_x") * scale, y=pl.col("pixel_y") * scale)
    else:
        frame = frame.with_columns(x=pl.col("x_um"), y=pl.col("y_um"))
    um = picture.um_per_px if picture else 1.0
    diameter = DIAMETER_UM.get(at["study"]) or 0.55 * pitch(frame.select("x_um", "y_um").to_numpy().astype(np.float64))
    levels = () if kind == "number" else _levels(store, at, colour)
    return SectionView(
        study=at["study"], section=at["section"], patient=str(frame["patient_id"][0]),
        frame=frame.select("spot_id", "x", "y", "x_um", "y_um", "label", "value"), colour=colour, kind=kind, label=label, unit=unit, levels=levels,
        n=frame.height, n_missing=frame["value"].null_count(), um_per_unit=um, radius=diameter / 2 / um, picture=picture, without=without,
        unstable=unstable(store, at, GROUPINGS[colour][0]) if colour in GROUPINGS else {},
    )  # fmt: skip


def unstable(store: Store, at: Mapping[str, str], grouping: str) -> dict[str, float]:
    """Groups of a section that refits do not find again, as on the TME map: name -> stability (under `STABLE`), in their order.

    Parameters
    ----------
    at : study and section. grouping : 'expression' or 'niche'; what stability is of each, see table spot_cluster.
    """
    found = store.sql(
        """SELECT name, min(stability) AS least FROM spot_cluster WHERE study = $study AND section_id = $section AND grouping = $grouping
           GROUP BY 1 HAVING min(stability) < $stable ORDER BY min(cluster), 1""",
        {"study": at["study"], "section": at["section"], "grouping": grouping, "stable": STABLE},
    )
    return dict(found.iter_rows())


def _stable_share(store: Store, at: Mapping[str, str], colour: str) -> float:
    """Share of a section's spots that lie in stable groups of a clustering, 0 to 1; a clustering that can be leant on is shown first."""
    found = store.sql(
        """SELECT avg(CASE WHEN stability < $stable THEN 0.0 ELSE 1.0 END) AS share FROM spot_cluster
           WHERE study = $study AND section_id = $section AND grouping = $grouping""",
        {"study": at["study"], "section": at["section"], "grouping": GROUPINGS[colour][0], "stable": STABLE},
    )
    return float(found["share"][0] or 0.0)


def _where(store: Store, query: CohortQuery, section: str) -> dict[str, str]:
    offered = sections(store, query)
    if section not in offered:
        raise UnknownName(f"there is no section '{section}' in this cohort; there are {', '.join(key.partition(':')[2] for key in list(offered)[:12])}")
    study, _, name = section.partition(":")
    return {"study": study, "section": name}


def _values(store: Store, at: dict[str, str], colour: str) -> tuple[pl.DataFrame | None, Literal["number", "category"], str, str]:
    source, _, name = colour.partition(":")
    if colour in GROUPINGS:
        grouping, words = GROUPINGS[colour]
        found = store.sql(
            "SELECT spot_id, name AS value FROM spot_cluster WHERE study = $study AND section_id = $section AND grouping = $grouping",
            {**at, "grouping": grouping},
        )
        return found, "category", words, ""
    if colour == "label":
        return None, "category", "Pathologist's region", ""
    if colour == "total":
        return store.sql("SELECT spot_id, total AS value FROM spot WHERE study = $study AND section_id = $section", at), "number", "Molecules counted", "molecules"
    if source == "score" and name in WORDS:
        found = store.sql("SELECT spot_id, value FROM spot_score WHERE study = $study AND section_id = $section AND score = $score", {**at, "score": name})
        return found, "number", WORDS[name], "score"
    if source == "cell" and ":" in name:
        level, _, cell = name.partition(":")
        found = store.sql(
            """SELECT spot_id, fraction AS value FROM spot_fraction
               WHERE study = $study AND section_id = $section AND level = $level AND cell_type = $cell""",
            {**at, "level": level, "cell": cell},
        )
        return found, "number", cell, "fraction, by the authors"
    if source == "gene" and name:
        return _gene(store, at, name), "number", f"{name.upper()}", "log(1 + counts, scaled to the median spot)"
    raise UnknownName(f"there is no colouring '{colour}'; use cluster, niche, label, total, gene:SYMBOL, score:NAME or cell:LEVEL:NAME")


def _levels(store: Store, at: dict[str, str], colour: str) -> tuple[str, ...]:
    """Groups in their order; regions and niches are those of the whole study, so that each has one colour in all of its sections."""
    if colour == "label":
        found = store.sql("SELECT label AS name FROM spot WHERE study = $study AND kind = 'spot' AND label IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1", {"study": at["study"]})
    else:
        found = store.sql(
            """SELECT name FROM spot_cluster WHERE study = $study AND grouping = $grouping AND (grouping = 'niche' OR section_id = $section)
               GROUP BY 1 ORDER BY min(cluster), 1""",
            {**at, "grouping": GROUPINGS[colour][0]},
        )
    return tuple(found["name"])


def _gene(store: Store, at: dict[str, str], name: str) -> pl.DataFrame:
    found = store.sql(
        """SELECT unnest(a.samples) AS spot_id, unnest(e.values) AS counts FROM expression e JOIN assay a USING (study, assay)
           WHERE e.study = $study AND e.assay = $section AND e.gene = $gene""",
        {**at, "gene": name.upper()},
    )
    if found.is_empty():
        symbol = current(name)
        remedy = f"its current symbol is {symbol}: type {symbol}" if symbol != name.upper() else "check the symbol (HGNC), or pick another section"
        raise UnknownName(f"the gene '{name}' was not measured in section {at['section']}; {remedy}")
    totals = store.sql("SELECT spot_id, total FROM spot WHERE study = $study AND section_id = $section", at)
    scale = pl.col("total").filter(pl.col("total") > 0).median() / pl.col("total")
    scaled = pl.when(pl.col("total") > 0).then((1 + pl.col("counts") * scale).log())
    return found.join(totals, on="spot_id", how="left", maintain_order="left").select("spot_id", value=scaled.cast(pl.Float64))


def _picture(store: Store, at: dict[str, str], frame: pl.DataFrame, *, folder: Path | None) -> tuple[TissuePicture | None, str, float]:
    """The picture, or the sentence on why there is none; and the factor from spot pixels to its pixels."""
    alone = f"Section {at['section']} is shown by its spots alone"
    rows = store.sql(
        "SELECT slide_id, study, file, format, um_per_px, spot_scale FROM slide WHERE slide_id = $id AND spot_scale IS NOT NULL", {"id": f"{at['study']}:{at['section']}"}
    ).to_dicts()
    if not rows:
        return None, f"{alone}: no picture of it is published with the data.", 1.0
    if frame["pixel_x"].null_count() or frame["pixel_y"].null_count():
        return None, f"{alone}: {frame['pixel_x'].null_count()} of its spots have no place on the picture.", 1.0
    place = pictures.place(folder, rows[0]) if folder is not None else None
    if place is None:
        return None, f"{alone}: its picture has not been cut into tiles; run python -m core build.", 1.0
    try:
        found = pyramid.read(place)
    except SlideError as error:
        return None, f"{alone}: {error}.", 1.0
    factor = float(rows[0]["spot_scale"])
    given = rows[0]["um_per_px"]
    pixels = frame.select("pixel_x", "pixel_y").to_numpy().astype(np.float64) * factor
    try:
        um = float(given) if given else pictures.spot_resolution(pixels, frame.select("x_um", "y_um").to_numpy().astype(np.float64))
    except CohortError as error:
        return None, f"{alone}: {error}.", 1.0
    levels = tuple((level.width, level.height) for level in found.levels)
    return TissuePicture(name=place.name, levels=levels, tile_px=pyramid.TILE_PX, um_per_px=um, estimated=not given), "", factor


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotFacts:
    """One spot: facts (what, value) in words, its cell types, its scores beside the section's, and its square of the picture."""

    spot: str
    facts: tuple[tuple[str, str], ...]
    cells: pl.DataFrame
    scores: pl.DataFrame
    square: tuple[int, int, int] | None


def spot_facts(store: Store, query: CohortQuery, *, section: str, spot: str, folder: str = "") -> SpotFacts:
    """What is known about a spot.

    Raises
    ------
    UnknownName
        The section has no such spot.
    """
    view = section_view(store, query, section=section, colour="total", folder=folder)
    at = {**_where(store, query, section), "spot": spot}
    row = view.frame.filter(pl.col("spot_id") == spot)
    if row.is_empty():
        raise UnknownName(f"section {view.section} has no spot '{spot}'; pick one in the picture")
    found = row.row(0, named=True)
    clusters = store.sql("SELECT grouping, name FROM spot_cluster WHERE study = $study AND section_id = $section AND spot_id = $spot ORDER BY grouping", at)
    named = dict(clusters.iter_rows())
    facts = [("Pathologist's region", found["label"] or "not labelled")]
    for grouping, words in GROUPINGS.values():
        if grouping in named:
            weak = unstable(store, at, grouping).get(named[grouping])
            facts.append((words, named[grouping] if weak is None else f"{named[grouping]} (unstable, stability {weak:.2f})"))
    facts += [("Molecules", f"{found['value']:,.0f}" if found["value"] is not None else "not counted"), ("Position", f"{found['x_um']:,.0f}, {found['y_um']:,.0f} µm")]
    cells = store.sql(
        """SELECT cell_type, fraction AS share FROM spot_fraction WHERE study = $study AND section_id = $section AND spot_id = $spot AND level = 'major'
           ORDER BY fraction DESC""",
        at,
    )
    scores = store.sql(
        """SELECT score, value, above FROM (SELECT spot_id, score, value, percent_rank() OVER (PARTITION BY score ORDER BY value) AS above FROM spot_score
           WHERE study = $study AND section_id = $section AND value IS NOT NULL) WHERE spot_id = $spot ORDER BY above DESC""",
        at,
    )
    scores = scores.select(pl.col("score").replace(WORDS), "value", "above")
    square = None
    if view.picture is not None:
        side = round(TILE_UM / view.picture.um_per_px)
        square = (max(0, round(found["x"] - side / 2)), max(0, round(found["y"] - side / 2)), side)
    return SpotFacts(spot=spot, facts=tuple(facts), cells=cells, scores=scores, square=square)
