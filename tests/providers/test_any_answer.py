"""Whatever JSON comes back, an adapter answers with a value or a ProviderError, and a paid submit is sent once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import first
from tests.providers.suites import hosted_suites
from tryon.providers.base import ProviderError, Submission, Update
from tryon.testing import JOB, Canned, HostedConformance, Server

FIELDS = [
    "id",
    "job_id",
    "generation_id",
    "status",
    "output",
    "output_url",
    "result_url",
    "result_urls",
    "result_image_b64",
    "data",
    "credits",
    "credits_used",
    "error",
    "error_code",
    "error_message",
    "detail",
    "message",
    "name",
    "code",
    "retryable",
    "retry_after_s",
    "image_base64",
    "image_url",
    "mime_type",
    "guidance",
    "total",
    "credits_remaining",
    "plan",
    "model",
]
WORDS = [
    JOB,
    "completed",
    "failed",
    "processing",
    "blocked",
    "NSFWError",
    "https://cdn.fashn.ai/a.png",
    "data:,",
    "/9j/",
]

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(WORDS))
answers = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=12,
)
statuses = st.sampled_from([200, 200, 200, 202, 400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503])


@pytest.mark.parametrize("suite", hosted_suites().values(), ids=hosted_suites())
@pytest.mark.parametrize("examples", first(1, [30, 300]))
def test_any_answer(suite: HostedConformance, server: Server, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(body=answers, status=statuses)
    def answered(body: Any, status: int) -> None:
        judge(suite, server, body, status)

    answered()


def judge(suite: HostedConformance, server: Server, body: Any, status: int) -> None:
    provider = suite.make(server, timeout=5)
    operation = next(iter(provider.capabilities))
    request = suite.minimal(provider, operation)
    server.answers(Canned(status, body))
    outcome = tried(provider.submit, request)
    assert isinstance(outcome, Submission | ProviderError)
    assert len(server.posts) == 1
    assert isinstance(tried(provider.poll, JOB, operation=operation), Update | ProviderError)
    tried(provider.balance)
    if isinstance(outcome, Submission):
        assert bool(outcome.job_id) != bool(outcome.outputs)
    else:
        assert len(outcome.detail) < 500


def tried(call: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return call(*args, **kwargs)
    except ProviderError as error:
        return error
