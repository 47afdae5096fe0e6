"""Tables of tissue: what single cells and pictures of tissue were found to show."""

from __future__ import annotations

from data.table import Table, category, identifier, integer, number, text

CELL_DENSITY = Table(
    name="cell_density",
    about="One row a cell type of a patient: how many cells a mm² of the patient's fields together.",
    key=("patient_id", "cell_type"),
    columns=(
        identifier("patient_id", "Patient"), identifier("study", "Study"), identifier("cell_type", "Cell type"),
        integer("cells", "Cells"), integer("fields", "Fields"), number("area_mm2", "Area of the fields", "mm²"),
        number("density", "Density", "cells/mm²"),
    ),
)  # fmt: skip

SPATIAL_STATISTIC = Table(
    name="spatial_statistic",
    about="One row a statistic of a patient: how cells of a type lie to those of another, beside what chance would give.",
    key=("patient_id", "statistic", "first_type", "second_type"),
    columns=(
        identifier("patient_id", "Patient"), identifier("study", "Study"),
        category("statistic", "Statistic", "'cross_l': mean of L over 5 to 50 µm; 'nearest': share with a neighbour within 20 µm"),
        identifier("first_type", "From cell type"), identifier("second_type", "To cell type"),
        integer("first_cells", "Cells of the first type"), integer("second_cells", "Cells of the second type"), integer("fields", "Fields"),
        number("observed", "Observed", about="µm ('cross_l') or fraction ('nearest'); null = fewer than 10 cells of a type"),
        number("expected", "Expected under random labelling", about="types dealt out anew among the cells of each field; exact mean"),
        number("beyond", "Observed less expected"),
        number("p_value", "p, global envelope", about="'cross_l' only: 199 permutations, studentised maximum deviation, two-sided"),
    ),
)  # fmt: skip

IMAGE_EXPRESSION = Table(
    name="image_expression",
    about="One row a gene or cell type that was predicted from pictures of tissue, on a patient whom the model had not seen.",
    key=("study", "patient_id", "features", "kind", "target"),
    columns=(
        identifier("study", "Study"), identifier("patient_id", "Patient left out"), identifier("section_id", "Section"),
        category("features", "What the picture was turned into", "'trained', 'untrained' or 'colour'"),
        category("kind", "Kind", "'gene' or 'cell type'"), identifier("target", "Gene or cell type"), integer("n", "Spots"),
        number("pearson", "Pearson's r"), number("spearman", "Spearman's rho"),
        number("null_95", "95th percentile of rho, predictions shifted", about="over shifts of the predictions across the section"),
        number("p_value", "p, predictions shifted", about="one-sided; keeps how smooth both are in space"),
        number("permuted_95", "95th percentile of rho, spots shuffled", about="ignores that neighbours are alike: too narrow"),
    ),
)  # fmt: skip

IMAGE_EXPRESSION_MEDIAN = Table(
    name="image_expression_median",
    about="One row a patient left out, kind of features and kind of target: the median of the correlations in image_expression, beside its nulls.",
    key=("study", "patient_id", "features", "kind"),
    columns=(
        identifier("study", "Study"), identifier("patient_id", "Patient left out"), identifier("section_id", "Section"),
        category("features", "What the picture was turned into", "'trained', 'untrained' or 'colour'"), category("kind", "Kind", "'gene' or 'cell type'"),
        integer("n", "Spots"), integer("targets", "Genes or cell types"), number("median", "Median rho"),
        number("ci_low", "Lower 95%", about="spots resampled in blocks; the model and its training patients are held"),
        number("ci_high", "Upper 95%", about="as ci_low"),
        number("null_95", "95th percentile of the median, predictions shifted"), number("p_value", "p, predictions shifted", about="one-sided, of the median"),
        number("beyond", "Median rho less that of random weights", about="the same network with weights that have seen nothing; null for itself"),
        number("beyond_low", "Lower 95% of that", about="paired resamples"), number("beyond_high", "Upper 95% of that", about="paired resamples"),
        number("um_per_px", "Resolution of the section's picture", "µm/px", about="from the distance of its spots"),
        identifier("encoder", "Encoder"), text("trained_on", "Pictures that the encoder was trained on"),
    ),
)  # fmt: skip
