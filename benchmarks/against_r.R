# The numbers of R's survival and cmprsk packages for the data sets that benchmarks/against_r.py wrote.
#   Rscript benchmarks/against_r.R FOLDER     reads FOLDER/sets.json and its CSV files, writes FOLDER/r.json
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})
options(warn = -1)
if (!exists("folder")) folder <- commandArgs(TRUE)[1]
tight <- coxph.control(eps = 1e-14, iter.max = 200, toler.inf = 1e-9)
quiet <- function(expr) tryCatch(expr, error = function(e) NULL)

# Weighted log-rank tests from their definitions, at one event time after the other, within strata, with late entry.
rank_test <- function(entry, time, event, group, stratum, kind, rho, gamma) {
  y <- if (is.null(entry)) aeqSurv(Surv(time, event)) else aeqSurv(Surv(entry, time, event))
  time <- y[, ncol(y) - 1]; event <- y[, ncol(y)]
  entry <- if (ncol(y) == 3) y[, 1] else rep(-Inf, length(time))
  group <- as.integer(factor(group)); k <- max(group)
  O <- E <- numeric(k); V <- matrix(0, k, k)
  for (s in unique(stratum)) {
    S <- 1
    for (t in sort(unique(time[event == 1 & stratum == s]))) {
      risk <- stratum == s & entry < t & time >= t
      dead <- stratum == s & time == t & event == 1
      n <- sum(risk); d <- sum(dead)
      nj <- tabulate(group[risk], k); dj <- tabulate(group[dead], k)
      w <- switch(kind, logrank = 1, gehan = n, tarone_ware = sqrt(n), peto = S, fleming_harrington = S^rho * (1 - S)^gamma)
      O <- O + w * dj; E <- E + w * d * nj / n
      if (n > 1) V <- V + w^2 * d * (n - d) / (n - 1) * (diag(nj / n, k) - outer(nj / n, nj / n))
      S <- S * (1 - d / n)
    }
  }
  used <- which(E > 0)
  if (length(used) < 2) return(NULL)
  u <- (O - E)[used][-1]; v <- V[used, used][-1, -1, drop = FALSE]
  if (qr(v)$rank < ncol(v)) return(NULL)
  x <- sum(u * solve(v, u)); df <- length(used) - 1
  list(statistic = x, df = df, p_value = pchisq(x, df, lower.tail = FALSE))
}

KINDS <- c(gehan = "gehan_wilcoxon", logrank = "logrank", tarone_ware = "tarone_ware", peto = "peto", fleming_harrington = "fleming_harrington")

tests <- function(d, o, stratified) {
  if (stratified) d <- d[!is.na(d$strata), ]
  if (nrow(d) == 0) return(NULL)
  stratum <- if (stratified) d$strata else rep("all", nrow(d))
  out <- lapply(names(KINDS), function(kind) quiet(rank_test(if (o$entry) d$entry, d$time, d$event, d$group, stratum, kind, o$rho, o$gamma)))
  names(out) <- paste0(KINDS, if (stratified) "_stratified" else "")
  if (!o$entry) for (kind in c("logrank", "peto")) {     # R's own, which takes no late entry
    key <- paste0(kind, if (stratified) "_stratified" else "")
    if (is.null(out[[key]])) next
    f <- if (stratified) Surv(time, event) ~ group + strata(strata) else Surv(time, event) ~ group
    r <- quiet(survdiff(f, data = d, rho = (kind == "peto") * 1))
    if (!is.null(r)) out[[key]] <- list(statistic = r$chisq, df = sum(rowSums(as.matrix(r$exp)) > 0) - 1, p_value = r$pvalue)
  }
  out
}

