"""dsqltok: fresh Aurora DSQL tokens from your atlas.hcl, kept warm by a local daemon.

This package is the thin client. It uses the standard library only and knows nothing of the daemon but its protocol.
A warm `dsqltok get` imports this file, `cli`, `arguments`, `transport`, `paths` and `protocol`: whatever these import
at their top is paid for at every prompt.
"""

__version__ = "0.1.0"
