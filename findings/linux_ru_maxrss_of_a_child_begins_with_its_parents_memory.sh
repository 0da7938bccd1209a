#!/usr/bin/env bash
# Package: Python 3.11.7 on Linux 6.18, nothing installed. Seen 2026-11-29.
# Guess:   ru_maxrss of a finished child (os.wait4, RUSAGE_CHILDREN, also RUSAGE_SELF asked in it) is the most memory that this program had.
# Truth:   it is no less than what its parent had when it started it: exec keeps the high-water mark of the memory that it replaces, which
#          between fork or vfork and exec is the parent's. VmHWM in /proc/PID/status begins anew.
# Seen:    an interpreter that does nothing: 14 MiB when started by a small parent, 314 MiB by one that holds 300 MiB; VmHWM 8 MiB both times.
set -euo pipefail
python3 - <<'PY'
import os
import subprocess
import sys

ASK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def peaks():
    """MiB of a child by wait4, and by its own VmHWM."""
    child = subprocess.Popen([sys.executable, "-S", "-c", ASK], stdout=subprocess.PIPE, text=True)
    told = int(child.stdout.read()) / 1024
    _, _, used = os.wait4(child.pid, 0)
    child.returncode = 0
    return used.ru_maxrss / 1024, told


small = peaks()
held = b"x" * (300 << 20)
large = peaks()
for name, (waited, told) in (("a small parent", small), ("a parent of 300 MiB", large)):
    print(f"started by {name}: ru_maxrss {waited:.0f} MiB, VmHWM {told:.0f} MiB")
changed = "the behaviour has changed"
assert small[0] < 100 and small[1] < 100 and large[1] < 100, changed
assert large[0] > 290, changed
PY
