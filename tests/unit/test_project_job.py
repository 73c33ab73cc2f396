"""The `project` job, in this process: files on disk, an environment in the request, placeholders and tokens."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd.files import identity
from unit.projectjob import ESCAPED, HOST, SEED, TARGET, TOKEN

if TYPE_CHECKING:
    from unit.projectjob import Job


# --- targets -------------------------------------------------------------------------------------------------------


def test_an_env_names_its_tokens_and_what_they_are_for(job: Job) -> None:
    before = list(identity(str(job.path)) or ())
    assert job(env="dsql") == {
        "env": "dsql",
        "instances": [{"name": "dsql", "tokens": ["db"], "user": "admin"}],
        "targets": {"db": TARGET},
        "files": [[str(job.path), before]],
        "texts": {str(job.path): SEED},
        "names": [],
    }


def test_with_the_texts_of_an_earlier_job_no_file_is_opened(job: Job) -> None:
    first = job(env="dsql")
    job.write("this is no project")
    answer = job(env="dsql", texts=first["texts"], tokens={"db": "TOKEN"})
    assert (answer["urls"], answer["files"]) == ([f"dsql://admin:TOKEN@{HOST}:5432/postgres?sslmode=require"], [])


def test_the_only_env_needs_no_name(job: Job) -> None:
    assert job()["env"] == "dsql"


def test_a_data_source_needs_no_env(job: Job) -> None:
    job.write(SEED[: SEED.index("env ")])
    answer = job(data="db")
    assert (answer["env"], answer["instances"], answer["targets"]) == (None, [], {"db": TARGET})


def test_a_data_source_beside_an_env_comes_with_what_the_envs_url_needs(job: Job) -> None:
    job.write(SEED + f'data "aws_dsql_token" "app" {{\n  endpoint = "{HOST}"\n}}\n')
    answer = job(env="dsql", data="app")
    assert answer["instances"] == [{"name": "dsql", "tokens": ["db"], "user": "admin"}]
    assert answer["targets"]["app"] == TARGET | {"action": "DbConnect"}


def test_only_the_data_sources_in_the_url_count(job: Job) -> None:
    job.write(SEED + 'locals {\n  other = data.aws_dsql_token.other\n}\n'
              'data "aws_dsql_token" "other" {\n  endpoint = "other.dsql.us-east-1.on.aws"\n}\n')  # fmt: skip
    assert list(job(env="dsql")["targets"]) == ["db"]


def test_several_tokens_in_one_url_are_all_listed(job: Job) -> None:
    job.write(SEED.replace("?sslmode", "?application_name=${data.aws_dsql_token.b}&sslmode")
              + f'data "aws_dsql_token" "b" {{\n  endpoint = "{HOST}"\n}}\n')  # fmt: skip
    answer = job(env="dsql")
    assert sorted(answer["instances"][0]["tokens"]) == ["b", "db"]
    assert sorted(answer["targets"]) == ["b", "db"]


def test_for_each_makes_an_instance_for_each_element(job: Job) -> None:
    job.write(
        'data "aws_dsql_token" "a" {\n  endpoint = "a.internal"\n}\n'
        'data "aws_dsql_token" "b" {\n  endpoint = "b.internal"\n  username = "admin"\n}\n'
        "locals {\n  tokens = { a = data.aws_dsql_token.a, b = data.aws_dsql_token.b }\n}\n"
        'env "all" {\n  for_each = { a = "app", b = "admin" }\n'
        '  url = "dsql://${each.value}:${urlescape(local.tokens[each.key])}@${each.key}.internal/postgres?sslmode=require"\n}\n'
    )
    answer = job(env="all")
    assert answer["instances"] == [
        {"name": "all", "tokens": ["a"], "user": "app"},
        {"name": "all", "tokens": ["b"], "user": "admin"},
    ]
    assert answer["targets"]["a"]["region"] is None
    urls = job(env="all", tokens={"a": "token-a", "b": "token-b"})["urls"]
    assert [url.partition("?")[0] for url in urls] == [
        "dsql://app:token-a@a.internal/postgres",
        "dsql://admin:token-b@b.internal/postgres",
    ]


def test_variables_and_atlas_env_reach_the_project(job: Job) -> None:
    job.write(
        'variable "host" {\n  type = string\n}\n'
        'data "aws_dsql_token" "db" {\n  endpoint = var.host\n}\n'
        'env {\n  name = atlas.env\n  url = "dsql://${atlas.env}:${data.aws_dsql_token.db}@h/d"\n}\n'
    )
    answer = job(env="me", vars=[f"host={HOST},x=y"])
    assert answer["instances"] == [{"name": "me", "tokens": ["db"], "user": "me"}]


def test_placeholders_are_letters_and_digits_and_never_the_same(job: Job) -> None:
    job.write(SEED + "x = file(data.aws_dsql_token.db)\n")
    names = [Path(job(env="dsql")["files"][1][0]).name for _ in range(2)]
    assert names[0] != names[1]
    assert all(name.isalnum() and len(name) > 32 for name in names)


# --- what is not found ---------------------------------------------------------------------------------------------


def test_an_unknown_env_lists_the_envs_there_are(job: Job) -> None:
    error = job.error("not_found", env="prod")
    assert error["data"]["candidates"] == ["dsql"]
    assert 'env "prod" is not defined' in error["message"]
    assert "dsql" in error["hint"]


def test_several_envs_and_no_name_lists_them(job: Job) -> None:
    job.write(SEED + 'env "other" {}\n')
    assert job.error("not_found")["data"]["candidates"] == ["dsql", "other"]
    job.write(SEED + "env {\n  name = atlas.env\n}\n")
    assert "any other name" in job.error("not_found")["hint"]
    job.write("env {\n  name = atlas.env\n}\n")
    assert "takes its name from the command" in job.error("not_found")["message"]


def test_no_env_at_all_lists_the_tokens(job: Job) -> None:
    job.write(SEED[: SEED.index("env ")])
    error = job.error("not_found")
    assert error["data"]["candidates"] == ["db"]
    assert "--data" in error["hint"]


def test_an_empty_file_says_what_is_missing(job: Job) -> None:
    job.write("")
    assert job.error("not_found")["hint"] == "add an env block"
    assert "aws_dsql_token" in job.error("not_found", data="db")["hint"]


def test_an_unknown_data_source_lists_those_there_are(job: Job) -> None:
    error = job.error("not_found", data="nope")
    assert error["data"]["candidates"] == ["db"]


@pytest.mark.parametrize("url", ['"dsql://h/d"', "null", '"x${length_of}"'])
def test_a_url_without_a_token_says_which_tokens_there_are(job: Job, url: str) -> None:
    job.write('locals { length_of = "5" }\n' + SEED[: SEED.index("  url")].replace("locals {", "locals {\n  a = 1")
              + f"  url = {url.replace('length_of', 'local.length_of')}\n}}\n")  # fmt: skip
    error = job.error("not_found", env="dsql")
    assert error["message"] == 'env "dsql" has no aws_dsql_token in its url'
    assert "--data db" in error["hint"]
    assert error["data"]["candidates"] == ["db"]


def test_a_missing_file_is_looked_for_and_noted(job: Job) -> None:
    job.path.unlink()
    job.error("not_found")
    assert job()["files"] == [[str(job.path), None]]


# --- urls ----------------------------------------------------------------------------------------------------------


def test_the_url_has_the_token_in_it(job: Job) -> None:
    answer = job(env="dsql", tokens={"db": TOKEN})
    assert answer["urls"] == [f"dsql://admin:{ESCAPED}@{HOST}:5432/postgres?sslmode=require"]
    assert answer["files"][0][0] == str(job.path)


def url_error(job: Job, old: str, new: str, **request: Any) -> dict[str, Any]:
    job.write(SEED.replace(old, new))
    error = job.error("configuration", env="dsql", tokens={"db": TOKEN}, **request)
    assert "c0ffee" not in error["text"]
    assert f"{job.path}:13:9: unsafe url: " in error["message"]
    return error


def test_a_url_that_sends_the_token_elsewhere_is_refused_where_it_stands(job: Job) -> None:
    error = url_error(job, "@${local.endpoint}:5432", "@evil.example")
    assert "not its endpoint" in error["message"]
    assert "allow_hosts" in error["hint"]


def test_the_users_configuration_may_allow_another_host(job: Job) -> None:
    job.write(SEED.replace("@${local.endpoint}:5432", "@localhost:6432"))
    assert job(env="dsql", tokens={"db": TOKEN}, allow_hosts=["localhost"])["urls"]


def test_a_url_without_sslmode_is_refused_with_a_hint(job: Job) -> None:
    assert "sslmode=verify-full" in url_error(job, "?sslmode=require", "")["hint"]


def test_a_token_that_was_not_escaped_is_refused_with_a_hint(job: Job) -> None:
    error = url_error(job, "urlescape(data.aws_dsql_token.db)", "data.aws_dsql_token.db")
    assert "urlescape" in error["hint"]


SMUGGLED = """
data "aws_dsql_token" "bait" {
  endpoint = "evil.example"
}
env "smuggle" {
  url = "dsql://admin:${urlescape(data.aws_dsql_token.bait)}@evil.example/postgres?sslmode=require&options=HIDDEN"
}
"""


@pytest.mark.parametrize(
    "hidden",
    [
        "${urlescape(data.aws_dsql_token.db)}",
        "${urlescape(urlescape(data.aws_dsql_token.db))}",
        '${data.aws_dsql_token.db == "x" ? "y" : urlescape(urlescape("-${data.aws_dsql_token.db}"))}',
    ],
)
def test_a_token_cannot_ride_along_to_the_endpoint_of_another(job: Job, hidden: str) -> None:
    job.write(SEED + SMUGGLED.replace("HIDDEN", hidden))
    tokens = {"db": TOKEN, "bait": "bait"}
    assert "unsafe url" in job.error("configuration", env="smuggle", tokens=tokens)["message"]


def test_a_token_that_is_only_evaluated_does_no_harm(job: Job) -> None:
    job.write(SEED + SMUGGLED.replace("HIDDEN", '${data.aws_dsql_token.db == "x" ? "y" : "z"}'))
    assert job(env="smuggle", tokens={"db": TOKEN, "bait": "bait"})["urls"]


def test_a_url_that_needs_a_token_which_was_not_given_is_to_be_asked_for_again(job: Job) -> None:
    error = job.error("unavailable", env="dsql", tokens={"other": "x"})
    assert error["retryable"]


def test_a_url_that_lost_its_token_has_none(job: Job) -> None:
    job.write(SEED.replace("${urlescape(data.aws_dsql_token.db)}", "x"))
    job.error("not_found", env="dsql", tokens={"db": TOKEN})


# --- the environment -----------------------------------------------------------------------------------------------

BY_ENVIRONMENT = SEED.replace('"cluster-id.dsql.us-east-1.on.aws"', 'getenv("DSQL_HOST")')


def test_variables_that_the_request_left_out_are_asked_for(job: Job) -> None:
    job.write(BY_ENVIRONMENT.replace("?sslmode", '${getenv("MORE")}?sslmode'))
    answer = job(env="dsql")
    assert answer["need"] == ["DSQL_HOST"]
    assert "error" not in answer
    answer = job(env="dsql", environment={"DSQL_HOST": HOST})
    assert (answer["need"], answer["names"]) == (["MORE"], ["DSQL_HOST", "MORE"])
    answer = job(env="dsql", environment={"DSQL_HOST": HOST, "MORE": None})
    assert answer["targets"]["db"]["host"] == HOST
    assert (answer["names"], "need" in answer) == (["DSQL_HOST", "MORE"], False)


def test_a_variable_known_to_be_unset_is_empty(job: Job) -> None:
    job.write(BY_ENVIRONMENT)
    assert "the endpoint is empty" in job.error("configuration", env="dsql", environment={"DSQL_HOST": None})["message"]


# --- mistakes in the file ------------------------------------------------------------------------------------------


def test_a_mistake_is_told_with_its_place_the_line_and_a_caret(job: Job) -> None:
    job.write(SEED.replace("region ", "regoin "))
    error = job.error("configuration", env="dsql")
    assert error["message"] == (
        f'{job.path}:8:3: unsupported argument: an argument named "regoin" is not expected here. Did you mean "region"?'
    )
    assert error["detail"].endswith('  regoin   = "us-east-1"\n  ^^^^^^')
    assert error["data"] == {"file": str(job.path), "line": 8, "column": 3}
    assert error["hint"] == "data aws_dsql_token takes endpoint, region, admin, profile, role_arn, username"


def test_a_syntax_error_is_told_in_the_same_way(job: Job) -> None:
    job.write(SEED.replace("locals {", "locals { = "))
    error = job.error("configuration", env="dsql")
    assert error["data"]["line"] == 2
    assert "^" in error["detail"]


def test_a_function_of_other_tools_is_answered_with_what_to_write_instead(job: Job) -> None:
    job.write(SEED + "x = sum([1, 2])\n")
    error = job.error("configuration", env="dsql")
    assert error["message"] == f'{job.path}:16:5: call to unknown function: there is no function named "sum"'
    assert error["hint"] == "write a + b: nothing adds up a list"


@pytest.mark.parametrize("env", ["dsql", None])
def test_an_env_block_with_a_slip_in_its_type_is_pointed_at(job: Job, env: str | None) -> None:
    job.write(SEED.replace("env ", "evn "))
    assert job.error("not_found", env=env)["hint"] == "did you mean env in line 12?"
    assert "did you mean" not in job.error("not_found", env="other")["hint"]


def test_a_suggestion_may_be_a_word_that_the_file_does_not_have(job: Job) -> None:
    job.write(SEED + "x = atals.env\n")
    assert job.error("configuration", env="dsql")["message"].endswith('named "atals". Did you mean "atlas"?')


def test_a_var_that_is_none_is_the_callers_mistake(job: Job) -> None:
    job.error("usage", env="dsql", vars=["novalue"])


@pytest.mark.parametrize(
    "expression",
    [
        '{ (getenv("X")) = 1 }.s3cre',
        '{ (getenv("X")) = 1 }["nope"]',
        'jsondecode(file("secret.json")).s3cre',
        'try(jsondecode(file("secret.json")).s3cre)',
        '{ for x in ["1", "2"] : getenv("X") => x }',
        'true ? { a = { (getenv("X")) = 1 } } : { a = [1] }',
        'tonumber(getenv("X"))',
        'jsondecode(getenv("X"))',
        'file(getenv("X"))',
        'getenv("X") + 1',
        '["a"][getenv("X")]',
    ],
)
def test_no_message_quotes_what_file_or_getenv_gave(job: Job, expression: str) -> None:
    (job.path.parent / "secret.json").write_text('{ "s3cret": 1 }')
    job.write(SEED + f"x = {expression}\n")
    error = job.error("configuration", env="dsql", environment={"X": "s3cret"})
    assert "s3cret" not in error["text"]
    assert '"s3cre"' in error["message"] or "s3cre" not in expression


def test_a_conversion_does_not_quote_the_keys_that_a_file_gave(job: Job) -> None:
    (job.path.parent / "secret.json").write_text('{ "s3cret": {} }')
    job.write('variable "v" {\n  type = map(number)\n  default = jsondecode(file("secret.json"))\n}\n' + SEED)
    error = job.error("configuration", env="dsql")
    assert "s3cret" not in error["text"]
    assert 'variable "v": element "…": number required' in error["message"]


# --- files ---------------------------------------------------------------------------------------------------------


def test_file_reads_beside_the_config_and_every_file_is_noted(job: Job) -> None:
    (job.path.parent / "sub").mkdir()
    host = job.path.parent / "sub" / "host.txt"
    host.write_text(HOST)
    job.write(SEED.replace(f'"{HOST}"', 'file("./nope/../sub/host.txt")'))
    answer = job(env="dsql")
    assert answer["targets"]["db"] == TARGET
    assert answer["files"] == [[str(path), list(identity(str(path)) or ())] for path in (job.path, host)]


def test_a_file_that_is_not_there_is_pointed_at_and_noted(job: Job) -> None:
    job.write(SEED.replace(f'"{HOST}"', 'file("host.txt")'))
    error = job.error("configuration", env="dsql")
    assert error["data"]["line"] == 3
    assert "no such file or directory" in error["message"]
    assert job(env="dsql")["files"][1] == [str(job.path.parent / "host.txt"), None]


@pytest.mark.parametrize("name", ["/dev/zero", "fifo", ".", "latin1.txt", "a\\u0000b", "big.txt"])
def test_file_reads_only_regular_text_files_of_reasonable_size(job: Job, name: str) -> None:
    os.mkfifo(job.path.parent / "fifo")
    (job.path.parent / "latin1.txt").write_bytes(b"\xff")
    with (job.path.parent / "big.txt").open("wb") as big:
        big.truncate((4 << 20) + 1)
    job.write(SEED + f'x = file("{name}")\n')
    assert "error in function call" in job.error("configuration", env="dsql")["message"]


def test_atlas_hcl_must_be_a_regular_file(job: Job) -> None:
    job.path.unlink()
    job.path.mkdir()
    assert "it is a directory" in job.error("configuration")["message"]
    job.path.rmdir()
    os.mkfifo(job.path)
    assert "it is no regular file" in job.error("configuration")["message"]


def test_a_world_writable_file_or_directory_is_refused_with_a_hint(job: Job) -> None:
    job.path.chmod(0o646)
    assert job.error("denied")["hint"] == f"chmod o-w {job.path}"
    job.path.chmod(0o644)
    job.path.parent.chmod(0o757)
    assert job.error("denied")["hint"] == f"chmod o-w {job.path.parent}"


def test_the_directory_that_a_symlink_leads_to_counts_too(job: Job, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    job.path.rename(shared / "atlas.hcl")
    job.path.symlink_to(shared / "atlas.hcl")
    assert job(env="dsql")["targets"]
    shared.chmod(0o777)
    assert job.error("denied")["hint"] == f"chmod o-w {shared}"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_a_file_of_another_user_is_refused(job: Job) -> None:
    shutil.chown(job.path, 12345)
    assert "another user" in job.error("denied")["message"]


# --- where the urls lead ------------------------------------------------------------------------------------------


def test_where_a_url_leads_is_told_without_a_token(job: Job) -> None:
    answer = job(question="connections", env="dsql")
    assert answer["connections"] == [
        {
            "tokens": ["db"],
            "connection": {
                "places": 1,
                "host": HOST,
                "hostaddr": None,
                "port": "5432",
                "user": "admin",
                "dbname": "postgres",
                "sslmode": "require",
                "sslrootcert": None,
                "parameters": {},
            },
        }
    ]


def test_the_first_of_several_places_counts_and_the_usual_port(job: Job) -> None:
    place = f"{HOST},{HOST}:5433/postgres?sslmode=verify-full&hostaddr=127.0.0.1,127.0.0.2"
    job.write(SEED.replace("${local.endpoint}:5432/postgres?sslmode=require", place))
    (found,) = job(question="connections", env="dsql")["connections"]
    assert (found["connection"]["hostaddr"], found["connection"]["port"]) == ("127.0.0.1", "5432")
    assert found["connection"]["places"] == 2


@pytest.mark.parametrize(
    ("named", "meant"),
    [("certs/ca.pem", "{}/certs/ca.pem"), ("/etc/ca.pem", "/etc/ca.pem"), ("system", "system")],
)
def test_a_file_of_roots_is_looked_for_in_the_directory_of_the_project(named: str, meant: str, job: Job) -> None:
    job.write(SEED.replace("sslmode=require", f"sslmode=verify-full&sslrootcert={named}"))
    (found,) = job(question="connections", env="dsql")["connections"]
    assert found["connection"]["sslrootcert"] == meant.format(job.path.parent)


def test_a_url_that_leads_elsewhere_is_refused_there_too(job: Job) -> None:
    job.write(SEED.replace("@${local.endpoint}", "@example.com"))
    assert "not its endpoint" in job.error("configuration", question="connections", env="dsql")["message"]


def test_a_data_source_that_no_url_needs_leads_nowhere(job: Job) -> None:
    job.write(SEED[: SEED.index("env ")])
    assert job(question="connections", data="db")["connections"] == []


@pytest.mark.parametrize("name", ["", "A=B", "A\\u0000"])
def test_a_variable_that_no_environment_can_hold_is_empty_and_not_asked_for(job: Job, name: str) -> None:
    job.write(SEED.replace('"us-east-1"', f'"us-east-1${{getenv("{name}")}}"'))
    answer = job(env="dsql")
    assert "need" not in answer
    assert answer["targets"]["db"]["region"] == "us-east-1"
