"""What Prometheus is shown, by its own tools: the metrics of a daemon at work, the rules and the dashboard."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import requests

import needs
import scenario
from harness import Surveyd, close, command_line, moment, new_database, wait_until
from x_server import XServer
from x_world import World

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
RULES = ROOT / "monitoring/surveyd.rules.yml"
ANA, BEN = "720001", "720002"

SAMPLE = re.compile(r'(\w+)(?:\{([^}]*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def told():
    """The metrics of the page: name, type, labels."""
    row = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in row.findall(PAGE)}


class Scraped:
    """One answer of /metrics: the type of each family, and each sample by name and labels."""

    def __init__(self, surveyd):
        self.text = requests.get(f"{surveyd.base_url}/metrics", timeout=10).text
        self.types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", self.text, re.MULTILINE))
        self.samples = {}
        for line in self.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                self.samples[name, frozenset(LABEL.findall(labels or ""))] = float(value)

    def value(self, name, **labels):
        return self.samples.get((name, frozenset(labels.items())))

    def labels_of(self, family):
        ends = ("", "_bucket", "_sum", "_count") if self.types[family] == "histogram" else ("",)
        of = {end: family + end for end in ends}.values()
        names = {label for name, labels in self.samples if name in of for label, _ in labels}
        return names - ({"le"} if self.types[family] == "histogram" else set())


@pytest.fixture(scope="module")
def at_work(tmp_path_factory):
    """Two closes: one person is asked and answers, the other cannot be asked. And a notice that is refused."""
    world = World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=0, page_size=7)
    with XServer(world) as x:
        text = scenario.configuration(new_database("sqlite"), x.base_url, "friendships_show")
        surveyd = Surveyd(tmp_path_factory.mktemp("metrics"), text, scenario.secrets())
        try:
            surveyd.start()
            before = Scraped(surveyd)
            for conversation, person in {"a-1": ANA, "b-1": BEN}.items():
                assert surveyd.post(close("acme", conversation, person, moment(40))).status_code == 202
            assert surveyd.post("{}", secret="whsec_" + "A" * 32).status_code == 401
            wait_until("both are asked", lambda: len(world.prompts) == 2)
            with world.lock:
                world.answer(world.prompts[0].feedback_id, 1, score=4)
            is_counted = lambda: Scraped(surveyd).value("surveyd_answer_to_row_seconds_count", account="acme")
            wait_until("the answer is counted", is_counted)
            yield before, surveyd
        finally:
            surveyd.kill()


def test_the_page_tells_of_every_metric_and_of_no_other(at_work):
    _, surveyd = at_work
    scraped = Scraped(surveyd)
    assert {name: kind for name, (kind, _) in told().items()} == scraped.types
    for name, (_, labels) in told().items():
        assert scraped.labels_of(name) <= labels, name
        # What has no sample here has its own tests.
        if scraped.labels_of(name):
            assert scraped.labels_of(name) == labels, name


def test_what_was_done_is_counted(at_work):
    before, surveyd = at_work
    after = Scraped(surveyd)
    assert before.value("surveyd_prompts_total", account="acme", outcome="sent") == 0
    assert after.value("surveyd_prompts_total", account="acme", outcome="sent") == 2
    assert after.value("surveyd_prompts_total", account="acme", outcome="failed") == 0
    assert after.value("surveyd_x_calls_total", endpoint="feedback/create", code="200") == 2
    assert after.value("surveyd_requests_total", source="helpdesk", answer="202") == 2
    assert after.value("surveyd_requests_total", source="helpdesk", answer="401") == 1
    buckets = "surveyd_close_to_prompt_seconds_bucket"
    assert after.value(buckets, account="acme", le="30") == 0, "the conversations closed 40 s before they were told"
    assert after.value(buckets, account="acme", le="+Inf") == 2
    assert 80 <= after.value("surveyd_close_to_prompt_seconds_sum", account="acme") < 2 * 600
    assert after.value("surveyd_answer_to_row_seconds_count", account="acme") == 1
    left = {"account": "acme", "endpoint": "friendships/show"}
    left = wait_until("the figures of the database are new", lambda: Scraped(surveyd).value("surveyd_x_calls_left", **left))
    assert left < 180
    version = command_line("--version").split()[1]
    assert after.value("surveyd_build_info", version=version) == 1


def test_prometheus_finds_no_fault_in_the_metrics(at_work):
    _, surveyd = at_work
    check = subprocess.run(
        [needs.promtool(), "check", "metrics"], input=Scraped(surveyd).text, capture_output=True, text=True, timeout=60
    )
    assert (check.returncode, check.stdout + check.stderr) == (0, "")


def test_the_rules_fire_when_they_should_and_not_before():
    promtool = needs.promtool()
    for arguments in (["check", "rules", RULES.name], ["test", "rules", "surveyd.rules.test.yml"]):
        done = subprocess.run([promtool, *arguments], cwd=RULES.parent, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    rules = set(re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8")))
    tests = (RULES.parent / "surveyd.rules.test.yml").read_text(encoding="utf-8")
    assert rules and rules == set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n +- exp_labels", tests)), "each fires"


def test_rules_and_dashboard_ask_for_metrics_that_there_are():
    dashboard = json.loads((ROOT / "monitoring/grafana.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    asked.append(RULES.read_text(encoding="utf-8").split("groups:")[1])
    ends = {name + end for name, (kind, _) in told().items() for end in ("_bucket", "_sum", "_count") if kind == "histogram"}
    named = {name for text in asked for name in re.findall(r"\bsurveyd_\w+", text)}
    assert named and named <= set(told()) | ends
    assert {name.removesuffix("_bucket") for name in named} >= {
        name for name, (kind, _) in told().items() if name.startswith("surveyd_x_") or kind == "histogram"
    }, "what X leaves and how long things take are on the dashboard"
