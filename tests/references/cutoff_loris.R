# Rscript tests/references/cutoff_loris.R loris.csv > tests/references/cutoff_loris.json
# R 4, packages survival, jsonlite. loris.csv is exported from a database with the published study (it is not kept here):
#   SELECT p.patient_id, p.cohort, p.cancer_type, p.tmb_per_mb AS tmb, p.response::int AS y, p.os_months AS t, p.os_event::int AS e, q.score AS s
#   FROM patient p LEFT JOIN prediction q ON q.patient_id = p.patient_id AND q.predictor = 'loris' WHERE p.study = 'loris'
suppressPackageStartupMessages({library(survival); library(jsonlite)})
d <- read.csv(commandArgs(TRUE)[1]); train <- d[d$cohort == "Chowell_train", ]
cuts <- sort(unique(train$s))
j <- function(x, c) mean(x$s[x$y == 1] >= c) + mean(x$s[x$y == 0] < c) - 1
cut <- cuts[which.max(sapply(cuts, function(c) j(train, c)))]
m <- glm(y ~ qlogis(s), binomial, data = train, control = glm.control(epsilon = 1e-14, maxit = 100))
at <- function(k) { x <- d[d$cohort == k, ]; p <- x$s >= cut; own <- sort(unique(x$s)); q <- predict(m, x, type = "response")
  list(tp = sum(p & x$y == 1), fp = sum(p & x$y == 0), fn = sum(!p & x$y == 1), tn = sum(!p & x$y == 0), j = j(x, cut),
       retuned_j = max(sapply(own, function(c) j(x, c))), brier_raw = mean((x$s - x$y)^2), brier_recalibrated = mean((q - x$y)^2)) }
z <- d[d$cohort %in% c("Chowell_test", "MSK1", "MSK_nonICB") & !is.na(d$s) & !is.na(d$t) & !is.na(d$e), ]
z$icb <- as.integer(z$cohort != "MSK_nonICB")
ratio <- function(h) { f <- coxph(Surv(t, e) ~ icb * h + strata(cancer_type), cbind(z, h = as.integer(h)), control = coxph.control(eps = 1e-13, iter.max = 100))
  s <- summary(f)$conf.int["icb:h", c(1, 3, 4)]; list(hr = s[[1]], low = s[[2]], high = s[[3]], p = summary(f)$coefficients["icb:h", 5], n = f$n) }
cat(toJSON(list(cut = cut, train_j = j(train, cut), Chowell_test = at("Chowell_test"), MSK1 = at("MSK1"), loris = ratio(z$s >= cut), tmb = ratio(z$tmb >= 10)),
           digits = NA, auto_unbox = TRUE, pretty = TRUE))
