"""What a process asks of the system for itself."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_SCRIPT = """\
import ctypes
from dsqltokd.hardening import give_large_buffers_their_own_memory

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd us fs uord ford keep".split()]

mapped = ctypes.CDLL(None).mallinfo2
mapped.restype = Info
give_large_buffers_their_own_memory()
bytearray(20 << 20)
before = mapped().hblks
answer = bytearray(1 << 20)
print(mapped().hblks - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="the C library does not tell of its memory")
def test_a_large_buffer_has_memory_of_its_own_though_a_larger_one_was_freed_before() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], check=True, capture_output=True, text=True)
    assert done.stdout == "1\n"
