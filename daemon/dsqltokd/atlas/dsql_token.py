"""`data "aws_dsql_token"`: which token a project asks for.

Atlas has this data source in its paid build only. Its schema is the one of Atlas's guide; a third-party dialect writes
`username` in place of `admin`, and means an admin token if that is "admin".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dsqltok.endpoint import EndpointError, host_name, signing_region
from dsqltokd.hcl import BOOL, STRING, string

from .errors import ProjectError
from .schema import check_body, typed_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dsqltokd.hcl import Attribute, Block, Expression, Value

    from .graph import DataSource

KIND = "aws_dsql_token"
ADMIN = "admin"
_TYPES = {
    "endpoint": STRING,
    "region": STRING,
    "admin": BOOL,
    "profile": STRING,
    "role_arn": STRING,
    "username": STRING,
}
ARGUMENTS = tuple(_TYPES)

T = TypeVar("T")


@dataclass(frozen=True)
class TokenRequest:
    """The token that one data source asks for.

    `host` is a checked host name in lower case, `region` the one to sign for (None: the AWS configuration's), `profile`
    and `role_arn` None where the project names none.
    """

    name: str
    host: str
    region: str | None
    admin: bool
    profile: str | None
    role_arn: str | None

    @property
    def action(self) -> str:
        """What the token allows, in AWS's words."""
        return "DbConnectAdmin" if self.admin else "DbConnect"


def token_source(token: Callable[[TokenRequest], str]) -> DataSource:
    """Return the data source; its value is the string that `token` gives for a request."""

    def run(block: Block, evaluate: Callable[[Expression], Value]) -> Value:
        return string(token(read_request(block, evaluate)))

    return run


def read_request(block: Block, evaluate: Callable[[Expression], Value]) -> TokenRequest:
    """Return what the block asks for; `ProjectError` at the attribute that does not say it."""
    attributes = check_body(block, allowed=ARGUMENTS, required=("endpoint",))
    values = {name: typed_value(attribute, _TYPES[name], evaluate).payload for name, attribute in attributes.items()}
    host = _at(attributes["endpoint"], lambda: host_name(str(values["endpoint"])))
    # As in Atlas, an empty string is as good as no argument: it is what getenv gives for an unset variable.
    asked = str(values["region"]) if values.get("region") else None
    blamed = attributes["region"] if asked else attributes["endpoint"]
    return TokenRequest(
        name=block.labels[1],
        host=host,
        region=_at(blamed, lambda: signing_region(host, asked)),
        admin=_wants_admin(attributes, values),
        profile=str(values["profile"]) if values.get("profile") else None,
        role_arn=str(values["role_arn"]) if values.get("role_arn") else None,
    )


def _wants_admin(attributes: Mapping[str, Attribute], values: Mapping[str, object]) -> bool:
    if not values.get("username"):
        return bool(values.get("admin", False))
    admin = values["username"] == ADMIN
    if values.get("admin", admin) != admin:
        raise ProjectError(
            "Contradictory arguments",
            "An admin token is for the user admin and for no other.",
            attributes["admin"].span,
            hint="leave out admin or username",
        )
    return admin


def _at(attribute: Attribute, checked: Callable[[], T]) -> T:
    try:
        return checked()
    except EndpointError as error:
        raise ProjectError(
            f"Invalid {attribute.name}", f"{error.message}.", attribute.expression.span, hint=error.hint
        ) from None
