# Reference numbers for core/tme/group_tests.py and core/tme/agreement.py: base R alone.
# Run: Rscript tests/references/group_tests.R > tests/references/group_tests.json
# Kruskal-Wallis is stats::kruskal.test; Dunn, Cliff's delta and the Bonett-Wright interval are written out from their papers.
x <- c(0.12,0.05,0.33,0.00,0.21,0.00,0.44, 0.10,0.00,0.00,0.07,0.02,0.15, 0.31,0.52,0.44,0.60,0.12,0.27,0.33)
g <- rep(1:3, c(7,6,7))
fmt <- function(v) paste0("[", paste(sprintf("%.12g", v), collapse=", "), "]")
kw <- kruskal.test(x, g)
n <- length(x); r <- rank(x); ties <- sum(table(x)^3 - table(x))
means <- tapply(r, g, mean); sizes <- table(g)
pairs <- list(c(1,2), c(1,3), c(2,3))
z <- sapply(pairs, function(q) (means[q[1]] - means[q[2]]) /
  sqrt((n*(n+1)/12 - ties/(12*(n-1))) * (1/sizes[q[1]] + 1/sizes[q[2]])))
p <- 2*pnorm(-abs(z))
cliff <- function(a, b) {
  d <- sign(outer(a, b, "-")); n1 <- length(a); n2 <- length(b); delta <- mean(d)
  s2 <- (n2^2*sum((rowMeans(d)-delta)^2) + n1^2*sum((colMeans(d)-delta)^2) - sum((d-delta)^2)) / (n1*n2*(n1-1)*(n2-1))
  s2 <- max(s2, (1-delta^2)/(n1*n2-1)); zz <- qnorm(.975)
  half <- zz*sqrt(s2)*sqrt((1-delta^2)^2 + zz^2*s2); under <- 1-delta^2+zz^2*s2
  c(delta, (delta-delta^3-half)/under, (delta-delta^3+half)/under) }
cl <- sapply(pairs, function(q) cliff(x[g==q[1]], x[g==q[2]]))
y <- c(3,1,4,1,5,9,2,6,5,3,5,8,9,7,9,3,2,3,8,4)
rho <- cor(x, y, method="spearman")
se <- sqrt((1 + rho^2/2)/(n-3)); ci <- tanh(atanh(rho) + c(-1,1)*qnorm(.975)*se)
cat("{\n")
cat(' "x": ', fmt(x), ',\n "g": ', fmt(g), ',\n "y": ', fmt(y), ',\n', sep="")
cat(' "kruskal": {"statistic": ', sprintf("%.12g", kw$statistic), ', "p": ', sprintf("%.12g", kw$p.value),
    ', "epsilon_squared": ', sprintf("%.12g", kw$statistic/(n-1)), '},\n', sep="")
cat(' "dunn": {"z": ', fmt(z), ', "p": ', fmt(p), ', "holm": ', fmt(p.adjust(p,"holm")), ', "bh": ', fmt(p.adjust(p,"BH")), '},\n', sep="")
cat(' "cliff": {"delta": ', fmt(cl[1,]), ', "low": ', fmt(cl[2,]), ', "high": ', fmt(cl[3,]), '},\n', sep="")
cat(' "spearman": {"rho": ', sprintf("%.12g", rho), ', "low": ', sprintf("%.12g", ci[1]), ', "high": ', sprintf("%.12g", ci[2]), '}\n}\n', sep="")
