"""The words that may stand in a place of a command line, the usual one first: `arguments.choice` and TAB go by them."""

CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "env": {"shell": ("sh", "fish", "json", "dotenv")},
    "ide": {"ide": ("datagrip", "dbeaver", "pgadmin", "vscode", "tableplus", "postico")},
    "pgpass": {"action": ("list", "enable", "disable")},
    "config": {"action": ("show", "check")},
    "health": {"health": ("ready", "live")},
    "service": {"action": ("status", "install", "uninstall")},
    "projects": {"action": ("list", "add", "allow", "remove")},
    "hook": {"shell": ("bash", "zsh", "fish")},
    "activate": {"shell": ("bash", "zsh", "fish")},
    "completion": {"shell": ("bash", "zsh", "fish")},
}
