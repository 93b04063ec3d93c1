"""What the author of a hosted adapter tells: how its API answers. The rules in the modules beside do the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, ClassVar

from tryon.choices import Operation
from tryon.providers.base import Charged, ProviderError
from tryon.providers.hosted import TODAY, HostedProvider
from tryon.testing import expect
from tryon.testing.conformance import JOB, ProviderConformance
from tryon.testing.server import Canned, Seen, Server, serving

KEY = "sk_live_canary_0123456789"


class Scripted(ProviderConformance):
    """``server`` is a real server on loopback, started when it is first asked for and stopped after the test."""

    backend: ClassVar[type[HostedProvider]]
    key: ClassVar[str] = KEY  # one that the adapter takes
    category_is_optional: ClassVar[bool] = False  # without one an option's own default is sent
    links_expire: ClassVar[bool] = True  # the API says how long a result's address lives

    _running: ExitStack | None = None
    _server: Server | None = None

    # ------------------------------------------------------------ to be told

    def accepted(self, operation: Operation, version: str) -> Canned:
        """The answer to a submit that is taken. Its job id, where there is one, is ``JOB``."""
        raise NotImplementedError

    def sent(self, seen: Seen) -> Mapping[str, Any]:
        """The parameters of a submit, by their names in the API; texts for those of multipart."""
        return seen.json if isinstance(seen.json, dict) else {}

    def job(self, word: str, operation: Operation) -> Canned:
        """The answer about ``JOB`` when its status is ``word``, with a result when that word is the good end."""
        raise NotImplementedError

    def failed_job(self, code: str) -> Canned | None:
        """The answer about a job that failed with ``code``; None when jobs can't."""
        return None

    def refusal(self, code: str) -> Canned | None:
        """The refusal of a submit with ``code``; None when only jobs fail with it."""
        raise NotImplementedError

    def balances(self, version: str) -> list[tuple[Canned, float]]:
        """Answers about the account with the credits in them; [] when it can't be asked."""
        return []

    def cancellations(self, version: str) -> list[tuple[Canned, bool]]:
        """Answers to a cancel with what it then gives; [] when jobs can't be cancelled."""
        return []

    def authorised(self, seen: Seen) -> bool:
        """Whether the request carries the key as the API wants it."""
        name, form = self.backend.key_header
        return seen.headers.get(name.lower()) == form.format(key=self.key)

    # ------------------------------------------------------------ tools

    @property
    def server(self) -> Server:
        if self._server is None:
            self._running = ExitStack()
            self._server = self._running.enter_context(serving())
        return self._server

    def teardown_method(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = self._server = None

    def make(self, server: Server, version: str = TODAY, **settings: Any) -> HostedProvider:
        """A provider that speaks ``version`` of the API to ``server``."""
        base = {"api_key": self.key, "base_url": server.url, "allow_private_hosts": True, "timeout": 30}
        return self.backend("conformance", **{**base, "api_version": version, **settings})

    def provider(self, **settings: Any) -> HostedProvider:
        return self.make(self.server, **settings)

    def variants(self) -> Iterator[tuple[HostedProvider, Operation, str]]:
        for version in self.backend.api_versions:
            provider = self.make(self.server, version)
            for operation in provider.capabilities:
                yield provider, operation, version

    def first(self, **settings: Any) -> tuple[HostedProvider, Operation]:
        """For rules that are the same for all operations."""
        provider = self.provider(**settings)
        return provider, next(iter(provider.capabilities))

    def nothing_was_sent(self, rule: str) -> None:
        expect.equal([f"{seen.method} {seen.path}" for seen in self.server.seen], [], rule)

    def refused_once(self, provider: HostedProvider, operation: Operation, answer: Canned, rule: str) -> ProviderError:
        """The error of a submit that ``answer`` ends, and that was sent exactly once."""
        self.server.answers(answer)
        error = self.refused(provider, self.minimal(provider, operation), rule)
        expect.equal(len(self.server.seen), 1, f"{rule}: a submit is one request")
        return error

    def poll_fails(self, provider: HostedProvider, operation: Operation, answer: Canned, rule: str) -> ProviderError:
        self.server.answers(answer)
        return expect.failure(ProviderError, rule, provider.poll, JOB, operation=operation)

    def has_jobs(self) -> bool:
        return bool(self.backend.STATUS)


def told(error: ProviderError) -> tuple[str, bool, Charged]:
    return error.code, error.retryable, error.charged


def about(canned: Canned, job_id: str) -> Canned | None:
    """The same answer with another job's id; None when it names no job."""
    text = json.dumps([canned.body if not isinstance(canned.body, bytes) else "", canned.headers])
    if JOB not in text:
        return None
    body, headers = json.loads(text.replace(JOB, json.dumps(job_id)[1:-1]))
    return Canned(canned.status, body, headers)
