"""Liu 2019: anti-PD-1 in metastatic melanoma; 144 patients with exome and clinical table, 121 of them with RNA."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.errors import SourceCorrupt
from data.sources import predictior
from data.sources.source import Files, RemoteFile, Source, StudyTables

STUDY = "liu2019"
CLINICAL = "Supplemental_Table_1_wAge.tsv"
MATRICES = (
    "ICB_Liu__Melanoma__PD-(L)1__M.rda",
    "ICB_Liu__Melanoma__PD-(L)1__F.rda",
    "ICB_Liu__Melanoma__IO+combo.rda",
)
EXOME_MB = 50.0
"""Exome size behind PredictioR's burden per Mb; the paper gives counts only."""
ID = "Sample ID"
CONTEXT = "biopsyContext (1=Pre-Ipi; 2=On-Ipi; 3=Pre-PD1; 4=On-PD1)"
TIMEPOINTS = {1: "before earlier anti-CTLA-4", 2: "during earlier anti-CTLA-4", 3: "pre-treatment", 4: "on-treatment"}
STAGES = {0: "III", 1: "IV (M1a)", 2: "IV (M1b)", 3: "IV (M1c)"}
SITES = {
    "Brain_Met": "brain",
    "Liver_Visc_Met": "liver or other viscera",
    "Bone_Met": "bone",
    "Lung_Met": "lung",
    "LN_Met": "lymph node",
    "Cut_SubQ_Met": "skin or subcutis",
}
"""Most serious first: a patient is listed under the first that applies."""
PRIMARY = {"skin": "cutaneous", "acral": "acral", "mucosal": "mucosal", "occult": "unknown primary"}

NOTES = (
    "Survival is taken in days from the authors' table (PredictioR's months are days / 30.5) and given in days / 30.4375.",
    "4 patients with a mixed response (MR) have no RECIST category: their response is missing. PredictioR calls two of "
    "them SD.",
    "PredictioR's file 'IO+combo' holds patients who had anti-CTLA-4 earlier; nobody had a combination. All 60 are marked "
    "by prior anti-CTLA-4.",
    "PFS counts progression. 3 patients died without it and are censored (Patient100, Patient105, Patient166), as "
    "published; Patient166 on the day of death.",
    "23 patients have no RNA in the public files.",
    "Biopsies: 125 before anti-PD-1, 14 before and 4 during earlier anti-CTLA-4, 1 after the first dose of anti-PD-1 "
    "(Patient56); Patient82's is 3.5 years old.",
    f"Burden per Mb is the non-synonymous count / {EXOME_MB:.0f} Mb, PredictioR's exome size.",
    "Metastatic site is the most serious one recorded: brain, liver or other viscera, bone, lung, lymph node, skin.",
    "Age is published for 84 of 144 patients (one is 90).",
)


def load(files: Files) -> StudyTables:
    """Read the authors' clinical table and the three matrices; check that they agree on survival and response.

    Raises
    ------
    SourceCorrupt
        A matrix with a patient whom the clinical table does not know, or who lived or responded otherwise there.
    """
    notes = list(NOTES)
    clinical = _clinical(files.path(CLINICAL))
    experiment = predictior.read(files, MATRICES, notes=notes)
    _agree(experiment.clinical, clinical)
    rna = experiment.clinical["patientid"].to_list()
    biopsies = clinical.select(
        source_id=pl.col(ID), timepoint=predictior.category(CONTEXT, TIMEPOINTS), site=pl.col("biopsy site")
    )
    samples = pl.concat(
        [
            predictior.sample(STUDY, biopsies.filter(pl.col("source_id").is_in(rna)), kind="rna"),
            predictior.sample(STUDY, biopsies, kind="exome"),
        ]
    )
    return StudyTables(
        tables={"patient": _patient(clinical), "sample": samples},
        expression=[predictior.expression(STUDY, experiment, rna)],
        notes=notes,
    )


