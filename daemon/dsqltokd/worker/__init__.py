"""The short-lived processes that open files, call out and evaluate, so that the core never has to."""
