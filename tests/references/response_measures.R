# Reference numbers for tests/core/response: paired DeLong, average precision, 2x2 measures, Brier, recalibration, decision curve,
# heterogeneity of AUCs, from R's pROC, epiR, metafor and stats.
#   Rscript tests/references/response_measures.R > tests/references/response_measures.json
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "response_functions.R"))

simulate <- function(seed, n, digits, rate, shift) {
  set.seed(seed)
  y <- rbinom(n, 1, rate)
  a <- round(rnorm(n) + shift * y, digits)
  list(y = y, a = a, b = round(0.6 * a + rnorm(n), digits), p = round(plogis(-1 + 0.8 * rnorm(n) + 0.9 * y), 6),
       g = sample(c("x", "y", "z"), n, replace = TRUE), cut = as.numeric(quantile(a, .6)))
}
sets <- list(plain = simulate(11, 200, 6, .3, .8), ties = simulate(12, 150, 0, .4, .6), small = simulate(13, 24, 1, .4, .5),
             rare = simulate(14, 120, 2, .08, 1), under_half = simulate(15, 90, 1, .5, -.7))
answer <- function(d) {
  fit <- glm(d$y ~ qlogis(d$p), family = binomial, control = tight)
  c(list(data = d), area(d$y, d$a), paired(d$y, d$a, d$b), precision(d$y, d$a), table2(d$y, d$a, d$cut), calibrated(d$y, d$p),
    groups(d$y, d$g), heterogeneity(d$y, d$a, d$g),
    list(recalibration_slope = unname(coef(fit)[2]), recalibration_covariance = unname(vcov(fit)[1, 2]),
         recalibrated = unname(predict(fit, type = "response"))[1:5]))
}
cat(toJSON(list(command = "Rscript tests/references/response_measures.R", R = R.version.string, pROC = as.character(packageVersion("pROC")),
                epiR = as.character(packageVersion("epiR")), metafor = as.character(packageVersion("metafor")), sets = lapply(sets, answer)),
           digits = 15, auto_unbox = TRUE, na = "null", null = "null"), "\n")
