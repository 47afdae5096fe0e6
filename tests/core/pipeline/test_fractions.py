"""Fractions of a study whose preferred assay is a panel: they come from its whole transcriptome, and only then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.pipeline import scores
from core.pipeline.staging import Finished, Staging
from core.tme.deconvolution import CELL_TYPES
from data import staging

PATIENTS = [f"s:{n}" for n in range(4)]
WIDE = 10_050


@pytest.mark.parametrize(("preferred", "expected"), [("panel", 2), ("whole", 4)])
def test_fractions_come_from_one_assay_a_study(tmp_path: Path, preferred: str, expected: int) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "cohort.duckdb"
    staging.create(path)
    database = Staging(path)
    database.append("study", pl.DataFrame({"study": ["s"], "title": ["S"], "synthetic": [True], "uploaded": [False], "status": ["built"]}))
    database.append("patient", pl.DataFrame({"patient_id": PATIENTS, "study": "s", "cohort": "s", "source_id": PATIENTS}))
    reference = [("quantiseq_til10", cell, f"G{gene}", float(rng.lognormal(3, 1.5)), 50.0 + n) for n, cell in enumerate(CELL_TYPES) for gene in range(60)]
    database.append(
        "gene_set",
        pl.DataFrame(reference, schema=["collection", "name", "gene", "weight", "mrna_scaling"], orient="row").with_columns(study=pl.lit("s")),
    )
    # the whole transcriptome has all patients where it is preferred, else the first two, as a part of a study may
    whole = PATIENTS if preferred == "whole" else PATIENTS[:2]
    for assay, genes, patients in (("panel", 200, PATIENTS), ("whole", WIDE, whole)):
        values = rng.lognormal(2, 1, (genes, len(patients))).astype(np.float32)
        database.append(
            "assay",
            pl.DataFrame(
                {
                    "study": ["s"], "assay": [assay], "unit": ["TPM"], "level": ["patient"], "preferred": [assay == preferred], "n_genes": [genes],
                    "samples": [patients], "patients": [patients],
                }
            ),
        )  # fmt: skip
        database.append(
            "expression",
            pl.DataFrame({"study": "s", "assay": assay, "gene": [f"G{n}" for n in range(genes)], "values": pl.Series(values.tolist(), dtype=pl.List(pl.Float32))}),
        )
    scores.fill(database, Finished(None), progress=lambda _: None)
    found = database.sql("SELECT * FROM cell_fraction WHERE method = 'quanTIseq'")
    database.close()
    assert found["patient_id"].n_unique() == expected
    assert found.height == 11 * expected
