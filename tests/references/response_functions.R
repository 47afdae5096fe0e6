# Response statistics by R (pROC, epiR, metafor, stats); read with source() by response_measures.R, pooling.R and
# benchmarks/response_against_r.R.
Sys.setenv(TZ = "UTC")
suppressMessages({library(pROC); library(metafor); library(epiR); library(jsonlite)})
quiet <- function(x) suppressWarnings(suppressMessages(x))
tight <- glm.control(epsilon = 1e-14, maxit = 200)

area <- function(y, s) {
  if (length(unique(y)) < 2) return(list())
  r <- roc(y, s, direction = "<", levels = c(0, 1), quiet = TRUE)
  out <- list(auc = as.numeric(auc(r)))
  if (min(table(y)) >= 2) {
    ci <- as.numeric(quiet(ci.auc(r, method = "delong")))
    out <- c(out, list(auc_se = sqrt(var(r, method = "delong")), auc_low = ci[1], auc_high = ci[3]))
  }
  out
}
paired <- function(y, a, b) {
  if (length(unique(y)) < 2 || min(table(y)) < 2) return(list())
  r1 <- roc(y, a, direction = "<", levels = c(0, 1), quiet = TRUE)
  r2 <- roc(y, b, direction = "<", levels = c(0, 1), quiet = TRUE)
  v <- var(r1) + var(r2) - 2 * cov(r1, r2)
  if (v < 1e-16) return(list(paired_difference = as.numeric(auc(r1) - auc(r2))))
  t <- quiet(roc.test(r1, r2, paired = TRUE, method = "delong"))
  list(paired_difference = as.numeric(auc(r1) - auc(r2)), paired_z = unname(t$statistic), paired_p = t$p.value)
}
precision <- function(y, s) {
  if (length(unique(y)) < 2) return(list())
  cuts <- sort(unique(s), decreasing = TRUE)
  tp <- sapply(cuts, function(t) sum(y[s >= t])); called <- sapply(cuts, function(t) sum(s >= t))
  recall <- tp / sum(y)
  ap <- sum(diff(c(0, recall)) * tp / called)
  half <- qnorm(.975) / sqrt(sum(y) * ap * (1 - ap))
  c(list(average_precision = ap), if (ap < 1 - 1e-12) list(ap_low = plogis(qlogis(ap) - half), ap_high = plogis(qlogis(ap) + half)))
}
wilson <- function(x, n, name) {
  if (n == 0) return(list())
  ci <- quiet(prop.test(x, n, correct = FALSE))$conf.int
  setNames(list(x / n, ci[1], ci[2]), paste0(name, c("", "_low", "_high")))
}
table2 <- function(y, s, cut) {
  tp <- sum(s >= cut & y == 1); fp <- sum(s >= cut & y == 0); fn <- sum(s < cut & y == 1); tn <- sum(s < cut & y == 0)
  out <- c(list(tp = tp, fp = fp, fn = fn, tn = tn), wilson(tp, tp + fn, "sensitivity"), wilson(tn, tn + fp, "specificity"),
           wilson(tp, tp + fp, "ppv"), wilson(tn, tn + fn, "npv"), wilson(tp + tn, length(y), "accuracy"))
  if (min(tp, fp, fn, tn) > 0) {
    d <- epi.tests(as.table(matrix(c(tp, fp, fn, tn), 2, byrow = TRUE)), method = "wilson")$detail
    for (k in c("lr.pos", "lr.neg")) {
      row <- d[d$statistic == k, ]
      name <- if (k == "lr.pos") "lr_positive" else "lr_negative"
      out <- c(out, setNames(list(row$est, row$lower, row$upper), paste0(name, c("", "_low", "_high"))))
    }
    se <- tp / (tp + fn); sp <- tn / (tn + fp)
    # Newcombe 1998, method 10, from the two Wilson intervals
    a <- quiet(prop.test(tp, tp + fn, correct = FALSE))$conf.int; b <- quiet(prop.test(tn, tn + fp, correct = FALSE))$conf.int
    out <- c(out, list(youden = se + sp - 1, youden_low = se + sp - 1 - sqrt((se - a[1])^2 + (sp - b[1])^2),
                       youden_high = se + sp - 1 + sqrt((a[2] - se)^2 + (b[2] - sp)^2)))
  }
  c(out, list(fisher_p = fisher.test(matrix(c(tp, fp, fn, tn), 2, byrow = TRUE))$p.value))
}
calibrated <- function(y, p) {
  n <- length(y); b <- (p - y)^2
  out <- list(brier = mean(b), brier_null = mean(y) * (1 - mean(y)), brier_low = max(0, mean(b) - qnorm(.975) * sd(b) / sqrt(n)))
  x <- qlogis(p)
  large <- quiet(glm(y ~ 1, offset = x, family = binomial, control = tight))
  if (length(unique(y)) == 2) {
    out <- c(out, list(intercept = unname(coef(large)), intercept_se = sqrt(vcov(large)[1, 1]), observed_expected = sum(y) / sum(p)))
    f <- quiet(glm(y ~ x, family = binomial, control = tight))
    if (f$converged && abs(coef(f)[2]) < 15 && max(abs(coef(f))) < 30) {
      out <- c(out, list(slope = unname(coef(f)[2]), slope_se = unname(sqrt(vcov(f)[2, 2])), recalibration_intercept = unname(coef(f)[1]),
                         recalibrated_brier = mean((fitted(f) - y)^2)))
    }
  }
  t <- c(.1, .25, .5, .8); w <- t / (1 - t)
  nb <- sapply(seq_along(t), function(i) { d <- (p >= t[i]) * ifelse(y == 1, 1, -w[i]); c(mean(d), mean(d) - qnorm(.975) * sd(d) / sqrt(n)) })
  c(out, list(net_benefit = nb[1, ], net_benefit_low = nb[2, ], treat_all = sapply(w, function(w) mean(ifelse(y == 1, 1, -w)))))
}
groups <- function(y, g) {
  m <- tapply(y, g, sum); n <- tapply(y, g, length)
  if (length(m) < 2 || length(unique(y)) < 2) return(list())
  out <- list()
  if (length(m) > 2) {
    x <- quiet(chisq.test(rbind(m, n - m), correct = FALSE))
    trend <- quiet(prop.trend.test(as.numeric(m), as.numeric(n)))
    out <- list(chisq = unname(x$statistic), chisq_p = x$p.value, trend = unname(trend$statistic), trend_p = trend$p.value)
  }
  out
}
heterogeneity <- function(y, s, g) {
  parts <- lapply(sort(unique(g)), function(k) {
    i <- g == k
    if (length(unique(y[i])) < 2 || min(table(y[i])) < 2) return(NULL)
    r <- roc(y[i], s[i], direction = "<", levels = c(0, 1), quiet = TRUE)
    c(as.numeric(auc(r)), var(r))
  })
  parts <- do.call(rbind, parts)
  if (is.null(parts)) return(list())
  parts <- parts[parts[, 2] > 1e-12, , drop = FALSE]
  if (nrow(parts) < 2) return(list())
  f <- quiet(rma(yi = parts[, 1], vi = parts[, 2], method = "FE"))
  list(auc_q = f$QE, auc_q_p = f$QEp)
}
pooled <- function(y, s) {
  known <- is.finite(y) & is.finite(s)
  y <- y[known]; s <- s[known]
  if (length(y) < 2) return(list())
  fit <- function(step) rma(yi = y, sei = s, method = "REML", test = "knha", control = list(threshold = 1e-13, maxiter = 20000, stepadj = step))
  f <- quiet(tryCatch(fit(1), error = function(e) tryCatch(fit(.5), error = function(e) fit(.1))))
  p <- predict(f)
  list(pooled = unname(f$b[1, 1]), pooled_se = f$se, pooled_low = f$ci.lb, pooled_high = f$ci.ub, pooled_p = f$pval, tau2 = f$tau2,
       i2 = f$I2 / 100, q = f$QE, q_p = f$QEp, prediction_low = p$pi.lb, prediction_high = p$pi.ub, k = f$k)
}
