"""The protocol: JSON-RPC 2.0, one object a line, between any client and the daemon. No I/O here.

A request is at most `MAX_REQUEST` bytes with its newline. Its `params` may hold `"protocol": 1`; a daemon that does
not speak that version says so. The methods and their parameters stand in README.md under PROTOCOL.

Asking and reading a token do without the `json` package, whose import alone costs half of what an empty Python
start does: a successful answer to `token.get` begins with exactly `TOKEN_PREFIX`, then the token, then a quote, and a
token holds no character that JSON would escape. Everything else goes through `json`.
"""

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from dsqltok.errors import DsqltokError

VERSION = 1
MAX_REQUEST = 64 * 1024
TOKEN_PREFIX = b'{"jsonrpc":"2.0","id":1,"result":{"token":"'
WAIT_PREFIX = b'{"jsonrpc":"2.0","method":"wait","params":{"seconds":'

# What AWS tools heed besides AWS_*, in upper and lower case.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE")

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
APPLICATION_ERROR = -32000
LEAVING = -32001  # the daemon ends, and has no answer: the next daemon may have one
LEAVING_PREFIX = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32001,'

EVERY_AWS = "AWS_*"
"""Stands, in a list of variables that a project needs, for all those that `is_aws` is true of."""


def is_aws(name: str) -> bool:
    """Tell whether every client sends this environment variable where it is set: AWS's own, and the proxies."""
    return name.startswith("AWS_") or name.upper() in _PROXIES


def _quote(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from _json import encode_basestring_ascii  # noqa: PLC0415 - a shared library to load, and seldom needed

    return encode_basestring_ascii(text)


def _encode(value: object) -> str:
    if isinstance(value, str):
        return _quote(value)
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value).lower()  # True is an int too
    if isinstance(value, dict):
        return "{" + ",".join([_quote(key) + ":" + _encode(item) for key, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([_encode(item) for item in value]) + "]"
    raise TypeError(type(value).__name__)


def request(method: str, params: dict[str, object]) -> bytes:
    """Return the line that asks for `method`, with id 1. `params` holds what JSON can."""
    head = f'{{"jsonrpc":"2.0","id":1,"method":{_quote(method)},"params":'
    return (head + _encode(params) + "}\n").encode("ascii")


def token_in(line: bytes) -> str | None:
    """Return the token of a successful `token.get`, or None where `line` is anything else."""
    if not line.startswith(TOKEN_PREFIX):
        return None
    start = len(TOKEN_PREFIX)
    return line[start : line.index(b'"', start)].decode("ascii")


def seconds_in(line: bytes) -> int:
    """Return how many seconds the daemon says that it may still take, in a line that begins with `WAIT_PREFIX`."""
    return int(line[len(WAIT_PREFIX) : line.index(b"}")])


def wait(seconds: int) -> bytes:
    """Return the notification that the answer may take up to `seconds`, for clients that sent `"progress": true`."""
    return WAIT_PREFIX + b"%d}}\n" % seconds


def result(request_id: object, value: object) -> bytes:
    """Return the line that answers `request_id` with `value`. The order of a dict's keys is kept."""
    return _line({"jsonrpc": "2.0", "id": request_id, "result": value})


def failure(request_id: object, error: "DsqltokError", code: int = APPLICATION_ERROR) -> bytes:
    """Return the line that answers `request_id` with an error; `error.data` is the error's `as_data`."""
    body = {"code": code, "message": error.message, "data": error.as_data()}
    return _line({"jsonrpc": "2.0", "id": request_id, "error": body})


def notification(method: str, params: object) -> bytes:
    """Return a line that belongs to no request."""
    return _line({"jsonrpc": "2.0", "method": method, "params": params})


def _line(message: dict[str, object]) -> bytes:
    import json  # noqa: PLC0415 - see the module's docstring

    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def read_answer(line: bytes) -> dict[str, object]:
    """Return the `result` of an answer; raise the `DsqltokError` that it carries instead.

    A line that is no answer at all is an `UnavailableError`: whatever listens there is not our daemon.
    """
    import json  # noqa: PLC0415 - see the module's docstring

    from dsqltok import errors  # noqa: PLC0415 - only needed where something went wrong

    try:
        answer = json.loads(line)
        if "error" in answer:
            data = answer["error"].get("data") or {"message": answer["error"]["message"]}
            raise errors.from_data(data)
        found: dict[str, object] = {**answer["result"]}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise errors.UnavailableError(
            "the daemon's answer makes no sense", hint="run dsqltok stop, then try again"
        ) from error
    return found


class BadRequestError(Exception):
    """A line that is no request: JSON-RPC's `code`, and the id to answer to where one could be read."""

    def __init__(self, code: int, message: str, request_id: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.request_id = request_id


def _is_id(value: object) -> bool:
    if isinstance(value, float):
        return abs(value) < float("inf")  # what Python reads as JSON, but nobody else
    return isinstance(value, (str, int, type(None))) and not isinstance(value, bool)


def read_request(line: bytes) -> tuple[object, str, dict[str, object]]:
    """Return a request's id, method and parameters. The id is None in a notification, which gets no answer.

    Raises `BadRequestError`. Batches are not spoken: a connection takes any number of lines instead.
    """
    import json  # noqa: PLC0415 - see the module's docstring

    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRequestError(PARSE_ERROR, "this line is no JSON") from None
    if not isinstance(message, dict):
        raise BadRequestError(INVALID_REQUEST, "a request is a JSON object on one line")
    request_id = message.get("id")
    if not _is_id(request_id):
        raise BadRequestError(INVALID_REQUEST, "an id is a string or a number")
    method, params = message.get("method"), message.get("params", {})
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise BadRequestError(INVALID_REQUEST, 'a request has "jsonrpc": "2.0" and a method', request_id)
    if not isinstance(params, dict):
        raise BadRequestError(INVALID_PARAMS, "params is an object", request_id)
    version = params.pop("protocol", VERSION)
    if version != VERSION:
        message = (
            f"this daemon speaks protocol {VERSION}: run dsqltok stop, and the next command starts the installed one"
        )
        raise BadRequestError(INVALID_PARAMS, message, request_id)
    return request_id, method, params
