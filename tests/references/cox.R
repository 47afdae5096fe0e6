# Reference numbers for the Cox models of core/survival: R's survival package, run to tight convergence; the AUC, the Brier
# score and the standardised curves from riskRegression.
#   Rscript tests/references/cox.R > tests/references/cox.json
suppressMessages({library(survival); library(splines); library(jsonlite); library(riskRegression); library(data.table)})

# its warning says that collinear columns are told at 1.8e-12, coarser than eps; that is R's default
tight <- suppressWarnings(coxph.control(eps = 1e-14, iter.max = 200))

simulate <- function(seed, n, digits = 3, late = FALSE, strata = 0, censor = 30) {
  set.seed(seed)
  d <- data.frame(x1 = round(rnorm(n), 3), x2 = round(rexp(n, 0.2), 1), g = sample(c("a", "b", "c"), n, replace = TRUE),
                  f = rbinom(n, 1, 0.4))
  event_time <- rexp(n, 0.05 * exp(0.5 * d$x1 - 0.05 * d$x2 + 0.4 * (d$g == "c") + 0.3 * d$f))
  censor_time <- runif(n, 2, censor)
  d$time <- round(pmin(event_time, censor_time), digits)
  d$event <- as.integer(event_time <= censor_time)
  if (late) {
    d$entry <- round(ifelse(runif(n) < 0.6, runif(n) * pmax(d$time, 0.01), 0), digits)
    d <- d[d$entry < d$time, ]
  }
  if (strata > 0) d$s <- sample(seq_len(strata), nrow(d), replace = TRUE)
  d
}

formula_of <- function(d, right = "x1 + x2 + g + f") {
  left <- if (is.null(d$entry)) "Surv(time, event)" else "Surv(entry, time, event)"
  as.formula(paste(left, "~", right, if (is.null(d$s)) "" else "+ strata(s)"))
}

zph_of <- function(fit) {
  out <- list()
  for (k in c("km", "rank", "identity", "log")) {
    if (k == "log" && min(fit$y[, ncol(fit$y) - 1]) <= 0) next
    z <- cox.zph(fit, transform = k)
    out[[k]] <- list(term = rownames(z$table), statistic = unname(z$table[, 1]), df = unname(z$table[, 2]), p = unname(z$table[, 3]))
    if (k == "km") {
      xx <- z$x
      pred <- seq(min(xx), max(xx), length = 40)
      lmat <- ns(c(pred, xx), df = 4, intercept = TRUE)
      pmat <- lmat[1:40, ]
      xmat <- lmat[-(1:40), ]
      smooth <- lapply(seq_len(ncol(z$y)), function(i) {
        keep <- !is.na(z$y[, i])
        q <- qr(xmat[keep, ])
        bk <- backsolve(q$qr[1:4, 1:4], diag(4))
        half <- 2 * sqrt(z$var[i, i] * rowSums((pmat %*% (bk %*% t(bk))) * pmat))
        list(fitted = as.vector(pmat %*% qr.coef(q, z$y[keep, i])), half = half)
      })
      out$residuals <- list(time = z$time, x = z$x, y = unname(as.data.frame(z$y)), smooth = smooth)
    }
  }
  out
}

model_of <- function(fit) {
  s <- summary(fit)
  list(term = names(coef(fit)), coef = unname(coef(fit)), se = unname(sqrt(diag(fit$var))), loglik = fit$loglik,
       z = unname(s$coefficients[, "z"]), p = unname(s$coefficients[, "Pr(>|z|)"]),
       tests = list(likelihood_ratio = unname(s$logtest), wald = c(fit$wald.test, s$waldtest[["df"]], pchisq(fit$wald.test, s$waldtest[["df"]], lower.tail = FALSE)), score = unname(s$sctest)),
       concordance = unname(s$concordance), n = fit$n, events = fit$nevent)
}

answer <- function(d, zph = TRUE, right = "x1 + x2 + g + f") {
  fit <- coxph(formula_of(d, right), data = d, ties = "efron", control = tight)
  out <- list(data = d, right = right, model = model_of(fit))
  if (zph) out$zph <- zph_of(fit)
  out
}

penalised <- function(d) {
  d$gb <- as.numeric(d$g == "b")
  d$gc <- as.numeric(d$g == "c")
  fit <- coxph(formula_of(d, "ridge(x1, x2, gb, gc, f, theta = 1, scale = TRUE)"), data = d, ties = "efron", control = tight)
  list(coef = unname(coef(fit)), se = unname(sqrt(diag(fit$var))), loglik = fit$loglik, df = fit$df, wald = unname(fit$wald.test))
}

