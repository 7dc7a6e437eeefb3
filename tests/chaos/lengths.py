"""How long the suites run: short among all tests, in full length with tests/long; and by which seed."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

SEED = int(os.environ.get("SURVEYD_CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
IN_FULL = bool(os.environ.get("SURVEYD_CHAOS_IN_FULL"))
RUNS = int(os.environ.get("SURVEYD_CHAOS_RUNS") or 0)
ONLY = os.environ.get("SURVEYD_CHAOS_ONLY")
# A run mostly waits, so several share a processor.
AT_ONCE = max(2, min(8, 3 * (os.cpu_count() or 1)))

figures = []  # what the suites counted, for the last lines


def runs(short, full):
    """How many runs this time."""
    return RUNS or (full if IN_FULL else short)


def chance(*of):
    """The random numbers of one run, the same whenever it is run with this seed."""
    return random.Random(" ".join(map(str, (SEED, *of))))


def count(what):
    figures.append(f"{what} (seed {SEED})")


def in_parallel(run, numbers, at_once=AT_ONCE):
    """Runs `run(number)` for all of them, several at once; all results, or what went wrong in which run."""
    numbers = [int(ONLY)] if ONLY else list(numbers)
    results, faults = [], []

    def one(number):
        try:
            results.append(run(number))
        except Exception as fault:  # any fault of a run is that run's verdict
            faults.append(f"run {number}: {type(fault).__name__}: {fault}")

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, numbers))
    assert not faults, f"seed {SEED}, {len(faults)} of {len(numbers)} runs failed:\n" + "\n".join(faults[:20])
    return results
