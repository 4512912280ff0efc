# SPDX-License-Identifier: GPL-2.0-only
# The figures in tests/stats/*_test.cpp that say "R:". Base R only; made with R 4.2.2:
#   Rscript tests/stats/reference.R
# Not run by the tests.
options(digits = 15, warn = 1)
show <- function(name, ...) cat(name, ":", format(c(...), digits = 12), "\n")

# Hollander & Wolfe (1973), pages 69 f.: permeability of the human chorioamnion, at
# term and at 12 to 26 weeks. The example of R's help page of wilcox.test.
term <- c(0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46)
weeks <- c(1.15, 0.88, 0.90, 0.74, 1.21)
# Without ties, and with; more than 2500 pairs.
many_base <- (37 * 1:60) %% 101
many_head <- (53 * 1:60) %% 103 + 8
# Nanoseconds of six boots a side, a change of some 5 %.
base <- c(100, 104, 98, 101, 99, 103)
head <- c(95, 97, 94, 96.5, 92, 93)
# The same base and one that differs little.
near <- c(100.5, 103, 99.5, 101.5, 98.5, 102)

cat("== rank_test\n")
h <- wilcox.test(weeks, term, exact = TRUE)
show("weeks against term: W, p", h$statistic, h$p.value)
h <- wilcox.test(head, base, exact = TRUE)
show("head against base: W, p", h$statistic, h$p.value)
h <- wilcox.test(many_head, many_base, exact = FALSE)
show("many, with ties: W, p", h$statistic, h$p.value)
h <- wilcox.test(many_head + 0.5, many_base, exact = FALSE)
show("many, without ties: W, p", h$statistic, h$p.value)
h <- wilcox.test(1:50 + 7.5, 1:50, exact = TRUE)
show("50 and 50, shifted by 7.5: W, p", h$statistic, h$p.value)

# Exact with ties: all ways to choose the head's ranks. Twice the smaller tail.
dealt <- function(base, head) {
  r <- rank(c(base, head))
  seen <- sum(r[-seq_along(base)])
  sums <- combn(length(r), length(head), function(i) sum(r[i]))
  min(1, 2 * min(mean(sums <= seen), mean(sums >= seen)))
}
show("ties {1,2,2,3,5} {2,4,5,6,7,7}: p", dealt(c(1, 2, 2, 3, 5), c(2, 4, 5, 6, 7, 7)))
show("ties {1,1,1,2} {2,2,3,3,3}: p", dealt(c(1, 1, 1, 2), c(2, 2, 3, 3, 3)))
show("ties {1} {2,2,2}: p", dealt(1, c(2, 2, 2)))

cat("== shift_of, ratio_of\n")
for (level in c(0.95, 0.96, 0.9)) {
  h <- wilcox.test(weeks, term, exact = TRUE, conf.int = TRUE, conf.level = level)
  k <- qwilcox((1 - level) / 2, 5, 10)
  show(paste("weeks - term", level, ": estimate, interval, reached"), h$estimate, h$conf.int,
       1 - 2 * pwilcox(k - 1, 5, 10))
}
h <- wilcox.test(log(head), log(base), exact = TRUE, conf.int = TRUE)
show("head / base: estimate, interval, reached", exp(h$estimate), exp(h$conf.int),
     1 - 2 * pwilcox(qwilcox(0.025, 6, 6) - 1, 6, 6))
d <- sort(outer(many_head + 0.5, many_base, "-"))
k <- floor(60 * 60 / 2 - qnorm(0.975) * sqrt(60 * 60 * 121 / 12) + 0.5)
h <- wilcox.test(many_head + 0.5, many_base, exact = FALSE, conf.int = TRUE)
show("many: median, k-th smallest and largest, k", median(d), d[k], d[3601 - k], k)
show("many, as R inverts the test: interval", h$conf.int)

cat("== multiplicity\n")
# Benjamini & Hochberg (1995): 15 hypotheses of a study of thrombolysis.
bh <- c(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
        0.4262, 0.5719, 0.6528, 0.7590, 1.0000)
show("BH", p.adjust(bh, "BH"))
show("holm", p.adjust(bh, "holm"))

cat("== equivalence\n")
tost <- function(base, head, margin) {
  up <- t.test(log(head), log(base), mu = -log1p(margin), alternative = "greater")
  down <- t.test(log(head), log(base), mu = log1p(margin), alternative = "less")
  max(up$p.value, down$p.value)
}
w <- t.test(log(near), log(base))
show("near, base: difference, error, df", -diff(w$estimate), w$stderr, w$parameter)
for (margin in c(0.01, 0.02, 0.05)) show(paste("near, base", margin), tost(base, near, margin))
show("head, base 0.05", tost(base, head, 0.05))
show("head, base 0.10", tost(base, head, 0.10))

cat("== proportion\n")
for (kn in list(c(0, 10), c(0, 20), c(4, 20), c(10, 10), c(682, 925), c(1, 1000)))
  show(paste(kn, collapse = " of "), binom.test(kn[1], kn[2])$conf.int)
show("5 of 100, 99 %", binom.test(5, 100, conf.level = 0.99)$conf.int)

cat("== visible_change\n")
# The same change found by the exact power of the t test, with the pi / 3 more values that
# ranks need taken off the number of boots.
for (n in c(8, 12, 30)) {
  u <- qwilcox(0.025, n, n)
  if (pwilcox(u, n, n) > 0.025) u <- u - 1
  level <- 2 * pwilcox(u, n, n)
  delta <- power.t.test(n = n, sd = 0.02 * sqrt(pi / 3), power = 0.8, sig.level = level)$delta
  show(paste(n, "boots: level, visible"), level, exp(delta) - 1)
}

cat("== distributions\n")
show("pnorm(-3), qnorm(0.975), qnorm(1e-10)", pnorm(-3), qnorm(0.975), qnorm(1e-10))
show("pt(-2.5, 4.5), qt(0.975, 10)", pt(-2.5, 4.5), qt(0.975, 10))
show("qbeta(0.025, 4, 17)", qbeta(0.025, 4, 17))

cat("== bootstrap\n")
# Three values a boot. Plain R in place of our engine: the ends agree to about 0.001.
spread <- function(x) lapply(x, function(v) v + c(-1, 0, 1.5))
draw <- function(boots) sapply(sample(boots, replace = TRUE), function(v) median(sample(v, replace = TRUE)))
set.seed(1)
b <- spread(base)
h <- spread(head)
ratios <- replicate(50000, exp(median(outer(log(draw(h)), log(draw(b)), "-"))))
tail <- pnorm(qt(0.025, 10) * sqrt(6 / 5))
show("interval", quantile(ratios, c(tail, 1 - tail), type = 6))
show("unexpanded", quantile(ratios, c(0.025, 0.975), type = 6))
