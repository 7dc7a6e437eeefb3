"""docs/runbook.md on a PostgreSQL server of its own: the database is lost, the server is away. As in
tests/outside/test_runbook.py, everybody is asked once."""

from harness import moment, wait_until
from runbook import Night
from servers import at_work_on_it


# 7, on PostgreSQL.


def test_the_database_was_dropped_and_is_rebuilt(x, tmp_path):
    with at_work_on_it() as server, Night(tmp_path, x, server=server) as night:
        night.start()
        night.report("11", "12")
        night.are_prompted("11", "12")
        wait_until("the prompts are on record", lambda: night.status()["surveys"]["sent"] == 2)
        server.psql("drop database surveyd with (force)", database="postgres")
        night.report("13", code=503)
        night.sees("dropped, log")
        night.from_now_on()
        operator = night.operator
        operator.environment["SERVER"] = server.url("postgres")
        operator.environment["PATH"] += f":{server.bin}"
        operator.type("rebuild on PostgreSQL, type", {"2026-10-01": moment(24 * 60 * 60)[:10]})
        night.report_again()
        night.report("13")
        night.sees("rebuilt, over")
        operator.type("whole, type")
        night.everybody_once()


# 10.


def test_the_server_was_away(x, tmp_path):
    with at_work_on_it() as server, Night(tmp_path, x, server=server) as night:
        night.start()
        night.report("11")
        night.are_prompted("11")
        server.stop()
        night.report("12", code=503)
        night.sees("server away, log")
        night.reads("server away, check", "status", "--check", code=1)
        night.serves("server away, metrics", "/metrics")
        night.operator.services[("systemctl", "start", "postgresql")] = server.start
        night.operator.type("server away, type")
        night.sees("server away, over")
        wait_until("surveyd is ready", night.surveyd.ready)
        night.report("12")
        assert not any(line["event"] == "daemon.held" for line in night.log())
        night.everybody_once()
