# Response statistics of random data sets, by R: pROC, epiR, metafor, stats. Reads and writes JSON.
#   Rscript benchmarks/response_against_r.R IN.json OUT.json
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "..", "tests", "references", "response_functions.R"))
args <- commandArgs(trailingOnly = TRUE)
sets <- fromJSON(args[1], simplifyVector = FALSE)
num <- function(x) vapply(x, function(v) if (is.null(v)) NA_real_ else as.numeric(v), 0)
one <- function(d) {
  y <- num(d$y); a <- num(d$a); b <- num(d$b); p <- num(d$p); g <- unlist(d$g)
  c(area(y, a), paired(y, a, b), precision(y, a), table2(y, a, d$cut), calibrated(y, p), groups(y, g), heterogeneity(y, a, g),
    pooled(num(d$estimate), num(d$se)))
}
write(toJSON(lapply(sets, one), digits = NA, auto_unbox = TRUE, na = "null", null = "null"), args[2])
