"""Hugo 2016: anti-PD-1 in metastatic melanoma, 27 patients with RNA (GSE78220)."""

from __future__ import annotations

import polars as pl

from data.sources import predictior
from data.sources.source import Files, Source, StudyTables

STUDY = "hugo2016"
MATRIX = "ICB_Hugo.rda"
SOFT_TISSUE = ("R upper arm", "Abdominal wall", "Flank")

NOTES = (
    "Survival is PredictioR's months x 30.5 = whole days, given in days / 30.4375. PFS is not published.",
    "Pt8 has no survival time (marked alive): time and event are missing.",
    "Nobody has stable disease as best response.",
    "Pt16's tumour was taken on treatment, the other 26 before it.",
    "Pt32 is male by the clinical table, but its tumour hardly expresses any Y gene: lost Y chromosome, or another patient's "
    "sample.",
    "Prior therapy is known where a MAPK inhibitor was given before (12 patients); otherwise it is missing.",
    "The paper has 38 patients; those without RNA are not in this file.",
)


def load(files: Files) -> StudyTables:
    """Read the one file; one row a patient."""
    notes = list(NOTES)
    experiment = predictior.read(files, [MATRIX], notes=notes)
    clinical = experiment.clinical.with_columns(
        predictior.days(experiment.clinical, "survival_time_os").alias("os_days")
    )
    samples = clinical.select(
        source_id=pl.col("patientid"), timepoint=pl.col("Biopsy.Time"), site=pl.col("Anatomical.Location")
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
    return clinical.select(
        **predictior.identity(STUDY, "Hugo", pl.col("patientid")),
        age_years=pl.col("age"),
        sex=predictior.category("sex", predictior.SEX),
        cancer_type=pl.lit("Melanoma"),
        stage=predictior.substage("Disease.Status"),
        sample_site=_site(pl.col("Anatomical.Location")),
        drug=pl.col("Treatment").str.to_lowercase(),
        drug_class=pl.lit("PD-1/PD-L1"),
        prior_systemic_therapy=predictior.flag("Previous.MAPKi", {"Y": True}),
        **predictior.outcome(predictior.recist("recist"), SOURCE.response_definition),
        os_months=predictior.months(pl.col("os_days")),
        os_event=pl.when(pl.col("os_days").is_not_null()).then(
            predictior.flag("event_occurred_os", {1: True, 0: False})
        ),
    )


def _site(where: pl.Expr) -> pl.Expr:
    """Free text -> organ; 'L clavicle' and 'L Outer Inguinal' could be either node or soft tissue and stay null."""
    return (
        pl.when(where.str.ends_with("SC"))
        .then(pl.lit("skin or subcutis"))
        .when(where.str.ends_with("LN"))
        .then(pl.lit("lymph node"))
        .when(where.is_in(["Lung", "Adrenal"]))
        .then(where.str.to_lowercase())
        .when(where.str.to_lowercase().str.contains("bowel|colon"))
        .then(pl.lit("bowel"))
        .when(where.is_in(SOFT_TISSUE))
        .then(pl.lit("soft tissue"))
    )


SOURCE = Source(
    study=STUDY,
    title="Hugo 2016: anti-PD-1 in metastatic melanoma",
    citation="Hugo W, et al. Genomic and transcriptomic features of response to anti-PD-1 therapy in metastatic melanoma. "
    "Cell 2016;165:35-44",
    doi="10.1016/j.cell.2016.02.065",
    licence=predictior.LICENCE,
    cancer="Melanoma",
    treatment="pembrolizumab (anti-PD-1)",
    load=load,
    files=(
        predictior.remote(
            "9316508844347eccccf7e6a49c5f336907f01f5b/data/ICB_Hugo.rda",
            "5b6d540eeda1c89647f594ce0e1c3aadeac285e32bce5430736535a1573779a3",
            4141459,
        ),
    ),
    provides=("patient", "sample", "expression"),
)
