"""A local server that speaks like the hosted providers, with faults on demand. For tests, demos and development.

with Sandbox(port=0) as sandbox:
    ...  # sandbox.url("fashn"), sandbox.calls, sandbox.charges(), sandbox.faults.add("cut", provider="fashn")
"""

from __future__ import annotations

from tryon.sandbox.faults import KINDS, Fault, fault
from tryon.sandbox.server import FAST, Sandbox

__all__ = ["FAST", "KINDS", "Fault", "Sandbox", "fault"]
