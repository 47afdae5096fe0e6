# Holm's correction as R gives it.
# Rscript tests/references/holm.R > tests/references/holm.json
library(jsonlite)
sets <- list(
  plain = c(0.01, 0.04, 0.03, 0.005),
  ties = c(0.02, 0.02, 0.5, 0.02),
  one = c(0.3),
  large = c(0.6, 0.9, 0.4),
  missing = c(0.01, NA, 0.04)
)
cat(toJSON(lapply(sets, function(p) list(p = p, holm = p.adjust(p, "holm"))), digits = NA, na = "null", pretty = TRUE), "\n")
