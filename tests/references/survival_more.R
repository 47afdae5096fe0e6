# Nearly tied times, Gray's test with weights, Holm, E-values and conditional survival, for tests/core/survival.
#   Rscript tests/references/survival_more.R > tests/references/survival_more.json
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})

near <- c(0.3, 0.1 * 3, 1, 1 + 1e-9, 1 + 1.2e-8, 1 + 2.6e-8, 5, 1000, 1000 + 1e-7, 1000 * (1 + 5e-9), 0, 1e-9, 7)
large <- c(1e6, 1e6 + 0.004, 1e6 + 0.02, 2e6, 3e6, 3e6 + 0.01)
entry <- c(0, 0.1, 1 - 1e-10, 0.2, 2, 4, 1, 7, 3, 5, 0, 0, 0.3)
stop <- c(1, 0.3, 2, 1 + 1e-9, 3, 7, 5, 9, 9 + 1e-9, 9, 4, 2 - 1e-9, 4)
pair <- unclass(aeqSurv(Surv(entry, stop, rep(1, 13))))

set.seed(11)
n <- 90
d <- data.frame(time = round(rexp(n, 0.1), 1), cause = sample(0:2, n, TRUE, c(.3, .4, .3)), group = sample(0:2, n, TRUE), strata = sample(0:1, n, TRUE))
gray <- function(...) { t <- cuminc(d$time, d$cause, d$group, ...)$Tests; list(statistic = t[, "stat"], p_value = pchisq(t[, "stat"], t[, "df"], lower.tail = FALSE)) }

p <- c(0.01, 0.04, 0.03, 0.005, 0.5)
rr <- function(hr, rare) if (rare) hr else (1 - 0.5^sqrt(hr)) / (1 - 0.5^sqrt(1 / hr))
strength <- function(rr) { rr <- ifelse(rr < 1, 1 / rr, rr); rr + sqrt(rr * (rr - 1)) }
e <- function(hr, low, high, rare) list(ratio = hr, low = low, high = high, rare = rare, risk_ratio = rr(hr, rare), point = strength(rr(hr, rare)),
  limit = if (low <= 1 && high >= 1) 1 else strength(rr(if (hr > 1) low else high, rare)))

# R's own conditional curve, and the one of the patients at risk after the landmark
l <- subset(lung, !is.na(time)); at <- 180
from <- survfit(Surv(time - at, status) ~ 1, data = l, subset = time > at, conf.type = "log-log")
whole <- survfit(Surv(time, status) ~ 1, data = l)
conditional <- list(time = l$time, event = as.integer(l$status == 2), at = at, n = from$n, months = from$time, survival = from$surv, low = from$lower,
  ratio = summary(whole, times = from$time + at)$surv / summary(whole, times = at)$surv)

cat(toJSON(list(command = "Rscript tests/references/survival_more.R", R = R.version.string, survival = as.character(packageVersion("survival")),
  ties = list(list(time = near, merged = unclass(aeqSurv(Surv(near, rep(1, length(near)))))[, 1]),
              list(time = large, merged = unclass(aeqSurv(Surv(large, rep(1, length(large)))))[, 1])),
  intervals = list(entry = entry, time = stop, merged_entry = pair[, 1], merged_time = pair[, 2]),
  gray = list(data = d, plain = gray(), rho_1 = gray(rho = 1), stratified = gray(strata = d$strata)),
  holm = list(p = p, adjusted = p.adjust(p, "holm")),
  e_values = list(e(1.8, 1.2, 2.7, FALSE), e(0.6, 0.45, 0.8, FALSE), e(0.8, 0.6, 1.1, FALSE), e(3.9, 1.8, 8.7, TRUE), e(0.25, 0.1, 0.6, TRUE)),
  conditional = conditional),
  digits = I(17), auto_unbox = TRUE, na = "null", dataframe = "columns"), "\n")
