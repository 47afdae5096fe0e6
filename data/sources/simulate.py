"""Three synthetic studies, drawn afresh and identically on every machine: no file, no network, no patient.

They differ as real studies differ: cancer types, arms, units of expression and a batch effect on every gene. What was
planted stands in the table `truth`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from data.sources import simulated_patients as patients
from data.sources import simulated_tissue as tissue
from data.sources.simulated_patients import Design
from data.sources.source import Files, Source, StudyTables

DESIGNS: tuple[Design, ...] = (
    Design(
        study="synthetic_a",
        cohort="Synthetic A",
        n=240,
        cancer_types=("NSCLC",),
        drug="pembrolizumab",
        share_icb=0.6,
        unit="log2 TPM",
        seed=101,
        sections=2,
    ),
    Design(
        study="synthetic_b",
        cohort="Synthetic B",
        n=200,
        cancer_types=("Melanoma",),
        drug="nivolumab",
        share_icb=0.5,
        unit="voom log2 CPM",
        seed=202,
    ),
    Design(
        study="synthetic_c",
        cohort="Synthetic C",
        n=160,
        cancer_types=("Bladder", "Renal"),
        drug="atezolizumab",
        share_icb=0.5,
        unit="counts",
        seed=303,
    ),
)

NOTES = (
    "Synthetic: every value is drawn from a random number generator. No row is a patient.",
    "Planted: a predictive marker (gene CXCL13) that works under ICB only, a prognostic marker (SPP1) that works in "
    "both arms, and a decoy (LDHA) that is correlated with both and does nothing.",
    "Arms are randomised. Values are missing completely at random, which real gaps seldom are.",
)


def draw(design: Design) -> StudyTables:
    """Draw one synthetic study; the same design gives the same tables."""
    rng = np.random.default_rng(design.seed)
    cohort = patients.draw_cohort(design, rng)
    matrices = [tissue.expression(cohort, rng)]
    embeddings = tissue.tile_embeddings(cohort, rng)
    tables: dict[str, pl.DataFrame] = {
        "patient": cohort.table,
        "truth": cohort.truth,
        "mutation": patients.mutations(cohort, rng),
        "copy_number": patients.copy_numbers(cohort, rng),
        "cell_fraction": tissue.cell_fractions(cohort, rng),
        "embedding": embeddings,
    }
    samples = [_samples(cohort.ids, "rna", design.study), _samples(cohort.ids, "exome", design.study)]
    samples.append(_samples(embeddings["patient_id"].to_list(), "slide", design.study))
    if design.sections:
        tables["spot"], spots = tissue.sections(cohort, rng)
        matrices += spots
        cut = tables["spot"]["patient_id"].unique(maintain_order=True).to_list()
        samples.append(_samples(cut, "section", design.study))
    tables["sample"] = pl.concat(samples)
    return StudyTables(tables=tables, expression=matrices, notes=NOTES)


def _samples(ids: tuple[str, ...] | list[str], kind: str, study: str) -> pl.DataFrame:
    return pl.DataFrame({"patient_id": list(ids)}).select(
        "patient_id",
        sample_id=pl.format("{}:{}", "patient_id", pl.lit(kind)),
        study=pl.lit(study),
        kind=pl.lit(kind),
        timepoint=pl.lit("pre-treatment"),
    )


def _source(design: Design) -> Source:
    def load(files: Files) -> StudyTables:
        return draw(design)

    provides = ("patient", "truth", "sample", "expression", "mutation", "copy_number", "cell_fraction", "embedding")
    return Source(
        study=design.study,
        title=f"Synthetic study {design.cohort[-1]}",
        citation="Simulated by TMEscope; no patients",
        doi="",
        licence="Apache-2.0",
        cancer=" and ".join(design.cancer_types) + " (simulated)",
        treatment=f"{design.drug} against chemotherapy (simulated, randomised)",
        load=load,
        synthetic=True,
        response_definition="RECIST CR or PR against SD or PD (simulated)",
        provides=(*provides, "spot") if design.sections else provides,
    )


SOURCES: Mapping[str, Source] = {design.study: _source(design) for design in DESIGNS}
"""The synthetic studies, by name."""
