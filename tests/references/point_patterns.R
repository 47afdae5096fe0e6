# Reference numbers for core/spatial/point_patterns.py.
# R 4.2.2, spatstat.explore 3.0-6, spatstat.geom 3.0-6, jsonlite; run: Rscript point_patterns.R > point_patterns.json
suppressPackageStartupMessages({library(spatstat.geom); library(spatstat.explore); library(jsonlite)})
set.seed(7)
field <- function(n, w, h) {
  kind <- sample(c("tumour", "t_cell", "b_cell"), n, replace = TRUE, prob = c(.6, .3, .1))
  ppp(round(runif(n, 0, w), 1), round(runif(n, 0, h), 1), window = owin(c(0, w), c(0, h)), marks = factor(kind, levels = c("tumour", "t_cell", "b_cell")), check = FALSE)
}
one <- unique(field(160, 300, 200)); two <- unique(field(90, 250, 240))
r <- seq(0, 50, by = .05)
at <- match(c(5, 10, 20, 30, 50), round(r, 2))
k <- function(x, i, j, correction) as.data.frame(Kcross(x, i, j, r = r, correction = correction, ratio = TRUE))
same <- function(x, i, correction) as.data.frame(Kest(split(x)[[i]], r = r, correction = correction))
points <- function(x) list(x = x$x, y = x$y, kind = as.integer(x$marks) - 1L, window = c(x$window$xrange, x$window$yrange))
pooled <- pool(Kcross(one, "tumour", "t_cell", r = r, correction = "translate", ratio = TRUE), Kcross(two, "tumour", "t_cell", r = r, correction = "translate", ratio = TRUE))
g <- as.data.frame(Gcross(one, "tumour", "t_cell", r = r, correction = c("km", "rs")))
out <- list(
  fields = list(points(one), points(two)), radii = r[at],
  k_translate = k(one, "tumour", "t_cell", "translate")$trans[at], k_same = same(one, "t_cell", "translate")$trans[at],
  k_pooled = as.data.frame(pooled)$pooltrans[at],
  g_km = g$km[at], g_border = g$rs[at], density = intensity(one) * 1e6
)
cat(toJSON(out, digits = NA, auto_unbox = TRUE), "\n")
