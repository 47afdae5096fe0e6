# Reference numbers for models/ridge.py: penalised Cox regression by R's survival package, run to tight convergence.
#   Rscript tests/references/ridge.R > tests/references/ridge.json
suppressMessages({library(survival); library(jsonlite)})
set.seed(4)
n <- 80
x <- matrix(round(rnorm(n * 4), 3), n)
time <- round(rexp(n, 0.1 * exp(0.7 * x[, 1] - 0.4 * x[, 2])), 0) + 1
event <- rbinom(n, 1, 0.7)
group <- sample(0:2, n, replace = TRUE)
tight <- coxph.control(eps = 1e-13, iter.max = 100, outer.max = 50)
fit <- function(theta, strata = FALSE) {
  d <- data.frame(time, event, group, x1 = x[, 1], x2 = x[, 2], x3 = x[, 3], x4 = x[, 4])
  right <- "ridge(x1, x2, theta = theta, scale = FALSE) + ridge(x3, x4, theta = 3 * theta, scale = FALSE)"
  right <- gsub("theta = 3 \\* theta", paste0("theta = ", 3 * theta), gsub("theta = theta", paste0("theta = ", theta), right))
  f <- as.formula(paste("Surv(time, event) ~", right, if (strata) "+ strata(group)" else ""))
  unname(coef(coxph(f, d, ties = "efron", control = tight)))
}
cat(toJSON(list(x = x, time = time, event = event, group = group,
                fits = list(list(theta = 2, strata = FALSE, coef = fit(2)), list(theta = 15, strata = FALSE, coef = fit(15)),
                            list(theta = 2, strata = TRUE, coef = fit(2, TRUE)))), digits = NA, auto_unbox = TRUE))
