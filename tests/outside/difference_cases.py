"""Random differences with what statsmodels says of them, for the files that `tests/it/statistics.rs` reads.

    target/tests-python/bin/python tests/outside/difference_cases.py

writes the files anew. `test_differences.py` makes them again and compares. So no number in them can be made up.
"""

import csv
import gc
import random
from pathlib import Path

import numpy
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

FOLDER = Path(__file__).parents[1] / "it" / "statistics"
SEED = 1998
DIFFERENCE = ["points", "low", "high", "p"]
COLUMNS = {
    "newcombe": ["content_before", "answers_before", "content_after", "answers_after", *DIFFERENCE],
    "nps": [f"{who}_{when}" for when in ("before", "after") for who in ("promoters", "passives", "detractors")]
    + DIFFERENCE,
    # The rows of a table, with spaces between them; 1 where a row is called.
    "holm": ["p", "called"],
}


def newcombe(before, after):
    """Of two pairs (answers of 4 and 5, all answers), as the columns of `DIFFERENCE`."""
    (x0, n0), (x1, n1) = before, after
    low, high = confint_proportions_2indep(x1, n1, x0, n0, method="newcomb", compare="diff")
    with numpy.errstate(all="ignore"):
        _, p = proportions_ztest([x1, x0], [n1, n0], prop_var=False)
    # Where everybody agrees statsmodels divides 0 by 0. There is no change then, so p is 1.
    return 100 * (x1 / n1 - x0 / n0), 100 * low, 100 * high, 1.0 if numpy.isnan(p) else p


def agresti_caffo(before, after):
    """The interval that `newcombe` is compared with."""
    (x0, n0), (x1, n1) = before, after
    return tuple(100 * end for end in confint_proportions_2indep(x1, n1, x0, n0, method="agresti-caffo"))


def nps(before, after):
    """Of two triples (promoters, passives, detractors), likewise. statsmodels has no NPS: this takes the variance
    from the covariance of the three shares."""
    weights = numpy.array([100.0, 0.0, -100.0])
    mean, variance = [], []
    for answers in before, after:
        adjusted = numpy.array(answers) + [0.75, 1.5, 0.75]
        shares = adjusted / adjusted.sum()
        covariance = (numpy.diag(shares) - numpy.outer(shares, shares)) / adjusted.sum()
        mean.append(weights @ shares)
        variance.append(weights @ covariance @ weights)
    spread = norm(loc=mean[1] - mean[0], scale=numpy.sqrt(sum(variance)))
    low, high = numpy.clip(spread.interval(0.95), -200, 200)
    raw = weights @ numpy.array(after) / sum(after) - weights @ numpy.array(before) / sum(before)
    return raw, low, high, 2 * norm.sf(abs(spread.mean()) / spread.std())


def holm(p_values):
    # statsmodels collects the garbage of the whole program each time: a tenth of a second for all that is imported.
    gc.freeze()
    return multipletests(p_values, alpha=0.05, method="holm")[0]


class Draws:
    """All by `random()`, the only draw of Python's that is the same in every version."""

    def __init__(self, seed):
        self.random = random.Random(seed).random

    def upto(self, most):
        return int(self.random() * (most + 1))

    def size(self, decades):
        """From 1 to ten to the power of `decades`, each length as often."""
        return int(10 ** (self.random() * decades))

    def shares(self):
        """Two shares near one another. In 5 of 16 pairs all agree in one of the periods."""
        one = self.random() ** 0.5
        other = min(1, max(0, one + (self.random() - 0.5) * self.random()))
        pairs = [(one, other)] * 11 + [(1, other), (one, 1), (1, 1), (one, 0), (0, 0)]
        return pairs[self.upto(len(pairs) - 1)]

    def csat(self):
        sizes = self.size(4.5), self.size(4.5)
        return [(round(share * n), n) for share, n in zip(self.shares(), sizes)]

    def nps(self):
        periods = []
        for share in self.shares():
            n = self.size(4.5)
            promoters = round(share * n)
            passives = self.upto(n - promoters)
            periods.append((promoters, passives, n - promoters - passives))
        return periods

    def p_values(self):
        """Small ones for the most part, often equal, sometimes the very bounds."""
        rows, power, digits = self.upto(29) + 1, 1 + self.upto(5), [2, 3, 6, 9][self.upto(3)]
        p_values = [round(self.random() ** power, digits) for _ in range(rows)]
        return [0.05 / (self.upto(rows - 1) + 1) if self.random() < 0.1 else p for p in p_values]


def cases(name, seed=SEED, many=200):
    """The rows of one of the files, as texts."""
    draws = Draws(f"{name} {seed}")
    for _ in range(many):
        if name == "holm":
            p_values = draws.p_values()
            yield [" ".join(map(repr, p_values)), " ".join(str(int(called)) for called in holm(p_values))]
        else:
            before, after = draws.csat() if name == "newcombe" else draws.nps()
            judged = (newcombe if name == "newcombe" else nps)(before, after)
            yield [*map(str, before), *map(str, after), *(f"{number:.10f}" for number in judged)]


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, columns in COLUMNS.items():
        with (FOLDER / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([columns, *cases(name)])


if __name__ == "__main__":
    main()
