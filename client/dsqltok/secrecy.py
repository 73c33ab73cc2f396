"""Which environment variables are credentials, as far as a name and a value tell."""

import re

# Variables that are a credential, or part of one. What they hold is passed through to a worker and kept nowhere.
_SECRETS = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
}
# So is any other that looks like one, and a proxy with a password.
_SECRET_WORDS = ("SECRET", "TOKEN", "PASSWORD", "ACCESS_KEY")
# The words for other people's variables, of which nobody knows what they are for.
_LIKELY_WORDS = ("SECRET", "TOKEN", "PASS", "PWD", "AUTH", "CRED", "DSN", "APIKEY", "_KEY")
_HARMLESS = {"PWD", "OLDPWD", "SSH_AUTH_SOCK", "XAUTHORITY"}
_WITH_PASSWORD = re.compile("://.*:.*@|password=", re.IGNORECASE | re.DOTALL)


def is_secret(name: str, value: str) -> bool:
    """Tell whether an AWS or proxy variable is a credential."""
    if not name.startswith("AWS_"):
        return "@" in value
    if name in _SECRETS or _has_password(value):
        return True
    return any(word in name for word in _SECRET_WORDS) and not name.endswith("_FILE")


def looks_secret(name: str, value: str) -> bool:
    """Tell whether a variable that a project reads may be, or hold, a credential: rather too often than too seldom."""
    likely = name not in _HARMLESS and any(word in name.upper() for word in _LIKELY_WORDS)
    return bool(value) and (likely or _has_password(value))


def _has_password(value: str) -> bool:
    """Tell whether a value is a url, or libpq's words, with a password in it."""
    return _WITH_PASSWORD.search(value) is not None
