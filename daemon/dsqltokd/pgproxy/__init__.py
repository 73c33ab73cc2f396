"""The proxy: a process of its own, through which any PostgreSQL client reaches DSQL without a password or TLS."""
