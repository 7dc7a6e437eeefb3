"""Everything at once, for half an hour: closes, answers, kills, reloads, X's faults and wrong dates, clocks that are
set, slow clients, and people who look at it all the time. In the end every close is accounted for.

On SQLite one daemon is killed in the first third and left alone from then on, on PostgreSQL one of two is killed all
the time and the other never. Of the one that is left alone, memory is measured over the second half.
"""

import random
import signal
import threading
import time

import pytest
import requests

import lengths
from business import ACCOUNTS, Case, at_work, people
from clocks import HOUR, FakeClock
from crash import is_gone, states
from harness import wait_until
from hostile_x import BROKEN, UNCLEAR, Fault, HostileWorld, HostileX
from servers import at_work_on_it

SECONDS = lengths.runs(60, 1800)
CLOSES_A_SECOND = 2.0
JUMPS = (-2 * HOUR, -400, 400, 2 * HOUR)
WRONG_DATES = (-86_400, 86_400, 365 * 86_400)
# The simulated X carries out late requests after 1.5 s: much longer, so that a busy machine stays within it.
SETTLE_AFTER = "20s"
if lengths.IN_FULL:
    # X takes both of these at once, and they date a request alike by two minutes too early. Where X tells its events a
    # day late, surveyd waits five minutes for this; where it tells them at once, `settle_after` has to.
    JUMPS += (-90, 90)
    WRONG_DATES += (-120, 120)
    SETTLE_AFTER = "150s"
FAULTS = [
    *(Fault(answer, when) for answer in BROKEN for when in ("never", "before", "late")),
    *(Fault(answer, when, status, body) for answer, (status, body) in UNCLEAR.items() for when in ("never", "before")),
]
# What a slope over the second half may come to by chance, in KiB: pages that the allocator keeps for later.
GROWN_AT_MOST = 8 * 1024


class Soak:
    def __init__(self, daemons, clock, world, chance):
        self.daemons, self.clock, self.world = daemons, clock, world
        self.chance = chance
        self.began = time.monotonic()
        self.is_over = threading.Event()
        self.at_files = threading.Lock()  # no start while a configuration is spoilt
        self.faults = []
        self.cases, self.open = [], []
        self.people = iter(people(int(SECONDS * CLOSES_A_SECOND) + 10, chance))
        self.kills = self.reloads = self.jumps = self.looks = 0
        self.memory = []  # (second, KiB)

    def passed(self):
        return time.monotonic() - self.began

    def run(self, *works):
        """Does all of it side by side until time is up; the first fault of one ends all."""

        def one(work):
            try:
                while not self.is_over.is_set():
                    work()
            except Exception as fault:
                self.faults.append(fault)
                self.is_over.set()

        threads = [threading.Thread(target=one, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        self.is_over.wait(SECONDS)
        self.is_over.set()
        for thread in threads:
            thread.join()
        for fault in self.faults:
            raise fault

    def pause(self, seconds):
        self.is_over.wait(seconds)

    def now_of(self, daemon):
        return self.clock.now() if daemon is self.daemons[0] else None

    def report(self):
        """The help desk: new closes, those that were not acknowledged, and some once more."""
        began = time.monotonic()
        person = next(self.people)
        case = Case(person, self.chance.choice(list(ACCOUNTS)))
        if self.chance.random() < 0.2:
            self.world.plans[case.person] = [self.chance.choice(FAULTS)]
        self.cases.append(case)
        self.open.append(case)
        again = [self.chance.choice(self.cases)] if self.chance.random() < 0.1 else []
        self.report_open(again)
        self.pause(max(0, 1 / CLOSES_A_SECOND - (time.monotonic() - began)))

    def report_open(self, more=()):
        for case in [*self.open[:20], *more]:
            daemon = self.chance.choice(self.daemons)
            try:
                case.report(daemon, self.now_of(daemon))
            except requests.RequestException:
                continue
        self.open = [case for case in self.open if not case.is_acknowledged]

    def answer(self):
        """People answer."""
        with self.world.lock:
            prompts = list(self.world.prompts[-50:])
        for prompt in random.sample(prompts, min(len(prompts), 2)):
            with self.world.lock:
                if self.world.feedback[prompt.feedback_id]["score"] is None:
                    self.world.answer(prompt.feedback_id, 1, score=random.randint(1, 5))
        self.pause(1)

    def kill(self, daemon, until):
        self.pause(random.uniform(2, 12))
        if self.is_over.is_set() or self.passed() > until:
            self.pause(1)
            return
        with self.at_files:
            daemon.kill()
            self.kills += 1
            daemon.launch(environment=self.environment(daemon))
            wait_until("it is ready after a kill", lambda: is_ready(daemon) or is_gone(daemon), 60)
            assert not is_gone(daemon), daemon.log_path.read_text()[-3000:]

    def environment(self, daemon):
        return self.clock.environment if daemon is self.daemons[0] else None

    def reload(self):
        """Now with a file that is well, now with one that is not."""
        self.pause(7)
        daemon = random.choice(self.daemons)
        with self.at_files:
            text = daemon.config.read_text()
            if random.random() < 0.5:
                daemon.config.write_text(text + "\n[nonsense]\n")
            daemon.process.send_signal(signal.SIGHUP)
            self.reloads += 1
            self.pause(1)
            daemon.config.write_text(text)

    def set_clock(self):
        self.pause(random.uniform(10, 25))
        self.clock.set(random.choice(JUMPS))
        self.jumps += 1
        self.pause(random.uniform(2, 8))
        self.clock.set(0)

    def disturb_x(self):
        self.pause(random.uniform(5, 20))
        with self.world.lock:
            self.world.hiccups = random.randrange(4)
        self.world.misdate("/", random.randrange(1, 6), random.choice(WRONG_DATES))

    def look(self):
        """Prometheus, a load balancer and an operator."""
        self.pause(2)
        for daemon in self.daemons:
            try:
                requests.get(f"{daemon.base_url}/metrics", timeout=10)
                requests.get(f"{daemon.base_url}/readyz", timeout=10)
                requests.post(f"{daemon.base_url}/v1/sources/nobody", data=b"x" * 300, timeout=10)
            except requests.RequestException:
                continue
            self.looks += 1

    def measure(self):
        self.pause(1)
        size = resident(self.daemons[0])
        if size:
            self.memory.append((self.passed(), size))

    def growth(self):
        """Least squares over the second half: what it comes to in that time, and the least and most seen, in KiB."""
        half = [(second, size) for second, size in self.memory if second > SECONDS / 2]
        count = len(half)
        mean_x, mean_y = sum(x for x, _ in half) / count, sum(y for _, y in half) / count
        slope = sum((x - mean_x) * (y - mean_y) for x, y in half) / sum((x - mean_x) ** 2 for x, _ in half)
        sizes = [size for _, size in half]
        return slope * (half[-1][0] - half[0][0]), min(sizes), max(sizes)


def resident(surveyd):
    """Of its own, in KiB: without what it shares with files. Nothing while it is being killed."""
    try:
        with open(f"/proc/{surveyd.process.pid}/status") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("RssAnon:")), None)
    except (AttributeError, OSError):
        return None


