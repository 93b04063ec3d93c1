"""Small real providers for tests that are not about providers. No network, no models, no waiting for luck."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from tryon.choices import Operation, ProviderStatus
from tryon.errors import TryOnError
from tryon.providers.base import (
    CallStyle,
    Capability,
    Option,
    Output,
    Provider,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.testing.pictures import jpeg

__all__ = [
    "HostedProvider",
    "InstantProvider",
    "JobProvider",
    "RefusingProvider",
    "SlowProvider",
    "jpeg",
    "setting",
]


class InstantProvider(Provider):
    """Answers with a picture at once."""

    label: ClassVar[str] = "instant"
    style: ClassVar[CallStyle] = CallStyle.CPU
    paid: ClassVar[bool] = False
    leaves_server: ClassVar[bool] = False

    def __init__(self, alias: str = "", **options: Any) -> None:
        super().__init__(alias, **options)
        self.requests: list[TryOnRequest] = []

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        tint = Option("tint", str, "#446688", help="Colour of the picture.")
        return {Operation.TRY_ON: Capability((tint,)), Operation.MODEL_SHOT: Capability((tint,))}

    def submit(self, request: TryOnRequest) -> Submission:
        self.requests.append(request)
        tint = self.clean_options(request.operation, request.options)["tint"]
        return Submission(outputs=(Output(data=jpeg(colour=tint), mime="image/jpeg"),), version="instant 1")

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        raise AssertionError("never polled")


class HostedProvider(InstantProvider):
    """Like a provider elsewhere: pictures leave the server, and each costs money."""

    label: ClassVar[str] = "hosted"
    style: ClassVar[CallStyle] = CallStyle.BLOCKING
    paid: ClassVar[bool] = True
    leaves_server: ClassVar[bool] = True


class RefusingProvider(InstantProvider):
    """Refuses every picture with the code in its options."""

    label: ClassVar[str] = "refusing"
    settings_options: ClassVar[frozenset[str]] = frozenset({"options", "code"})

    def __init__(self, alias: str = "", *, code: str = "no_person", **options: Any) -> None:
        super().__init__(alias, **options)
        self.code = code

    def submit(self, request: TryOnRequest) -> Submission:
        raise TryOnError(self.code, "told to refuse", limit=256)


class SlowProvider(InstantProvider):
    """Works until the test lets it go: ``provider.gate.set()``."""

    label: ClassVar[str] = "slow"

    def __init__(self, alias: str = "", **options: Any) -> None:
        super().__init__(alias, **options)
        self.gate = threading.Event()
        self.entered = threading.Event()

    def submit(self, request: TryOnRequest) -> Submission:
        self.entered.set()
        if not self.gate.wait(timeout=60):
            raise AssertionError("the test never opened the gate")
        return super().submit(request)


class JobProvider(InstantProvider):
    """Answers with a job id and is done at the ``polls``-th question."""

    label: ClassVar[str] = "job"
    style: ClassVar[CallStyle] = CallStyle.POLLING
    settings_options: ClassVar[frozenset[str]] = frozenset({"options", "polls"})

    def __init__(self, alias: str = "", *, polls: int = 2, **options: Any) -> None:
        super().__init__(alias, **options)
        self.polls = polls
        self.asked: dict[str, int] = {}

    def submit(self, request: TryOnRequest) -> Submission:
        self.requests.append(request)
        return Submission(job_id=f"job-{request.reference}")

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        self.asked[job_id] = self.asked.get(job_id, 0) + 1
        if self.asked[job_id] < self.polls:
            return Update(ProviderStatus.PROCESSING, progress=0.5)
        return Update(ProviderStatus.SUCCEEDED, outputs=(Output(data=jpeg(), mime="image/jpeg"),))


def setting(backend: str, **options: Any) -> dict[str, Any]:
    """An entry for TRYON["PROVIDERS"]."""
    return {"BACKEND": f"tests.providers.fakes.{backend}", "OPTIONS": options}
