"""What this process really holds in memory."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress

_PAGE = os.sysconf("SC_PAGE_SIZE")
_CLEAN_ALL_BUFFERS = 0  # TBB's name for it


def held() -> float:
    """MB resident once free blocks, which Python and the allocators of Blender (TBB's or the C library's) keep for
    later, are given back."""
    gc.collect()
    with suppress(OSError):  # a Blender without TBB's allocator
        ctypes.CDLL("libtbbmalloc.so.2").scalable_allocation_command(_CLEAN_ALL_BUFFERS, None)
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * _PAGE / 1e6
