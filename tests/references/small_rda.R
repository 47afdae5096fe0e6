# Makes the small .rda files that tests/data/sources/test_rda.py reads: Rscript small_rda.R DIRECTORY
# The classes are stand-ins with the slots of the Bioconductor classes, so that no package is needed.
out <- commandArgs(trailingOnly = TRUE)[1]
setClass("DFrame", representation(
  rownames = "ANY", nrows = "integer", listData = "list", elementType = "character", elementMetadata = "ANY", metadata = "list"
))
setClass("SimpleList", representation(listData = "list"))
setClass("SimpleAssays", representation(data = "SimpleList"))
setClass("SummarizedExperiment", representation(
  colData = "DFrame", assays = "SimpleAssays", NAMES = "ANY", elementMetadata = "DFrame", metadata = "list"
))
frame <- function(rows, ...) {
  new("DFrame", rownames = rows, nrows = length(list(...)[[1]]), listData = list(...), elementType = "ANY", metadata = list())
}
values <- matrix(c(1, 2, 3, 9, 5, 6, 4, NA, 7, 8, 3, 1), nrow = 4)
colnames(values) <- c("s1", "s2", "s3")
clinical <- frame(
  c("s1", "s2", "s3"),
  sex = factor(c("F", NA, "M")), age = c(61L, NA, 48L), tmb = c(1.5, NaN, NA), dead = c(TRUE, NA, FALSE),
  text = c("NA", "", "word"), empty = c(NA, NA, NA)
)
experiment <- function(assay, cols, genes) {
  new("SummarizedExperiment",
    colData = cols, NAMES = NULL, elementMetadata = genes, metadata = list(),
    assays = new("SimpleAssays", data = new("SimpleList", listData = list(gene_expression = assay)))
  )
}
genes <- frame(NULL, gene_name = c("CD8A", "C1orf112", "", "CD8A"))
small <- experiment(as.data.frame(values), clinical, genes)
save(small, file = file.path(out, "small_experiment.rda"), version = 2)
renamed <- values
colnames(renamed) <- c("s1", "s3", "s2")
swapped <- experiment(as.data.frame(renamed), clinical, genes)
save(swapped, file = file.path(out, "swapped_samples.rda"), version = 2)
rownames(values) <- c("CD8A", "GZMA", "PRF1", "IFNG")
save(values, file = file.path(out, "small_matrix.rda"), version = 2)
