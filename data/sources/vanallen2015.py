"""Van Allen 2015: ipilimumab in metastatic melanoma, the 42 patients with RNA."""

from __future__ import annotations

import polars as pl

from data.errors import SourceCorrupt
from data.sources import predictior
from data.sources.source import Files, Source, StudyTables

STUDY = "vanallen2015"
MATRIX = "ICB_Van_Allen__Melanoma__CTLA4.rda"
SECONDS_PER_DAY = 86_400
HISTOLOGY = {
    "Nodular": "nodular",
    "Superficial spreading": "superficial spreading",
    "Acrolentigenous": "acral lentiginous",
}

NOTES = (
    "Survival is PredictioR's months x 30.5 = whole days, given in days / 30.4375; overall survival equals the published "
    "dates (start of therapy to death or last contact).",
    "Pat02's PFS (538 days) is not what its dates say (1,254 days); the published PFS is kept.",
    "Pat91 died on the day its PFS is censored; kept as published.",
    "Pat29 has no RECIST category: its response is missing.",
    "Calendar dates and dates of birth in the source file are not taken over; the year of treatment start is.",
    "Burden per Mb is the non-synonymous count / 64 Mb, PredictioR's exome size; 2 patients have no exome values.",
    "Neoantigens are those predicted to bind below 500 nM.",
    "LDH is published as 0 or 1, read as normal or elevated (1 lives shorter).",
    "The paper has 110 patients; those without RNA are not in this file.",
)


def load(files: Files) -> StudyTables:
    """Read the one file; one row a patient.

    Raises
    ------
    SourceCorrupt
        Overall survival that is not death or last contact minus start of therapy.
    """
    notes = list(NOTES)
    experiment = predictior.read(files, [MATRIX], notes=notes)
    clinical = experiment.clinical.with_columns(
        predictior.days(experiment.clinical, "survival_time_os").alias("os_days"),
        predictior.days(experiment.clinical, "survival_time_pfs").alias("pfs_days"),
    )
    by_date = (pl.col("date_death") - pl.col("therapy_start")) / SECONDS_PER_DAY
    off = clinical.filter((by_date - pl.col("os_days")).abs() > 0)
    if off.height:
        raise SourceCorrupt(f"{MATRIX}: survival of {off['patientid'][0]} does not equal its dates")
    samples = clinical.select(
        source_id=pl.col("patientid"),
        timepoint=pl.lit("pre-treatment"),
        site=pl.lit(None, pl.String),
        exome=pl.col("mutations").is_not_null(),
    )
    return StudyTables(
        tables={
            "patient": _patient(clinical),
            "sample": pl.concat(
                [
                    predictior.sample(STUDY, samples, kind="rna"),
                    predictior.sample(STUDY, samples.filter("exome"), kind="exome"),
                ]
            ),
        },
        expression=[predictior.expression(STUDY, experiment, clinical["patientid"].to_list())],
        notes=notes,
    )


def _patient(clinical: pl.DataFrame) -> pl.DataFrame:
    return clinical.select(
        **predictior.identity(STUDY, "Van Allen", pl.col("patientid")),
        age_years=pl.col("age"),
        sex=predictior.category("sex", predictior.SEX),
        cancer_type=pl.lit("Melanoma"),
        histology=predictior.category("histo", HISTOLOGY),
        stage=predictior.substage("M"),
        treatment_year=pl.from_epoch(pl.col("therapy_start").cast(pl.Int64)).dt.year(),
        drug=pl.lit("ipilimumab"),
        drug_class=pl.lit("CTLA-4"),
        prior_systemic_therapy=pl.col("pre_therapies") > 0,
        tmb_per_mb=pl.col("nsTMB_perMb"),
        mutation_count=pl.col("nonsynonymous"),
        neoantigen_count=pl.col("neos500"),
        ldh=predictior.category("LDH", {1: "elevated", 0: "normal"}),
        **predictior.outcome(predictior.recist("recist"), SOURCE.response_definition),
        os_months=predictior.months(pl.col("os_days")),
        os_event=predictior.flag("event_occurred_os", {1: True, 0: False}),
        pfs_months=predictior.months(pl.col("pfs_days")),
        pfs_event=predictior.flag("event_occurred_pfs", {1: True, 0: False}),
    )


SOURCE = Source(
    study=STUDY,
    title="Van Allen 2015: ipilimumab in metastatic melanoma",
    citation="Van Allen EM, et al. Genomic correlates of response to CTLA-4 blockade in metastatic melanoma. "
    "Science 2015;350:207-211",
    doi="10.1126/science.aad0095",
    licence=predictior.LICENCE,
    cancer="Melanoma",
    treatment="ipilimumab (anti-CTLA-4)",
    load=load,
    files=(
        predictior.remote(
            "6fb416e13957f01904cca1c968c6a5ee8b735904/data/ICB/ICB_Van_Allen__Melanoma__CTLA4.rda",
            "8049317362a02693a9b922ef86ccebbc4eb93d51a2a5bbe02a1cc1d9659b909e",
            3867060,
        ),
    ),
    provides=("patient", "sample", "expression"),
)
