"""What the report must say, computed again from the formulas in public use, apart from surveyd's own code.

NPS: 100 (promoters - detractors) / n, with the adjusted Wald interval (three answers added: three quarters
to either side, the rest to the middle), clamped to -100 … 100. CSAT: the share of fours and fives, with the
Wilson interval.

A difference is the later score less the earlier one. CSAT has Newcombe's hybrid score interval and the pooled
score test. NPS adds up the variances of both adjusted Wald intervals.
"""

from math import erfc, sqrt
from statistics import median

Z = 1.959964


def nps(scores):
    n = len(scores)
    promoters = sum(score >= 9 for score in scores)
    detractors = sum(score <= 6 for score in scores)
    p, d = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
    margin = Z * sqrt((p + d - (p - d) ** 2) / (n + 3))
    return {
        "nps": 100 * (promoters - detractors) / n,
        "low": max(-100, 100 * (p - d - margin)),
        "high": min(100, 100 * (p - d + margin)),
    }


def csat(scores):
    n = len(scores)
    p = sum(score >= 4 for score in scores) / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    margin = Z * sqrt(p * (1 - p) / n + Z**2 / (4 * n * n)) / (1 + Z**2 / n)
    return {"csat": 100 * p, "low": 100 * (centre - margin), "high": 100 * (centre + margin)}


def distribution(kind, scores):
    """How often each score was given, the lowest first."""
    steps = range(1, 6) if kind == "csat" else range(0, 11)
    return [scores.count(step) for step in steps]


def median_seconds(seconds):
    return median(seconds) if seconds else None


def csat_difference(before, after):
    """Of two pairs: the answers of 4 and 5, and all answers."""
    (x0, n0), (x1, n1) = before, after
    p0, p1 = x0 / n0, x1 / n1
    (l0, u0), (l1, u1) = wilson(x0, n0), wilson(x1, n1)
    pooled = (x0 + x1) / (n0 + n1)
    error = sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    return {
        "points": 100 * (p1 - p0),
        "low": 100 * (p1 - p0 - sqrt((p1 - l1) ** 2 + (u0 - p0) ** 2)),
        "high": 100 * (p1 - p0 + sqrt((u1 - p1) ** 2 + (p0 - l0) ** 2)),
        # Where everybody agrees there is no change to test.
        "p": two_sided((p1 - p0) / error) if error > 0 else 1,
    }


def wilson(x, n):
    """The two shares from which x of n are Z standard errors away: the roots of a quadratic equation."""
    a, b, c = n + Z**2, -(2 * x + Z**2), x**2 / n
    root = sqrt(max(0, b**2 - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def nps_difference(before, after):
    """Of two triples: promoters, passives, detractors."""
    raw = [100 * (p - d) / (p + n + d) for p, n, d in (before, after)]
    centres, variances = zip(*(adjusted_wald(*answers) for answers in (before, after)))
    centre, error = centres[1] - centres[0], sqrt(sum(variances))
    return {
        "points": raw[1] - raw[0],
        "low": max(-200, centre - Z * error),
        "high": min(200, centre + Z * error),
        "p": two_sided(centre / error),
    }


def adjusted_wald(promoters, passives, detractors):
    """The mean of answers that count as 100, 0 and -100, and the variance of that mean. Three answers are added."""
    counts = {100: promoters + 0.75, 0: passives + 1.5, -100: detractors + 0.75}
    n = sum(counts.values())
    mean = sum(value * count for value, count in counts.items()) / n
    return mean, sum(count * (value - mean) ** 2 for value, count in counts.items()) / n**2


def two_sided(z):
    return erfc(abs(z) / sqrt(2))


def holm(p_values):
    """Which rows are called: those that keep to 0.05 by the rows no smaller, as does each row no larger."""
    rows = len(p_values)
    keeps = [p <= 0.05 / (rows - sum(other < p for other in p_values)) for p in p_values]
    return [all(kept for other, kept in zip(p_values, keeps) if other <= p) for p in p_values]