curves <- function(d, o) {
  f <- if (o$entry) Surv(entry, time, event) ~ group else Surv(time, event) ~ group
  fit <- survfit(f, data = d, conf.type = o$interval)
  groups <- sort(unique(d$group))
  rows <- if (is.null(fit$strata)) rep(1, length(fit$time)) else rep(seq_along(fit$strata), fit$strata)
  km <- lapply(seq_along(groups), function(i) {
    w <- rows == i
    list(group = groups[i], n = sum(d$group == groups[i]), n_events = sum(fit$n.event[w]), time = I(fit$time[w]), at_risk = I(fit$n.risk[w]),
         events = I(fit$n.event[w]), censored = I(fit$n.censor[w]), survival = I(fit$surv[w]),
         std_err = I(ifelse(fit$surv[w] > 0, fit$surv[w] * fit$std.err[w], NA)), std_err_log = I(ifelse(fit$surv[w] > 0, fit$std.err[w], NA)),
         ci_low = I(fit$lower[w]), ci_high = I(fit$upper[w]))
  })
  table <- function(...) { m <- summary(fit, ...)$table; if (is.matrix(m)) m else t(as.matrix(m)) }
  m <- table()
  medians <- lapply(seq_along(groups), function(i) list(group = groups[i], n = sum(d$group == groups[i]), events = m[i, "events"],
    median = m[i, "median"], ci_low = m[i, "0.95LCL"], ci_high = m[i, "0.95UCL"]))
  last <- tapply(fit$time, rows, max)
  horizon <- if (is.null(o$horizon)) min(last[last > 0]) else o$horizon
  rmst <- NULL
  if (is.finite(horizon) && horizon > 0) {
    m <- survival:::survmean(fit, rmean = horizon)$matrix    # what summary(fit, rmean = horizon) prints, also before the first time
    if (!is.matrix(m)) m <- t(as.matrix(m))
    mean <- m[, grep("rmean", colnames(m))[1]]; se <- m[, grep("se\\(rmean", colnames(m))[1]]
    z <- qnorm(.975)
    pairs <- if (length(groups) > 1) combn(length(groups), 2, simplify = FALSE) else list()
    rmst <- list(horizon = horizon,
      groups = lapply(seq_along(groups), function(i) list(group = groups[i], rmst = mean[i], se = se[i], ci_low = mean[i] - z * se[i], ci_high = mean[i] + z * se[i])),
      differences = lapply(pairs, function(p) { b <- p[1]; a <- p[2]; x <- mean[a] - mean[b]; s <- sqrt(se[a]^2 + se[b]^2); if (s == 0) s <- NA
        list(a = groups[a], b = groups[b], estimate = x, ci_low = x - z * s, ci_high = x + z * s, p_value = 2 * pnorm(-abs(x / s))) }),
      ratios = lapply(pairs, function(p) { b <- p[1]; a <- p[2]; if (mean[a] == 0 || mean[b] == 0) mean[c(a, b)] <- NA
        x <- log(mean[a]) - log(mean[b]); s <- sqrt((se[a] / mean[a])^2 + (se[b] / mean[b])^2); if (is.na(s) || s == 0) s <- NA
        list(a = groups[a], b = groups[b], estimate = exp(x), ci_low = exp(x - z * s), ci_high = exp(x + z * s), p_value = 2 * pnorm(-abs(x / s))) }))
  }
  at <- list()
  if (length(o$at)) for (i in seq_along(groups)) {
    one <- if (is.null(fit$strata)) fit else fit[i]
    s <- summary(one, times = unlist(o$at), extend = TRUE)
    beyond <- s$time > max(one$time) & s$surv > 0           # R repeats the last value there; it is not known
    hide <- function(v) ifelse(beyond, NA, v)
    for (j in seq_along(s$time)) at <- c(at, list(list(group = groups[i], time = s$time[j], survival = hide(s$surv)[j],
      std_err = hide(ifelse(s$surv > 0, s$std.err, NA))[j], ci_low = hide(s$lower)[j], ci_high = hide(s$upper)[j], n_risk = s$n.risk[j])))
  }
  reverse <- function(by) {
    f <- survfit(as.formula(paste(if (o$entry) "Surv(entry, time, 1 - event) ~" else "Surv(time, 1 - event) ~", by)), data = d, conf.type = o$interval)
    m <- summary(f)$table
    if (!is.matrix(m)) m <- t(as.matrix(m))
    lapply(seq_len(nrow(m)), function(i) list(n = m[i, "records"], median = m[i, "median"], ci_low = m[i, "0.95LCL"], ci_high = m[i, "0.95UCL"]))
  }
  follow_up <- c(reverse("1")[[1]], list(groups = reverse("group")))
  list(km = km, medians = medians, rmst = rmst, at = at, follow_up = follow_up)
}

