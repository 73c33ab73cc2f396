"""The Python API: right answers to many at a time, over what happens to the daemon and to the process meanwhile."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from desk import BIN, SECRET_ACCESS_KEY
from desks import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.steps import Steps

ASKS = 'import dsqltok, sys\nfor line in sys.stdin:\n    print(dsqltok.token("dsql"), flush=True)\n'
THREADS = """
import dsqltok
from concurrent.futures import ThreadPoolExecutor
def ask(number):
    env = ("dsql", "other")[number % 2]
    return env == "dsql", "DbConnectAdmin" in dsqltok.token(env), dsqltok.connection(env)["user"]
with ThreadPoolExecutor(32) as pool:
    print(set(pool.map(ask, range(640))) == {(True, True, "admin"), (False, False, "reader")})
"""
FORKS = """
import dsqltok, os
first = dsqltok.token("dsql")
children = [os.fork() for _ in range(2)]
same = all(dsqltok.token("dsql") == first and dsqltok.connection("dsql")["user"] == "admin" for _ in range(200))
if 0 in children:
    os._exit(0 if same else 1)
print(same, [os.waitpid(child, 0)[1] for child in children])
"""
ASYNC = """
import asyncio, dsqltok
async def main():
    asking, ticks = asyncio.create_task(dsqltok.token_async("dsql")), 0
    while not asking.done():
        await asyncio.sleep(0.01)
        ticks += 1
    tokens = await asyncio.gather(*(dsqltok.token_async("dsql") for _ in range(100)), dsqltok.password_async("dsql")())
    print(ticks > 3, set(tokens) == {asking.result()}, (await dsqltok.connection_async("dsql"))["user"])
asyncio.run(main())
"""
CANCELS = """
import asyncio, dsqltok
async def main():
    try:
        await asyncio.wait_for(dsqltok.token_async("dsql"), 0.01)
    except TimeoutError:
        print("cancelled", (await dsqltok.connection_async("dsql"))["user"])
