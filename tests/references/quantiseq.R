# quanTIseq as published (Finotello 2019, doi 10.1186/s13073-019-0638-6), written out from the paper's method with quadprog as solver:
# non-negative weights of sum at most 1, mRNA scaling, "Other" as the rest, regulatory T cells estimated again without CD4 where under 2%.
# Run: Rscript tests/references/quantiseq.R > tests/references/quantiseq.json
library(quadprog)
cells <- c("B.cells","Macrophages.M1","Macrophages.M2","Monocytes","Neutrophils","NK.cells","T.cells.CD4","T.cells.CD8","Tregs","Dendritic.cells")
g <- 60; k <- length(cells)
A <- outer(1:g, 1:k, function(i,j) 40 + 30*sin(i*1.3 + j*j*0.7) + ifelse((i-1) %% k == j-1, 400 + 15*i, 0))
A[,9] <- 0.75*A[,7] + 0.25*A[,9]                        # regulatory and other CD4 T cells are alike
colnames(A) <- cells; scaling <- 40 + 12*(1:k)
W <- rbind(c(.05,.03,.08,.02,.06,.01,.07,.10,.001,.02), c(.20,.10,.15,.05,.10,.05,.20,.15,.10,.08),
           c(0,0,.12,.04,0,.02,.03,.01,.05,0), c(.02,.01,.01,.30,.02,.0,.10,.02,.0,.01), c(.01,0,.01,0,.01,0,0,.02,.002,.01))
M <- A %*% t(W); M <- pmax(M + 6*sin(outer(1:g, 1:nrow(W), function(i,s) i*2.1 + s*5.3)), 0)
solve1 <- function(A, b) { sc <- norm(A, "2"); A <- A/sc; b <- b/sc; n <- ncol(A)
  x <- solve.QP(crossprod(A), crossprod(A, b), cbind(diag(n), rep(-1, n)), c(rep(0, n), -1))$solution; pmax(x, 0) }
one <- function(A, b, s) { x <- solve1(A, b); total <- sum(x); x <- x/s; x <- x/sum(x)*total; c(x, max(0, 1-sum(x))) }
first <- t(apply(M, 2, function(b) one(A, b, scaling))); cd4 <- 7; treg <- 9
second <- t(apply(M, 2, function(b) one(A[,-cd4], b, scaling[-cd4])))
low <- which(first[,treg] < 0.02); other <- second[, treg-1]
first[low,treg] <- (other[low] + first[low,treg])/2
first[low,cd4] <- pmax(0, first[low,cd4] - (other[low] + first[low,treg])/2)
result <- first/rowSums(first)
fmt <- function(m) paste0("[", paste(apply(m, 1, function(r) paste0("[", paste(sprintf("%.10g", r), collapse=", "), "]")), collapse=",\n  "), "]")
cat('{"cells": ["', paste(cells, collapse='", "'), '"],\n "scaling": [', paste(scaling, collapse=", "), '],\n "low_tregs": [', paste(low-1, collapse=", "),
    '],\n "profile": ', fmt(A), ',\n "mixture": ', fmt(M), ',\n "fractions": ', fmt(result), '}\n', sep="")
