"""What the daemon tells of itself: configuration, health, metrics, status."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from desk import ACCESS_KEY_ID, BIN, SECRET_ACCESS_KEY, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.steps import Steps


def test_the_settings_in_force_are_shown_as_the_file_would_say_them(desk: Desk) -> None:
    desk.configure('token_ttl = 300\nkeyring = "none"\n')
    shown = desk.ok("config", "show")
    assert shown.startswith(f"# {desk.home}/.config/dsqltok/config.toml\n")
    assert "\ntoken_ttl = 300\n" in shown
    assert '\nkeyring = "none"\n' in shown
    settings = json.loads(desk.ok("config", "show", "--json"))["settings"]
    desk.configure(shown)
    assert json.loads(desk.ok("config", "show", "--json"))["settings"] == settings


def test_a_mistake_is_told_with_its_line_and_the_last_good_version_is_shown(desk: Desk) -> None:
    desk.configure("token_ttl = 300\n")
    assert desk.ok("config", "check") == ""
    desk.configure("# mine\ntoken_tll = 301\n")
    checked = desk.dsqltok("config", "check")
    assert checked.returncode == 4
    assert "config.toml:2: there is no setting" in checked.stderr
    assert "hint: did you mean token_ttl?" in checked.stderr
    shown = desk.dsqltok("config", "show")
    assert "token_ttl = 300" in shown.stdout
    assert "what was in force before goes on" in shown.stderr


def test_health_is_of_a_daemon_that_runs(desk: Desk) -> None:
    for what in ("live", "ready"):
        done = desk.dsqltok("health", what)
        assert (done.returncode, done.stdout) == (7, "")
    assert not desk.socket.exists()
    with desk.daemon():
        assert desk.ok("health", "live") == "live\n"
        eventually(lambda: desk.dsqltok("health").stdout == "ready\n", "it has looked into the keyring")
    assert desk.dsqltok("health", "merry").returncode == 2


def test_it_is_ready_while_what_is_in_use_could_be_served(
    desk: Desk, example: Callable[[str], str], stepped: Steps
) -> None:
    example("admin")
    with desk.daemon():
        desk.ok("get")
        eventually(lambda: desk.dsqltok("health").stdout == "ready\n", "it has looked into the keyring")
        desk.aws(credentials="[other]\n")
        desk.dsqltok("get")
        stepped.suspend(1000)
        eventually(lambda: desk.dsqltok("health").returncode == 7, "the token is over")
        sick = desk.dsqltok("health")
        assert "cluster-id.dsql.us-east-1.on.aws (profile default): " in sick.stderr
        assert desk.ok("health", "live") == "live\n"


def test_it_is_ready_whatever_has_become_of_what_only_a_request_refreshes(
    desk: Desk, example: Callable[[str], str], stepped: Steps
) -> None:
    example("admin")
    given = {"Version": 1, "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY}
    helper = desk.write(desk.root / "helper", f"#!/bin/sh\necho '{json.dumps(given)}'\n", mode=0o700)
    desk.aws(config=f"[profile helped]\ncredential_process = {helper}\n")
    with desk.daemon():
        desk.ok("get", env={"AWS_PROFILE": "helped"})
        desk.ok("get", env={"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY})
        stepped.suspend(1000)
        eventually(lambda: desk.dsqltok("health").stdout == "ready\n", "it has looked into the keyring")
        assert [each["state"] for each in desk.status()["tokens"]] == ["expired", "expired"]


def test_metrics_are_what_a_collector_reads(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    with desk.daemon():
        token = desk.ok("get", "-n")
        desk.ok("get", "-n")
        desk.dsqltok("get", "nothing")
        text = desk.ok("metrics")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # it has no types
        for sample in family.samples
    }
    assert samples["dsqltok_requests_total", "token.get", "ok"] == 2
    assert samples["dsqltok_requests_total", "token.get", "not_found"] == 1
    assert samples["dsqltok_request_seconds_count", "token.get"] == 3
    assert samples["dsqltok_jobs_total", "aws", "ok"] == 1
    assert samples["dsqltok_tokens", "good"] == 1
    life = samples[
        "dsqltok_token_life_seconds", "cluster-id.dsql.us-east-1.on.aws", "DbConnectAdmin", "profile default"
    ]
    assert 800 < life <= 900
    assert samples["dsqltok_resident_bytes",] > 1_000_000
    assert token not in text
    assert "X-Amz" not in text


def test_status_tells_who_asked_last_and_when_there_is_an_attempt_again(
    desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    with desk.daemon(), desk.connection() as connection:
        desk.ok("get", "dsql")
        [shown] = desk.status()["tokens"]
        assert shown["env"] == "dsql"
        assert shown["used_by"].startswith("dsqltok, run by ")
        assert shown["last_used_at"].startswith("20")
        assert 300 < shown["refresh_in"] < 900
        table = desk.ok("status").splitlines()
        header = next(line for line in table if line.startswith("ENV"))
        assert header.split("  ")[-1].strip() == "NEXT ATTEMPT IN"
        assert connection.ask("token.get", config=str(desk.work / "atlas.hcl"))["result"]["token"]

        def by_another() -> bool:
            connection.ask("token.get", config=str(desk.work / "atlas.hcl"))
            return any("run by" not in (each["used_by"] or "run by") for each in desk.status()["tokens"])

        eventually(by_another, "a program that asks by itself is named")


def test_status_is_shown_again_and_again_where_that_is_wanted(desk: Desk) -> None:
    with desk.daemon(), desk.begin(str(BIN / "dsqltok"), "status", "--watch") as watching:
        assert watching.stdout is not None
        shown = [line for line in (watching.stdout.readline() for _ in range(9)) if line.startswith("dsqltokd ")]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 130
    assert len(shown) > 1


def test_status_tells_what_the_process_takes(desk: Desk) -> None:
    with desk.daemon():
        status = desk.status()
    assert status["rss"] > 1_000_000
    assert 0 < status["fds"] < 100
    assert 0 < status["threads"] < 50
    assert 0 <= status["children"] < 5
