"""How a process that lives long treats its memory."""

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 4 * 1024 * 1024
_NEW_OBJECTS, _YOUNG = 10_000, 5


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


def look_for_cycles_rarely() -> None:
    """Look for cycles among 10,000 new objects at a time, and never among those there are now.

    What a service is made of stays until it ends. With Python's own 700, a request of which some
    hundred objects are alive at a time has all of them looked at again and again: that was a tenth
    and more of its CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNG)
