"""The test beds as fixtures. Those that are slow to start are started once for a test process, when first asked for."""

from __future__ import annotations

import itertools
import signal
from typing import TYPE_CHECKING, cast

import hypothesis
import pytest

from standin import people, secretservice, systemd
from standin.endpoint import DsqlStandin
from standin.imds import Imds
from standin.ledger import Clock, Ledger
from standin.signin import SignIn
from standin.sso import Sso
from standin.sts import Sts

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("desks", "viaproxy")
hypothesis.settings.register_profile("noisy", deadline=None)  # machines are: no example is given a time
hypothesis.settings.load_profile("noisy")
# Where a shell runs the suite in the background, SIGINT is ignored, and would be in every program under test.
signal.signal(signal.SIGINT, signal.default_int_handler)
_PROMISES = pytest.StashKey[dict[str, tuple[str, str, int, int]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take `--soak`, which has the faults of the promises made to happen often."""
    parser.addoption("--soak", action="store_true", help="make the faults happen often, and print the promises' table")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marks mean, and keep what the tests of promises counted."""
    config.addinivalue_line("markers", "promise(promise, *, fault, short, long): see e2e/promises/conftest.py")
    rows: dict[str, tuple[str, str, int, int]] = {}
    config.stash[_PROMISES] = rows
    config.pluginmanager.register(_Collector(rows), "promises")


class _Collector:
    """Gathers what each test of a promise counted, from every process that runs tests."""

    def __init__(self, rows: dict[str, tuple[str, str, int, int]]) -> None:
        self._rows = rows
        self._broken: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._broken.add(report.nodeid)
        for name, value in report.user_properties if report.when == "teardown" else ():
            if name == "promise":
                promise, fault, happened, violations = cast("tuple[str, str, int, int]", value)
                broken = max(violations, int(report.nodeid in self._broken))
                self._rows[report.nodeid] = (promise, fault, happened, broken)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the promises' table."""
    rows = config.stash[_PROMISES]
    if not config.getoption("soak") or not rows:
        return
    terminalreporter.section("promises")
    terminalreporter.line("| promise | fault (how often) | in all | violations |")
    terminalreporter.line("|---|---|---|---|")
    for promise, found in itertools.groupby(sorted(rows.values()), key=lambda row: row[0]):
        counted = list(found)
        faults = "; ".join(f"{fault} ({happened:,})" for _, fault, happened, _ in counted)
        happened, violations = sum(row[2] for row in counted), sum(row[3] for row in counted)
        terminalreporter.line(f"| {promise} | {faults} | {happened:,} | {violations:,} |")


@pytest.fixture(scope="session")
def clock() -> Clock:
    """Give the stand-in's clock: `with clock.ahead(901): …`."""
    return Clock()


@pytest.fixture(scope="session")
def ledger() -> Ledger:
    """Keep the credentials that the stand-in accepts."""
    return Ledger()


@pytest.fixture(scope="session")
def standin(ledger: Ledger, clock: Clock) -> Iterator[DsqlStandin]:
    """Run an endpoint of Aurora DSQL."""
    with DsqlStandin(ledger, clock=clock) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def sts(ledger: Ledger) -> Iterator[Sts]:
    """Run an STS, whose role sessions the stand-in accepts too."""
    with Sts() as service:
        ledger.also_ask(service.find)
        yield service


@pytest.fixture
def sso(ledger: Ledger, clock: Clock) -> Iterator[Sso]:
    """Run a single sign-on of the test's own, whose role credentials the stand-in accepts. Nobody is signed in yet."""
    with Sso(clock) as service:
        ledger.also_ask(service.find)
        yield service


@pytest.fixture
def imds(ledger: Ledger) -> Iterator[Imds]:
    """Run an instance metadata service, with a container's endpoint, whose credentials the stand-in accepts."""
    with Imds() as service:
        ledger.also_ask(service.find)
        yield service


@pytest.fixture
def signin(ledger: Ledger) -> Iterator[SignIn]:
    """Run the service behind `aws login`, whose credentials the stand-in accepts. Nobody is logged in yet."""
    with SignIn() as service:
        ledger.also_ask(service.find)
        yield service


@pytest.fixture(scope="session")
def secret_service() -> Iterator[secretservice.SecretService]:
    """Run an unlocked Secret Service, which belongs to `people.ordinary()`."""
    lacking = secretservice.missing()
    if lacking:
        pytest.skip(lacking)
    with secretservice.SecretService() as service:
        yield service


@pytest.fixture(scope="session")
def user_manager() -> Iterator[systemd.SystemdUser]:
    """Run a `systemd --user` that belongs to `people.ordinary()`."""
    if lacking := systemd.missing():
        pytest.skip(lacking)
    with systemd.SystemdUser() as manager:
        yield manager


@pytest.fixture(scope="session")
def stranger() -> people.Person:
    """Name a user who is neither root nor `people.ordinary()`."""
    if why := people.why_no_stranger():
        pytest.skip(why)
    return people.stranger()