cox <- function(d, o, terms) {
  y <- if (o$entry) "Surv(entry, time, event)" else "Surv(time, event)"
  f <- as.formula(paste(y, "~", paste(terms, collapse = " + "), if (o$strata) "+ strata(strata)"))
  said <- ""
  fit <- quiet(withCallingHandlers(coxph(f, data = d, ties = "efron", control = tight), warning = function(w) said <<- paste(said, conditionMessage(w))))
  if (is.null(fit) || fit$nevent == 0 || all(is.na(coef(fit)))) return(NULL)
  s <- quiet(summary(fit))
  if (is.null(s)) return(NULL)
  b <- coef(fit); se <- rep(NA, length(b)); se[!is.na(b)] <- sqrt(diag(vcov(fit, complete = FALSE))); z <- qnorm(.975)
  p <- s$coefficients[, "Pr(>|z|)"]
  zph <- quiet(cox.zph(fit, transform = "km", terms = TRUE)$table)
  list(no_maximum = grepl("converged before|Ran out of", said) || any(abs(b) > 20, na.rm = TRUE), terms = lapply(seq_along(b), function(j) list(coef = b[[j]], se = se[j], z = b[[j]] / se[j], p_value = p[[j]], hazard_ratio = exp(b[[j]]),
         ci_low = exp(b[[j]] - z * se[j]), ci_high = exp(b[[j]] + z * se[j]))),
       n = fit$n, events = fit$nevent, loglik_null = fit$loglik[1], loglik = tail(fit$loglik, 1),
       tests = list(likelihood_ratio = list(statistic = s$logtest[[1]], df = s$logtest[[2]], p_value = s$logtest[[3]]),
                    wald = list(statistic = fit$wald.test[[1]], df = s$waldtest[[2]], p_value = pchisq(fit$wald.test[[1]], s$waldtest[[2]], lower.tail = FALSE)),
                    score = list(statistic = s$sctest[[1]], df = s$sctest[[2]], p_value = s$sctest[[3]])),
       concordance = list(estimate = s$concordance[[1]], se = s$concordance[[2]]),
       ph_test = if (is.null(zph)) NULL else lapply(seq_len(nrow(zph)), function(i) list(statistic = zph[i, 1], df = zph[i, 2], p_value = zph[i, 3])))
}

competing <- function(d, o) {
  groups <- sort(unique(d$group)); causes <- sort(unique(d$cause[d$cause > 0]))
  if (length(causes) == 0) return(list(incidence = list(), gray = NULL))
  d$state <- factor(d$cause, c(0, causes)); d$id <- seq_len(nrow(d))
  fit <- if (o$entry) survfit(Surv(entry, time, state) ~ group, data = d, id = id, conf.type = o$interval)
         else survfit(Surv(time, state) ~ group, data = d, conf.type = o$interval)
  rows <- if (is.null(fit$strata)) rep(1, length(fit$time)) else rep(seq_along(fit$strata), fit$strata)
  fixed <- function(d) { d$time <- aeqSurv(Surv(d$time, d$event))[, 1]; d }     # cuminc does not merge nearly tied times itself
  g <- if (o$entry) NULL else quiet(with(fixed(d), cuminc(time, cause, group)))
  out <- list()
  for (i in seq_along(groups)) for (j in seq_along(causes)) {
    w <- rows == i
    item <- list(group = groups[i], cause = causes[j], time = I(fit$time[w]), incidence = I(fit$pstate[w, j + 1]), std_err = I(fit$std.err[w, j + 1]),
                 ci_low = I(fit$lower[w, j + 1]), ci_high = I(fit$upper[w, j + 1]))
    curve <- if (!is.null(g)) g[[paste(groups[i], causes[j])]]
    if (!is.null(curve)) { at <- findInterval(fit$time[w], curve$time); item$std_err_delta <- I(sqrt(ifelse(at == 0, 0, curve$var[pmax(at, 1)]))) }
    out <- c(out, list(item))
  }
  test <- function(g) if (is.null(g$Tests)) NULL else
    lapply(seq_len(nrow(g$Tests)), function(i) if (g$Tests[i, 1] < 0) list(statistic = NA, df = g$Tests[i, 3], p_value = NA) else
      list(statistic = g$Tests[i, 1], df = g$Tests[i, 3], p_value = pchisq(g$Tests[i, 1], g$Tests[i, 3], lower.tail = FALSE)))
  gray <- NULL
  if (length(groups) > 1 && !o$entry) {
    gray <- test(g)
    if (o$strata) { l <- d[!is.na(d$strata), ]; gray <- c(gray, test(quiet(with(fixed(l), cuminc(time, cause, group, strata))))) }
  }
  list(incidence = out, gray = gray)
}

