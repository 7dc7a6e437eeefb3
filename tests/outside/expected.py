"""What the report must say, computed again from the formulas in public use, apart from surveyd's own code.

NPS: 100 (promoters - detractors) / n, with the adjusted Wald interval (three answers added: three quarters
to either side, the rest to the middle), clamped to -100 … 100. CSAT: the share of fours and fives, with the
Wilson interval.
"""

from math import sqrt
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
