"""Tables of tissue sections: what was found about each spot, each two cell types and each lymphoid peak of a section."""

from __future__ import annotations

from data.table import Table, category, identifier, integer, number

_STUDY, _SECTION, _SPOT = identifier("study", "Study"), identifier("section_id", "Section"), identifier("spot_id", "Spot")

SPOT_CLUSTER = Table(
    name="spot_cluster",
    about="One row a grouping of a spot: spatially smoothed expression of its section, or the cell types around it.",
    key=("study", "section_id", "spot_id", "grouping"),
    columns=(
        _STUDY, _SECTION, _SPOT, category("grouping", "Grouping", "'expression' (within the section) or 'niche' (over all sections of the study)"),
        integer("cluster", "Cluster"), category("name", "Name, by what stands out"),
        number("stability", "Stability", about="'expression': mean agreement of this cluster's pairs over refits; 'niche': mean Jaccard overlap over resamples"),
    ),
)  # fmt: skip

SPOT_SCORE = Table(
    name="spot_score",
    about="One row a score of a spot, from the expression of its section.",
    key=("study", "section_id", "spot_id", "score"),
    columns=(
        _STUDY, _SECTION, _SPOT, identifier("score", "Score", "see core.spatial.spot_expression"),
        number("value", "Value", about="mean log expression of the marker genes; compares spots of one section only"),
    ),
)  # fmt: skip

CELL_PAIR = Table(
    name="cell_pair",
    about="One row two cell types of a section: whether they lie in neighbouring spots more than their own patterns make likely.",
    key=("study", "section_id", "first_type", "second_type"),
    columns=(
        _STUDY, _SECTION, identifier("first_type", "Cell type"), identifier("second_type", "And cell type"), integer("n", "Spots"),
        number("observed", "Observed association", about="bivariate Moran's I of neighbouring spots"), number("expected", "Expected, patterns moved"),
        number("z", "Standard deviations from expected"), number("p_value", "p, patterns moved", about="random toroidal shifts and reflections; two-sided"),
        number("q_value", "p, corrected over the pairs", about="Benjamini-Hochberg within the section"),
    ),
)  # fmt: skip

LYMPHOID_PEAK = Table(
    name="lymphoid_peak",
    about="One row a spot where a tertiary lymphoid structure may lie: a peak of B-cell, T-cell and chemokine expression.",
    key=("study", "section_id", "spot_id"),
    columns=(
        _STUDY, _SECTION, _SPOT, number("score", "Score", "SD"), number("b_cells", "B cells", "SD"), number("t_cells", "T cells", "SD"),
        number("chemokines_12", "12 chemokines", "SD"),
        number("p_value", "p, corrected over the spots", about="maximum of the section under random order of the spots; one-sided"),
    ),
)  # fmt: skip

TISSUE_TABLES = (SPOT_CLUSTER, SPOT_SCORE, CELL_PAIR, LYMPHOID_PEAK)