answer <- function(o) {
  d <- read.csv(file.path(folder, o$file), colClasses = c(group = "character", strata = "character", x3 = "character"), na.strings = c("NA", ""))
  if (o$endpoint == "competing") d$event <- as.integer(d$cause > 0)
  usable <- !is.na(d$time) & !is.na(d$event)
  if (o$entry) usable <- usable & !is.na(d$entry) & d$entry < d$time
  d <- d[usable, ]
  if (!is.null(o$landmark)) {
    d <- d[d$time > o$landmark, ]; d$time <- d$time - o$landmark
    if (o$entry) d$entry <- pmax(d$entry - o$landmark, 0)
  }
  everyone <- d
  if (!o$group) d$group <- "all patients"
  d <- d[!is.na(d$group), ]
  if (nrow(d) == 0) return(list(n = 0))
  out <- c(list(n = nrow(d), events = sum(d$event)), curves(d, o))
  groups <- sort(unique(d$group))
  if (o$endpoint == "competing") return(c(out, competing(d, o)))
  if (o$group) {
    out$tests <- c(tests(d, o, FALSE), if (o$strata) tests(d, o, TRUE))
    pairs <- if (length(groups) > 1) combn(groups, 2, simplify = FALSE) else list()
    found <- lapply(pairs, function(p) { two <- d[d$group %in% p, ]
      t <- quiet(rank_test(if (o$entry) two$entry, two$time, two$event, two$group, rep(1, nrow(two)), "logrank", 0, 0))
      if (is.null(t)) list(a = p[1], b = p[2], statistic = NA, p_value = NA) else list(a = p[1], b = p[2], statistic = t$statistic, p_value = t$p_value) })
    holm <- p.adjust(sapply(found, function(t) t$p_value), "holm")
    out$pairwise <- lapply(seq_along(found), function(i) c(found[[i]], list(p_holm = holm[i])))
    if (length(groups) > 1) out$cox_group <- cox(d, o, "group")
  }
  main <- if (length(o$covariates)) cox(everyone, o, unlist(o$covariates)) else out$cox_group
  out$cox <- main; out$ph_test <- main$ph_test
  out
}

all_answers <- function(sets) lapply(sets, function(o) tryCatch(answer(o), error = function(e) list(error = conditionMessage(e))))
versions <- list(R = R.version.string, survival = as.character(packageVersion("survival")), cmprsk = as.character(packageVersion("cmprsk")))
as_json <- function(x) toJSON(x, digits = I(17), auto_unbox = TRUE, na = "null", null = "null")

if (file.exists(file.path(folder, "sets.json"))) {
  sets <- fromJSON(file.path(folder, "sets.json"), simplifyVector = FALSE)
  writeLines(as_json(c(versions, list(sets = all_answers(sets)))), file.path(folder, "r.json"))
}
