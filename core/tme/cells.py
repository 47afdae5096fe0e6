"""Cells: what each way of counting them calls its parts, which parts make TILs and TAMs, and what its numbers mean.

TILs (tumour-infiltrating lymphocytes) and TAMs (tumour-associated macrophages) are no estimate of their own: they are sums of a
method's parts, by the rule that `Part.rule` states. They were infiltrating or tumour-associated by where the sample was taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.tme import deconvolution

Kind = Literal["fraction", "density", "score"]
IMMUNE = "All immune cells"
REST = "rest"
"""Family of what is left when the counted cells are taken away: drawn, never tested (the sum of the others is)."""
ALL, LEUKOCYTES = "of all cells", "of leukocytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One line of a composition.

    Attributes
    ----------
    name : in words. cells : stored names that add up to it. family : gives its colour, see `core.figures.cell_composition`.
    total : true for a sum over other parts (TILs, TAMs), which is tested but not stacked again. rule : how it is made.
    """

    name: str
    cells: tuple[str, ...]
    family: str
    total: bool = False
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way of counting cells.

    Attributes
    ----------
    key : address. label : in menus. kind : 'fraction' (parts of a whole), 'density' (cells per mm², can be stacked), 'score'
        (compares tumours, never cell types; not stacked). unit : of the values. parts : in the order of stacking, totals last.
    stored : `method` in table cell_fraction; "" where the numbers lie elsewhere. about : one sentence for captions.
    doi : of the method.
    """

    key: str
    label: str
    kind: Kind
    unit: str
    parts: tuple[Part, ...]
    stored: str = ""
    about: str = ""
    doi: str = ""

    @property
    def stacked(self) -> bool:
        """Whether its parts may be put on top of each other."""
        return self.kind != "score"

    def pieces(self) -> tuple[Part, ...]:
        """Parts that make up the whole."""
        return tuple(part for part in self.parts if not part.total)

    def totals(self) -> tuple[Part, ...]:
        """TILs, TAMs and the like."""
        return tuple(part for part in self.parts if part.total)


def _sum(name: str, *cells: str) -> Part:
    return Part(name=name, cells=cells, family="total", total=True, rule=f"{name} = {' + '.join(cells)}")


_IMMUNE = tuple(deconvolution.CELL_TYPES.values())
_LYMPHOID = ("CD8 T cells", "CD4 T cells, non-regulatory", "Regulatory T cells", "B cells", "NK cells")

QUANTISEQ = Method(
    key="quantiseq", label="quanTIseq, fractions of all cells", kind="fraction", unit=ALL, stored=deconvolution.METHOD, doi="10.1186/s13073-019-0638-6",
    about="quanTIseq: constrained least squares on the TIL10 profiles, divided by mRNA content, without genes that tumours express; "
    "it has no stromal profile, so stroma is in the rest.",
    parts=(
        Part(name="CD8 T cells", cells=("CD8 T cells",), family="cd8"),
        Part(name="CD4 T cells, non-regulatory", cells=("CD4 T cells, non-regulatory",), family="cd4"),
        Part(name="Regulatory T cells", cells=("Regulatory T cells",), family="treg"),
        Part(name="NK cells", cells=("NK cells",), family="nk"),
        Part(name="B cells", cells=("B cells",), family="b"),
        Part(name="Macrophages M1", cells=("Macrophages M1",), family="m1"),
        Part(name="Macrophages M2", cells=("Macrophages M2",), family="m2"),
        Part(name="Monocytes", cells=("Monocytes",), family="monocyte"),
        Part(name="Dendritic cells", cells=("Dendritic cells",), family="dendritic"),
        Part(name="Neutrophils", cells=("Neutrophils",), family="granulocyte"),
        Part(name="Tumour, stroma and other cells", cells=(deconvolution.OTHER,), family=REST),
        _sum("TILs", *_LYMPHOID),
        _sum("TAMs", "Macrophages M1", "Macrophages M2"),
        Part(name=IMMUNE, cells=_IMMUNE, family="total", total=True, rule=f"{IMMUNE} = the ten cell types"),
    ),
)  # fmt: skip

_T4 = ("CD4 T cells, naive", "CD4 T cells, memory resting", "CD4 T cells, memory activated", "T cells, follicular helper")
_B = ("B cells, naive", "B cells, memory")
_NK = ("NK cells, resting", "NK cells, activated")
_TAM = ("Macrophages M0", "Macrophages M1", "Macrophages M2")
_TIL22 = ("CD8 T cells", *_T4, "Regulatory T cells", "T cells, gamma delta", *_NK, *_B, "Plasma cells")

_CIBERSORT = (
    Part(name="CD8 T cells", cells=("CD8 T cells",), family="cd8"),
    Part(name="CD4 T cells", cells=_T4, family="cd4", rule="CD4 T cells = naive + memory resting + memory activated + follicular helper"),
    Part(name="Regulatory T cells", cells=("Regulatory T cells",), family="treg"),
    Part(name="T cells, gamma delta", cells=("T cells, gamma delta",), family="gd"),
    Part(name="NK cells", cells=_NK, family="nk", rule="NK cells = resting + activated"),
    Part(name="B cells", cells=_B, family="b", rule="B cells = naive + memory"),
    Part(name="Plasma cells", cells=("Plasma cells",), family="plasma"),
    Part(name="Macrophages M0", cells=("Macrophages M0",), family="m0"),
    Part(name="Macrophages M1", cells=("Macrophages M1",), family="m1"),
    Part(name="Macrophages M2", cells=("Macrophages M2",), family="m2"),
    Part(name="Monocytes", cells=("Monocytes",), family="monocyte"),
    Part(name="Dendritic cells", cells=("Dendritic cells, resting", "Dendritic cells, activated"), family="dendritic", rule="Dendritic cells = resting + activated"),
    Part(name="Mast cells", cells=("Mast cells, resting", "Mast cells, activated"), family="mast", rule="Mast cells = resting + activated"),
    Part(name="Neutrophils and eosinophils", cells=("Neutrophils", "Eosinophils"), family="granulocyte"),
)  # fmt: skip
_TOTALS22 = (
    Part(name="TILs", cells=_TIL22, family="total", total=True, rule="TILs = all T cells + NK cells + B cells + plasma cells"),
    Part(name="TAMs", cells=_TAM, family="total", total=True, rule="TAMs = Macrophages M0 + M1 + M2"),
)

CIBERSORT = Method(
    key="cibersort", label="CIBERSORT, fractions of leukocytes", kind="fraction", unit=LEUKOCYTES, stored="CIBERSORT", doi="10.1038/nmeth.3337",
    about="CIBERSORT, 22 published fractions put together into 14: parts of the leukocytes, however few of them a tumour has.",
    parts=(*_CIBERSORT, *_TOTALS22),
)  # fmt: skip

ABSOLUTE = Method(
    key="cibersort_absolute", label="CIBERSORT × leukocyte fraction, of all cells", kind="fraction", unit=ALL, stored="CIBERSORT", doi="10.1016/j.immuni.2018.03.023",
    about="CIBERSORT fractions of leukocytes (RNA) times the leukocyte fraction (DNA methylation), as in Thorsson 2018.",
    parts=(
        *_CIBERSORT, Part(name="Tumour, stroma and other cells", cells=(), family=REST), *_TOTALS22,
        Part(name=IMMUNE, cells=(), family="total", total=True, rule=f"{IMMUNE} = leukocyte fraction (DNA methylation)"),
    ),
)  # fmt: skip

MCP = Method(
    key="mcp", label="MCP-counter, relative scores", kind="score", unit="SD within the cohort", doi="10.1186/s13059-016-1070-5",
    about="MCP-counter: mean log2 expression of marker genes, standardised within the cohort. A score compares tumours, never two cell types, "
    "so the scores are not stacked.",
    parts=(
        Part(name="T cells", cells=("mcp_t_cells",), family="cd4"),
        Part(name="CD8 T cells", cells=("mcp_cd8_t_cells",), family="cd8"),
        Part(name="Cytotoxic lymphocytes", cells=("mcp_cytotoxic_lymphocytes",), family="gd"),
        Part(name="NK cells", cells=("mcp_nk_cells",), family="nk"),
        Part(name="B lineage", cells=("mcp_b_lineage",), family="b"),
        Part(name="Monocytic lineage (TAMs)", cells=("mcp_monocytic_lineage",), family="m2", rule="TAMs: MCP-counter has monocytes and macrophages in one score, M1 and M2 apart in none"),
        Part(name="Myeloid dendritic cells", cells=("mcp_myeloid_dendritic_cells",), family="dendritic"),
        Part(name="Neutrophils", cells=("mcp_neutrophils",), family="granulocyte"),
        Part(name="Endothelial cells", cells=("mcp_endothelial_cells",), family="endothelial"),
        Part(name="Fibroblasts", cells=("mcp_fibroblasts",), family="fibroblast"),
        Part(name="TILs", cells=("mcp_t_cells", "mcp_b_lineage", "mcp_nk_cells"), family="total", total=True, rule="TILs = mean of the standardised scores of T cells, B lineage and NK cells"),
    ),
)  # fmt: skip

STATES = Method(
    key="states", label="Cytotoxic and exhaustion scores", kind="score", unit="SD within the cohort", doi="10.1126/science.aad0501",
    about="Cytotoxicity and exhaustion: mean of the genes' z-scores within the study (markers selected after Tirosh 2016); cytolytic activity: geometric mean "
    "of GZMA and PRF1 (Rooney 2015). In bulk RNA each also rises with the number of T cells.",
    parts=(
        Part(name="Cytotoxicity", cells=("cytotoxicity",), family="cd8", rule="Cytotoxicity: NKG7, CCL4, CST7, PRF1, GZMA, GZMB, IFNG, CCL3"),
        Part(name="Cytolytic activity", cells=("cyt",), family="gd", rule="Cytolytic activity: GZMA, PRF1"),
        Part(name="Exhaustion", cells=("exhaustion",), family="m1", rule="Exhaustion: PDCD1, TIGIT, LAG3, HAVCR2, CTLA4"),
        Part(name="Exhaustion beyond cytotoxicity", cells=("exhaustion", "cytotoxicity"), family="m2", rule="Exhaustion beyond cytotoxicity = exhaustion − cytotoxicity, both in SD"),
    ),
)  # fmt: skip

_HE = "DENSITY [{} CELLS] IN [TUMOR]"
SLIDES = Method(
    key="slides", label="H&E slides, cells per mm²", kind="density", unit="cells per mm² of tumour", doi="10.1038/s41467-021-21896-9",
    about="Cells that a network counted on H&E slides, per mm² of tumour area; mean over the patient's slides.",
    parts=(
        Part(name="Lymphocytes", cells=(_HE.format("LYMPHOCYTE"),), family="cd8"),
        Part(name="Plasma cells", cells=(_HE.format("PLASMA"),), family="plasma"),
        Part(name="Macrophages", cells=(_HE.format("MACROPHAGE"),), family="m2"),
        Part(name="Fibroblasts", cells=(_HE.format("FIBROBLAST"),), family="fibroblast"),
        Part(name="Cancer cells", cells=(_HE.format("CANCER"),), family="cancer"),
        Part(name="TILs", cells=(_HE.format("LYMPHOCYTE"), _HE.format("PLASMA")), family="total", total=True, rule="TILs = lymphocytes + plasma cells"),
    ),
)  # fmt: skip

METHODS: Mapping[str, Method] = {m.key: m for m in (QUANTISEQ, ABSOLUTE, CIBERSORT, MCP, STATES, SLIDES)}
"""In the order in which a page offers them."""

PUBLISHED = "published"
"""Prefix of the key of a method that only a study's own table knows: its cell types are shown as they are called there."""


