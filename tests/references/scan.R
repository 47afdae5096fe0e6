# Reference numbers of the biomarker scan: Cox (Efron), log-rank, logistic, Benjamini-Hochberg, Fisher, pooling.
# Run: Rscript tests/references/scan.R > tests/references/scan.json   (R >= 4, survival 3.5.3, metafor, pROC, jsonlite)
suppressMessages({library(survival); library(metafor); library(pROC); library(jsonlite)})
set.seed(20)
n <- 90; m <- 12
x <- matrix(rnorm(n * m), n, m)
x[, 2] <- x[, 2] + 0.8 * x[, 1]
x[, 3] <- round(x[, 3])                       # ties of the marker
x[1:25, 4] <- NA; x[1:25, 5] <- NA            # missing together
x[sample(n, 9), 6] <- NA                      # missing on its own
x[, 7] <- as.numeric(x[, 7] > 0.6)            # 0/1
x[1, 8] <- 9                                  # an outlying value
time <- ceiling(rexp(n, exp(0.5 * x[, 1] + 0.3 * x[, 3]) / 12))   # whole months: many ties
event <- rbinom(n, 1, 0.65)
entry <- ifelse(runif(n) < 0.3, floor(time / 2), 0)
strata <- sample(1:3, n, TRUE)
z <- cbind(rnorm(n), rbinom(n, 1, 0.4))
y <- rbinom(n, 1, plogis(-0.5 + 0.7 * x[, 1]))
tight <- coxph.control(eps = 1e-13, iter.max = 60, toler.chol = 1e-14)
row <- function(f) { s <- summary(f)$coefficients[1, ]; c(s[["coef"]], s[["se(coef)"]], s[["Pr(>|z|)"]]) }
cox <- t(sapply(1:m, function(j) row(coxph(Surv(time, event) ~ x[, j], ties = "efron", control = tight))))
adjusted <- t(sapply(1:m, function(j) row(coxph(Surv(time, event) ~ x[, j] + z, ties = "efron", control = tight))))
stratified <- t(sapply(1:m, function(j) row(coxph(Surv(time, event) ~ x[, j] + z + strata(strata), ties = "efron", control = tight))))
late <- t(sapply(1:m, function(j) row(coxph(Surv(entry, time, event) ~ x[, j], ties = "efron", control = tight))))
halves <- apply(x, 2, function(v) { cut <- median(v, na.rm = TRUE); if (cut <= min(v, na.rm = TRUE)) v > min(v, na.rm = TRUE) else v >= cut })
lr <- t(sapply(1:m, function(j) { f <- survdiff(Surv(time, event) ~ halves[, j]); c(f$chisq, pchisq(f$chisq, 1, lower.tail = FALSE)) }))
slr <- t(sapply(1:m, function(j) { f <- survdiff(Surv(time, event) ~ halves[, j] + strata(strata)); c(f$chisq, pchisq(f$chisq, 1, lower.tail = FALSE)) }))
logit <- function(j, held) { f <- if (held) glm(y ~ x[, j] + z, family = binomial, control = list(epsilon = 1e-14, maxit = 100)) else glm(y ~ x[, j], family = binomial, control = list(epsilon = 1e-14, maxit = 100)); summary(f)$coefficients[2, c(1, 2, 4)] }
glm_alone <- t(sapply(1:m, logit, held = FALSE)); glm_held <- t(sapply(1:m, logit, held = TRUE))
fisher <- sapply(1:m, function(j) fisher.test(table(factor(halves[, j], c(FALSE, TRUE)), y))$p.value)
areas <- t(sapply(1:m, function(j) { r <- roc(y, x[, j], direction = "<", quiet = TRUE); c(as.numeric(auc(r)), sqrt(var(r, method = "delong"))) }))
residual <- residuals(coxph(Surv(time, event) ~ 1), type = "martingale")   # Breslow and Efron of the null model differ at ties
nelson <- survfit(Surv(time, event) ~ 1, ctype = 1)
hazard <- cumsum(nelson$n.event / nelson$n.risk)
martingale <- event - hazard[match(time, nelson$time)]
p <- c(cox[, 3], NA, 0.04, 0.04)
effect <- matrix(rnorm(5 * 4, 0.3, 0.4), 5); error <- matrix(runif(20, 0.1, 0.4), 5); effect[2, 3:4] <- NA; error[2, 3:4] <- NA
effect[3, ] <- 0.3 + c(-1, 1, 1, -1) * 0.001
meta <- t(sapply(1:5, function(i) {
  ok <- !is.na(effect[i, ]); b <- effect[i, ok]; s <- error[i, ok]
  common <- rma(b, sei = s, method = "EE"); random <- rma(b, sei = s, method = "REML", test = "adhoc", control = list(threshold = 1e-12, maxiter = 1000))
  c(common$pval, random$b, random$se, random$ci.lb, random$ci.ub, random$pval)
}))
cat(toJSON(list(
  time = time, event = event, entry = entry, strata = strata, z = z, y = y, x = x, cox = cox, adjusted = adjusted,
  stratified = stratified, late = late, logrank = lr, logrank_stratified = slr, logistic = glm_alone, logistic_held = glm_held,
  fisher = fisher, auc = areas, martingale = martingale, p = p, bh = p.adjust(p, "BH"), meta_effect = effect, meta_error = error, meta = meta
), digits = NA, na = "null", auto_unbox = FALSE), "\n")