def is_ready(surveyd):
    try:
        return surveyd.ready()
    except (AssertionError, OSError):
        return False


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_everything_at_once_reconciles(engine, tmp_path):
    chance = lengths.chance("soak", engine)
    world = HostileWorld(list(ACCOUNTS.values()), events_horizon_ms=0, page_size=50)
    with HostileX(world) as x, at_work_on_it() as server:
        count, store = {"sqlite": (1, "sqlite:surveyd.db"), "postgres": (2, server.url())}[engine]
        clock = FakeClock(tmp_path)
        daemons = [at_work(tmp_path / str(number), store, x, settle_after=SETTLE_AFTER) for number in range(count)]
        for daemon in daemons:
            # X allows 180 readings in 15 minutes.
            daemon.config.write_text(daemon.config.read_text().replace('interval = "1s"', 'interval = "15s"'))
        soak = Soak(daemons, clock, world, chance)
        try:
            for daemon in daemons:
                daemon.launch(environment=soak.environment(daemon))
                wait_until("it is ready", daemon.ready)
            until = SECONDS / 3 if count == 1 else SECONDS
            soak.run(
                soak.report, soak.answer, soak.reload, soak.set_clock, soak.disturb_x, soak.look, soak.measure,
                lambda: soak.kill(daemons[-1], until),
            )  # fmt: skip
            (tmp_path / "memory").write_text("".join(f"{second:.0f} {size}\n" for second, size in soak.memory))
            settle(soak)
            for daemon in daemons:
                assert daemon.stop() == 0
        finally:
            for daemon in daemons:
                daemon.kill()
    grown, least, most = soak.growth()
    assert grown < GROWN_AT_MOST, f"it has grown by {grown:.0f} KiB in {SECONDS / 2:.0f} s"
    lengths.count(
        f"soak on {engine}: {SECONDS} s, {len(soak.cases)} closes, {len(world.attempts)} POSTs, "
        f"{soak.kills} kills, {soak.reloads} reloads, {soak.jumps} jumps of the clock, {soak.looks} looks; memory of "
        f"its own {least / 1024:.1f} to {most / 1024:.1f} MiB in the second half, slope {grown / 1024:+.2f} MiB"
    )


def told_of(world):
    """All that X knows of those that were prompted twice."""
    people = {person for person, _ in world.prompted_twice()}
    prompts = [prompt for prompt in world.prompts if prompt.fields["to_user_id"] in people]
    made = [(prompt.feedback_id, world.feedback[prompt.feedback_id]["created_ms"]) for prompt in prompts]
    return [made, *(world.attempts_to(person) for person in people)]


def settle(soak):
    """All is well again: what is left gets done, and everything reconciles."""
    world, first = soak.world, soak.daemons[0]
    soak.clock.set(0)
    with world.lock:
        world.hiccups = 0
    world.misdate("", 0, 0)
    for daemon in soak.daemons:
        wait_until("it is ready in the end", lambda daemon=daemon: is_ready(daemon), 60)

    def all_acknowledged():
        soak.report_open()
        return not soak.open

    wait_until("all closes to be acknowledged", all_acknowledged, 120)

    def left():
        rows = states(first)
        return {
            case.conversation: (rows.get(case.conversation) or {}).get("state")
            for case in soak.cases
            if (rows.get(case.conversation) or {}).get("state") not in ("sent", "answered")
        }

    deadline = time.monotonic() + 16 * 60  # a quarter of an hour is X's own window
    while remaining := left():
        assert time.monotonic() < deadline, f"{len(remaining)} are left: {dict(list(remaining.items())[:10])}"
        time.sleep(2)
    assert world.prompted_twice() == {}, told_of(world)
    received = {prompt.fields["to_user_id"]: prompt.feedback_id for prompt in world.prompts}
    rows = states(first)
    for case in soak.cases:
        assert rows[case.conversation]["feedback_id"] == received[case.person], case.conversation
    assert len(received) == len(soak.cases) == len(rows)
    unexpected = [fault for fault in world.faults if "to_time is too recent" not in fault]
    assert unexpected == [], unexpected[:10]
