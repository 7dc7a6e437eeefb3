"""A dry run, from outside: all accounts are dry, and X counts what is posted to it."""

import json

import pytest
import requests

import scenario
from harness import Surveyd, close, moment, new_database, wait_until
from x_server import Handler, XServer
from x_world import World

ANA, BEN, CAI, DEE = "720001", "720002", "720003", "720004"


class Counting(Handler):
    """Notes every request that could change something."""

    def do_POST(self):
        self.server.world.posted.append(self.path)
        super().do_POST()


@pytest.fixture
def dry(store, tmp_path_factory):
    world = World(list(scenario.X_ACCOUNTS.values()), events_horizon_ms=0, page_size=7)
    world.posted = []
    folder = tmp_path_factory.mktemp("dry")
    with XServer(world, Counting) as x:
        text = scenario.configuration(new_database(store), x.base_url, "friendships_show")
        text = text.replace('name = "acme"\n', 'name = "acme"\nmode = "dry"\n', 1)
        surveyd = Surveyd(folder, text, scenario.secrets())
        try:
            surveyd.start()
            surveyd.run("optout", "add", BEN)
            for conversation, person in {"a-1": ANA, "b-1": BEN, "c-1": CAI}.items():
                assert surveyd.post(close("acme", conversation, person, moment())).status_code == 202
            wait_until("all are decided", lambda: all(row["state"] == "suppressed" for row in surveyd.rows().values()))
            assert surveyd.post(close("acme", "a-2", ANA, moment())).status_code == 202
            wait_until("so is the last", lambda: state(surveyd, "a-2") == ("suppressed", "throttled"))
            yield world, surveyd, text
        finally:
            surveyd.kill()


def state(surveyd, conversation):
    row = next(row for (_, of, _), row in surveyd.rows().items() if of == conversation)
    return row["state"], row["reason"]


def test_nothing_is_posted_and_all_is_decided(dry):
    world, surveyd, _ = dry
    assert state(surveyd, "a-1") == state(surveyd, "c-1") == ("suppressed", "dry_run")
    assert state(surveyd, "b-1") == ("suppressed", "opted_out")
    surveyd.stop()
    surveyd.start()
    assert surveyd.post(close("acme", "d-1", DEE, moment())).status_code == 202
    wait_until("the next is decided after a restart", lambda: state(surveyd, "d-1") == ("suppressed", "dry_run"))
    assert (world.posted, world.prompts) == ([], [])


def test_every_command_says_that_it_is_a_dry_run(dry):
    _, surveyd, _ = dry
    line = "account acme: dry run, nothing is sent"
    assert line in surveyd.run("check")
    assert line in surveyd.run("status")
    assert line in [entry["message"] for entry in surveyd.log() if entry["event"] == "daemon.started"]
    modes = {account["account"]: account["mode"] for account in json.loads(surveyd.run("status", "--json"))["accounts"]}
    assert modes["acme"] == "dry" and modes["line"] == "live"
    assert "not sent; a live account would have sent csat question 12" in surveyd.run("explain", "a-1")
    assert "would have been prompted" in surveyd.run("explain", "a-2")
    assert "dry_run" in surveyd.run("surveys", "list", "--account", "acme")
    survey = next(row for row in surveyd.rows().values() if row["conversation_id"] == "a-1")
    assert "would say" in surveyd.run("surveys", "show", survey["survey_id"])
    now = moment()
    since, until = now[:10], now
    assert surveyd.report("--account", "acme", "--from", since, "--to", until)["dry_run"] >= 2
    assert "prompts would have been sent" in surveyd.run("report", "--account", "acme", "--from", since, "--to", until)
    simulated = json.loads(surveyd.run("simulate", "--since", "1d", "--json"))
    assert next(of for of in simulated["accounts"] if of["account"] == "acme")["mode"] == "dry"
    assert [difference for difference in simulated["first_differences"] if difference["account"] == "acme"] == []
    metrics = requests.get(f"{surveyd.base_url}/metrics", timeout=5).text
    assert 'surveyd_account_dry_run{account="acme"} 1' in metrics
    assert 'surveyd_account_dry_run{account="line"} 0' in metrics


def test_once_it_is_live_nobody_counts_as_prompted(dry):
    world, surveyd, text = dry
    before = len(world.posted)
    surveyd.config.write_text(text.replace('mode = "dry"\n', "").replace("PORT", str(surveyd.port)))
    surveyd.process.send_signal(1)
    wait_until("the reload", lambda: any(entry["event"] == "config.reloaded" for entry in surveyd.log()))
    assert surveyd.post(close("acme", "a-3", ANA, moment())).status_code == 202
    wait_until("her first prompt", lambda: state(surveyd, "a-3")[0] == "sent")
    assert len(world.prompts_to(ANA)) == 1 and len(world.posted) == before + 1
    assert state(surveyd, "a-1") == ("suppressed", "dry_run")
