"""Snyder 2017: atezolizumab in metastatic urothelial cancer; 25 patients, 22 of them with RNA."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.errors import SourceCorrupt
from data.sources import predictior
from data.sources.source import Files, RemoteFile, Source, StudyTables

STUDY = "snyder2017"
CLINICAL = "data_clinical.csv"
MATRIX = "ICB_Snyder__Ureteral__PD-(L)1__M.rda"
BEST = "Best Response RECIST 1.1"
SITES = {
    "RC": "bladder",
    "TURBT": "bladder",
    "NephroU": "upper urinary tract",
    "LN dissection": "lymph node",
    "Prostate Bx": "prostate",
}
IMMUNE_CELLS = {"IC0": "IC0", "IC1": "IC1", "IC2": "IC2+"}

NOTES = (
    "Survival is in days in the authors' table (PredictioR's months are days / 30.5) and given in days / 30.4375. PFS is "
    "by RECIST 1.1, progression or death.",
    "4 patients were never scanned after baseline: their response is missing. In 2 others 'PD ' carries a blank, on which "
    "PredictioR loses them.",
    "RNA is in the public file for the 22 men; the 3 women (1249, 1994, 7577) have none.",
    "The matrix is unlike every other study's: its mean profile correlates at 0.35 to 0.41 with theirs (0.76 or more among "
    "themselves), CD8A and GZMB lie near zero and long genes are on top. Compare patients within this study only, and "
    "weigh its signatures lightly.",
    "Samples were taken 18 to 3,344 days before the first dose, 15 of them at cystectomy.",
    "ECOG is published as above 0 or not (24 of 25 above). Albumin and haemoglobin are published as below a limit or not "
    "and left out.",
)


def load(files: Files) -> StudyTables:
    """Read the authors' clinical table and the matrix; check that they agree on survival.

    Raises
    ------
    SourceCorrupt
        A matrix with a patient whom the clinical table does not know, or who lived otherwise there.
    """
    notes = list(NOTES)
    clinical = _clinical(files.path(CLINICAL))
    experiment = predictior.read(files, [MATRIX], notes=notes)
    rna = experiment.clinical["patientid"].str.strip_prefix("P").to_list()
    _agree(experiment.clinical, clinical)
    biopsies = clinical.select(
        source_id=pl.col("patient_id"),
        timepoint=pl.lit("pre-treatment"),
        site=predictior.category("Sequence Path", SITES),
    )
    samples = [
        predictior.sample(STUDY, biopsies.filter(pl.col("source_id").is_in(rna)), kind="rna"),
        predictior.sample(STUDY, biopsies, kind="exome"),
    ]
    return StudyTables(
        tables={"patient": _patient(clinical), "sample": pl.concat(samples)},
        expression=[predictior.expression(STUDY, experiment, rna)],
        notes=notes,
    )


def _clinical(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_csv(
            path,
            infer_schema_length=None,
            encoding="utf8-lossy",  # one column name holds a Mac character
            schema_overrides={"patient_id": pl.String},
        )
        frame.select("patient_id", "os", "pfs", BEST, "is_deceased", "is_progressed_or_deceased")
    except pl.exceptions.PolarsError as error:
        raise SourceCorrupt(f"{path.name} is not the clinical table of Snyder 2017: {error}") from error
    return frame


def _agree(copy: pl.DataFrame, clinical: pl.DataFrame) -> None:
    copy = copy.select(
        patient_id=pl.col("patientid").str.strip_prefix("P"),
        os_days=predictior.days(copy, "survival_time_os"),
        pfs_days=predictior.days(copy, "survival_time_pfs"),
        dead=pl.col("event_occurred_os") == 1,
    )
    both = copy.join(clinical, on="patient_id", how="left", maintain_order="left")
    for what, differs in {
        "survival": (pl.col("os_days") != pl.col("os")) | (pl.col("pfs_days") != pl.col("pfs")),
        "death": pl.col("dead") != pl.col("is_deceased"),
    }.items():
        count = both.select(differs.fill_null(value=True).sum()).item()
        if count:
            raise SourceCorrupt(f"{what} of {count} patients differs between {CLINICAL} and {MATRIX}")


def _patient(clinical: pl.DataFrame) -> pl.DataFrame:
    return clinical.select(
        **predictior.identity(STUDY, "Snyder", pl.col("patient_id")),
        age_years=pl.col("Age"),
        sex=predictior.category("Sex", predictior.SEX),
        cancer_type=pl.lit("Bladder"),
        histology=pl.when(pl.col("Variant Histology") == "Y")
        .then(pl.lit("urothelial carcinoma, variant histology"))
        .otherwise(pl.lit("urothelial carcinoma")),
        ecog=predictior.category("ECOG >0", {0: "0", 1: "1 or more"}),
        smoking=predictior.category("Smoking", {"Y": "ever", "N": "never"}),
        pack_years=pl.col("Pack Years"),
        sample_site=predictior.category("Sequence Path", SITES),
        metastatic_site=pl.when(pl.col("Liver Mets") == 1)
        .then(pl.lit("liver"))
        .when(pl.col("Visceral Mets") == 1)
        .then(pl.lit("visceral"))
        .otherwise(pl.lit("not visceral")),
        drug=pl.lit("atezolizumab"),
        drug_class=pl.lit("PD-1/PD-L1"),
        prior_systemic_therapy=pl.col("Number of systemic regimens total") > 0,
        pdl1_ic=predictior.category("PD-L1", IMMUNE_CELLS),
        nlr=pl.col("Baseline neutrophil to lymphocyte ratio"),
        **predictior.outcome(predictior.recist(BEST), SOURCE.response_definition),
        os_months=predictior.months(pl.col("os")),
        os_event=pl.col("is_deceased"),
        pfs_months=predictior.months(pl.col("pfs")),
        pfs_event=pl.col("is_progressed_or_deceased"),
    )


SOURCE = Source(
    study=STUDY,
    title="Snyder 2017: atezolizumab in metastatic urothelial cancer",
    citation="Snyder A, et al. Contribution of systemic and somatic factors to clinical response and resistance to PD-L1 "
    "blockade in urothelial cancer: an exploratory multi-omic analysis. PLoS Med 2017;14:e1002309",
    doi="10.1371/journal.pmed.1002309",
    licence="clinical table: none stated, article CC BY; matrix MIT (repository)",
    cancer="Urothelial carcinoma",
    treatment="atezolizumab (anti-PD-L1)",
    load=load,
    files=(
        predictior.remote(
            "d6a087806cb6a1f55c4f7f477763c0554d82e490/data/ICBSex/ICB_Snyder__Ureteral__PD-%28L%291__M.rda",
            "900b9fbb0ca7f908d162755fbdba8686eaac6ca71abe35c09c4f5cb70f745654",
            3839098,
        ),
        RemoteFile(
            url="https://raw.githubusercontent.com/hammerlab/multi-omic-urothelial-anti-pdl1/"
            "804cbf1648dac573cd04de11c50ed39fc32b460c/data_clinical.csv",
            sha256="23c24b6ffe260abb81829fccf9ce035da948e4c0b4d9dea8719976336c13f9d7",
            size_bytes=10652,
            licence="none stated; article CC BY",
        ),
    ),
    provides=("patient", "sample", "expression"),
)
