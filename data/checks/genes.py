"""Checks of gene names and of the genes that the signatures need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from data.checks.check import Check, Result, Subject, absent, failed, passed, some, verdict

DATES = re.compile(
    r"^(?:\d{1,2}-(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|"
    r"(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEPT?|OCT|NOV|DEC)-\d{1,2}|4[0-5]\d{3}|\d{4}-\d{2}-\d{2}.*)$",
    re.IGNORECASE,
)
ACCESSIONS = re.compile(r"^(?:ENS[A-Z]*[GTP]\d{6,}|N[MRP]_\d+|\d+|LOC\d+_AT|\d+(?:_[SXA])?_AT)", re.IGNORECASE)
MANGLED = re.compile(r"[\s|;,]|\?\?|^$|///")
KEY_SETS: Mapping[str, tuple[str, ...]] = {
    "T-cell-inflamed profile": (
        "CCL5", "CD27", "CD274", "CD276", "CD8A", "CMKLR1", "CXCL9", "CXCR6", "HLA-DQA1", "HLA-DRB1", "HLA-E", "IDO1", "LAG3",
        "NKG7", "PDCD1LG2", "PSMB10", "STAT1", "TIGIT",
    ),
    "cytolytic activity": ("GZMA", "PRF1"),
    "CD8 T-effector": ("CD8A", "GZMA", "GZMB", "IFNG", "CXCL9", "CXCL10", "PRF1", "TBX21"),
    "interferon gamma": ("IDO1", "CXCL10", "CXCL9", "HLA-DRA", "STAT1", "IFNG"),
    "TGF-beta response": (
        "ACTA2", "ACTG2", "ADAM12", "ADAM19", "CNN1", "COL4A1", "CTGF", "CTPS1", "FAM101B", "FSTL3", "HSPB1", "IGFBP3", "PXDC1",
        "SEMA7A", "SH3PXD2A", "TAGLN", "TGFBI", "TNS1", "TPM1",
    ),
}  # fmt: skip
RENAMED = {"CTGF": "CCN2", "CCN2": "CTGF", "FAM101B": "RFLNB", "RFLNB": "FAM101B", "CTPS1": "CTPS"}
LEAST_COVERAGE = 0.8
ACCESSION_SHARE = 0.05


def _genes(subject: Subject) -> list[str]:
    found: dict[str, None] = {}
    for matrix in subject.expression:
        if matrix.level != "cell":  # cells carry proteins
            found |= dict.fromkeys(matrix.genes)
    for table in ("mutation", "copy_number"):
        found |= dict.fromkeys(subject.frame(table)["gene"].drop_nulls().unique(maintain_order=True).to_list())
    return list(found)


def _matching(subject: Subject, pattern: re.Pattern[str], *, wrong: str) -> Result:
    genes = _genes(subject)
    if not genes:
        return absent("no genes")
    odd = [gene for gene in genes if pattern.search(gene)]
    return verdict(
        odd, wrong=f"{{n}} of {len(genes):,} gene names {wrong}, such as {some(odd)}", right=f"{len(genes):,} names"
    )


def _dates(subject: Subject) -> Result:
    return _matching(subject, DATES, wrong="were turned into dates by a spreadsheet")


def _accessions(subject: Subject) -> Result:
    genes = _genes(subject)
    if not genes:
        return absent("no genes")
    odd = [gene for gene in genes if ACCESSIONS.match(gene)]
    if len(odd) > ACCESSION_SHARE * len(genes):
        return failed(
            odd, f"{len(odd):,} of {len(genes):,} genes have an accession instead of a symbol, such as {some(odd, 3)}"
        )
    return passed(f"{len(genes) - len(odd):,} of {len(genes):,} names are symbols")


def _mangled(subject: Subject) -> Result:
    return _matching(subject, MANGLED, wrong="hold a space or a separator")


def _case(subject: Subject) -> Result:
    genes = _genes(subject)
    if not genes:
        return absent("no genes")
    # C1orf112 is a human symbol; Cd8a is a mouse's
    odd = [gene for gene in genes if gene != gene.upper() and "orf" not in gene]
    return verdict(
        odd, wrong=f"{{n}} of {len(genes):,} names are not upper case, such as {some(odd)}", right="upper case"
    )


def _has(gene: str, genes: set[str]) -> bool:
    return gene in genes or RENAMED.get(gene, "") in genes


def coverage(wanted: Iterable[str], genes: set[str]) -> float:
    """Share of a set's genes that an assay has, by their present or former symbol."""
    names = tuple(wanted)
    return sum(_has(gene, genes) for gene in names) / len(names)


def _coverage(subject: Subject) -> Result:
    bulk = [matrix for matrix in subject.bulk() if matrix.preferred]
    if not bulk:
        return absent("no expression of patients' samples")
    lacking, where = [], []
    for matrix in bulk:
        genes = set(matrix.genes)
        for name, wanted in KEY_SETS.items():
            share = coverage(wanted, genes)
            if share < LEAST_COVERAGE:
                where.append(f"{name} {share:.0%} in {matrix.assay}")
                lacking += [gene for gene in wanted if not _has(gene, genes)]
    return verdict(
        lacking,
        wrong=f"{{n}} signature genes are not measured: {some(where)}",
        right=f"all key signatures have {LEAST_COVERAGE:.0%} of their genes or more",
    )


def _gene_number(subject: Subject) -> Result:
    bulk = subject.bulk()
    if not bulk:
        return absent("no expression of patients' samples")
    small = [f"{matrix.assay} ({len(matrix.genes):,})" for matrix in bulk if len(matrix.genes) < 10_000]
    if small:
        return failed(small, f"assays of few genes, on which ranks within a sample are coarse: {some(small)}")
    return passed(f"{max(len(matrix.genes) for matrix in bulk):,} genes")


CHECKS = (
    Check(id="gene_dates", title="Gene names are not dates", judge=_dates,
          about="A spreadsheet turns MARCH1 and SEPT2 into 1-Mar and 2-Sep; those genes are lost."),
    Check(id="gene_accessions", title="Genes are named by symbol", judge=_accessions,
          about="Signatures name genes by symbol; Ensembl, Entrez or probe ids match none of them."),
    Check(id="gene_separators", title="Gene names are single names", judge=_mangled,
          about="A space, bar or comma in a name joins two genes or an accession to a symbol."),
    Check(id="gene_case", title="Gene names are upper case", judge=_case,
          about="Lower case is how mouse genes are written; they match no human signature."),
    Check(id="gene_coverage", title="The key signatures' genes are measured", judge=_coverage,
          about="A signature with under four fifths of its genes is another signature."),
    Check(id="gene_number", title="The transcriptome is whole", judge=_gene_number,
          about="Rank-based scores compare genes within a sample; a selection of genes changes the ranks."),
)  # fmt: skip
