"""HER2-positive breast cancer, spatial transcriptomics: 11 sections of 8 patients with H&E, regions and cell types."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import SourceCorrupt
from data.schema import PATIENT, SAMPLE, SLIDE, SPOT, SPOT_FRACTION
from data.sources.her2st_files import FILES
from data.sources.source import Expression, Files, Source, StudyTables

STUDY = "her2st"
SECTIONS = ("A1", "A2", "B1", "B4", "C1", "C2", "D1", "E1", "F1", "G2", "H1")
LABELLED = ("A1", "B1", "C1", "D1", "E1", "F1", "G2", "H1")
PITCH_UM = 200.0
PICTURES = (
    # section, file, format, width, height, um per px, factor from spot pixels to picture pixels
    ("B4", "BT10737_D2_HE.jpg", "jpg", 9272, 9923, 0.69, 1.0),
    ("C2", "5714_HE_BT_C2.jpg", "jpg", 9274, 9911, 0.69, 1.0),
    ("A1", "A1_HE_image_dark.png", "png", 2000, 2138, None, 2000 / 6954),
)

NOTES = (
    "11 of the 36 published sections, 8 patients; pathologist's regions for A1, B1, C1, D1, E1, F1, G2 and H1.",
    "Spot positions in µm are array positions (refined by the authors) x 200 µm, the distance between spots.",
    "Cell-type proportions are the authors' deconvolution (stereoscope); the proportions of a spot sum to 1.",
    "No clinical outcome is published.",
)


def _key(x: str, y: str) -> pl.Expr:
    return pl.format("{}x{}", pl.col(x).round(0).cast(pl.Int64), pl.col(y).round(0).cast(pl.Int64))


def read_counts(path: Path, section: str) -> Expression:
    """Counts of one section: genes by spots; spots are named '<x>x<y>' by their array position."""
    try:
        frame = pl.read_csv(path, separator="\t", infer_schema_length=1)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceCorrupt(f"{path.name} is no table of whole counts ({error}); download it again") from error
    spots = frame.to_series(0).to_list()
    genes = frame.columns[1:]
    values = frame.select(genes).to_numpy().astype(np.float32)
    if len(set(spots)) != len(spots):
        raise SourceCorrupt(f"{path.name} repeats a spot")
    return Expression(
        assay=section,
        unit="counts",
        genes=[gene.upper() for gene in genes],
        samples=spots,
        patients=[f"{STUDY}:{section[0]}"] * len(spots),
        values=np.ascontiguousarray(values.T),
        level="spot",
        preferred=False,
    )


def read_spots(path: Path, labels: Path | None, counts: Expression) -> pl.DataFrame:
    """Rows of `spot` for one section: the spots that have counts, with position, region and total counts."""
    section = counts.assay
    totals = pl.DataFrame(
        {"spot_id": list(counts.samples), "total": counts.values.sum(axis=0, dtype=np.float64)},
        schema={"spot_id": pl.String(), "total": pl.Float64()},
    )
    places = pl.read_csv(path, separator="\t").select(
        spot_id=_key("x", "y"),
        x_um=pl.col("new_x") * PITCH_UM,
        y_um=pl.col("new_y") * PITCH_UM,
        pixel_x="pixel_x",
        pixel_y="pixel_y",
    )
    spots = totals.join(places, on="spot_id", how="left", maintain_order="left")
    if spots["x_um"].null_count():
        raise SourceCorrupt(f"{path.name}: {spots['x_um'].null_count()} spots with counts have no position")
    label = pl.DataFrame(schema={"spot_id": pl.String(), "label": pl.String()})
    if labels is not None:
        label = (
            pl.read_csv(labels, separator="\t", null_values=["NA", "NaN", ""])
            .drop_nulls(["x", "y"])
            .select(spot_id=_key("x", "y"), label="label")
        )
    return spots.join(label, on="spot_id", how="left", maintain_order="left").with_columns(
        study=pl.lit(STUDY),
        patient_id=pl.lit(f"{STUDY}:{section[0]}"),
        section_id=pl.lit(section),
        kind=pl.lit("spot"),
    )


def read_proportions(path: Path, level: str) -> pl.DataFrame:
    """Rows of `spot_fraction` for the sections at hand from one archive (a table a section)."""
    parts: list[pl.DataFrame] = []
    with zipfile.ZipFile(path) as archive:
        for section in SECTIONS:
            content = archive.read(f"{level}/{section}-proportion.tsv")
            frame = pl.read_csv(io.BytesIO(content), separator="\t")
            first, *cells = frame.columns
            parts.append(
                frame.unpivot(on=cells, index=first, variable_name="cell_type", value_name="fraction").select(
                    study=pl.lit(STUDY),
                    section_id=pl.lit(section),
                    spot_id=first,
                    level=pl.lit(level),
                    cell_type=pl.col("cell_type").str.strip_chars(),
                    fraction=pl.col("fraction").cast(pl.Float64),
                )
            )
    return pl.concat(parts)


def load(files: Files) -> StudyTables:
    """Read the sections."""
    expressions = [read_counts(files.path(f"/{section}.tsv.gz"), section) for section in SECTIONS]
    spots = pl.concat(
        [
            read_spots(
                files.path(f"/{counts.assay}_selection.tsv"),
                files.path(f"/{counts.assay}_labeled_coordinates.tsv") if counts.assay in LABELLED else None,
                counts,
            )
            for counts in expressions
        ]
    )
    fractions = pl.concat([read_proportions(files.path(f"/{level}.zip"), level) for level in ("major", "minor")])
    letters = sorted({section[0] for section in SECTIONS})
    patients = pl.DataFrame({"source_id": letters}).with_columns(
        patient_id=pl.format("her2st:{}", "source_id"),
        study=pl.lit(STUDY),
        cohort=pl.lit("HER2-positive breast"),
        cancer_type=pl.lit("Breast"),
        molecular_subtype=pl.lit("HER2-positive"),
    )
    samples = pl.DataFrame({"section": SECTIONS}).select(
        sample_id=pl.format("her2st:{}", "section"),
        patient_id=pl.format("her2st:{}", pl.col("section").str.slice(0, 1)),
        study=pl.lit(STUDY),
        kind=pl.lit("section"),
    )
    slides = pl.DataFrame(
        [
            {
                "slide_id": f"her2st:{section}",
                "patient_id": f"her2st:{section[0]}",
                "study": STUDY,
                "title": f"Section {section}, H&E",
                "file": file,
                "format": kind,
                "width_px": width,
                "height_px": height,
                "um_per_px": resolution,
                "spot_scale": factor,
            }
            for section, file, kind, width, height, resolution, factor in PICTURES
        ]
    )
    return StudyTables(
        tables={
            "patient": PATIENT.conform(patients),
            "sample": SAMPLE.conform(samples),
            "slide": SLIDE.conform(slides),
            "spot": SPOT.conform(spots),
            "spot_fraction": SPOT_FRACTION.conform(fractions),
        },
        expression=expressions,
        notes=NOTES,
    )


SOURCE = Source(
    study=STUDY,
    title="HER2-positive breast cancer, spatial transcriptomics",
    citation="Andersson et al., Nat Commun 2021",
    doi="10.1038/s41467-021-26271-2",
    licence="CC BY 4.0 (Zenodo 4751624)",
    cancer="Breast, HER2-positive",
    treatment="none recorded",
    response_definition="none: no response is recorded",
    load=load,
    files=FILES,
    provides=("patient", "sample", "slide", "spot", "spot_fraction", "expression"),
)
