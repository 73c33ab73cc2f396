"""The proxies that run, as they report themselves: for the status and the metrics, and for one to follow another."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from dsqltok.errors import UsageError
from dsqltokd.metrics import gauge, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dsqltokd.channel import Channel
    from dsqltokd.metrics import Labels
    from dsqltokd.requests import Handler

_IDENTITY = ("env", "config", "listen", "whose", "vars", "data")  # that two have in common where one follows the other
_SHOWN = ("env", "config", "listen", "traffic")


class Proxies:
    """The handlers by method, and what is known."""

    def __init__(self) -> None:
        self._known: dict[Channel, dict[str, Any]] = {}
        self.handlers: dict[str, Handler] = {
            "proxy.announce": self._announce,
            "proxy.follow": self._follow,
            "proxy.cancel": self._cancel,
        }

    @property
    def gates(self) -> list[dict[str, Any]]:
        """Return each gate of each proxy: `pid`, `env`, `config`, `listen`, `traffic`."""
        return [
            {"pid": said["pid"], **{name: gate[name] for name in _SHOWN}}
            for said in self._known.values()
            for gate in said["gates"]
        ]

    def families(self) -> Iterable[Iterable[str]]:
        """Return the metrics of the proxies, as OpenMetrics has them."""
        gates = self.gates
        yield gauge("dsqltok_proxy_open", "Sessions that go through a proxy now.", _by_gate(gates, "open"))
        yield total("dsqltok_proxy_sessions", "Sessions that went through a proxy.", _by_gate(gates, "sessions"))
        sent = {way: _by_gate(gates, f"bytes_{way}", ("from", way[5:])) for way in ("from_client", "from_server")}
        yield total(
            "dsqltok_proxy_bytes", "Bytes that sessions have carried.", {**sent["from_client"], **sent["from_server"]}
        )
        refused = _inner(gates, "refused", "reason", int)
        yield total("dsqltok_proxy_refused", "Clients that got no session, by the reason.", refused)
        counts = _inner(gates, "steps", "step", lambda step: step["count"])
        yield total("dsqltok_proxy_steps", "Steps on the way to a session.", counts)
        seconds = _inner(gates, "steps", "step", lambda step: step["seconds"])
        yield total("dsqltok_proxy_step_seconds", "Time that these steps took in all.", seconds)

    def _announce(self, params: dict[str, Any], channel: Channel) -> dict[str, Any]:
        """Note what a proxy says of itself; have those leave that are at the same places."""
        said = _read(params)
        anew = channel not in self._known
        if anew:
            channel.on_close(partial(self._forget, channel))
            for gate in said["gates"]:
                for other in self._alike(gate):
                    other.notify("leave", {"listen": gate["listen"]})
        self._known[channel] = said
        return {"noted": True}

    def _follow(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        """Have the proxy for the same, if there is one, share its port; tell whether there is."""
        alike = self._alike(params)
        if any(gate["inherited"] for said in self._known.values() for gate in said["gates"] if _is_like(gate, params)):
            return {"shares": False}  # what systemd listens at goes on to be there, whoever leaves
        for other in alike:
            other.notify("share", {"listen": params["listen"]})
        return {"shares": bool(alike)}

    def _cancel(self, params: dict[str, Any], channel: Channel) -> dict[str, Any]:
        """Have the other proxies cancel what a session does, by its key, if it is one of theirs."""
        key = params.get("key")
        if not isinstance(key, str):
            raise UsageError("a session is cancelled by its key", hint="this is for dsqltok proxy alone")
        for other in self._known:
            if other is not channel:
                other.notify("cancel", {"key": key})
        return {"told": True}

    def _alike(self, gate: dict[str, Any]) -> list[Channel]:
        return [other for other, known in self._known.items() if any(_is_like(each, gate) for each in known["gates"])]

    def _forget(self, channel: Channel) -> None:
        self._known.pop(channel, None)


def _read(params: dict[str, Any]) -> dict[str, Any]:
    pid, gates = params.get("pid"), params.get("gates")
    if not isinstance(pid, int) or not isinstance(gates, list) or not all(map(_is_gate, gates)):
        raise UsageError("a proxy says its pid and its gates", hint="this is for dsqltok proxy alone")
    return {
        "pid": pid,
        "gates": [{name: gate.get(name) for name in {*_IDENTITY, *_SHOWN, "inherited"}} for gate in gates],
    }


def _is_like(gate: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(gate.get(name) == other.get(name) for name in _IDENTITY)


def _is_gate(gate: Any) -> bool:
    kinds = {"env": str, "config": str, "listen": str, "inherited": bool, "traffic": dict}
    return isinstance(gate, dict) and all(isinstance(gate.get(name), kind) for name, kind in kinds.items())


def _by_gate(gates: list[dict[str, Any]], what: str, *labels: tuple[str, str]) -> dict[Labels, float]:
    found: Counter[Labels] = Counter()  # two that leave the same place are counted together
    for gate in gates:
        found[(*_labels(gate), *labels)] += gate["traffic"].get(what, 0)
    return dict(found)


def _inner(gates: list[dict[str, Any]], what: str, label: str, value: Callable[[Any], float]) -> dict[Labels, float]:
    return {
        (*_labels(gate), (label, name)): value(each)
        for gate in gates
        for name, each in gate["traffic"].get(what, {}).items()
    }


def _labels(gate: dict[str, Any]) -> Labels:
    return (("env", gate["env"]), ("listen", gate["listen"]))
