"""dsqltokd: the daemon behind dsqltok."""
