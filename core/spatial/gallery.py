"""Gallery: what the Slides page shows - slides, their tissue, tiles and attention, and what pictures say about expression."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, UnknownName
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.image_expression import digits, image_expression
from core.figures.slide_attention import slide_attention
from core.figures.slide_tissue import slide_tissue, tile_gallery
from core.spatial import slide_shelf
from core.spatial.shown_slide import ShownSlide
from core.version import software_version
from data.store import Store

ATTEND = "python -m core slides"


def slides(store: Store, *, folder: str, head: str) -> dict[str, str]:
    """Slides on the shelf, in words.

    Raises
    ------
    NotMeasured
        There are none.
    """
    found = slide_shelf.slides(Path(folder))
    if not found:
        raise NotMeasured("no slide has been looked through yet; run python -m core build, or python -m core slides FILE for a slide of your own")
    ordered = sorted(found, key=lambda one: (one.facts.study != "wsi", bool(one.facts.problem), one.facts.slide))
    return {one.facts.slide: one.facts.title for one in ordered}


def summary(store: Store, *, folder: str, head: str) -> str:
    """The answer of the page."""
    found = slide_shelf.slides(Path(folder))
    usable = [one for one in found if not one.facts.problem]
    unknown = [one.facts.title for one in found if one.facts.width_px and one.facts.um_per_px is None]
    tail = f" How many µm a pixel spans is not in the file of {words.listing(unknown)}." if unknown else ""
    return f"{len(usable)} of {words.count(len(found), 'slide')} can be cut into tiles on tissue.{tail}"


def table(store: Store, *, folder: str, head: str) -> pl.DataFrame:
    """One row a slide: title, size, resolution, tissue, tiles, problem."""
    return pl.DataFrame(
        [
            {
                "slide": one.facts.title, "size": f"{one.facts.width_px:,} x {one.facts.height_px:,} px" if one.facts.width_px else "not readable",
                "resolution": f"{one.facts.um_per_px:.3g} µm/px" if one.facts.um_per_px else "not in the file",
                "tissue": words.percent(one.facts.tissue) if one.facts.width_px else "", "tiles on tissue": one.facts.on_tissue, "problem": one.facts.problem or "none",
            }
            for one in slide_shelf.slides(Path(folder))
        ]
    )  # fmt: skip


def tissue(store: Store, *, folder: str, head: str, slide: str) -> Chart:
    """A slide with its tissue outlined.

    Raises
    ------
    NotMeasured, UnknownName
        It could not be read, or there is no such slide.
    """
    one = _slide(folder, slide)
    return slide_tissue(one, provenance=_source(store, one))


def tiles(store: Store, *, folder: str, head: str, slide: str) -> Chart:
    """Tiles of a slide.

    Raises
    ------
    NotMeasured, UnknownName
        None could be cut, or there is no such slide.
    """
    one = _slide(folder, slide)
    return tile_gallery(one, provenance=_source(store, one))


def attention(store: Store, *, folder: str, head: str, slide: str) -> Chart:
    """What the tiles of a slide weigh, where `python -m core slides` has found out.

    Raises
    ------
    NotMeasured, UnknownName
        It has not, or there is no such slide.
    """
    one = _slide(folder, slide)
    found = slide_shelf.attention(Path(folder), slide)
    if found is None:
        raise NotMeasured(_remedy(one))
    vector, family, learnt = found
    return slide_attention(vector, family=family, provenance=_source(store, one), learnt=learnt, title=f"{one.facts.title} beside what each tile weighs in its vector")


def expression(store: Store, *, folder: str, head: str, kind: str = "gene") -> Answer:
    """What pictures say about expression on patients left out.

    Raises
    ------
    NotMeasured
        `python -m core slides --expression` has not been run here.
    """
    found = slide_shelf.expression(Path(folder))
    if found is None:
        raise NotMeasured("nobody has yet asked here whether pictures predict expression; run python -m core slides --expression, some minutes of work")
    own = found.medians.filter(pl.col("kind") == kind)
    source = provenance(store, CohortQuery((str(own["study"][0]),)), n=own["patient_id"].n_unique())
    return Answer(sentence=verdict(own, kind), charts=(image_expression(found, provenance=source, kind=kind),))


def verdict(own: pl.DataFrame, kind: str) -> str:
    """Does the trained encoder say more than a network that has seen nothing, and than colour; each patient's difference with its interval.

    Parameters
    ----------
    own : rows of table image_expression_median of one kind. kind : 'gene' or 'cell type'.
    """
    median = own.pivot(on="features", index="patient_id", values="median")
    ahead = sum(row["trained"] > max(row["untrained"], row["colour"]) for row in median.iter_rows(named=True))
    what = "genes" if kind == "gene" else "cell types"
    found = "say more" if ahead == median.height else "do not say more"
    said = []
    for row in own.filter(pl.col("features") == "trained").sort("patient_id").iter_rows(named=True):
        beyond, low, high = (words.signed(row[name], digits=digits(own)) for name in ("beyond", "beyond_low", "beyond_high"))
        said.append(f"{beyond} (95% CI {low} to {high}, n = {row['n']:,} spots) on patient {row['patient_id'].rpartition(':')[2]}")
    return (
        f"Embeddings of {own['encoder'][0]} {found} about {what} of a patient left out than the same network with random weights or plain colour do: median rho less that "
        f"of random weights {words.listing(said)}; the trained one is ahead of both in {ahead} of {median.height}."
    )


def _remedy(one: ShownSlide) -> str:
    """The sentence for a slide without attention."""
    name = one.facts.slide.partition(":")[2] or one.facts.slide
    if one.facts.study != "wsi":
        return f"attention of {one.facts.title} has not been computed; run {ATTEND} FILE with the path of its picture: it is then listed under the name of that file"
    if one.facts.um_per_px is None:
        return (
            f"{one.facts.title} does not say how many µm a pixel spans, and an encoder needs tiles of a known size; run {ATTEND} --um-per-px {name}=0.5 (0.25 for most 40x scans, "
            "0.5 for 20x). The tiles above are cut by pixels"
        )
    return f"attention of {one.facts.title} has not been computed here; run {ATTEND}"


def _slide(folder: str, slide: str) -> ShownSlide:
    found = {one.facts.slide: one for one in slide_shelf.slides(Path(folder))}
    if slide not in found:
        raise UnknownName(f"there is no slide '{slide}' here; there are {', '.join(found)}")
    return found[slide]


def _source(store: Store, one: ShownSlide) -> Provenance:
    studies = set(store.studies()["study"])
    if one.facts.study in studies:
        return provenance(store, CohortQuery((one.facts.study,)), n=1)
    return Provenance(cohort=f"slide {one.facts.title}", n=1, software=software_version())
