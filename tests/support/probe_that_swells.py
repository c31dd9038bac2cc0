"""Stands in for the probe's child and asks for more memory than it may have."""


def main(argument: bytes) -> object:
    """Raises MemoryError."""
    return len(bytearray(1 << 40))
