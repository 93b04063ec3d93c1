"""schemathesis against our own description, in-process, as four kinds of visitors: made-up requests, single and in
sequence. A few in the suite, many with ``make prove``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.wsgi import get_wsgi_application
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from rest_framework.test import APIClient
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from tests.api.conftest import API, CSRF, app_client
from tests.api.test_access import a_shot, owned
from tryon.choices import Operation
from tryon.models import Batch, Garment, PresetModel, ShopperPhoto, TryOnOutput, TryOnResult, WebhookEndpoint

pytestmark = [
    pytest.mark.django_db,
    # its in-process client does not close the answers it gets
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

EXAMPLES = 1
ENDS_IT = ("DELETE /sessions/current/", "DELETE /me/")
LONG = int(os.environ.get("TRYON_FUZZ_EXAMPLES", "100"))


def headers_of(client: APIClient) -> dict[str, str]:
    """What identifies this client, as plain request headers."""
    found = {}
    if token := client._credentials.get("HTTP_AUTHORIZATION"):
        found["Authorization"] = token
    if client.cookies:
        found["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        found["X-CSRFToken"] = CSRF
    return found


def staff_client() -> APIClient:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_superuser("boss"))
    client.cookies["csrftoken"] = CSRF
    return client


ACTORS: dict[str, Callable[[], dict[str, str]]] = {
    "anonymous": dict,
    "shopper A": lambda: headers_of(app_client()),
    "shopper B": lambda: headers_of(app_client()),
    "staff": lambda: headers_of(staff_client()),
}


@pytest.fixture(autouse=True)
def a_shop(
    garment: Garment,
    preset_model: PresetModel,
    tryon_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    tryon_settings(RATE_LIMITS={"sessions": "", "address": "", "shopper": ""}, DAILY_LIMIT=10_000)
    batch = Batch.objects.create(operation=Operation.MODEL_SHOT.value)
    a_shot(garment, batch)
    a_shot(garment, batch, review="approved")
    WebhookEndpoint.objects.create(url="https://hooks.test/x")
    # the application in this process shares the test's connection, in the middle of its transaction, and must not
    # close it at the end of a request
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)
    yield
    cache.clear()


def described() -> Any:
    """Our API as schemathesis knows it: the description that is served, and the application in this process."""
    refused = ["400", "401", "403", "404", "406", "409", "413", "415", "422", "503"]
    # which product is there, what was agreed to and what is left today is no matter of form
    accepted = ["2xx", "304", "429", *refused[1:]]
    checks = {
        "positive_data_acceptance": {"expected-statuses": accepted},
        "negative_data_rejection": {"expected-statuses": refused},
        "missing_required_header": {"expected-statuses": refused},
    }
    config = SchemathesisConfig.from_dict({"checks": checks})
    return schemathesis.openapi.from_wsgi(f"{API}openapi.yaml", get_wsgi_application(), config=config)


def profile(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=5,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def failures_of(actor: str, examples: int) -> list[str]:
    """Every operation with requests that fit its description and with requests that don't."""
    found = []
    headers = ACTORS[actor]()
    for result in described().get_all_operations():
        operation = result.ok()
        if operation.label in ENDS_IT and "shopper" in actor:
            headers = ACTORS[actor]()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                send(operation, mode, headers, examples)
            except Unsatisfiable:  # nothing can be wrong about it
                continue
            except Exception as error:  # noqa: BLE001 - all that is found, not only the first
                found.append(f"{operation.label} ({mode.value}): {error}")
    return found


def send(operation: Any, mode: GenerationMode, headers: dict[str, str], examples: int) -> None:
    @profile(examples)
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(headers=headers)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("actor", [actor for actor in ACTORS if actor != "shopper B"])  # as good as A
def test_made_up_requests(actor: str) -> None:
    assert not (found := failures_of(actor, EXAMPLES)), "\n\n".join(found)


@pytest.mark.prove
@pytest.mark.parametrize("actor", ACTORS)
def test_many_made_up_requests(actor: str) -> None:
    assert not (found := failures_of(actor, LONG)), "\n\n".join(found)


# ---------------------------------------------------------------- in sequence


def play(actor: str, runs: int) -> None:
    """Sequences along the links of the description: give, ask, stop, delete, and ask for what is gone."""
    headers = ACTORS[actor]()

    class Journey(described().as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": headers}

    Journey.run(settings=profile(runs))


def cross(examples: int) -> None:
    """Made-up requests of B with the ids of what is A's or the shop's: B gets nothing, and all stays as it was."""
    things, headers = owned(app_client()), ACTORS["shopper B"]()
    before, tried = everything(), 0
    for result in described().include(path_regex="{id}").get_all_operations():
        operation = result.ok()
        kind = operation.path.strip("/").split("/")[0]
        pk = str(getattr(things, {"batches": "batch"}.get(kind, kind.removesuffix("s"))).pk)
        ask(operation, pk, headers, examples)
        tried += 1
    assert everything() == before
    assert tried > 20


def ask(operation: Any, pk: str, headers: dict[str, str], examples: int) -> None:
    @profile(examples)
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        case.path_parameters = {"id": pk}
        status = case.call(headers=headers).status_code
        assert status in (403, 404, 406, 415, 422), (operation.label, status)

    check()


def everything() -> list[Any]:
    kinds: tuple[Any, ...] = (TryOnResult, ShopperPhoto, Garment, Batch, TryOnOutput, WebhookEndpoint)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]


@pytest.mark.slow
def test_the_ids_of_one_shopper_are_nothing_to_another() -> None:
    cross(EXAMPLES)


@pytest.mark.prove
def test_the_ids_of_one_shopper_are_nothing_to_another_in_many_sequences() -> None:
    cross(LONG)


@pytest.mark.slow
@pytest.mark.parametrize("actor", ACTORS)
def test_made_up_sequences(actor: str) -> None:
    play(actor, 3)


@pytest.mark.prove
@pytest.mark.parametrize("actor", ACTORS)
def test_many_made_up_sequences(actor: str) -> None:
    play(actor, LONG)
