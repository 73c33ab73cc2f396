"""Which programs of a project may run: what an allowance is of, and what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.protocol import EVERY_AWS
from unit.projectjob import HOST, SEED

if TYPE_CHECKING:
    from unit.projectjob import Job

EXTERNAL = 'data "external" "host" {\n  program = ["./host.sh", "x"]\n}\n'
NEEDS = EXTERNAL + SEED.replace(f'"{HOST}"', "trimspace(data.external.host)")
AWS: dict[str, Any] = {EVERY_AWS: None}


def digest(job: Job) -> str:
    (program,) = job(question="programs")["programs"]
    return str(program["digest"])


def test_the_programs_of_all_envs_are_listed_without_running_any(job: Job) -> None:
    job.write(
        NEEDS + 'data "external" "b" {\n  program = ["b-${atlas.env}"]\n}\nenv "b" {\n  url = data.external.b\n}\n'
    )
    found = job(question="programs")["programs"]
    assert [program["argv"] for program in found] == [["./host.sh", "x"], ["b-b"]]
    assert [program["argv"] for program in job(question="programs", env="dsql")["programs"]] == [["./host.sh", "x"]]


def test_a_program_that_was_not_allowed_is_refused(job: Job) -> None:
    job.write(NEEDS)
    error = job.error("denied", env="dsql", environment=AWS)
    assert ":2:13: data.external.host runs a program that you have not allowed" in error["text"]
    assert 'program = ["./host.sh", "x"]' in error["text"]
    assert f"dsqltok projects allow {job.path} --env dsql" in error["text"]


def test_an_allowed_program_is_to_be_run_and_its_output_makes_the_answer(job: Job) -> None:
    job.write(NEEDS)
    script = job.path.with_name("host.sh")
    script.write_text("one")
    allowed = [digest(job)]
    wanted = job(env="dsql", environment=AWS, allowed=allowed)["run"]
    assert (wanted["name"], wanted["argv"]) == ("data.external.host", ["./host.sh", "x"])
    assert (wanted["directory"], list(wanted["files"])) == (str(job.path.parent), [str(script)])
    answer = job(env="dsql", environment=AWS, outputs=[[wanted["argv"], "", f"{HOST}\n"]])
    assert answer["targets"]["db"]["host"] == HOST
    assert str(script) in dict(answer["files"])


def test_the_callers_aws_variables_are_asked_for_where_a_program_is_needed(job: Job) -> None:
    job.write(NEEDS)
    assert job(env="dsql")["need"] == [EVERY_AWS]


@pytest.mark.parametrize("change", ["project", "program", "argument", "directory"])
def test_a_change_of_anything_that_decides_what_runs_makes_another_allowance(job: Job, change: str) -> None:
    script, argument = job.path.with_name("host.sh"), job.path.with_name("x")
    job.write(NEEDS)
    script.write_text("one")
    argument.write_text("one")
    before = digest(job)
    assert digest(job) == before
    if change == "project":
        job.write(NEEDS + "\n")
    elif change == "directory":
        job.write(NEEDS.replace('"x"]', '"x"]\n  working_dir = "/"'))
    else:
        (script if change == "program" else argument).write_text("two")
    assert digest(job) != before


@pytest.mark.parametrize(
    "word", ["link/../host.sh", "{elsewhere}/host.sh"], ids=["dots behind a link", "another way in"]
)
def test_what_counts_of_a_word_is_the_file_that_is_opened(
    job: Job, word: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = job.path.parent
    elsewhere = tmp_path_factory.mktemp("outside") / "elsewhere"
    elsewhere.symlink_to(directory / "deep")
    (directory / "deep" / "er").mkdir(parents=True)
    (directory / "link").symlink_to("deep/er")
    job.write(NEEDS.replace("./host.sh", word.format(elsewhere=elsewhere)))
    (directory / "host.sh").write_text("what the text of the path says")
    script = directory / "deep" / "host.sh"
    script.write_text("one")
    before = digest(job)
    assert digest(job) == before
    script.write_text("two")
    assert digest(job) != before


def test_a_local_that_nothing_asked_for_depends_on_runs_nothing(job: Job) -> None:
    job.write(EXTERNAL + SEED + "locals {\n  unused = data.external.host\n}\n")
    assert list(job(env="dsql")["targets"]) == ["db"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("program = []", "the program cannot be empty"),
        ('program = "./x"', 'unsuitable value for "program"'),
        ('command = ["x"]', 'an argument named "command" is not expected here'),
        ("", 'the argument "program" is required'),
        ('program = ["x", null]', "an argument is null"),
        ('program = ["x"]\n  working_dir = null', "a null value is not allowed"),
    ],
)
def test_a_block_that_names_no_program_is_a_mistake(job: Job, body: str, said: str) -> None:
    job.write(NEEDS.replace('program = ["./host.sh", "x"]', body))
    assert said in job.error("configuration", env="dsql")["text"].lower()


FIRST = 'data "external" "first" {\n  program = ["first"]\n}\n'


def test_a_program_with_the_output_of_another_is_seen_once_that_may_run(job: Job) -> None:
    job.write(FIRST + NEEDS.replace('"x"', "data.external.first"))
    (first,) = job(question="programs")["programs"]
    wanted = job(question="programs", environment=AWS, allowed=[first["digest"]])["run"]
    assert wanted["argv"] == ["first"]
    outputs = [[["first"], "", "out"]]
    found = job(question="programs", environment=AWS, allowed=[first["digest"]], outputs=outputs)["programs"]
    assert [program["argv"] for program in found] == [["first"], ["./host.sh", "out"]]


def test_a_program_that_makes_the_elements_of_a_for_each_is_seen(job: Job) -> None:
    job.write(FIRST + SEED.replace('env "dsql" {', 'env "dsql" {\n  for_each = toset([data.external.first])'))
    assert [program["argv"] for program in job(question="programs", env="dsql")["programs"]] == [["first"]]


def test_nothing_is_run_to_see_the_programs_that_are_seen_without(job: Job) -> None:
    job.write(NEEDS)
    allowed = [digest(job)]
    assert len(job(question="programs", allowed=allowed)["programs"]) == 1


def test_numbers_among_the_words_of_a_program_are_texts(job: Job) -> None:
    job.write(NEEDS.replace('"x"', "1"))
    assert job(question="programs")["programs"][0]["argv"] == ["./host.sh", "1"]
