"""python -m core slides: embed slide pictures tile by tile, and draw what each tile weighs in its slide's vector."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from core.commands.build import Progress
from core.commands.report import Report
from core.errors import SlideError
from core.pipeline import image_expression, slides
from core.pipeline.tile_encoder import places, tile_encoder
from core.settings import Settings
from core.spatial import shown_slide, slide_shelf
from core.version import software_version
from data.fetch import fetch
from data.sources import source
from data.sources.wsi import SLIDES
from data.store import Store
from models.encoders import pathology

LEARNT = "learnt without labels from which tiles lie beside each other, on these same slides"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="SVS, tiled TIFF, jpg or png; default: the published slides")
    parser.add_argument("--encoder", default=pathology.DEFAULT, help=f"{', '.join(pathology.MODULES)}; a .safetensors file; or a hub id with --sha256")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="safetensors of an encoder whose publisher hands them out himself")
    parser.add_argument("--sha256", default="", help="what the weights must be")
    parser.add_argument("--um-per-px", action="append", default=[], metavar="[SLIDE=]NUMBER", help="resolution of a slide whose file does not say; may be repeated")
    parser.add_argument("--at", type=float, metavar="NUMBER", help="µm a pixel of the tiles; default: what the encoder expects")
    parser.add_argument("--stain", choices=("none", "macenko", "reinhard"), default="none", help="normalise colours")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16", "int8"), default="auto", help="default: bf16 on a GPU, else fp32")
    parser.add_argument("--most", type=int, default=4000, metavar="N", help="tiles a slide at most")
    parser.add_argument("--even", action="store_true", help="let every tile weigh the same instead of learning attention from neighbourhoods")
    parser.add_argument("--expression", action="store_true", help="ask instead whether tiles predict the expression of spots, each patient left out; some minutes")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="write a figure a slide, html")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Embed each slide, learn the attention, pool; a slide that cannot be read is a row with its reason."""
    if args.expression:
        return expression(args, settings)
    with Progress() as progress:
        encoder = tile_encoder(args.encoder, settings, weights=args.weights, sha256=args.sha256, progress=progress.bytes)
        files = {path.name: path for path in args.files} or published(settings, progress)
        recipe = slides.Recipe(um_per_px=args.at, stain=args.stain, precision=args.precision, most=args.most)
        given = resolutions(args.um_per_px, tuple(files))
        found = list(slides.each(files, encoder, recipe=recipe, um_per_px=given, cache_dir=settings.cache_dir, say=progress.say))
    tiles = {name: one for name, one in found if isinstance(one, slides.SlideTiles)}
    adapter = None if args.even else slides.attention_of(tiles)
    vectors = {name: slides.pooled(one, adapter) for name, one in tiles.items()}
    written = _figures(vectors, encoder, args.figures) if args.figures else []
    _shelve(settings, files, vectors, family=encoder.family.name, given=given)
    rows = [_row(name, one, vectors.get(name)) for name, one in found]
    family = encoder.family
    notes = [f"{name}: {one}" for name, one in found if isinstance(one, SlideError)]
    notes.append(f"{family.label} ({family.licence}): trained on {family.trained_on}. {family.limits}".strip())
    return Report(
        title=f"{len(vectors)} of {len(found)} slides embedded with {family.label}, {encoder.dimension} numbers each.",
        tables=[("", pl.DataFrame([{k: v for k, v in row.items() if k not in {"vector", "problem"}} for row in rows], infer_schema_length=None))],
        notes=notes + [f"Written: {path}" for path in written],
        document={"encoder": family.name, "hash": encoder.hash, "pathology_trained": family.pathology_trained, "slides": rows},
        failed=not vectors,
    )


