"""A database backend for Django: `ENGINE = "dsqltok.django"`. It is in `base`, where Django looks for it."""
