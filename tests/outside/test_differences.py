"""The differences between two periods: surveyd's formulas against statsmodels.

surveyd itself is held to the files in `tests/it/statistics` by `cargo test`. Here the files are held to statsmodels, and
so is `expected`, which has the formulas once more in Python.
"""

import csv

import pytest

import expected

KINDS = ["newcombe", "nps", "holm"]


@pytest.fixture(scope="module")
def judge():
    """Takes a second to import, so only where it is used."""
    import difference_cases

    return difference_cases


def numbers(cells):
    return [float(cell) for cell in cells]


@pytest.mark.parametrize("kind", KINDS)
def test_the_cases_on_file_are_those_that_statsmodels_gives(judge, kind):
    with (judge.FOLDER / f"{kind}.csv").open(newline="") as file:
        columns, *rows = csv.reader(file)
    assert columns == judge.COLUMNS[kind]
    wanted = list(judge.cases(kind))
    assert len(rows) == len(wanted) == 200
    given = len(columns) - (1 if kind == "holm" else len(judge.DIFFERENCE))
    for row, (line, found) in enumerate(zip(wanted, rows), start=2):
        assert found[:given] == line[:given], f"line {row}"
        if kind == "holm":
            assert found == line, f"line {row}"
        else:
            assert numbers(found[given:]) == pytest.approx(numbers(line[given:]), abs=1e-8), f"line {row}"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["newcombe", "nps"])
def test_the_formulas_of_a_difference_agree_with_statsmodels(judge, kind, seed):
    formula = expected.csat_difference if kind == "newcombe" else expected.nps_difference
    for *counts, points, low, high, p in judge.cases(kind, seed):
        counts = [int(count) for count in counts]
        half = len(counts) // 2
        found = formula(counts[:half], counts[half:])
        # surveyd's 97.5 % point has six decimals.
        wanted = {"points": float(points), "low": float(low), "high": float(high)}
        assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-5), counts
        assert found["p"] == pytest.approx(float(p), abs=1e-9), counts


@pytest.mark.parametrize("seed", range(3))
def test_holms_formula_agrees_with_statsmodels(judge, seed):
    for p_values, called in judge.cases("holm", seed):
        found = expected.holm(numbers(p_values.split()))
        assert found == [word == "1" for word in called.split()], p_values


# before, after, points, Newcombe's interval, Agresti and Caffo's, p by the score test
CSAT = [
    ((80, 100), (171, 200), 5.50, (-3.17, 15.33), (-3.52, 14.99), 0.2244),
    ((150, 200), (171, 200), 10.50, (2.69, 18.19), (2.65, 18.14), 0.0084),
    ((8, 10), (3, 10), -50.00, (-73.98, -6.65), (-77.88, -5.45), 0.0246),
    ((5, 5), (0, 5), -100.00, (-100.00, -38.55), (-108.09, -34.77), 0.0016),
    ((5, 5), (5, 5), 0.00, (-43.45, 43.45), (-36.66, 36.66), 1),
    ((7100, 9800), (6900, 9900), -2.75, (-4.02, -1.49), (-4.02, -1.49), 0.0000),
    ((56, 70), (48, 80), -20.00, (-33.39, -5.24), (-33.58, -5.25), 0.0080),
]


@pytest.mark.parametrize("before, after, points, newcombe, agresti_caffo, p", CSAT)
def test_the_published_numbers_of_csat_are_those_of_statsmodels(
    judge, before, after, points, newcombe, agresti_caffo, p
):
    judged = judge.newcombe(before, after)
    assert judged[:3] == pytest.approx((points, *newcombe), abs=0.00501)
    assert judged[3] == pytest.approx(p, abs=0.0000501)
    # The other interval in use. surveyd does not take it: it leaves the scale.
    assert judge.agresti_caffo(before, after) == pytest.approx(agresti_caffo, abs=0.00501)


# before, after, points, interval
NPS = [
    ((50, 33, 17), (60, 25, 15), 12.00, (-8.73, 32.04)),
    ((500, 330, 170), (600, 250, 150), 12.00, (5.45, 18.48)),
    ((6, 3, 1), (10, 0, 0), 50.00, (-10.12, 87.05)),
    ((10, 0, 0), (10, 0, 0), 0.00, (-41.61, 41.61)),
    ((120, 60, 40), (70, 55, 75), -38.86, (-53.80, -22.88)),
    ((3, 1, 1), (1, 1, 3), -80.00, (-127.47, 27.47)),
    ((450, 300, 250), (480, 300, 220), 6.00, (-1.05, 13.02)),
]


@pytest.mark.parametrize("before, after, points, interval", NPS)
def test_the_published_numbers_of_nps_follow_from_the_covariances(judge, before, after, points, interval):
    assert judge.nps(before, after)[:3] == pytest.approx((points, *interval), abs=0.00501)
