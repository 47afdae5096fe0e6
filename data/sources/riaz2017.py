"""Riaz 2017 (CheckMate 038): nivolumab in melanoma, naive to or progressed on ipilimumab; RNA, exomes, mutations."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from data.errors import SourceCorrupt
from data.sources import predictior
from data.sources.source import Files, RemoteFile, Source, StudyTables

STUDY = "riaz2017"
CLINICAL = "bms038_clinical_data.csv"
BIOPSIES = "SampleTableCorrected.9.19.16.csv"
MUTATIONS = "pre_therapy_nonsynonmous_mutations.csv"
MATRICES = ("ICB_Riaz__Melanoma__PD-(L)1.rda", "ICB_Riaz__Melanoma__IO+combo.rda")
EXOME_MB = 67.3
"""Exome size behind PredictioR's burden per Mb; the paper gives counts only."""
CARRIER_DAYS_PER_MONTH = 28.0  # unlike PredictioR's other studies
DAYS_TOLERANCE = 1e-3
HISTOLOGY = {
    "CUTANEOUS": "cutaneous",
    "MUCOSAL": "mucosal",
    "ACRAL": "acral",
    "OCULAR/UVEAL": "uveal",
    "OTHER": "other",
}
EFFECTS = (
    ("stop_gained", "nonsense"),
    ("splice_acceptor", "splice"),
    ("splice_donor", "splice"),
    ("missense", "missense"),
)
"""The first term found in SnpEff's classification decides; anything else is 'other'."""
SPREADSHEET_DATE = re.compile(r"^(\d+)-(Mar|Sep|Dec)$")
SPREADSHEET_GENES = {"Mar": "MARCHF", "Sep": "SEPTIN", "Dec": "DELEC"}

NOTES = (
    "Survival is taken in days from the authors' table (PredictioR's months are days / 28) and given in days / 30.4375. "
    "OS_SOR and PFS_SOR are censor flags: 1 = censored.",
    "3 patients died before the first assessment (NE): their response is missing; the authors' "
    "myBOR counts them as PD.",
    "Best response is the authors' BOR (CR 3, PR 12); their IBOR differs in 6 of the 65 patients who have both; it "
    "is missing in 4 of the 15 responders.",
    "3 patients died with PFS censored earlier (Pt2, Pt53, Pt70), as published.",
    "46 pre-treatment tumours have RNA here. 5 more pre-treatment and 57 on-treatment ones are listed by the authors, "
    "without public values in these files.",
    "Age and sex are not published. Histology and stage are given for the patients with RNA only.",
    f"Burden per Mb is the non-synonymous count / {EXOME_MB} Mb, PredictioR's exome size.",
    "Mutations are on GRCh37, single-base changes only; alleles are published on the coding strand (HGVS) and therefore "
    "left out here. 237 changes that SnpEff calls protein_protein_contact are 'other', without a protein change.",
    "26 gene names had become dates in a spreadsheet (such as 2-Sep) and are restored; the positions fit.",
)


def load(files: Files) -> StudyTables:
    """Read clinical table, biopsy list, mutations and the two matrices; check that they agree.

    Raises
    ------
    SourceCorrupt
        A file without its columns, a matrix column that is no pre-treatment biopsy, or a patient who lived or responded
        otherwise in the matrices' clinical columns, or an unknown patient among the mutations.
    """
    notes = list(NOTES)
    clinical = _csv(files.path(CLINICAL), ("PatientID", "Cohort", "BOR", "PFS_SOR", "OS_SOR", "OS", "PFS"))
    biopsies = _csv(files.path(BIOPSIES), ("Sample", "PatientID", "PreOn"))
    mutation = _mutation(files.path(MUTATIONS))
    experiment = predictior.read(files, MATRICES, notes=notes)
    before = biopsies.filter(pl.col("PreOn") == "Pre")["PatientID"]
    _agree(experiment.clinical, clinical, before)
    counts = mutation.group_by("patient_id").agg(mutations=pl.len())
    rna = experiment.clinical["patientid"].to_list()
    patient = _patient(clinical, experiment.clinical, counts)
    exomes = patient.filter(pl.col("mutation_count").is_not_null())["source_id"].to_list()
    if len(exomes) != counts.height:
        raise SourceCorrupt(f"{MUTATIONS} names {counts.height - len(exomes)} patients whom {CLINICAL} does not know")
    return StudyTables(
        tables={
            "patient": patient,
            "sample": pl.concat([_sample(rna, kind="rna"), _sample(exomes, kind="exome")]),
            "mutation": mutation,
        },
        expression=[predictior.expression(STUDY, experiment, rna)],
        notes=notes,
    )


