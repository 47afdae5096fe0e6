"""IMvigor210: atezolizumab in metastatic urothelial cancer (Mariathasan 2018), clinical table and three matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import SourceCorrupt
from data.sources.rda import Matrix, read_expression_set, read_summarized_experiment
from data.sources.source import Expression, Files, RemoteFile, Source, StudyTables

CLINICAL = "pData_IMvigor210.csv"
VOOM = "imvigor210_eset.rda"
BLADDER = "ICB_small_Mariathasan.rda"
SITES = (
    "ICB_Mariathasan__Lymph_node__PD-(L)1.rda",
    "ICB_Mariathasan__Ureteral__PD-(L)1.rda",
    "ICB_Mariathasan__Unknown.rda",
    "ICB_Mariathasan__Lung.rda",
    "ICB_Mariathasan__Liver.rda",
)
TIME_TOLERANCE = 1e-6  # months: the same patient's survival in two files may differ by rounding only

RECIST: Mapping[str, str | None] = {"CR": "CR", "PR": "PR", "SD": "SD", "PD": "PD", "NE": None}
SMOKING = {"NEVER": "never", "PREVIOUS": "former", "CURRENT": "current"}
METASTASES = {"Visceral": "visceral", "Liver": "liver", "LN Only": "lymph node only"}
RACE: Mapping[str, str | None] = {
    "WHITE": "white",
    "BLACK OR AFRICAN AMERICAN": "black or African American",
    "ASIAN": "Asian",
    "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER": "native Hawaiian or other Pacific islander",
    "OTHER": "other",
    "UNKNOWN": None,
}

NOTES = (
    "348 tumours of 347 people: two rows share the anonymised number 10285 and agree in everything but the mutational "
    "burden (4 and 5 per Mb). Published analyses count both, and so do the rows here (10285 and 10285_1), so that published "
    "figures are reproduced; the check for duplicated patients names them.",
    "RECIST 'NE' (not evaluable, 50 tumours) is missing, not a non-response.",
    "Survival is given in days / 30.4375, from first dose. Age and progression-free survival are not published.",
    "Three matrices. log2tpm (log2(TPM + 0.001), 1,768 genes, 281 tumours) is preferred: it has 16 of the 18 genes "
    "of the T-cell-inflamed profile, all 8 of CD8 T effector and all fibroblast and CD8 markers of MCP-counter for four "
    "patients in five, but 8 of the 19 TGF-beta response genes and 4 of the 50 hallmark sets at half coverage or more.",
    "voom (872 genes, 348 tumours) has everybody, but 6 of the 18 profile genes and no hallmark set at half coverage. "
    "log2tpm_wide has 17,993 genes (every hallmark set at 92% or more), of 86 patients biopsied outside bladder and kidney.",
    "The 67 tumours taken from the kidney have no TPM values in the public files: log2tpm leaves out a site, not "
    "patients at random.",
    "log2tpm is a gene selection of the full matrix, so TPM do not add to a million within a patient.",
    "Patients are linked by anonymised number; survival, RECIST and mutational burden agree between the files.",
    "Molecular subtype is the Lund class (Lund2).",
)


def load(files: Files) -> StudyTables:
    """Read clinical table and matrices; link them by the anonymised patient number and check that they agree.

    Raises
    ------
    SourceCorrupt
        A sample of a matrix that the clinical table does not know, or a patient whose survival, response or mutational
        burden differs between two files.
    """
    clinical = _clinical(files.path(CLINICAL))
    patients = clinical
    notes = list(NOTES)
    voom = _voom(files.path(VOOM), patients, notes)
    bladder = _tpm(files.path(BLADDER), patients, notes)
    sites = [_tpm(files.path(name), patients, notes) for name in SITES]
    return StudyTables(
        tables={"patient": _patient(patients), "sample": _sample(clinical)},
        expression=[
            _joined("log2tpm", [bladder, *sites], preferred=True),
            voom,
            _joined("log2tpm_wide", sites, preferred=False),
        ],
        notes=notes,
    )


def _clinical(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_csv(path, null_values=["NA"], infer_schema_length=None)
        needed = frame.select("X", "ANONPT_ID", "os", "censOS", "Best.Confirmed.Overall.Response")
    except pl.exceptions.PolarsError as error:
        raise SourceCorrupt(f"{path.name} is not the clinical table of IMvigor210: {error}") from error
    if needed.null_count().sum_horizontal().item():
        raise SourceCorrupt(f"{path.name}: an id, survival or response is empty")
    order = pl.int_range(pl.len()).over("ANONPT_ID")
    number = pl.col("ANONPT_ID").cast(pl.String)
    return frame.with_columns(tumour=pl.when(order == 0).then(number).otherwise(pl.format("{}_{}", number, order)))


def _patient_id() -> pl.Expr:
    return pl.format("imvigor210:{}", "tumour").alias("patient_id")


def _patient(clinical: pl.DataFrame) -> pl.DataFrame:
    recist = pl.col("Best.Confirmed.Overall.Response").replace_strict(RECIST, return_dtype=pl.String)
    return clinical.select(
        _patient_id(),
        study=pl.lit("imvigor210"),
        cohort=pl.lit("IMvigor210"),
        source_id=pl.col("tumour"),
        sex=pl.col("Sex").replace_strict({"F": "female", "M": "male"}),
        race=pl.col("Race").replace_strict(RACE, return_dtype=pl.String),
        cancer_type=pl.lit("Bladder"),
        histology=pl.lit("urothelial carcinoma"),
        ecog=pl.col("Baseline.ECOG.Score").cast(pl.String),
        smoking=pl.col("Tobacco.Use.History").replace_strict(SMOKING),
        sample_site=pl.col("Tissue"),
        metastatic_site=pl.col("Met.Disease.Status").replace_strict(METASTASES),
        drug=pl.lit("atezolizumab"),
        drug_class=pl.lit("PD-1/PD-L1"),
        arm=pl.lit("ICB"),
        prior_platinum=pl.col("Received.platinum").replace_strict({"Y": True, "N": False}, return_dtype=pl.Boolean),
        tmb_per_mb=pl.col("FMOne.mutation.burden.per.MB").cast(pl.Float64),
        neoantigen_per_mb=pl.col("Neoantigen.burden.per.MB"),
        pdl1_ic=pl.col("IC.Level"),
        pdl1_tc=pl.col("TC.Level"),
        phenotype=pl.col("Immune.phenotype"),
        molecular_subtype=pl.col("Lund2"),
        recist=recist,
        response=recist.replace_strict({"CR": True, "PR": True, "SD": False, "PD": False}, return_dtype=pl.Boolean),
        response_definition=pl.lit(SOURCE.response_definition),
        os_months=pl.col("os"),
        os_event=pl.col("censOS").replace_strict({1: True, 0: False}, return_dtype=pl.Boolean),
    )


def _sample(clinical: pl.DataFrame) -> pl.DataFrame:
    return clinical.select(
        _patient_id(),
        sample_id=pl.format("imvigor210:{}", "X"),
        study=pl.lit("imvigor210"),
        kind=pl.lit("rna"),
        timepoint=pl.lit("pre-treatment"),
        site=pl.col("Tissue"),
    )


def _voom(path: Path, patients: pl.DataFrame, notes: list[str]) -> Expression:
    _, genes, samples, values = read_expression_set(path, notes=notes)
    place = {sample: column for column, sample in enumerate(samples)}
    ids = patients["X"].to_list()
    if not set(ids) <= set(samples):
        raise SourceCorrupt(f"{path.name} lacks {len(set(ids) - set(samples))} samples of the clinical table")
    return Expression(
        assay="voom",
        unit="voom log2 CPM",
        genes=genes,
        samples=[f"imvigor210:{sample}" for sample in ids],
        patients=patients.select(_patient_id()).to_series().to_list(),
        values=np.ascontiguousarray(values[:, [place[sample] for sample in ids]]),
        preferred=False,
    )


def _tpm(path: Path, patients: pl.DataFrame, notes: list[str]) -> tuple[list[str], pl.DataFrame, Matrix]:
    """One file -> genes, the clinical rows of its columns (in order), values."""
    copy, genes, samples, values = read_summarized_experiment(path, notes=notes)
    linked = pl.Series("tumour", [sample[1:] for sample in samples]).to_frame()
    linked = linked.join(patients, on="tumour", how="left", maintain_order="left")
    _agree(copy, linked, path)
    return genes, linked, values


def _agree(copy: pl.DataFrame, linked: pl.DataFrame, path: Path) -> None:
    """The same patient must have the same survival, response and mutational burden in both files."""
    if linked["X"].null_count():
        raise SourceCorrupt(
            f"{path.name} has {linked['X'].null_count()} patients that the clinical table does not know"
        )
    recist = linked["Best.Confirmed.Overall.Response"].replace_strict(RECIST, return_dtype=pl.String)
    differ = {
        "survival": ((copy["survival_time_os"] - linked["os"]).abs() > TIME_TOLERANCE).sum(),
        "death": copy["event_occurred_os"].ne_missing(linked["censOS"]).sum(),
        "response": copy["recist"].cast(pl.String).ne_missing(recist).sum(),
        "mutational burden": copy["FMOne.mutation.burden.per.MB"]
        .cast(pl.Float64)
        .ne_missing(linked["FMOne.mutation.burden.per.MB"].cast(pl.Float64))
        .sum(),
    }
    for what, count in differ.items():
        if count:
            raise SourceCorrupt(f"{path.name}: {what} of {count} patients differs from {CLINICAL}")


def _joined(assay: str, parts: Sequence[tuple[list[str], pl.DataFrame, Matrix]], *, preferred: bool) -> Expression:
    """Files side by side, over the genes that all of them have."""
    shared = set.intersection(*(set(genes) for genes, _, _ in parts))
    genes = [gene for gene in parts[0][0] if gene in shared]
    blocks = []
    for own, _, values in parts:
        row = {gene: index for index, gene in enumerate(own)}
        blocks.append(values[[row[gene] for gene in genes]])
    linked = pl.concat([rows for _, rows, _ in parts])
    return Expression(
        assay=assay,
        unit="log2 TPM",
        genes=genes,
        samples=linked.select(pl.format("imvigor210:{}", "X")).to_series().to_list(),
        patients=linked.select(_patient_id()).to_series().to_list(),
        values=np.concatenate(blocks, axis=1),
        preferred=preferred,
    )


_BHK = "https://raw.githubusercontent.com/bhklab/PredictioR"
_FIRST, _SECOND = f"{_BHK}/6fb416e13957f01904cca1c968c6a5ee8b735904", f"{_BHK}/655b94730b66bc884d2156d494faebc33273218b"


def _site(url: str, sha256: str, size_bytes: int) -> RemoteFile:
    return RemoteFile(url=url, sha256=sha256, size_bytes=size_bytes, licence="CC BY 3.0 (original); carrier MIT")


SOURCE = Source(
    study="imvigor210",
    title="IMvigor210: atezolizumab in metastatic urothelial cancer",
    citation="Mariathasan S, et al. TGF-beta attenuates tumour response to PD-L1 blockade by contributing to exclusion "
    "of T cells. Nature 2018;554:544-548",
    doi="10.1038/nature25501",
    licence="CC BY 3.0 (IMvigor210CoreBiologies)",
    cancer="Urothelial carcinoma",
    treatment="atezolizumab (anti-PD-L1)",
    load=load,
    files=(
        RemoteFile(
            url="https://raw.githubusercontent.com/mimifp/IMvigor210_mUC/508772c4e1dcc1374cf27c8cb8925ad670fcf04d/"
            "2_data/1_IMvigor210/pData_IMvigor210.csv",
            sha256="33aafccabc6ea95fa95aa8049ace5261c7e5089ecde28811e877f0f5c010f0de",
            size_bytes=75620,
            licence="IMvigor210CoreBiologies CC BY 3.0; carrier repository states none",
        ),
        RemoteFile(
            url="https://raw.githubusercontent.com/IOBR/IOBR/853e81ec25fbce9a96b97c1f31b4519082d7178e/"
            "data/imvigor210_eset.rda",
            sha256="5e11e11b26a313bc9c3bd271f7ca6a23041e93dd0c8345f73fca2bd43fbe16dc",
            size_bytes=1660441,
            licence="CC BY 3.0 (original); carrier GPL-3",
        ),
        _site(
            f"{_BHK}/21f7a30349e24f6ced5b5c657ee6715f9461a414/data/ICB_small_Mariathasan.rda",
            "cb3ac47fa5b8ee2fa8ebbca20f39d02a8df67510f716f9072fcb9e0c5456f21d",
            2633272,
        ),
        _site(
            f"{_FIRST}/data/ICB/ICB_Mariathasan__Lymph_node__PD-%28L%291.rda",
            "716f435b3f951b0e9736980f407fc23d256f81bff33434a5f49252ebe557a251",
            3713262,
        ),
        _site(
            f"{_FIRST}/data/ICB/ICB_Mariathasan__Ureteral__PD-%28L%291.rda",
            "2bb377410f861452702e921362f2711a3e57fa39f1312e05b15f1cb68034e6c4",
            3696535,
        ),
        _site(
            f"{_SECOND}/data/ICB/ICB_Mariathasan__Unknown.rda",
            "ea7d19cd3de5f2c0a1a7532689464ca3fe6717fa2db1699e2f8b166c71ea4486",
            2815286,
        ),
        _site(
            f"{_SECOND}/data/ICB/ICB_Mariathasan__Lung.rda",
            "a828e6c0a06ba5be3b1d6dce647c8fa145c95693743a74a78c461b1b5a9641d2",
            1707592,
        ),
        _site(
            f"{_SECOND}/data/ICB/ICB_Mariathasan__Liver.rda",
            "fc257dcf8cb939f591237c588f20d13b56bc47d4440db20d5f5b7a18d82d81a6",
            1095146,
        ),
    ),
    provides=("patient", "sample", "expression"),
)
