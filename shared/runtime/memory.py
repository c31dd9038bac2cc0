"""How the C library keeps memory that has been freed."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 4 * 1024 * 1024


def keep_freed_memory() -> None:
    """Keep up to 16 MB for what comes next, where the library is glibc.

    Its own way is to give a block of a few hundred kilobytes back to the system at once, and a file
    that passes through us is made of such blocks: to get each of them anew, zeroed by the system,
    costs a tenth of all that an upload does.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_MMAP_THRESHOLD, _BLOCK_BYTES)
