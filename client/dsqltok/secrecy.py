"""Which of the environment variables that AWS tools heed are credentials."""

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


def is_secret(name: str, value: str) -> bool:
    """Tell whether an AWS or proxy variable is a credential."""
    if not name.startswith("AWS_"):
        return "@" in value
    return name in _SECRETS or (any(word in name for word in _SECRET_WORDS) and not name.endswith("_FILE"))
