# Reference numbers for tests/core/survival, from R's survival package.
#   Rscript tests/references/survival.R > tests/references/survival.json
suppressMessages({library(survival); library(jsonlite)})

simulate <- function(seed, n, digits, groups = 2, effect = 0.6) {
  set.seed(seed)
  g <- sample(letters[1:groups], n, replace = TRUE)
  x <- rnorm(n)
  event_time <- rexp(n, 0.06 * exp(effect * (g == "a") + 0.3 * x))
  censor_time <- runif(n, 2, 40)
  data.frame(time = round(pmin(event_time, censor_time), digits), event = as.integer(event_time <= censor_time),
             group = g, score = round(-x + rnorm(n), digits))
}

sets <- list(
  plain = simulate(1, 200, 6),
  ties = simulate(2, 300, 0),
  three_groups = simulate(3, 240, 1, groups = 3),
  four_groups_ties = simulate(4, 120, 0, groups = 4),
  zero_times = within(simulate(5, 80, 0), time[1:9] <- 0),
  small = data.frame(time = c(6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35,
                              1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23),
                     event = c(1, 1, 1, 1, 1, 1, 1, 1, 1, rep(0, 12), rep(1, 21)),
                     group = rep(c("b", "a"), each = 21), score = c(seq(21, 1), seq(15, -5))),
  exact_half = data.frame(time = c(1, 2, 3, 4, 1, 3, 5, 7), event = c(1, 1, 0, 1, 1, 1, 1, 0),
                          group = rep(c("a", "b"), each = 4), score = c(1, 2, 2, 3, 0, 4, 1, 5)),
  group_without_events = data.frame(time = c(1, 2, 3, 4, 5, 2, 4, 6), event = c(1, 1, 0, 1, 1, 0, 0, 0),
                                    group = c(rep("a", 5), rep("b", 3)), score = 1:8),
  one_patient_group = data.frame(time = c(1, 3, 3, 5, 8, 4), event = c(1, 1, 0, 1, 0, 1),
                                 group = c(rep("a", 5), "b"), score = c(1, 3, 2, 5, 4, 2)),
  everyone_dies = data.frame(time = c(2, 2, 4, 5, 9, 9, 12), event = 1, group = c("a", "b", "a", "b", "a", "b", "a"),
                             score = c(1, 0, 2, 2, 5, 3, 4))
)

answer <- function(d) {
  groups <- sort(unique(d$group))
  curves <- lapply(groups, function(g) {
    f <- survfit(Surv(time, event) ~ 1, data = d[d$group == g, ], conf.type = "log-log")
    m <- summary(f)$table
    list(time = f$time, n_risk = f$n.risk, n_event = f$n.event, n_censor = f$n.censor, survival = f$surv,
         ci_low = f$lower, ci_high = f$upper, median = unname(m["median"]), median_low = unname(m["0.95LCL"]),
         median_high = unname(m["0.95UCL"]))
  })
  names(curves) <- groups
  test <- survdiff(Surv(time, event) ~ group, data = d)
  d$group <- relevel(factor(d$group), ref = tail(groups, 1))
  cox <- NULL
  if (all(tapply(d$event, d$group, sum) > 0)) {
    s <- summary(coxph(Surv(time, event) ~ group, data = d, ties = "efron", control = coxph.control(eps = 1e-12, iter.max = 50)))
    cox <- lapply(head(groups, -1), function(g) {
      row <- paste0("group", g)
      list(group = g, hr = s$conf.int[row, 1], low = s$conf.int[row, 3], high = s$conf.int[row, 4],
           z = s$coefficients[row, "z"], p = s$coefficients[row, "Pr(>|z|)"])
    })
  }
  s <- summary(coxph(Surv(time, event) ~ scale(score), data = d, ties = "efron", control = coxph.control(eps = 1e-12, iter.max = 50)))
  per_sd <- list(hr = s$conf.int[1, 1], low = s$conf.int[1, 3], high = s$conf.int[1, 4], z = s$coefficients[1, "z"])
  k <- concordance(Surv(time, event) ~ score, data = d)
  reverse <- summary(survfit(Surv(time, 1 - event) ~ 1, data = d, conf.type = "log-log"))$table
  list(data = d, curves = curves, logrank = list(chisq = test$chisq, p = pchisq(test$chisq, length(groups) - 1, lower.tail = FALSE)),
       cox = cox, per_sd = per_sd, concordance = list(c = unname(k$concordance), se = unname(sqrt(k$var))),
       follow_up = list(median = unname(reverse["median"]), low = unname(reverse["0.95LCL"]), high = unname(reverse["0.95UCL"])))
}

out <- suppressWarnings(lapply(sets, answer))
cat(toJSON(list(command = "Rscript tests/references/survival.R", R = R.version.string,
                survival = as.character(packageVersion("survival")), sets = out),
           digits = 15, auto_unbox = TRUE, na = "null", null = "null", dataframe = "columns"), "\n")
