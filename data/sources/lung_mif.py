"""Non-small-cell lung cancer, multiplex immunofluorescence: 50 patients, 247 pictures, 285,412 cells."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.errors import SourceCorrupt
from data.schema import DAYS_PER_MONTH, PATIENT, SAMPLE, SPOT
from data.sources.rda_frame import read_frame
from data.sources.source import Expression, Files, RemoteFile, Source, StudyTables

STUDY = "lung_mif"
PATIENTS, CELLS, DEATHS = 50, 285_412, 33
MARKERS = {
    "CK": "phenotype_ck",
    "CD8": "phenotype_cd8",
    "CD4": "phenotype_cd4",
    "CD19": "phenotype_cd19",
    "CD14": "phenotype_cd14",
}
PHENOTYPES = {
    "CK": "Tumour cell (CK+)",
    "CD8": "CD8 T cell",
    "CD4": "CD4 T cell",
    "CD19": "B cell (CD19+)",
    "CD14": "Myeloid cell (CD14+)",
}
STAGES = {1.0: "I", 2.0: "II", 3.0: "III"}

NOTES = (
    "Markers are published as positive or negative, not as intensities; a cell carries at most one of them.",
    "Cells without any marker are 'Other' where the authors call them so, else 'Unassigned' (2,716 cells).",
    "Positions are µm in a field of about 672 x 504 µm; a patient has up to five fields.",
    "Only cells of the tumour compartment are published. Survival runs from diagnosis, in days / 30.4375. "
    "No treatment is recorded.",
)


def _positive(column: str) -> pl.Expr:
    return pl.col(column).str.ends_with("+")


def _cells(frame: pl.DataFrame) -> pl.DataFrame:
    """The source's rows with our names: section, spot, patient, position, label and a 0/1 column a marker."""
    label = pl.when(_positive("phenotype_other")).then(pl.lit("Other")).otherwise(pl.lit("Unassigned"))
    for marker, name in PHENOTYPES.items():
        label = pl.when(_positive(MARKERS[marker])).then(pl.lit(name)).otherwise(label)
    return frame.select(
        study=pl.lit(STUDY),
        patient_id=pl.format("lung_mif:{}", pl.col("patient_id").cast(pl.Int64)),
        section_id="patientImage_id",
        spot_id=pl.col("cell_id").cast(pl.Int64).cast(pl.String),
        kind=pl.lit("cell"),
        x_um="x",
        y_um="y",
        label=label,
        **{marker: _positive(column).cast(pl.Float32) for marker, column in MARKERS.items()},
    )


def load(files: Files) -> StudyTables:
    """Read the cells and the patients.

    Raises
    ------
    SourceCorrupt
        Columns are missing, or the number of cells, patients or deaths is not the published one.
    """
    frame = read_frame(files.path("lung_df.rda"))
    needed = {
        "patient_id",
        "patientImage_id",
        "cell_id",
        "x",
        "y",
        "survival_days",
        "survival_status",
        *MARKERS.values(),
    }
    if not needed <= set(frame.columns):
        raise SourceCorrupt(f"lung_df.rda lacks the columns {', '.join(sorted(needed - set(frame.columns)))}")
    clinical = frame.select("patient_id", "gender", "age", "stage", "survival_days", "survival_status").unique()
    deaths = int(clinical["survival_status"].sum())
    if (frame.height, clinical.height, deaths) != (CELLS, PATIENTS, DEATHS):
        raise SourceCorrupt(
            f"lung_df.rda has {frame.height} cells, {clinical.height} patients and {deaths} deaths; "
            f"{CELLS}, {PATIENTS} and {DEATHS} are published"
        )
    patients = clinical.sort("patient_id").select(
        patient_id=pl.format("lung_mif:{}", pl.col("patient_id").cast(pl.Int64)),
        study=pl.lit(STUDY),
        cohort=pl.lit("NSCLC"),
        source_id=pl.col("patient_id").cast(pl.Int64).cast(pl.String),
        age_years="age",
        sex=pl.col("gender").replace_strict({"F": "female", "M": "male"}, default=None),
        cancer_type=pl.lit("NSCLC"),
        stage=pl.col("stage").replace_strict(STAGES, default=None, return_dtype=pl.String),
        os_months=pl.col("survival_days") / DAYS_PER_MONTH,
        os_event=pl.col("survival_status") == 1.0,
    )
    cells = _cells(frame)
    expressions: list[Expression] = []
    for (section,), part in cells.group_by("section_id", maintain_order=True):
        expressions.append(
            Expression(
                assay=str(section),
                unit="intensity (1 = positive, 0 = negative)",
                genes=list(MARKERS),
                samples=part["spot_id"].to_list(),
                patients=part["patient_id"].to_list(),
                values=np.ascontiguousarray(part.select(list(MARKERS)).to_numpy().T),
                level="cell",
                preferred=False,
            )
        )
    samples = cells.select("section_id", "patient_id").unique(maintain_order=True)
    return StudyTables(
        tables={
            "patient": PATIENT.conform(patients),
            "sample": SAMPLE.conform(
                samples.select(
                    sample_id=pl.format("lung_mif:{}", "section_id"),
                    patient_id="patient_id",
                    study=pl.lit(STUDY),
                    kind=pl.lit("section"),
                )
            ),
            "spot": SPOT.conform(cells.drop(list(MARKERS))),
        },
        expression=expressions,
        notes=NOTES,
    )


SOURCE = Source(
    study=STUDY,
    title="Non-small-cell lung cancer, multiplex immunofluorescence",
    citation="Johnson et al., J Thorac Oncol 2021, as adapted in the R package mxfda from VectraPolarisData",
    doi="10.1016/j.jtho.2021.05.004",
    licence="MIT",
    cancer="NSCLC",
    treatment="not recorded",
    response_definition="none: no response is recorded",
    load=load,
    files=(
        RemoteFile(
            url=(
                "https://raw.githubusercontent.com/julia-wrobel/mxfda/"
                "bc5cfaf8e7ea445cd5f2b9a2d85ca62cbe1f314e/data/lung_df.rda"
            ),
            sha256="5bc70c6780052e8268bb3d644b0b8dbfc558afce867101e76300194eb4597f4a",
            size_bytes=846435,
            licence="MIT",
        ),
    ),
    provides=("patient", "sample", "spot", "expression"),
)
