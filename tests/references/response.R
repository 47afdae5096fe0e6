# Reference numbers for tests/core/response, from R's pROC and stats.
#   Rscript tests/references/response.R > tests/references/response.json
suppressMessages({library(pROC); library(jsonlite)})

simulate <- function(seed, n, digits, shift) {
  set.seed(seed)
  y <- rbinom(n, 1, 0.3)
  s <- round(rnorm(n) + shift * y, digits)
  p <- plogis(-1 + 0.8 * s)
  data.frame(response = y, score = s, probability = round(p, 6), group = sample(c("CR", "PR", "SD"), n, replace = TRUE))
}
sets <- list(
  plain = simulate(1, 200, 6, 0.8), ties = simulate(2, 150, 0, 0.6), under_half = simulate(3, 90, 1, -0.5),
  small = data.frame(response = c(1, 1, 0, 0, 0, 1, 0), score = c(3, 2, 2, 1, 0, 1, 1),
                     probability = c(.9, .6, .5, .3, .1, .35, .2), group = c("CR", "CR", "PR", "PR", "SD", "SD", "SD")),
  perfect = data.frame(response = c(0, 0, 0, 1, 1), score = 1:5, probability = c(.1, .2, .3, .8, .9),
                       group = c("CR", "CR", "PR", "SD", "SD"))
)
answer <- function(d) {
  r <- roc(d$response, d$score, direction = "<", levels = c(0, 1), quiet = TRUE)
  ci <- as.numeric(ci.auc(r, method = "delong"))
  logit <- qlogis(d$probability)
  slope <- suppressWarnings(glm(d$response ~ logit, family = binomial, control = glm.control(epsilon = 1e-14, maxit = 100)))
  large <- suppressWarnings(glm(d$response ~ 1, offset = logit, family = binomial, control = glm.control(epsilon = 1e-14, maxit = 100)))
  m <- tapply(d$response, d$group, sum); n <- tapply(d$response, d$group, length)
  wilson <- lapply(names(m), function(g) as.numeric(suppressWarnings(prop.test(m[[g]], n[[g]], correct = FALSE)$conf.int)))
  two <- d$group != "SD"
  list(data = d, auc = as.numeric(auc(r)), ci_low = ci[1], ci_high = ci[3],
       sensitivity = rev(r$sensitivities), specificity = rev(r$specificities),
       slope = unname(coef(slope)[2]), slope_se = unname(sqrt(vcov(slope)[2, 2])), slope_converged = slope$converged && abs(coef(slope)[2]) < 20,
       intercept = unname(coef(large)[1]), intercept_se = unname(sqrt(vcov(large)[1, 1])),
       brier = mean((d$probability - d$response)^2), responders = as.list(m), n = as.list(n), wilson = setNames(wilson, names(m)),
       chisq = unname(suppressWarnings(chisq.test(table(d$group, d$response), correct = FALSE)$statistic)),
       chisq_p = suppressWarnings(chisq.test(table(d$group, d$response), correct = FALSE)$p.value),
       trend = unname(suppressWarnings(prop.trend.test(as.numeric(m), as.numeric(n))$statistic)),
       fisher_p = fisher.test(table(d$group[two], factor(d$response[two], levels = c(0, 1))))$p.value)
}
out <- lapply(sets, answer)
cat(toJSON(list(command = "Rscript tests/references/response.R", R = R.version.string,
                pROC = as.character(packageVersion("pROC")), sets = out),
           digits = 15, auto_unbox = TRUE, na = "null", null = "null", dataframe = "columns"), "\n")
