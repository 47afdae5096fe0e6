# Rscript tests/references/agreement.R > tests/references/agreement.json
# R 4, packages epiR, jsonlite. Cells: both, first only, second only, neither.
suppressPackageStartupMessages({library(epiR); library(jsonlite)})
tables <- list(plain = c(40, 9, 12, 60), rare = c(3, 2, 1, 94), uneven = c(120, 40, 3, 37), worse = c(5, 20, 25, 6),
               one_sided = c(10, 0, 4, 30))
wilson <- function(k, n) as.numeric(suppressWarnings(prop.test(k, n, correct = FALSE))$conf.int)
kappa_of <- function(p) { m <- matrix(p, 2, byrow = TRUE); po <- sum(diag(m)); pe <- sum(rowSums(m) * colSums(m)); (po - pe) / (1 - pe) }
# variance at the estimate: delta method on the multinomial, gradient by central differences
ase <- function(k) {
  n <- sum(k); p <- k / n; h <- 1e-6
  g <- sapply(seq_along(p), function(i) { e <- rep(0, 4); e[i] <- h
    f <- function(q) { po <- q[1] + q[4]; pe <- (q[1] + q[2]) * (q[1] + q[3]) + (q[3] + q[4]) * (q[2] + q[4]); (po - pe) / (1 - pe) }
    (f(p + e) - f(p - e)) / (2 * h) })
  sqrt(as.numeric(t(g) %*% (diag(p) - p %*% t(p)) %*% g) / n)
}
out <- lapply(tables, function(k) {
  m <- matrix(k, 2, byrow = TRUE); e <- suppressWarnings(epi.kappa(m)); n <- sum(k); s <- ase(k); v <- kappa_of(k / n)
  list(cells = k, kappa = e$kappa$est, z = e$z$test.statistic, p = e$z$p.value, ci = c(v - qnorm(.975) * s, v + qnorm(.975) * s),
       ppa = k[1] / (k[1] + k[3]), ppa_ci = wilson(k[1], k[1] + k[3]), npa = k[4] / (k[4] + k[2]), npa_ci = wilson(k[4], k[4] + k[2]),
       opa_ci = wilson(k[1] + k[4], n), mcnemar = binom.test(k[2], k[2] + k[3])$p.value)
})
cat(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE))
