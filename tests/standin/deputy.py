"""A service that a systemd starts in place of the real one, and that runs there whatever it is told: `deputy.py`.

It takes its listening socket from systemd, says that it is ready, and answers each connection: an argv as one line of
JSON comes in; whom the kernel takes the peer for and what the program did goes out.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess

_FIRST_INHERITED = 3


def main() -> None:
    """Serve until the end of the service."""
    inherited = {name: os.environ.pop(name, "") for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")}
    listener = socket.socket(fileno=_FIRST_INHERITED)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect(os.environ.pop("NOTIFY_SOCKET"))
        manager.send(b"READY=1\nSTATUS=running what it is told")
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw") as stream:
            pid, uid, gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            done = subprocess.run(json.loads(stream.readline()), capture_output=True, text=True, check=False)
            answer = {
                "inherited": inherited | {"own pid": str(os.getpid())},
                "peer": {"pid": pid, "uid": uid, "gid": gid},
                "returncode": done.returncode,
                "stdout": done.stdout,
                "stderr": done.stderr,
            }
            stream.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