def expression(args: argparse.Namespace, settings: Settings) -> Report:
    """Whether tiles predict expression and cell types on patients left out; kept for the Slides page."""
    store = Store.open_current(settings.database_dir, query_seconds=settings.query_seconds)
    try:
        with Progress() as progress:
            encoder = tile_encoder(args.encoder, settings, weights=args.weights, sha256=args.sha256, progress=progress.bytes)
            tiles = image_expression.section_tiles(store, places(settings), encoder=encoder, folder=settings.cache_dir, say=progress.say)
            found = image_expression.correlations(store, tiles, family=encoder.family, say=progress.say)
    finally:
        store.close()
    path = slide_shelf.keep_expression(settings.cache_dir, found)
    shown = found.medians.select(
        "kind", "patient_id", "features", "n", "targets", "median", "ci_low", "ci_high", "null_95", "p_value", "beyond", "beyond_low", "beyond_high"
    ).sort("kind", "patient_id", maintain_order=True)
    return Report(
        title=f"{found.targets['target'].n_unique():,} genes and cell types predicted on {shown['patient_id'].n_unique()} patients left out.",
        tables=[("", shown)],
        notes=["Beyond: median rho less that of the same network with random weights; intervals: spots resampled in blocks of five by five"]
        + [f"{one.section}: {one.um_per_px:.3g} µm/px, {len(one.spots)} spots, {one.left_out} outside the picture" for one in tiles] + [f"Written: {path}"],
        document={"rows": shown.to_dicts()},
    )


def _shelve(settings: Settings, files: dict[str, Path], vectors: dict[str, slides.SlideVector], *, family: str, given: dict[str, float]) -> None:
    """Keep for the Slides page what is shown of each slide: of a published one under its id, of a person's own under its file name."""
    known = {slide_id.split(":", 1)[1]: (slide_id, title) for slide_id, _, title, _ in SLIDES}
    for name, path in files.items():
        slide_id, title = known.get(name, (name, name))
        shown = shown_slide.prepare(path, name=slide_id, title=title, study="wsi" if name in known else "", um_per_px=given.get(name))
        shown_slide.write(slide_shelf.place(settings.cache_dir, slide_id), shown)
        if name in vectors and family in pathology.MODULES:
            slide_shelf.keep_attention(settings.cache_dir, slide_id, vectors[name], encoder=family, learnt=LEARNT)


def published(settings: Settings, progress: Progress) -> dict[str, Path]:
    """The slides of the source `wsi`, by id."""
    files = fetch(source("wsi"), places=places(settings), progress=progress.bytes)
    return {slide_id.split(":", 1)[1]: files.path(name) for slide_id, _, _, name in SLIDES}


def resolutions(given: Sequence[str], names: tuple[str, ...]) -> dict[str, float]:
    """What --um-per-px says: for one slide (NAME=NUMBER), or for all.

    Raises
    ------
    SlideError
        No number, or a slide that is not there.
    """
    made: dict[str, float] = {}
    for text in given:
        name, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            raise SlideError(f"--um-per-px {text} is no number; give 0.5, or SLIDE=0.5") from None
        if name and name not in names:
            raise SlideError(f"--um-per-px names the slide {name}; there are {', '.join(names)}")
        made |= dict.fromkeys((name,) if name else names, number)
    return made


def _row(name: str, one: slides.SlideTiles | SlideError, vector: slides.SlideVector | None) -> dict[str, object]:
    if isinstance(one, SlideError) or vector is None:
        return {"slide": name, "tiles": 0, "tile_um": None, "um_per_px": None, "out_of_focus": None, "attention": "", "problem": str(one), "vector": None}
    how = "from neighbourhoods" if vector.trained else "even"
    return {
        "slide": name, "tiles": one.tiling.n, "tile_um": one.tile_um, "um_per_px": one.um_per_px, "out_of_focus": one.blurred, "attention": how,
        "problem": "", "vector": vector.vector.tolist(),
    }  # fmt: skip


def _figures(vectors: dict[str, slides.SlideVector], encoder: pathology.PathologyEncoder, folder: Path) -> list[Path]:
    from core.export import export, filename
    from core.figures import Provenance, slide_attention

    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, vector in vectors.items():
            origin = Provenance(cohort=f"slide {name}", n=1, software=software_version())
            chart = slide_attention(vector, family=encoder.family, provenance=origin, learnt=LEARNT)
            path = folder / filename(chart, "html")
            path.write_bytes(export(chart, kind="html"))
            written.append(path)
    except OSError as error:
        raise SlideError(f"figures cannot be written to {folder} ({error.strerror}); name another folder") from error
    return written
