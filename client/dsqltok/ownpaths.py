"""Where a path leads, followed as long as no other user may have led it there."""

import errno
import os
import stat

from dsqltok import errors

_MOST_LINKS = 40  # as Linux has it


def followed(path: str) -> str:
    """Return an absolute path with the links in it followed, whether or not there is something at its end.

    Raises `DeniedError` at a link or a directory of another user than us and root, in a directory that others may
    write to: whoever put it there chooses what is written over. Raises `OSError` where links lead in a circle.
    """
    # Whoever owns the top is root to us, also in a user namespace.
    trusted = {0, os.getuid(), os.stat("/").st_uid}
    ahead, place, links = path.split("/")[::-1], "", 0
    while ahead:
        part = ahead.pop()
        if part == "..":
            place = place.rpartition("/")[0]
        elif part not in ("", "."):
            here = f"{place}/{part}"
            target = _link(here, place or "/", trusted)
            if target is None:
                place = here
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            place = "" if target.startswith("/") else place
            ahead += target.split("/")[::-1]
    return place or "/"


def _link(path: str, directory: str, trusted: set[int]) -> str | None:
    """Return where the link at `path` leads, None where there is none."""
    try:
        found = os.lstat(path)
        around = os.stat(directory)
    except OSError:
        return None  # whoever opens it is told
    is_link = stat.S_ISLNK(found.st_mode)
    open_to_others = around.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or around.st_uid not in trusted
    if (is_link or stat.S_ISDIR(found.st_mode)) and found.st_uid not in trusted and open_to_others:
        raise errors.DeniedError(
            f"{path} belongs to another user, who may have put it there to lead you elsewhere",
            hint="name a file in a directory of yours",
        )
    return os.readlink(path) if is_link else None
