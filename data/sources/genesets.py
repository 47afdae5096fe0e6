"""Published gene sets: MSigDB hallmark, MCP-counter markers, the quanTIseq TIL10 reference.

They are read at build time like a study, into the table `gene_set`, and carry no patients.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.errors import SourceCorrupt
from data.schema import GENE_SET
from data.sources.source import Files, RemoteFile, Source, StudyTables

STUDY = "genesets"
HALLMARK, MCP_COUNTER, TIL10, TIL10_EXCLUDED = "hallmark", "mcp_counter", "quantiseq_til10", "quantiseq_excluded"
N_HALLMARK, N_MCP_POPULATIONS, N_TIL10_GENES, N_TIL10_CELL_TYPES = 50, 10, 170, 10
MCP_REPAIRED = {"C": "CAVIN2"}
"""Broken symbols of the MCP-counter table, repaired by their Entrez id (8436 = CAVIN2)."""

_GSEAPY = "https://raw.githubusercontent.com/zqfang/GSEApy/08cb2b689def365f7dee1f5da50c49d3a149cf5a/tests/extdata"
_MCP = "https://raw.githubusercontent.com/ebecht/MCPcounter/b6eac73e91c246fcff0bb1a5c68a816cd588fc48/Signatures"
_TIL10 = (
    "https://raw.githubusercontent.com/omnideconv/immunedeconv/6f6f66ea5dd549ae5f1c99d32f9b6aeee3d1f15a/"
    "inst/extdata/quantiseq"
)


def read_gmt(path: Path) -> pl.DataFrame:
    """Read a .gmt file (name, link, genes separated by tabs) into (name, gene), one row a gene of a set."""
    rows: list[tuple[str, str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.rstrip("\t").split("\t")
        if not line.strip():
            continue
        if len(fields) < 3:
            raise SourceCorrupt(
                f"line {number} of {path.name} has {len(fields)} fields; a gene set needs a name, a link and genes"
            )
        rows.extend((fields[0], gene.strip().upper()) for gene in dict.fromkeys(fields[2:]) if gene.strip())
    return pl.DataFrame(rows, schema={"name": pl.String(), "gene": pl.String()}, orient="row").unique(
        maintain_order=True
    )


def read_mcp_counter(path: Path) -> pl.DataFrame:
    """Read MCP-counter's genes.txt into (name, gene): name = cell population."""
    frame = pl.read_csv(path, separator="\t", quote_char='"', infer_schema=False)
    needed = {"HUGO symbols", "Cell population"}
    if not needed <= set(frame.columns):
        raise SourceCorrupt(f"{path.name} lacks the columns {', '.join(sorted(needed - set(frame.columns)))}")
    return frame.select(
        name="Cell population", gene=pl.col("HUGO symbols").replace(MCP_REPAIRED).str.to_uppercase()
    ).unique(maintain_order=True)


def read_til10(signature: Path, scaling: Path) -> pl.DataFrame:
    """Read the TIL10 reference into (name, gene, weight, mrna_scaling): mean TPM of a gene in a cell type."""
    matrix = pl.read_csv(signature, separator="\t")
    content = pl.read_csv(scaling, separator="\t", has_header=False, new_columns=["name", "mrna_scaling"])
    cells = [column for column in matrix.columns if column != "ID"]
    if set(cells) != set(content["name"]):
        raise SourceCorrupt(f"cell types of {signature.name} and {scaling.name} differ")
    return (
        matrix.unpivot(on=cells, index="ID", variable_name="name", value_name="weight")
        .join(content, on="name", how="left", maintain_order="left")
        .select(
            "name", pl.col("ID").str.to_uppercase().alias("gene"), pl.col("weight").cast(pl.Float64()), "mrna_scaling"
        )
    )


