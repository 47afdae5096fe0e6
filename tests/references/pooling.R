# Reference numbers for tests/core/test_pooling.py, from R's metafor: rma(method = "REML", test = "knha").
#   Rscript tests/references/pooling.R > tests/references/pooling.json
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "response_functions.R"))
sets <- list(
  heterogeneous = list(y = c(.3, .7, -.1, .5), se = c(.2, .15, .3, .25)),
  two = list(y = c(-.4, .1), se = c(.2, .3)),
  alike = list(y = c(.50, .52, .48, .51, .49), se = c(.2, .3, .25, .2, .4)),
  absent = list(y = c(.9, NA, -.2, .4, NA, 1.1), se = c(.1, .2, .3, NA, .5, .2)),
  wide = list(y = c(120, -40, 310, 75, 20, 95), se = c(30, 55, 80, 25, 60, 10)),
  tiny = list(y = c(.0012, .0031, .0007), se = c(.0004, .0005, .0003)),
  bcg = list(y = escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)$yi + 0,
             se = sqrt(escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)$vi))
)
answer <- function(d) c(list(estimate = as.numeric(d$y), se = as.numeric(d$se)), expected = list(pooled(as.numeric(d$y), as.numeric(d$se))))
cat(toJSON(list(command = "Rscript tests/references/pooling.R", R = R.version.string, metafor = as.character(packageVersion("metafor")),
                sets = lapply(sets, answer)), digits = 15, auto_unbox = TRUE, na = "null", null = "null"), "\n")
