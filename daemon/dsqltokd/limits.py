"""How much one client may take of the daemon, and all together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take.

    `pending` is how many requests of one connection are worked on at a time, and how many may watch; `unread` is how
    many bytes of answers wait for one that does not read. A request has `request_seconds` to arrive, the next one
    `idle_seconds` to begin; whether they do is looked at every `sweep_seconds`. Where all `connections` are taken, one
    that has asked for nothing yet is spared for `first_seconds`. An answer that takes `notice_seconds` is announced to
    who wants it.
    """

    connections: int = 1024
    pending: int = 256
    unread: int = 4 << 20
    first_seconds: float = 1.0
    request_seconds: float = 10.0
    idle_seconds: float = 300.0
    sweep_seconds: float = 5.0
    notice_seconds: float = 0.3
