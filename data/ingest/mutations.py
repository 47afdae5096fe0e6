"""Mutations of a MAF file -> rows of `mutation`, or a reason why not. Read line by line: memory holds what is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from data.errors import IngestError
from data.ingest.clinical import Refusal
from data.ingest.folder import MEGABYTE, at_most, near, text_lines
from data.ingest.study_file import MutationFile
from data.schema import MUTATION

MAF_BYTES = 1024 * MEGABYTE
MAX_ROWS = 2_000_000
NEEDED = ("Hugo_Symbol", "Variant_Classification", "Tumor_Sample_Barcode")
SPECIMEN_ROWS = 2000

EFFECTS: Mapping[str, str] = {
    "missense_mutation": "missense",
    "nonsense_mutation": "nonsense",
    "frame_shift_del": "frameshift",
    "frame_shift_ins": "frameshift",
    "splice_site": "splice",
    "in_frame_del": "inframe",
    "in_frame_ins": "inframe",
    "silent": "silent",
    "splice_region": "other",
    "translation_start_site": "other",
    "nonstop_mutation": "other",
    "de_novo_start_inframe": "other",
    "de_novo_start_outofframe": "other",
    "start_codon_snp": "other",
    "start_codon_ins": "other",
    "start_codon_del": "other",
    "stop_codon_del": "other",
    "stop_codon_ins": "other",
    "3'utr": "other",
    "5'utr": "other",
    "3'flank": "other",
    "5'flank": "other",
    "intron": "other",
    "igr": "other",
    "rna": "other",
    "lincrna": "other",
    "targeted_region": "other",
    "unknown": "other",
}
"""Variant_Classification of the MAF specification, in small letters -> our effect."""

_CHROMOSOME = re.compile(r"(?:chr)?([1-9]|1\d|2[0-2]|x|y|m|mt)", re.IGNORECASE)
_BASES = re.compile(r"[ACGTNacgtn]+|-")
_EMPTY = frozenset({"", ".", "NA", "na", "None"})
_PROTEIN = ("HGVSp_Short", "Protein_Change", "HGVSp", "AAChange")


@dataclass(frozen=True, slots=True, kw_only=True)
class MutationRows:
    """What became of a MAF: rows of `data.schema.MUTATION`, refusals, and how many rows came in."""

    mutations: pl.DataFrame
    refused: tuple[Refusal, ...]
    rows_in: int
    notes: tuple[str, ...]


def specimen(spec: MutationFile) -> pl.DataFrame:
    """The header and, of the first rows, every column as text: what is looked through for identifiers.

    The genomic columns of the MAF specification are left out of the content (their digits are positions), not the
    sample ids.
    """
    rows = _rows(spec)
    names = next(rows)[1]
    kept: list[list[str]] = []
    for _, fields in rows:
        if len(kept) == SPECIMEN_ROWS:
            break
        kept.append((fields + [""] * len(names))[: len(names)])
    columns = []
    for place, name in enumerate(names):
        values = [row[place].strip() or None for row in kept] if name not in _GENOMIC else [None] * len(kept)
        columns.append(pl.Series(name, values, dtype=pl.String))
    return pl.DataFrame(columns)


def read_mutations(spec: MutationFile, study: str, *, patients: Mapping[str, tuple[str, ...]]) -> MutationRows:
    """Read a MAF.

    Parameters
    ----------
    patients : Tumor_Sample_Barcode -> the patient_ids that have it; exactly one makes a row acceptable.

    Raises
    ------
    IngestError
        No MAF: binary, without a needed column, too big; or not one row can be taken in.
    """
    file = spec.path.name
    rows = _rows(spec)
    place = {name: number for number, name in enumerate(next(rows)[1])}
    width = len(place)
    refused: list[Refusal] = []
    kept: list[tuple[object, ...]] = []
    seen: set[int] = set()
    silent_copies = 0
    for line, fields in rows:
        if len(kept) + len(refused) >= MAX_ROWS:
            raise IngestError(f"{file} has more than {MAX_ROWS:,} mutations; keep the somatic, passed ones")
        sample = fields[place["Tumor_Sample_Barcode"]].strip() if len(fields) == width else ""
        record, reason = (
            _record(fields, place, patients=patients)
            if len(fields) == width
            else (None, f"has {len(fields)} values for {width} columns")
        )
        if record is not None and record[5] is not None and hash(record) in seen:
            record, reason = None, "repeats an earlier row of the same patient, place and change"
            silent_copies += 1
        if record is None:
            refused.append((file, line, sample[:100], reason))
        else:
            seen.add(hash(record))
            kept.append(record)
    if not kept:
        why = refused[0][3] if refused else "it has no rows"
        raise IngestError(f"not one mutation of {file} can be taken in: {why}")
    names = [column.name for column in MUTATION.columns if column.name != "study"]
    frame = pl.DataFrame(kept, schema={name: MUTATION.dtypes[name] for name in names}, orient="row")
    notes = [f"{silent_copies} rows of {file} repeat an earlier one."] if silent_copies else []
    return MutationRows(
        mutations=MUTATION.conform(frame.with_columns(pl.lit(study).alias("study"))),
        refused=tuple(refused),
        rows_in=len(kept) + len(refused),
        notes=tuple(notes),
    )


_GENOMIC = frozenset(
    """
    Hugo_Symbol Entrez_Gene_Id Center NCBI_Build Chromosome Start_Position End_Position Strand Variant_Classification
    Variant_Type Reference_Allele Tumor_Seq_Allele1 Tumor_Seq_Allele2 dbSNP_RS dbSNP_Val_Status HGVSc HGVSp HGVSp_Short
    Transcript_ID Exon_Number t_depth t_ref_count t_alt_count n_depth n_ref_count n_alt_count all_effects Gene Feature
    Consequence cDNA_position CDS_position Protein_position Amino_acids Codons Existing_variation SYMBOL HGNC_ID
    PUBMED DOMAINS vcf_region vcf_pos vcf_id CONTEXT COSMIC Protein_Change Sequencer Sequence_Source SWISSPROT UNIPARC
    TREMBL ENSP CCDS SOMATIC PHENO CLIN_SIG
    """.split()  # noqa: SIM905
)


def _rows(spec: MutationFile) -> Iterator[tuple[int, list[str]]]:
    """(line, fields), the header first; lines with '#' and blank ones are no rows."""
    path = spec.path
    at_most(path, MAF_BYTES, what="a MAF")
    header: list[str] | None = None
    for number, text in enumerate(text_lines(path, encoding="utf-8", limit=4 * MAF_BYTES), start=1):
        if header is None and text.startswith("#"):
            continue
        stripped = text.rstrip("\r\n")
        if not stripped.strip():
            continue
        fields = stripped.split("\t")
        if header is None:
            header = [name.strip() for name in fields]
            for needed in NEEDED:
                if needed not in header:
                    raise IngestError(
                        f"{path.name} has no column {needed!r}, which a MAF needs; {near(needed, header)}"
                    )
            if len(set(header)) != len(header):
                twice = next(name for name in header if header.count(name) > 1)
                raise IngestError(f"{path.name} has the column {twice!r} more than once; keep one")
            yield number, header
        else:
            yield number, fields
    if header is None:
        raise IngestError(f"{path.name} holds no header; the first line without '#' must name the columns")


def _record(
    fields: list[str], place: Mapping[str, int], *, patients: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[object, ...] | None, str]:
    """Values of a mutation row without `study`, or the reason why not."""

    def cell(*names: str) -> str | None:
        for name in names:
            if name in place and fields[place[name]].strip() not in _EMPTY:
                return fields[place[name]].strip()
        return None

    sample = cell("Tumor_Sample_Barcode")
    owners = patients.get(sample or "", ())
    if sample is None or len(owners) != 1:
        many = "two patients name this sample" if owners else "no accepted patient has this sample id"
        return None, many if sample else "no Tumor_Sample_Barcode"
    gene = cell("Hugo_Symbol")
    if gene is None or gene.lower() == "unknown":
        return None, "no Hugo_Symbol"
    classification = cell("Variant_Classification")
    effect = EFFECTS.get((classification or "").lower())
    if effect is None:
        return None, f"Variant_Classification {(classification or '')[:40]!r} is not in the MAF specification"
    chromosome = cell("Chromosome")
    match = _CHROMOSOME.fullmatch(chromosome) if chromosome else None
    if chromosome and not match:
        return None, f"Chromosome {chromosome[:24]!r} is none of 1 to 22, X, Y, MT"
    position = cell("Start_Position", "Start_position")
    if position is not None and not (position.isascii() and position.isdigit() and 0 < int(position) < 300_000_000):
        return None, f"Start_Position {position[:24]!r} is no position on a chromosome"
    reference, alternate = cell("Reference_Allele"), cell("Tumor_Seq_Allele2", "Alternate_Allele")
    for allele in (reference, alternate):
        if allele is not None and not _BASES.fullmatch(allele):
            return None, f"allele {allele[:24]!r} is no sequence of A, C, G, T"
    vaf, reason = _vaf(cell("t_alt_count"), cell("t_ref_count"), depth=cell("t_depth"))
    if reason:
        return None, reason
    values = (
        owners[0], gene.upper(), cell(*_PROTEIN), effect, match[1].upper().replace("MT", "M") if match else None,
        int(position) if position else None, reference, alternate, vaf,
    )  # fmt: skip
    return values, ""


def _vaf(alternate: str | None, reference: str | None, *, depth: str | None) -> tuple[float | None, str]:
    """Reads with the alternate allele over all reads; null where the counts are not given."""
    if alternate is None or (reference is None and depth is None):
        return None, ""
    try:
        reads = float(alternate)
        total = float(depth) if depth is not None else reads + float(reference or 0)
    except ValueError:
        return None, "t_alt_count, t_ref_count or t_depth is not a number"
    if not (0 <= reads <= total < 1e9):
        return None, f"t_alt_count {reads:g} of t_depth {total:g} is impossible"
    return (reads / total if total else None), ""
