# Rscript tests/references/effect_modification.R > tests/references/effect_modification.json
# R 4, packages survival, jsonlite. A deterministic data set (no random number generator is shared with numpy).
suppressPackageStartupMessages({library(survival); library(jsonlite)})
n <- 160; i <- seq_len(n)
u <- (i * 0.6180339887) %% 1; v <- (i * 0.7548776662) %% 1; w <- (i * 0.5698402910) %% 1; s <- (i * 0.3819660113) %% 1
arm <- i %% 2; m1 <- round(qnorm(v) , 4); m2 <- round(.5 * m1 + qnorm(w), 4); site <- i %% 3
time <- round(-log(u) * 12 * exp(-(.5 * m2 - .3 * arm - .7 * m1 * arm + .2 * site)), 1); cens <- round(4 + 30 * s, 1)
event <- as.integer(time <= cens); time <- pmin(time, cens)
ctl <- coxph.control(eps = 1e-13, iter.max = 100, toler.chol = 1e-15)
describe <- function(fit, l) { b <- sum(l * coef(fit)); se <- sqrt(as.numeric(t(l) %*% vcov(fit) %*% l))
  list(hr = exp(b), low = exp(b - qnorm(.975) * se), high = exp(b + qnorm(.975) * se), p = 2 * pnorm(-abs(b / se))) }
sd1 <- function(x) (x - mean(x)) / sd(x)
z1 <- sd1(m1); z2 <- sd1(m2); h1 <- as.integer(m1 >= .25)
f1 <- coxph(Surv(time, event) ~ z1 + arm + z1:arm + strata(site), control = ctl)
f2 <- coxph(Surv(time, event) ~ h1 + arm + h1:arm, control = ctl)
f3 <- coxph(Surv(time, event) ~ z1 + z2 + arm + z1:arm + z2:arm + strata(site), control = ctl)
p <- c(.01, .04, .03, NA, .5)
cat(toJSON(list(
  data = list(time = time, event = event, arm = arm, m1 = m1, m2 = m2, site = site),
  per_sd = list(interaction = describe(f1, c(0, 0, 1)), in_control = describe(f1, c(1, 0, 0)), in_treated = describe(f1, c(1, 0, 1)),
                arm_low = describe(f1, c(0, 1, -1)), arm_high = describe(f1, c(0, 1, 1))),
  cut = list(interaction = describe(f2, c(0, 0, 1)), in_control = describe(f2, c(1, 0, 0)), in_treated = describe(f2, c(1, 0, 1)),
             arm_low = describe(f2, c(0, 1, 0)), arm_high = describe(f2, c(0, 1, 1))),
  joint = list(m1 = list(interaction = describe(f3, c(0, 0, 0, 1, 0)), in_control = describe(f3, c(1, 0, 0, 0, 0))),
               m2 = list(interaction = describe(f3, c(0, 0, 0, 0, 1)), in_control = describe(f3, c(0, 1, 0, 0, 0)))),
  holm = list(p = p, adjusted = p.adjust(p, "holm"))), digits = NA, auto_unbox = TRUE, na = "null"))
