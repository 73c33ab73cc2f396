"""What is counted of a gate, and told of a session."""

from __future__ import annotations

from dsqltokd.pgproxy.traffic import Traffic, summary


class Session:
    def __init__(self) -> None:
        self.carried = [0, 0]


def test_bytes_count_while_the_session_goes_on_and_after_it() -> None:
    traffic = Traffic()
    first, second = Session(), Session()
    for session in (first, second):
        traffic.begun(session)
    first.carried[:] = [10, 200]
    second.carried[:] = [1, 2]
    traffic.ended(first)
    shown = traffic.shown()
    assert (shown["open"], shown["sessions"]) == (1, 2)
    assert (shown["bytes_from_client"], shown["bytes_from_server"]) == (11, 202)
    traffic.ended(second)
    assert {**shown, "open": 0} == traffic.shown()


def test_the_log_tells_how_long_a_session_was_what_it_carried_and_what_it_took_to_begin() -> None:
    assert summary(61.2, [10, 200], {"token": 0.0012, "tcp": 0.002, "tls": 0.02, "auth": 0.018}) == (
        "a session ended after 61 s: 10 bytes from the client, 200 from the server, "
        "41 ms to connect (token 1, tcp 2, tls 20, auth 18)"
    )
