"""Text that came from a file or a name, on its way to a terminal or a log."""


def plain(text: str, *, keep: str = "\n\t") -> str:
    r"""Return `text` with every control character but those in `keep` written out, such as `\x1b`.

    An escape sequence in a cloned project must not get to write on the user's terminal, nor a newline into the log.
    """
    return "".join(
        each if each.isprintable() or each in keep else each.encode("unicode_escape").decode("ascii") for each in text
    )
