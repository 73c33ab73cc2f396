"""dsqltok: fresh Aurora DSQL tokens from your atlas.hcl."""