def _csv(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """A comma-separated file with any of the three line ends (two of these files end lines in CR)."""
    try:
        text = path.read_bytes().decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
        frame = pl.read_csv(text.encode(), null_values=["NA"], infer_schema_length=None)
        frame.select(columns)
    except pl.exceptions.PolarsError as error:
        raise SourceCorrupt(f"{path.name} is not the table of Riaz 2017: {error}") from error
    return frame


def _agree(copy: pl.DataFrame, clinical: pl.DataFrame, before: pl.Series) -> None:
    strangers = set(copy["patientid"]) - set(before)
    if strangers:
        raise SourceCorrupt(f"{BIOPSIES} lists no pre-treatment biopsy of {', '.join(sorted(strangers))}")
    both = copy.join(clinical, left_on="patientid", right_on="PatientID", how="left", maintain_order="left")
    for what, differs in {
        "survival": (pl.col("survival_time_os") * CARRIER_DAYS_PER_MONTH - pl.col("OS")).abs() > DAYS_TOLERANCE,
        "death": pl.col("event_occurred_os") != 1 - pl.col("OS_SOR"),
        "best response": pl.col("recist").fill_null("NE") != pl.col("BOR"),
    }.items():
        count = both.select(differs.fill_null(value=True).sum()).item()
        if count:
            raise SourceCorrupt(f"{what} of {count} patients differs between {CLINICAL} and the matrices")


def _patient(clinical: pl.DataFrame, copy: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    copy = copy.select("patientid", "histo", "stage", "Neo.antigen.Load")
    joined = (
        clinical.join(copy, left_on="PatientID", right_on="patientid", how="left", maintain_order="left")
        .with_columns(predictior.patient_id(STUDY, pl.col("PatientID")).alias("patient_id"))
        .join(counts, on="patient_id", how="left", maintain_order="left")
    )
    progressed = pl.col("Cohort") == "NIV3-PROG"
    return joined.select(
        **predictior.identity(STUDY, "Riaz", pl.col("PatientID")),
        cancer_type=pl.lit("Melanoma"),
        histology=predictior.category("histo", HISTOLOGY),
        stage=pl.col("stage"),
        drug=pl.lit("nivolumab"),
        drug_class=pl.lit("PD-1/PD-L1"),
        prior_systemic_therapy=pl.when(progressed).then(statement=True),
        prior_ctla4=progressed,
        tmb_per_mb=pl.col("mutations") / EXOME_MB,
        mutation_count=pl.col("mutations"),
        neoantigen_count=pl.col("Neo.antigen.Load"),
        molecular_subtype=predictior.category(
            "SubtypeEZ", {"BRAF": "BRAF", "RAS": "RAS", "NF1": "NF1", "TripleWt": "triple wild type"}
        ),
        **predictior.outcome(predictior.recist("BOR"), SOURCE.response_definition),
        os_months=predictior.months(pl.col("OS")),
        os_event=predictior.flag("OS_SOR", {0: True, 1: False}),
        pfs_months=predictior.months(pl.col("PFS")),
        pfs_event=predictior.flag("PFS_SOR", {0: True, 1: False}),
    )


def _sample(source_ids: list[str], *, kind: str) -> pl.DataFrame:
    frame = pl.DataFrame({"source_id": source_ids}, schema={"source_id": pl.String})
    return predictior.sample(
        STUDY, frame.with_columns(timepoint=pl.lit("pre-treatment"), site=pl.lit(None, pl.String)), kind=kind
    )


def _mutation(path: Path) -> pl.DataFrame:
    frame = _csv(path, ("Patient", "Hugo Symbol", "Chromosome", "Start", "Variant Classification", "HGVS_p", "Taf"))
    kind = pl.col("Variant Classification")
    effect = pl.lit("other")
    for term, name in reversed(EFFECTS):
        effect = pl.when(kind.str.contains(term, literal=True)).then(pl.lit(name)).otherwise(effect)
    restored = {symbol: _symbol(symbol) for symbol in frame["Hugo Symbol"].unique()}
    return frame.select(
        patient_id=predictior.patient_id(STUDY, pl.col("Patient")),
        study=pl.lit(STUDY),
        gene=pl.col("Hugo Symbol").replace_strict(restored),
        protein_change=pl.when(pl.col("HGVS_p") != ".").then(pl.col("HGVS_p")),
        effect=effect,
        chromosome=pl.col("Chromosome").cast(pl.String),
        position=pl.col("Start"),
        vaf=pl.col("Taf"),
    )


def _symbol(name: str) -> str:
    """Upper-case symbol; '2-Sep' is SEPTIN2, '1-Mar' MARCHF1, '1-Dec' DELEC1 again."""
    date = SPREADSHEET_DATE.match(name)
    return f"{SPREADSHEET_GENES[date[2]]}{date[1]}" if date else name.upper()


def _native(name: str, sha256: str, size_bytes: int) -> RemoteFile:
    base = "https://raw.githubusercontent.com/riazn/bms038_analysis/137111c38a32f8626ee6a436e14ac667bd31b1e7/data"
    return RemoteFile(url=f"{base}/{name}", sha256=sha256, size_bytes=size_bytes, licence="none stated")


SOURCE = Source(
    study=STUDY,
    title="Riaz 2017 (CheckMate 038): nivolumab in melanoma",
    citation="Riaz N, et al. Tumor and microenvironment evolution during immunotherapy with nivolumab. "
    "Cell 2017;171:934-949",
    doi="10.1016/j.cell.2017.09.028",
    licence="none stated (clinical, mutations); matrices MIT (repository); patient data keep the source paper's terms",
    cancer="Melanoma",
    treatment="nivolumab (anti-PD-1), with or without earlier ipilimumab",
    load=load,
    files=(
        predictior.remote(
            "6fb416e13957f01904cca1c968c6a5ee8b735904/data/ICB/ICB_Riaz__Melanoma__PD-%28L%291.rda",
            "dd45ae7be6e901120342f9ce16b4493a751c69050057089567dbf5209ae7b532",
            3641624,
        ),
        predictior.remote(
            "6fb416e13957f01904cca1c968c6a5ee8b735904/data/ICB/ICB_Riaz__Melanoma__IO%2Bcombo.rda",
            "c2a1eea1e23d367b9b5a4bfb42ff18da2851cd0630c2deff90facce448e151cc",
            3633052,
        ),
        _native(CLINICAL, "a70ae5a0b1156b6d85ec89f0d58f3f67538bfb969d53ec5d98232411d19869ab", 8112),
        _native(BIOPSIES, "775106fc1d43684bbd22414d179c4af08036de32cc2edacb1f50ed38768a4496", 11689),
        _native(MUTATIONS, "e68569fd55caf93c730e690ae99948254fca382d024f24eb9c73e94cf6e0d3ed", 2555798),
    ),
    provides=("patient", "sample", "expression", "mutation"),
)
