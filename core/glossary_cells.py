"""Glossary, continued: terms of cell composition and of the agreement of two measurements."""

from __future__ import annotations

from core.term import Term

CELLS: tuple[Term, ...] = (
    Term(
        slug="quantiseq", name="quanTIseq", words=r"quanTIseq",
        text="Fractions of ten immune cell types among all cells of a sample, from bulk RNA: the non-negative mixture of reference profiles (TIL10), of "
        "sum at most 1, that lies nearest to the sample. What is left is tumour, stroma and everything without a profile.",
        reference="Finotello 2019", doi="10.1186/s13073-019-0638-6",
    ),
    Term(
        slug="mcp-counter", name="MCP-counter", words=r"MCP-counter",
        text="Mean expression of the marker genes of a cell population. It says which of two tumours has more of one population; it does not say "
        "which of two populations is larger.",
        reference="Becht 2016", doi="10.1186/s13059-016-1070-5",
    ),
    Term(
        slug="cibersort", name="CIBERSORT × leukocyte fraction", words=r"CIBERSORT(?: × leukocyte fraction)?",
        text="CIBERSORT splits the leukocytes of a sample into 22 kinds from RNA. Times the leukocyte fraction from DNA methylation, they are shares "
        "of all cells.",
        reference="Newman 2015; Thorsson 2018", doi="10.1016/j.immuni.2018.03.023",
    ),
    Term(
        slug="kruskal-wallis", name="Kruskal-Wallis test", words=r"Kruskal-Wallis(?: test)?",
        text="Whether the ranks of a measurement differ between two groups or more. It needs no normal distribution; it does not say which groups differ.",
        reference="Kruskal & Wallis 1952", doi="10.1080/01621459.1952.10483441",
    ),
    Term(
        slug="dunn", name="Dunn's test", words=r"Dunn's test",
        text="After Kruskal-Wallis: which pairs of groups differ, on the ranks over all groups, with p values corrected for the number of pairs.",
        reference="Dunn 1964", doi="10.1080/00401706.1964.10490181",
    ),
    Term(
        slug="epsilon-squared", name="Epsilon squared", words=r"[Ee]psilon squared",
        text="How much of the variation in ranks lies between groups: 0 groups alike, 1 groups apart. It does not grow with the number of patients, as a "
        "p value shrinks; few patients in many groups raise it by chance, on average to (groups − 1) / (patients − 1).",
        reference="Tomczak & Tomczak 2014",
    ),
    Term(
        slug="cliffs-delta", name="Cliff's delta", words=r"Cliff's delta",
        text="Of all pairs of patients, one from each group: the share in which the first is higher minus the share in which the second is. 0: as often the "
        "one as the other; 1 or -1: always the same one.",
        reference="Feng & Cliff 2004", doi="10.22237/jmasm/1099267560",
    ),
    Term(
        slug="spearman", name="Spearman's rank correlation", words=r"(?:Spearman's )?[Rr]ank correlations?|[Mm]edian rho",
        text="How far two measurements put the same tumours, or spots, into the same order: 1 the same, 0 as by chance, -1 reversed. It does not ask for the "
        "same scale or unit. An interval is Bonett and Wright's.",
        reference="Bonett & Wright 2000", doi="10.1007/BF02294183",
    ),
    Term(
        slug="mann-whitney", name="Wilcoxon-Mann-Whitney test", words=r"Wilcoxon-Mann-Whitney(?: test)?|[Pp]robability that a patient of the group has more",
        text="Whether a patient of one group has more of something than one of the other, more often or less often than not. The size is that probability: "
        "one half is no difference. It needs no normal distribution.",
        reference="Mann & Whitney 1947", doi="10.1214/aoms/1177730491",
    ),
    Term(
        slug="tils-tams", name="TILs and TAMs", words=r"TILs|TAMs",
        text="Tumour-infiltrating lymphocytes and tumour-associated macrophages. Here: sums over the cell types of a method, by rules that the page lists. "
        "They infiltrate by where the sample was taken, not by any gene.",
    ),
    Term(
        slug="t-cell-states", name="Cytotoxicity, cytolytic activity, exhaustion", words=r"[Cc]ytotoxicity|[Cc]ytolytic activity|[Ee]xhaustion",
        text="Scores of a few genes: killing (cytotoxicity; or granzyme A and perforin alone, cytolytic activity) and inhibitory receptors (exhaustion). In "
        "bulk RNA all rise with the number of T cells, so exhaustion says more beside cytotoxicity.",
        reference="after Tirosh 2016; Rooney 2015", doi="10.1126/science.aad0501",
    ),
)  # fmt: skip
