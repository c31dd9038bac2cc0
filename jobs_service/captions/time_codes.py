"""Times as caption files write them."""


def time_code(seconds: float, point: str = ".") -> str:
    """Hours have two digits or, from 100 hours on, as many as they need."""
    rest, ms = divmod(round(seconds * 1000), 1000)
    rest, s = divmod(rest, 60)
    hours, minutes = divmod(rest, 60)
    return f"{hours:02}:{minutes:02}:{s:02}{point}{ms:03}"
