"""What the daemon counts and measures, and how it tells it: names, labels and meanings of the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dsqltokd.metrics import Counter, Histogram, exposition, gauge, info

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dsqltokd.metrics import Labels

_STATES = ("good", "to be replaced", "expired", "none")


class Figures:
    """The counters of one daemon. A `result` is `ok` or the kind of an error, as docs/errors.md has them."""

    def __init__(self) -> None:
        self._requests = Counter("dsqltok_requests", "Requests answered.")
        self._request_seconds = Histogram("dsqltok_request_seconds", "Time from a request to its answer.")
        self._jobs = Counter("dsqltok_jobs", "Jobs that workers did: evaluations, refreshes, keyring calls, programs.")
        self._job_seconds = Histogram("dsqltok_job_seconds", "Time that a job took, the start of its worker included.")

    def request(self, method: str, result: str, seconds: float) -> None:
        """Count a request."""
        self._requests.add(method=method, result=result)
        self._request_seconds.observe(seconds, method=method)

    def job(self, kind: str, result: str, seconds: float) -> None:
        """Count a job."""
        self._jobs.add(kind=kind, result=result)
        self._job_seconds.observe(seconds, kind=kind)

    def exposition(
        self,
        version: str,
        uptime: float,
        used: Mapping[str, int],
        tokens: Iterable[Mapping[str, Any]],
        keyring: str,
        *,
        more: Iterable[Iterable[str]],
    ) -> str:
        """Return everything as OpenMetrics text, `more` families among it.

        `uptime` is in seconds, `tokens` as `report.tokens` has them.
        """
        listed = list(tokens)
        states: dict[Labels, float] = {
            (("state", each),): sum(token["state"] == each for token in listed) for each in _STATES
        }
        lives: dict[Labels, float] = {
            (("host", token["host"]), ("action", token["action"]), ("identity", token["identity"])): token["expires_in"]
            for token in listed
            if token["expires_in"] is not None
        }
        used_now: dict[Labels, float] = {(("what", name),): used[name] for name in ("fds", "threads", "children")}
        return exposition(
            [
                info("dsqltok", "The daemon.", version=version),
                gauge("dsqltok_uptime_seconds", "Time since the start.", {(): uptime}, unit="seconds"),
                gauge("dsqltok_resident_bytes", "Memory of the daemon itself.", {(): used["rss"]}, unit="bytes"),
                gauge("dsqltok_used", "Descriptors, threads and child processes.", used_now),
                gauge("dsqltok_tokens", "Tokens by state.", states),
                gauge("dsqltok_token_life_seconds", "Time that a token is still good for.", lives, unit="seconds"),
                gauge("dsqltok_keyring_in_use", "Whether tokens outlast a restart.", {(): float(keyring == "in use")}),
                self._requests.lines(),
                self._request_seconds.lines(),
                self._jobs.lines(),
                self._job_seconds.lines(),
                *more,
            ]
        )