asyncio.run(main())
"""


def python(desk: Desk, program: str, **environment: str | None) -> str:
    """Run a program to its end and return its output; fail the test with its words where it does not succeed."""
    done = desk.run(str(BIN / "python"), "-W", "error", "-c", program, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def asking(desk: Desk, program: str = ASKS) -> Any:
    return desk.conversation(str(BIN / "python"), "-W", "error", "-c", program)


def test_a_token_and_a_connection_are_asked_for_by_the_env_s_name(
    desk: Desk, example: Callable[[str], str], login: Callable[..., str]
) -> None:
    example("admin")
    program = (
        'import dsqltok\nprint(dsqltok.token("dsql"), dsqltok.password("dsql")())\n'
        'for driver in ("libpq", "asyncpg", "pg8000"):\n    print(*sorted(dsqltok.connection(driver=driver)))\n'
        'found = dsqltok.kwargs("dsql")()\ndel found["password"]\nprint(found)'
    )
    tokens, *drivers, found = python(desk, program).splitlines()
    assert [login(token=token) for token in tokens.split()] == ["admin", "admin"]
    assert found == str({"host": HOST, "port": 5432, "user": "admin", "dbname": "postgres", "sslmode": "require"})
    assert drivers == [
        "dbname host password port sslmode user",
        "database host password port ssl user",
        "database host password port ssl_context user",
    ]


def test_what_is_asked_for_is_chosen_as_on_the_command_line(desk: Desk) -> None:
    project = (
        'variable "name" {\n  type = string\n}\n'
        'data "aws_dsql_token" "db" {\n  endpoint = "${var.name}.dsql.us-east-1.on.aws"\n}\n'
    )
    path = desk.project(project, "other.hcl")
    for given in ('{"name": "one"}', '["name=one"]'):
        which = f'data="db", config=pathlib.Path({str(path)!r}), vars={given}'
        token = python(desk, f"import dsqltok, pathlib; print(dsqltok.token({which}))")
        assert token.startswith("one.dsql.us-east-1.on.aws/")


def test_32_threads_at_once_and_forked_children_get_right_answers(desk: Desk) -> None:
    desk.project(
        "".join(
            f'data "aws_dsql_token" "{user}" {{\n  endpoint = "{HOST}"\n  admin = {admin}\n}}\n'
            f'env "{env}" {{\n  url = "postgres://{user}:${{urlescape(data.aws_dsql_token.{user})}}@{HOST}/postgres'
            '?sslmode=require"\n}\n'
            for env, user, admin in (("dsql", "admin", "true"), ("other", "reader", "false"))
        )
    )
    assert python(desk, THREADS + FORKS).splitlines() == ["True", "True [0, 0]"]


def test_the_event_loop_goes_on_while_the_daemon_starts(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    assert python(desk, ASYNC) == "True True admin"


def test_who_gives_up_waiting_does_no_harm(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    assert python(desk, CANCELS) == "cancelled admin"


def test_a_program_outlives_its_daemons(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    with asking(desk) as program:
        assert program.ask().startswith(HOST)
        for end in (desk.kill, lambda: desk.ok("restart")):
            pid = desk.status()["pid"]
            end()
            assert program.ask().startswith(HOST)
            assert desk.status()["pid"] != pid


def test_each_request_carries_the_environment_of_that_moment(desk: Desk) -> None:
    desk.project('data "aws_dsql_token" "db" {\n  endpoint = "${getenv("CLUSTER")}.dsql.us-east-1.on.aws"\n}\n')
    keys = f"aws_secret_access_key = {SECRET_ACCESS_KEY}\naws_access_key_id = "
    desk.aws(credentials=f"[one]\n{keys}AKIAONE\n[two]\n{keys}AKIATWO\n")
    program = (
        'import dsqltok, os\nfor os.environ["AWS_PROFILE"] in ("one", "two", "one"):\n'
        '    os.environ["CLUSTER"] = "of-" + os.environ["AWS_PROFILE"]\n    token = dsqltok.token(data="db")\n'
        '    print(token.partition(".")[0], "AKIAONE" in token, "AKIATWO" in token)'
    )
    assert python(desk, program).splitlines() == ["of-one True False", "of-two False True", "of-one True False"]


def test_another_token_is_signed_for_one_that_was_refused_but_not_for_each_that_asks(
    reachable: Desk, stepped: Steps
) -> None:
    program = (
        "import dsqltok, sys\nfor line in sys.stdin:\n"
        '    print(dsqltok.token("dsql", fresh=bool(line.strip())), flush=True)\n'
    )
    with reachable.daemon(), asking(reachable, program) as one, asking(reachable, program) as other:
        first = one.ask()
        assert other.ask("fresh") == first  # it was signed a moment ago
        stepped.suspend(60.0)
        assert one.ask() == first
        second = one.ask("fresh")
        assert second != first
        assert other.ask("fresh") == other.ask() == second


def test_fresh_is_true_or_false(desk: Desk) -> None:
    with desk.daemon(), desk.connection() as connection:
        for method in ("token.get", "connection.get"):
            answer = connection.ask(method, config=str(desk.work / "atlas.hcl"), fresh="yes")
            assert answer["error"]["message"] == "fresh must be true or false"


def test_what_goes_wrong_is_an_error_with_a_hint_and_nothing_is_printed(desk: Desk) -> None:
    program = (
        "import dsqltok\ntry:\n    dsqltok.token('dsql')\nexcept dsqltok.NotFoundError as error:\n"
        "    print(error.message.partition(' at ')[0], bool(error.hint), isinstance(error, dsqltok.DsqltokError))"
    )
    assert python(desk, program) == "there is no atlas.hcl True True"
    desk.project('env "dsql" {\n  url = \n}\n')
    assert python(desk, program.replace("NotFound", "Configuration")).endswith("True True")


def test_a_daemon_that_hangs_is_an_error_in_seconds(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    program = (
        "import dsqltok, sys\nfor line in sys.stdin:\n    try:\n        print(dsqltok.token('dsql'), flush=True)\n"
        "    except dsqltok.TimedOutError as error:\n        print(error.message.partition(' (')[0], flush=True)\n"
    )
    with desk.daemon() as daemon, asking(desk, program) as conversation:
        assert conversation.ask().startswith(HOST)
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            assert conversation.ask() == "the daemon"
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        assert conversation.ask().startswith(HOST)
