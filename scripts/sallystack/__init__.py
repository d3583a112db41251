"""A private Sallyport stack: PostgreSQL cluster, both services and the gateway, in one directory, on chosen ports.

Used by `scripts/stack` (make run, make test), by the acceptance tests and by the benchmarks. Standard library only.
"""


class StackError(Exception):
    """Something the person at the terminal has to know or change; printed as it is, without a stack trace."""
