"""What a run does about the memory of its process."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import torch
from robustness import computing

def resident():
    status = open("/proc/self/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024

computing.keep_freed_memory()
before = resident()
kept = [torch.ones(1 << 20) for _ in range(100)]  # 4 MiB each
full = resident()
del kept[::2]
gaps = resident()
computing.return_freed_memory()
print(full - before, full - gaps, gaps - resident(), sum(float(one.sum()) for one in kept) == 50 * 2**20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="elsewhere memory is left as it is")
def test_freed_memory_is_kept_until_it_is_given_back() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True).stdout.split()
    taken, at_once, given_back = map(int, said[:3])
    assert taken >= 395
    assert at_once < 20
    assert given_back >= 180
    assert said[3] == "True"
