# Reference numbers for tests/core/markers/cutoff, from R's maxstat, exactRankTests, survival, rms, pROC and epiR.
# The law of exactGauss is integrated by Miwa's algorithm where there are at most six cuts, else by quasi-Monte Carlo.
#   Rscript tests/references/cutoff.R > tests/references/cutoff.json
suppressMessages({library(maxstat); library(survival); library(jsonlite); library(mvtnorm)})

simulate <- function(seed, n, digits = 6, marker_digits = 6, effect = 0.4) {
  set.seed(seed)
  x <- round(rnorm(n), marker_digits)
  event_time <- rexp(n, 0.06 * exp(-effect * (x > 0.3)))
  censor_time <- runif(n, 2, 40)
  data.frame(marker = x, time = round(pmin(event_time, censor_time), digits),
             event = as.integer(event_time <= censor_time), response = rbinom(n, 1, plogis(-0.8 + effect * x)))
}

sets <- list(
  plain = simulate(1, 120),
  tied_times = simulate(2, 90, digits = 0),
  tied_marker = simulate(3, 150, marker_digits = 0),
  both_tied = simulate(4, 60, digits = 0, marker_digits = 1),
  small = simulate(5, 16),
  strong = simulate(6, 100, effect = 1.5),
  no_effect = simulate(7, 80, effect = 0),
  two_values = within(simulate(8, 40), marker <- as.numeric(marker > 0.2)),
  large = simulate(9, 300)
)

one <- function(formula, d, smethod, minprop = 0.1, maxprop = 0.9) {
  run <- function(pmethod, ...) maxstat.test(formula, data = d, smethod = smethod, pmethod = pmethod,
                                             minprop = minprop, maxprop = maxprop, ...)
  base <- run("Lau92")
  N <- nrow(d)
  cm <- maxstat:::corrmsrs(d$marker, minprop, maxprop)
  b <- unname(base$statistic)
  gauss <- if (is.null(dim(cm))) 2 * pnorm(-b) else {
    set.seed(1)
    if (nrow(cm) <= 6) 1 - pmvnorm(lower = rep(-b, nrow(cm)), upper = rep(b, nrow(cm)), corr = cm, algorithm = Miwa(steps = 1024))[1]
    else 1 - pmvnorm(lower = rep(-b, nrow(cm)), upper = rep(b, nrow(cm)), corr = cm, algorithm = GenzBretz(maxpts = 1e5, abseps = 1e-4))[1]
  }
  set.seed(2)
  condmc <- tryCatch(unname(run("condMC", B = 19999)$p.value), error = function(e) NULL)
  hl <- if (N <= 170) tryCatch({h <- run("HL"); list(p = unname(h$p.value), statistic = unname(h$statistic))}, error = function(e) NULL) else NULL
  list(statistic = b, below = unname(base$estimate), stats = unname(base$stats), cuts_below = base$cuts, lau92 = base$p.value,
       lau94 = run("Lau94")$p.value, gauss = gauss, gauss_exact = is.null(dim(cm)) || nrow(cm) <= 6, hl = hl, condmc = condmc)
}

answer <- function(d) list(
  data = d,
  survival = one(Surv(time, event) ~ marker, d, "LogRank"),
  survival_quarter = one(Surv(time, event) ~ marker, d, "LogRank", 0.25, 0.75),
  response = one(response ~ marker, d, "Data")
)

# restricted cubic splines: knots and basis as rms::rcs(), fits run to tight convergence
suppressMessages({library(rms)})
spline <- function(d, k, outcome) {
  x <- d$marker
  knots <- Hmisc::rcspline.eval(x, nk = k, knots.only = TRUE)
  basis <- Hmisc::rcspline.eval(x, knots, inclx = TRUE)
  reference <- median(x)
  grid <- unname(quantile(x, c(0.05, 0.2, 0.4, 0.7, 0.95)))
  step <- sweep(Hmisc::rcspline.eval(grid, knots, inclx = TRUE), 2, Hmisc::rcspline.eval(c(reference, grid), knots, inclx = TRUE)[1, ])
  if (outcome == "survival") {
    control <- coxph.control(eps = 1e-14, iter.max = 100, toler.chol = 1e-14)
    full <- coxph(Surv(time, event) ~ basis, data = d, ties = "efron", control = control)
    line <- coxph(Surv(time, event) ~ marker, data = d, ties = "efron", control = control)
    logs <- c(full$loglik[2], line$loglik[2], full$loglik[1])
    beta <- unname(coef(full)); v <- unname(vcov(full))
    rms_fit <- cph(Surv(time, event) ~ rcs(marker, knots), data = d, eps = 1e-12, iter.max = 100, method = "efron")
  } else {
    full <- glm(response ~ basis, data = d, family = binomial, control = glm.control(epsilon = 1e-14, maxit = 100))
    line <- glm(response ~ marker, data = d, family = binomial, control = glm.control(epsilon = 1e-14, maxit = 100))
    logs <- c(logLik(full), logLik(line), logLik(glm(response ~ 1, data = d, family = binomial)))
    beta <- unname(coef(full))[-1]; v <- unname(vcov(full))[-1, -1]
    rms_fit <- lrm(response ~ rcs(marker, knots), data = d, eps = 1e-12, maxit = 100)
  }
  list(k = k, knots = unname(knots), beta = beta, rms = unname(tail(coef(rms_fit), length(beta))), at = grid, log_ratio = as.vector(step %*% beta),
       se = sqrt(diag(step %*% v %*% t(step))), nonlinear = 2 * (logs[1] - logs[2]), overall = 2 * (logs[1] - logs[3]),
       p_nonlinear = pchisq(2 * (logs[1] - logs[2]), length(beta) - 1, lower.tail = FALSE),
       p_overall = pchisq(2 * (logs[1] - logs[3]), length(beta), lower.tail = FALSE))
}
skewed <- simulate(11, 250, marker_digits = 1)
skewed$marker <- round(exp(skewed$marker), 1)
crowded <- simulate(12, 220)
crowded$marker <- pmax(crowded$marker, -0.4)
few <- simulate(13, 120, marker_digits = 0)
spline_sets <- list(plain = sets$plain, small = simulate(10, 70), tied_times = sets$tied_times, skewed = skewed, crowded = crowded, large = sets$large, few = few)
splines <- lapply(spline_sets, function(d) list(data = d, fits = c(
  lapply(c(3, 4), function(k) c(list(outcome = "survival"), spline(d, k, "survival"))),
  lapply(c(3, 4), function(k) c(list(outcome = "response"), spline(d, k, "response"))))))

