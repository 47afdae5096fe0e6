# Two scores of the same patients, strata, tied times and tied scores: c-indices and their covariance, R survival.
#   Rscript tests/references/paired_concordance.R > /dev/null   (reads and completes paired_concordance.json)
library(survival)
library(jsonlite)
path <- "tests/references/paired_concordance.json"
d <- as.data.frame(fromJSON(path)$data)
answer <- function(one, two) {
  f <- concordance(one, two)
  list(concordance = unname(f$concordance), variance = f$var)
}
frozen <- function(formula) coxph(formula, data = d, init = -1, iter = 0)  # the score itself, higher = longer
write_json(list(
  r = as.character(getRversion()), survival = as.character(packageVersion("survival")), data = as.list(d),
  whole = answer(frozen(Surv(time, event) ~ a), frozen(Surv(time, event) ~ b)),
  strata = answer(frozen(Surv(time, event) ~ a + strata(s)), frozen(Surv(time, event) ~ b + strata(s)))
), path, digits = 12, auto_unbox = TRUE)
