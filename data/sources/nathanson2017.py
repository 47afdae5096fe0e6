"""Nathanson 2017: ipilimumab in melanoma, 24 patients with RNA; clinical benefit, no RECIST."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.sources import predictior
from data.sources.source import Files, Source, StudyTables

STUDY = "nathanson2017"
MATRIX = "ICB_Nathanson__Melanoma__CTLA4.rda"
LDH_NORMAL_BELOW = 246.0  # U/L, from the name of the source's column
SMALLEST_EXOME = 10  # non-synonymous mutations; fewer in a melanoma exome mean a failed sample or a typing error

NOTES = (
    "Response is clinical benefit (the source's column Benefit); RECIST is not published. It is not comparable with the "
    "response of the other studies.",
    "P7623 and P9705: Benefit says no, a second column of the same file says responder. Benefit is kept. P7623 is also "
    "named CR7623 by the source, and alive at 48 months.",
    "Survival is published in years with one decimal: months are multiples of 1.2. PFS is not published.",
    "15 of the 24 tumours were taken after the start of ipilimumab.",
    "Two patients had more than ipilimumab: P346 dacarbazine, P2051 vemurafenib.",
    "Burden per Mb is the non-synonymous count / 60 Mb, PredictioR's exome size. P8727 has 3 mutations, which no melanoma "
    "exome has: its burden is left out.",
    "LDH is elevated from 246 U/L, the limit that the source gives.",
)


def load(files: Files) -> StudyTables:
    """Read the one file; one row a patient."""
    notes = list(NOTES)
    experiment = predictior.read(files, [MATRIX], notes=notes)
    unmeasured = np.isnan(experiment.values)
    notes.append(
        f"{int(unmeasured.sum())} values of {int(unmeasured.any(axis=1).sum())} genes are missing in the matrix (the "
        "logarithm of a negative number), FN1 and EEF1A1 among them; they stay missing."
    )
    clinical = experiment.clinical
    samples = clinical.select(
        source_id=pl.col("patientid"),
        timepoint=predictior.category(
            "Biopsy.pre.or.post.ipi", {"pre": "pre-treatment", "post": "after start of treatment"}
        ),
        site=pl.lit(None, pl.String),
    )
    return StudyTables(
        tables={
            "patient": _patient(clinical),
            "sample": pl.concat([predictior.sample(STUDY, samples, kind=kind) for kind in ("rna", "exome")]),
        },
        expression=[predictior.expression(STUDY, experiment, clinical["patientid"].to_list())],
        notes=notes,
    )


def _patient(clinical: pl.DataFrame) -> pl.DataFrame:
    dosing, gene = pl.col("Ipi.dosing..mg.kg.x..."), pl.col("BRAF.NRASstatus")
    ldh = pl.col("LDH..normal..246.").cast(pl.Float64, strict=False)
    believable = pl.col("nsTMB_raw") >= SMALLEST_EXOME
    return clinical.select(
        **predictior.identity(STUDY, "Nathanson", pl.col("patientid")),
        age_years=pl.col("age"),
        sex=predictior.category("sex", predictior.SEX),
        cancer_type=pl.lit("Melanoma"),
        histology=predictior.category("histo", {"acral": "acral", "cutaneous": "cutaneous"}),
        drug=pl.when(dosing.str.contains("dacarbazine"))
        .then(pl.lit("ipilimumab + dacarbazine"))
        .when(dosing.str.contains("vemurafenib"))
        .then(pl.lit("ipilimumab + vemurafenib"))
        .otherwise(pl.lit("ipilimumab")),
        drug_class=pl.lit("CTLA-4"),
        prior_systemic_therapy=pl.col("Priors.").cast(pl.Int64, strict=False) > 0,
        tmb_per_mb=pl.when(believable).then(pl.col("nsTMB_perMb")),
        mutation_count=pl.when(believable).then(pl.col("nsTMB_raw")),
        ldh=pl.when(ldh >= LDH_NORMAL_BELOW)
        .then(pl.lit("elevated"))
        .when(ldh < LDH_NORMAL_BELOW)
        .then(pl.lit("normal")),
        molecular_subtype=pl.when(gene.str.starts_with("BRAF"))
        .then(pl.lit("BRAF"))
        .when(gene.str.starts_with("NRAS"))
        .then(pl.lit("RAS"))
        .when(gene.str.starts_with("WT"))
        .then(pl.lit("BRAF and NRAS wild type")),
        response=predictior.flag("Benefit", {"True": True, "False": False}),
        response_definition=pl.lit(SOURCE.response_definition),
        os_months=pl.col("survival_time_os"),
        os_event=predictior.flag("event_occurred_os", {1: True, 0: False}),
    )


SOURCE = Source(
    study=STUDY,
    title="Nathanson 2017: ipilimumab in melanoma",
    citation="Nathanson T, et al. Somatic mutations and neoepitope homology in melanomas treated with CTLA-4 blockade. "
    "Cancer Immunol Res 2017;5:84-91",
    doi="10.1158/2326-6066.CIR-16-0019",
    licence=predictior.LICENCE,
    cancer="Melanoma",
    treatment="ipilimumab (anti-CTLA-4)",
    load=load,
    files=(
        predictior.remote(
            "6fb416e13957f01904cca1c968c6a5ee8b735904/data/ICB/ICB_Nathanson__Melanoma__CTLA4.rda",
            "825f9f7b59c5c4f484a5f4795242723ff07c378f5c2f4127a543d67486bb6ccb",
            3694334,
        ),
    ),
    response_definition="clinical benefit (no RECIST published)",
    provides=("patient", "sample", "expression"),
)
