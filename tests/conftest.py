"""Settings of the whole test run."""

from __future__ import annotations

import os

# One thread a test process: tests run side by side, and threads that wait for each other on too few cores stand still.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