def published(stored: str, cells: tuple[str, ...]) -> Method:
    """A method that a study or an upload brought: one part a cell type, TILs and TAMs where the names say so."""
    families = ("cd8", "cd4", "b", "nk", "m1", "m2", "monocyte", "dendritic", "granulocyte", "fibroblast", "endothelial", "plasma", "treg", "gd", "mast")
    own = [(cell, _family(cell)) for cell in cells]
    free = iter(f for f in families if f not in {family for _, family in own})
    parts = [Part(name=_spoken(cell), cells=(cell,), family=family or next(free, REST)) for cell, family in own]
    order = {family: number for number, family in enumerate((*families, REST))}
    parts.sort(key=lambda part: order.get(part.family, 0))
    lymphoid = tuple(cell for cell, family in own if family in {"cd8", "cd4", "treg", "b", "nk", "gd", "plasma"})
    macrophages = tuple(cell for cell, family in own if family in {"m1", "m2", "m0"})
    totals = tuple(
        Part(name=name, cells=members, family="total", total=True, rule=f"{name} = {' + '.join(_spoken(cell) for cell in members)}")
        for name, members in (("TILs", lymphoid), ("TAMs", macrophages))
        if len(members) > 1
    )
    return Method(
        key=f"{PUBLISHED}:{stored}", label=f"Fractions of the study ({stored})", kind="fraction", unit="of the cells in the study's table", stored=stored,
        about=f"Fractions as the study's table gives them (method: {stored}).", parts=(*parts, *totals),
    )  # fmt: skip


def _family(cell: str) -> str:
    text = cell.lower().replace("_", " ").replace(".", " ")
    for words, family in (
        ("treg", "treg"), ("regulatory", "treg"), ("cd8", "cd8"), ("cd4", "cd4"), ("nk", "nk"), ("plasma", "plasma"), ("b cell", "b"), ("m1", "m1"), ("m2", "m2"),
        ("macrophage", "m2"), ("monocyt", "monocyte"), ("myeloid", "monocyte"), ("dendritic", "dendritic"), ("neutrophil", "granulocyte"), ("fibroblast", "fibroblast"), ("endothel", "endothelial"),
        ("tumour", REST), ("tumor", REST), ("malignant", REST), ("other", REST), ("cancer", REST),
    ):  # fmt: skip
        if words in text:
            return family
    return ""


def _spoken(cell: str) -> str:
    from core.tme.naming import label

    return label(cell)
