"""`pipeline demo`."""


def demo() -> None:
    """Soon."""