# one table of cuts by R's own coxph and survdiff
curve <- lapply(list(plain = sets$plain, tied_times = sets$tied_times, both_tied = sets$both_tied), function(d) {
  cuts <- sort(unique(d$marker)); cuts <- cuts[c(round(length(cuts) * c(0.2, 0.5, 0.8)))]
  lapply(cuts, function(cut) {
    high <- as.numeric(d$marker >= cut)
    s <- summary(coxph(Surv(time, event) ~ high, data = d, ties = "efron", control = coxph.control(eps = 1e-14, iter.max = 50)))
    orr <- prop.test(sum(d$response[high == 1]), sum(high == 1), correct = FALSE)
    list(cut = cut, log_hr = s$coefficients[1, "coef"], se = s$coefficients[1, "se(coef)"], hr_low = s$conf.int[1, 3], hr_high = s$conf.int[1, 4],
         logrank = survdiff(Surv(time, event) ~ high, data = d)$chisq, sensitivity = mean(high[d$response == 1]), specificity = mean(1 - high[d$response == 0]),
         orr_high = unname(orr$estimate), orr_high_low = orr$conf.int[1], orr_high_high = orr$conf.int[2])
  })
})

# sample sizes
suppressMessages({library(epiR); library(pROC)})
prop <- function(p1, p2, power) power.prop.test(p1 = p1, p2 = p2, power = power, tol = 1e-12)$n
sizes <- list(
  proportion = lapply(list(c(0.9, 0.05, 0.2), c(0.6, 0.1, 0.35), c(0.75, 0.08, 0.3)), function(v)
    list(expected = v[1], half_width = v[2], share = v[3], n = epi.ssdxsesp(test = v[1], type = "se", Py = v[3], epsilon = v[2], error = "absolute", nfractional = TRUE))),
  goal = lapply(list(c(0.8, 0.6, 40), c(0.9, 0.75, 63), c(0.7, 0.55, 120)), function(v) {
    n <- v[3]; k <- 0:n
    reject <- sapply(k, function(i) binom.test(i, n, v[2], alternative = "greater")$p.value <= 0.025)
    lower <- sapply(k[reject][1], function(i) binom.test(i, n)$conf.int[1])
    list(expected = v[1], goal = v[2], n = n, power = sum(dbinom(k[reject], n, v[1])), lower = lower)
  }),
  schoenfeld = lapply(list(c(0.6, 0.5, 0.8), c(0.7, 0.3, 0.9), c(1.6, 0.25, 0.8)), function(v) {
    control <- 0.5; treat <- control^v[1]
    list(ratio = v[1], positive = v[2], power = v[3],
         events = epi.sscomps(treat = treat, control = control, n = NA, power = v[3], r = v[2] / (1 - v[2]), sided.test = 2, nfractional = TRUE, conf.level = 0.95)$n.crude)
  }),
  proportions = lapply(list(c(0.45, 0.25, 0.8), c(0.3, 0.15, 0.9), c(0.6, 0.35, 0.8)), function(v) list(first = v[1], second = v[2], power = v[3], n = prop(v[1], v[2], v[3]))),
  auc = lapply(list(c(0.7, 1, 0.8), c(0.75, 2, 0.9), c(0.65, 3, 0.8)), function(v) {
    r <- power.roc.test(auc = v[1], kappa = v[2], power = v[3], sig.level = 0.05)
    list(auc = v[1], kappa = v[2], power = v[3], cases = r$ncases)
  })
)

result <- list(r = R.version.string, maxstat = as.character(packageVersion("maxstat")), maxstat_sets = lapply(sets, answer), splines = splines, curve = curve, sizes = sizes)
cat(toJSON(result, digits = NA, auto_unbox = TRUE, null = "null"))
