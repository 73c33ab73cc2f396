"""Real test beds that need neither Docker nor AWS: a DSQL endpoint, AWS's other services, a keyring, other users.

Each module is one bed; README.md says what each verifies and what it does not. This file imports nothing, so that a
test pays only for the bed it uses.
"""
