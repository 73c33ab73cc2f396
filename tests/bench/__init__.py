"""The bench: what dsqltok costs, against references measured in the same minutes. README.md says how and why."""