def _clinical(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_csv(path, separator="\t", null_values=["NA", "unknown"], infer_schema_length=None)
        frame.select(ID, "BR", "PFS", "OS", "progressed", "dead", "priorCTLA4", CONTEXT)
    except pl.exceptions.PolarsError as error:
        raise SourceCorrupt(f"{path.name} is not the clinical table of Liu 2019: {error}") from error
    return frame


def _agree(copy: pl.DataFrame, clinical: pl.DataFrame) -> None:
    copy = copy.with_columns(
        predictior.days(copy, "survival_time_os").alias("os"), predictior.days(copy, "survival_time_pfs").alias("pfs")
    )
    both = copy.join(clinical, left_on="patientid", right_on=ID, how="left", maintain_order="left")
    best = pl.col("BR").replace({"MR": "SD"})
    for what, differs in {
        "survival": (pl.col("os") != pl.col("OS")) | (pl.col("pfs") != pl.col("PFS")),
        "death": pl.col("event_occurred_os") != pl.col("dead"),
        "progression": pl.col("event_occurred_pfs") != pl.col("progressed"),
        "best response": best != pl.col("recist"),
        "sex": (pl.col("gender (Male=1, Female=0)") == 1) != (pl.col("sex") == "M"),
    }.items():
        count = both.select(differs.fill_null(value=True).sum()).item()
        if count:
            raise SourceCorrupt(f"{what} of {count} patients differs between {CLINICAL} and the matrices")


def _patient(clinical: pl.DataFrame) -> pl.DataFrame:
    sites = pl.coalesce(*[pl.when(pl.col(column) == 1).then(pl.lit(site)) for column, site in SITES.items()])
    return clinical.select(
        **predictior.identity(STUDY, "Liu", pl.col(ID)),
        age_years=pl.col("Age").cast(pl.Float64),
        sex=predictior.category("gender (Male=1, Female=0)", {1: "male", 0: "female"}),
        cancer_type=pl.lit("Melanoma"),
        histology=predictior.category("Primary_Type", PRIMARY),
        stage=predictior.category("Mstage (IIIC=0, M1a=1, M1b=2, M1c=3)", STAGES),
        ecog=predictior.category("Tx_Start_ECOG", {level: level for level in ("0", "1", "2", "3")}),
        sample_site=pl.col("biopsy site_categ"),
        metastatic_site=sites,
        drug=pl.col("Tx").str.to_lowercase(),
        drug_class=pl.lit("PD-1/PD-L1"),
        prior_systemic_therapy=pl.col("numPriorTherapies") > 0,
        prior_ctla4=predictior.flag("priorCTLA4", {1: True, 0: False}),
        tmb_per_mb=pl.col("nonsyn_muts") / EXOME_MB,
        mutation_count=pl.col("nonsyn_muts"),
        neoantigen_count=pl.col("total_neoantigens"),
        ldh=predictior.category("LDH_Elevated", {1: "elevated", 0: "normal"}),
        fcna=pl.col("CNA_prop"),
        purity=pl.col("purity"),
        ploidy=pl.col("ploidy"),
        **predictior.outcome(predictior.recist("BR"), SOURCE.response_definition),
        os_months=predictior.months(pl.col("OS")),
        os_event=predictior.flag("dead", {1: True, 0: False}),
        pfs_months=predictior.months(pl.col("PFS")),
        pfs_event=predictior.flag("progressed", {1: True, 0: False}),
    )


SOURCE = Source(
    study=STUDY,
    title="Liu 2019: anti-PD-1 in metastatic melanoma",
    citation="Liu D, et al. Integrative molecular and clinical modeling of clinical outcomes to PD1 blockade in patients "
    "with metastatic melanoma. Nat Med 2019;25:1916-1927",
    doi="10.1038/s41591-019-0654-5",
    licence="GPL-2 (clinical table); matrices MIT (repository); patient data keep the source paper's terms",
    cancer="Melanoma",
    treatment="nivolumab or pembrolizumab (anti-PD-1)",
    load=load,
    files=(
        RemoteFile(
            url="https://raw.githubusercontent.com/vanallenlab/schadendorf-pd1/536010aa7f39c59f17e4ff0827afdf38f2ccddf5/"
            "data/Supplemental_Table_1_wAge.tsv",
            sha256="5a15c742c1813d618a58f248f4298ac3700f3c53734bbc2f57d7c8e8c86b348c",
            size_bytes=27668,
            licence="GPL-2 (repository)",
        ),
        predictior.remote(
            "d6a087806cb6a1f55c4f7f477763c0554d82e490/data/ICBSex/ICB_Liu__Melanoma__PD-%28L%291__M.rda",
            "b20a337b1a5b089f88c9b035c8b7517ea4f06768d43b90d9cc6c47ee018fa1cc",
            3309211,
        ),
        predictior.remote(
            "d6a087806cb6a1f55c4f7f477763c0554d82e490/data/ICBSex/ICB_Liu__Melanoma__PD-%28L%291__F.rda",
            "d4460afaf04dcacc07e8b3a1d5215623142308508b32a19c7f80f26d320b3f91",
            2450826,
        ),
        predictior.remote(
            "6fb416e13957f01904cca1c968c6a5ee8b735904/data/ICB/ICB_Liu__Melanoma__IO%2Bcombo.rda",
            "655087b766f6ee5c5104b61a2baeabfbcdc1a3d844743b2e31ecb1f97301884e",
            3650450,
        ),
    ),
    provides=("patient", "sample", "expression"),
)
