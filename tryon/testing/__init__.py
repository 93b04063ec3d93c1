"""The conformance kit: what a provider must keep, as tests that the author of an adapter runs.

``HostedConformance`` is for adapters on ``tryon.providers.hosted``, against a real HTTP server on loopback whose
answers the author scripts; ``ProviderConformance`` for any other ``Provider``. Written for pytest, which is needed to
run them and not to import them. docs/providers/adding.md walks through it.
"""

from __future__ import annotations

from tryon.testing.conformance import GARMENT, JOB, PERSON, PICTURE, ProviderConformance
from tryon.testing.hosted import HostedConformance
from tryon.testing.pictures import jpeg
from tryon.testing.samples import sample, samples
from tryon.testing.server import Canned, Seen, Server, serving

__all__ = [
    "GARMENT",
    "JOB",
    "PERSON",
    "PICTURE",
    "Canned",
    "HostedConformance",
    "ProviderConformance",
    "Seen",
    "Server",
    "jpeg",
    "sample",
    "samples",
    "serving",
]