def read_symbols(path: Path) -> list[str]:
    """Gene symbols, one a line."""
    return [line.strip().upper() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def load(files: Files) -> StudyTables:
    """Read all collections into the table `gene_set`."""
    hallmark = read_gmt(files.path("h.all.v7.0.symbols.gmt")).with_columns(collection=pl.lit(HALLMARK))
    mcp = read_mcp_counter(files.path("/genes.txt")).with_columns(collection=pl.lit(MCP_COUNTER))
    til10 = read_til10(files.path("TIL10_signature.txt"), files.path("TIL10_mRNA_scaling.txt")).with_columns(
        collection=pl.lit(TIL10)
    )
    excluded = pl.DataFrame(
        [("noisy", gene) for gene in read_symbols(files.path("TIL10_rmgenes.txt"))]
        + [("aberrant_in_tumour", gene) for gene in read_symbols(files.path("TIL10_TCGA_aberrant_immune_genes.txt"))],
        schema={"name": pl.String(), "gene": pl.String()},
        orient="row",
    ).with_columns(collection=pl.lit(TIL10_EXCLUDED))
    found = {
        "hallmark sets": (hallmark["name"].n_unique(), N_HALLMARK),
        "MCP-counter populations": (mcp["name"].n_unique(), N_MCP_POPULATIONS),
        "TIL10 genes": (til10["gene"].n_unique(), N_TIL10_GENES),
        "TIL10 cell types": (til10["name"].n_unique(), N_TIL10_CELL_TYPES),
    }
    for what, (n, expected) in found.items():
        if n != expected:
            raise SourceCorrupt(f"{n} {what} were read; the published files hold {expected}")
    frame = pl.concat([hallmark, mcp, til10, excluded], how="diagonal").with_columns(study=pl.lit(STUDY))
    return StudyTables(
        tables={"gene_set": GENE_SET.conform(frame)},
        notes=("MCP-counter's endothelial list names a gene 'C'; its Entrez id (8436) says CAVIN2, which is used.",),
    )


SOURCE = Source(
    study=STUDY,
    title="Published gene sets (MSigDB hallmark, MCP-counter, quanTIseq TIL10)",
    citation=(
        "Liberzon et al., Cell Syst 2015 (doi 10.1016/j.cels.2015.12.004); Becht et al., Genome Biol 2016 "
        "(doi 10.1186/s13059-016-1070-5); Finotello et al., Genome Med 2019 (doi 10.1186/s13073-019-0638-6)"
    ),
    doi="10.1186/s13073-019-0638-6",
    licence="CC BY 4.0 (hallmark); CC0 (MCP-counter); BSD-3-Clause (quanTIseq)",
    cancer="",
    treatment="",
    response_definition="none: gene sets only",
    load=load,
    provides=("gene_set",),
    files=(
        RemoteFile(
            url=f"{_GSEAPY}/h.all.v7.0.symbols.gmt",
            sha256="4803c09aae50bbd96d53fc681bd5545a4c89278993c15145dd7b7c994f893516",
            size_bytes=48334,
            licence="CC BY 4.0 (MSigDB hallmark)",
        ),
        RemoteFile(
            url=f"{_MCP}/License.txt",
            sha256="a2a7150a5cc1cbe08d513b7bae7c45362e34e8bb2851b31434f527a16817e2f0",
            size_bytes=6488,
            licence="CC0",
        ),
        RemoteFile(
            url=f"{_MCP}/genes.txt",
            sha256="408f6c5d02c8f9bd2f1599c598367881853520934f8ce398a4886a8b296922bb",
            size_bytes=5342,
            licence="CC0",
        ),
        RemoteFile(
            url=f"{_TIL10}/TIL10_TCGA_aberrant_immune_genes.txt",
            sha256="5182b9441fd03119da12a83ad932b9053cf73c62edc4028d55360ca3ad347fc3",
            size_bytes=113,
            licence="BSD-3-Clause (quanTIseq)",
        ),
        RemoteFile(
            url=f"{_TIL10}/TIL10_mRNA_scaling.txt",
            sha256="c7fa748a99c8f3e377924a7b35bed3000243966ee42beab7efac444940eecbd2",
            size_bytes=294,
            licence="BSD-3-Clause (quanTIseq)",
        ),
        RemoteFile(
            url=f"{_TIL10}/TIL10_rmgenes.txt",
            sha256="8cb21c3544b34799993f72fc2d89d1104d1811a043ed55970ac0f96cbecdef68",
            size_bytes=116,
            licence="BSD-3-Clause (quanTIseq)",
        ),
        RemoteFile(
            url=f"{_TIL10}/TIL10_signature.txt",
            sha256="76aababc370c143705ee895f094a45eb168b87b10f30783bdcedbe4c4c0fecf9",
            size_bytes=28637,
            licence="BSD-3-Clause (quanTIseq)",
        ),
    ),
)