# AUC(t), Brier(t) and its integral, of the risks that a model predicts; one column a time
scored <- function(d, times) {
  fit <- coxph(Surv(time, event) ~ x1 + f, data = d, x = TRUE, y = TRUE, control = tight)
  risk <- predictRisk(fit, newdata = d, times = times)
  s <- Score(list(model = risk), formula = Surv(time, event) ~ 1, data = d, times = times, cens.model = "km",
             metrics = c("auc", "brier"), summary = "ibs", conservative = FALSE, se.fit = TRUE, null.model = TRUE, contrasts = FALSE)
  b <- as.data.frame(s$Brier$score)
  own <- b$model == "model"
  list(data = d, times = times, risk = risk, auc = s$AUC$score$AUC, auc_se = s$AUC$score$se, brier = b$Brier[own],
       brier_se = b$se[own], brier_null = b$Brier[!own], integrated = tail(b$IBS[own], 1), integrated_null = tail(b$IBS[!own], 1))
}

# mean survival over the cohort, everyone put into each group of g
standardised <- function(d, times) {
  d$g <- factor(d$g)
  fit <- coxph(formula_of(d), data = d, x = TRUE, y = TRUE, control = tight)
  a <- ate(fit, data = as.data.table(d), treatment = "g", times = times, se = TRUE, band = FALSE, verbose = FALSE, estimator = "Gformula")
  r <- as.data.frame(a$meanRisk)
  k <- as.data.frame(a$diffRisk)
  list(data = d, times = times, group = as.character(r$treatment), time = r$time, risk = r$estimate, se = r$se,
       a = as.character(k$A), b = as.character(k$B), at = k$time, difference = k$estimate, difference_se = k$se,
       dfbeta = unname(residuals(fit, "dfbeta")))
}

args <- commandArgs(trailingOnly = TRUE)
if (length(args) == 0) {
  sets <- list(
    plain = simulate(1, 120), ties = simulate(2, 150, digits = 0), late = simulate(3, 120, late = TRUE),
    strata = simulate(4, 140, digits = 1, strata = 4), late_strata = simulate(5, 160, digits = 1, late = TRUE, strata = 3),
    many_strata = simulate(6, 150, digits = 1, strata = 14), late_ties = simulate(7, 150, digits = 0, late = TRUE),
    zero_times = within(simulate(8, 80, digits = 0), time[1:6] <- 0), few = simulate(9, 30, censor = 12),
    nearly_tied = within(simulate(10, 90, digits = 0), time <- time + (seq_along(time) %% 3) * 1e-9)
  )
  out <- lapply(sets, function(d) answer(d))
  for (k in names(sets)) out[[k]]$ridge <- penalised(sets[[k]])
  # a covariate that is constant in one stratum: its residuals there are not defined
  flat <- simulate(11, 120, digits = 1, strata = 3)
  flat$f[flat$s == 2] <- 0
  out$constant_in_stratum <- answer(flat)
  # a column that is a combination of others is NA in R
  twin <- simulate(12, 100)
  twin$x2 <- 2 * twin$x1 - 1
  out$collinear <- answer(twin)
  # one stratum without an event, one of a single patient
  lone <- simulate(13, 90, digits = 1, strata = 3)
  lone$event[lone$s == 3] <- 0
  lone$s[1] <- 4
  out$empty_stratum <- answer(lone)
  cat(toJSON(list(command = "Rscript tests/references/cox.R", R = R.version.string, survival = as.character(packageVersion("survival")),
                  sets = out,
                  scored = list(plain = scored(simulate(21, 120, digits = 6), c(3, 8, 15, 25)),
                                ties = scored(within(simulate(22, 140, digits = 0), time <- time + 0.5), c(3, 8, 15))),
                  standardised = list(plain = standardised(simulate(23, 110, digits = 6), c(3, 8, 15)),
                                      strata = standardised(simulate(24, 130, digits = 6, strata = 3), c(3, 8, 15)),
                                      ties = standardised(simulate(25, 120, digits = 0), c(3, 8, 15)))),
             digits = I(16), auto_unbox = TRUE, na = "null", null = "null", dataframe = "columns", matrix = "rowmajor"), "\n")
}
