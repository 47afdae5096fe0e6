# Reference numbers for the TME scores. Run: Rscript tests/references/tme_scores.R (packages: base, quadprog).
library(quadprog)
A <- outer(1:8, 1:3, function(i,j) ((i*7 + j*j*5 + i*j*3) %% 11) + 0.5)
solve1 <- function(b){
 D <- crossprod(A); d <- crossprod(A,b)
 C <- cbind(diag(3), rep(-1,3)); b0 <- c(0,0,0,-1)
 solve.QP(D,d,C,b0)$solution }
print(A)
b1 <- as.vector(A %*% c(.2,.1,.05)) + c(.3,-.2,.1,.4,-.5,.2,-.1,.05); b2 <- as.vector(A %*% c(.9,.6,0)) + c(.3,-.2,.1,.4,-.5,.2,-.1,.05); b3 <- as.vector(A %*% c(.5,-.2,.3))
options(digits=10); print(solve1(b1)); print(solve1(b2)); print(solve1(b3))
x <- matrix(c(5,1,3,0,0,2,8,9, 2,2,7,1,0,4,4,6), 8, 2); set <- c(1,3,7)
r <- apply(x,2,rank,ties.method="min"); m <- length(set); n <- nrow(x)
print(((colMeans(r[set,]) - (m+1)/2) / ((2*n-m+1)/2 - (m+1)/2)) - 0.5)
y <- rbind(c(1,2,3,4),c(2,2,5,9)); z <- t(scale(t(y))); print(colMeans(z))
tpm <- c(12.5, 3.2); print(exp(mean(log(tpm+0.01))))
