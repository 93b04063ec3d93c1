"""The description is what the code says, says everything, and does not break the apps that were built on it."""

from __future__ import annotations

import builtins
import copy
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import set_script_prefix
from jsonschema import Draft202012Validator
from openapi_schema_validator import OAS31Validator

from tests.api.conftest import API
from tests.api.description import COMMITTED, breaking, generate, last_released, load, parsed
from tests.conftest import first
from tryon.api import schema
from tryon.api.urls import urlpatterns
from tryon.choices import Operation
from tryon.errors import ERRORS


@pytest.fixture(scope="module")
def described() -> Any:
    return load(COMMITTED)


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


@pytest.mark.slow
@pytest.mark.parametrize("validate", first(1, [False, True]))  # what --write wrote was valid
def test_the_committed_file_is_what_the_code_says(validate: bool) -> None:
    made = generate(validate=validate)
    assert COMMITTED.read_text(encoding="utf-8") == made, "run: python -m tests.api.description --write"


def test_every_route_is_in_it(described: Any) -> None:
    ours = {f"/{pattern.pattern}".replace("<str:pk>", "{id}") for pattern in urlpatterns}
    assert set(described["paths"]) == ours - {"/", "/openapi.yaml"}


def test_every_body_has_an_example_that_fits_it(described: Any) -> None:
    count = 0
    for place, operation in operations(described):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for body in bodies for content in body.get("content", {}).items()):
            mime, told = content
            if mime in ("image/*", "application/zip"):
                continue
            assert told["examples"], (place, mime)
            validator = OAS31Validator({**told["schema"], "components": described["components"]})
            for name, example in told["examples"].items():
                problems = [error.message for error in validator.iter_errors(example["value"])]
                assert not problems, (place, name)
                count += 1
    assert count > 200


def test_every_operation_names_all_its_errors(described: Any) -> None:
    for place, operation in operations(described):
        statuses = set(operation["responses"])
        assert {"400", "406", "500"} <= statuses, place
        assert operation["summary"]
        if "{id}" in place:
            assert "404" in statuses, place
        if operation["security"] != [{}]:
            assert "401" in statuses, place
        if not place.startswith("GET") and operation["security"] != [{}]:
            assert {"403", "413", "415"} <= statuses, place
        if {} not in operation["security"]:
            assert "403" in statuses, place
        if place in ("POST /sessions/", "POST /photos/", "POST /tryons/"):
            assert {"429", "503"} <= statuses, place


def test_every_answer_names_its_headers(described: Any) -> None:
    for place, operation in operations(described):
        for status, response in operation["responses"].items():
            needed = {"X-Request-ID"} | ({"Retry-After"} if status in ("429", "503") else set())
            needed |= {"RateLimit-Remaining", "RateLimit-Reset"} if status == "429" else set()
            assert needed <= set(response["headers"]), (place, status)
    for place in ("/photos/", "/tryons/"):
        names = {parameter["name"] for parameter in described["paths"][place]["post"]["parameters"]}
        assert {"Idempotency-Key", "X-TryOn-Scenario"} <= names


def test_every_problem_is_of_the_error_table(described: Any) -> None:
    for place, operation in operations(described):
        for status, response in operation["responses"].items():
            examples = response.get("content", {}).get("application/problem+json", {}).get("examples", {})
            for code, example in examples.items():
                assert str(ERRORS[code].status) == status == str(example["value"]["status"]), (place, code)


def test_it_is_answered_with_the_address_it_has_here(client: Client) -> None:
    answer = client.get(f"{API}openapi.yaml")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/yaml")
    document = parsed(answer.content)
    assert document["servers"] == [{"url": "/tryon/api/v1"}]
    set_script_prefix("/shop/")
    try:
        moved = client.get(f"{API}openapi.yaml")
    finally:
        set_script_prefix("/")
    assert parsed(moved.content)["servers"] == [{"url": "/shop/tryon/api/v1"}]
    assert client.get(f"{API}openapi.yaml", headers={"accept": "text/csv"}).json()["code"] == "not_acceptable"


def test_without_drf_spectacular_everything_but_the_making_works(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("drf_spectacular"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "tryon.api.schema")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError):
        importlib.import_module("tryon.api.schema")
    from tryon.api.views import ConfigView

    assert ConfigView.schema is None
    assert client.get(f"{API}openapi.yaml").status_code == 200
    assert client.get(f"{API}nothing/").status_code == 404


# ---------------------------------------------------------------- options


def test_every_option_of_every_provider_is_described(described: Any) -> None:
    told = described["components"]["schemas"]["TryOnOptions"]["properties"]
    declared = schema.declared(Operation.TRY_ON)
    assert set(declared) >= {"fashn", "kling", "local", "pixelapi", "pixelcut", "superstyle"}
    for label, options in declared.items():
        for option in options:
            words = str(told[option.name])
            assert label in words, option.name
            for choice in option.choices:
                assert repr(choice) in words, (label, option.name, choice)
    assert set(told) == {option.name for options in declared.values() for option in options}


def test_what_is_described_is_taken(described: Any) -> None:
    """The description and the provider judge alike: both are made from the same declaration."""
    told = described["components"]["schemas"]["TryOnOptions"]["properties"]
    checked = 0
    for options in schema.declared(Operation.TRY_ON).values():
        for option in options:
            for value in (*option.choices, option.default):
                if value is not None:
                    assert option.takes(value)
                    assert Draft202012Validator(told[option.name]).is_valid(value), option.name
                    checked += 1
    assert checked > 50


# ---------------------------------------------------------------- the guard


def test_nothing_that_was_released_is_broken(described: Any) -> None:
    assert breaking(load(last_released()), described) == []


def drop_path(d: Any) -> None:
    del d["paths"]["/photos/{id}/"]


def drop_method(d: Any) -> None:
    del d["paths"]["/tryons/"]["get"]


def rename_operation(d: Any) -> None:
    d["paths"]["/tryons/"]["post"]["operationId"] = "tryOn"


def drop_answer_field(d: Any) -> None:
    del d["components"]["schemas"]["Picture"]["properties"]["alt"]


def retype_answer_field(d: Any) -> None:
    d["components"]["schemas"]["Photo"]["properties"]["id"] = {"type": "integer"}


def may_be_null(d: Any) -> None:
    d["components"]["schemas"]["Session"]["properties"]["token"]["type"] = ["string", "null"]


def may_be_missing(d: Any) -> None:
    d["components"]["schemas"]["TryOn"]["required"].remove("status")


def another_status(d: Any) -> None:
    d["components"]["schemas"]["TryOn"]["properties"]["status"]["enum"].append("resting")


def other_success(d: Any) -> None:
    responses = d["paths"]["/photos/"]["post"]["responses"]
    responses["202"] = responses.pop("201")


def drop_header(d: Any) -> None:
    del d["paths"]["/tryons/"]["post"]["responses"]["202"]["headers"]["Location"]


def drop_request_field(d: Any) -> None:
    del d["components"]["schemas"]["TryOnWishJSON"]["properties"]["variant"]


def require_request_field(d: Any) -> None:
    d["components"]["schemas"]["PhotoUpload"]["required"] = ["consent_version"]


def shorten_request_field(d: Any) -> None:
    d["components"]["schemas"]["TryOnWishJSON"]["properties"]["product"]["maxLength"] = 20


def narrow_request_enum(d: Any) -> None:
    d["paths"]["/garments/"]["get"]["parameters"][1]["schema"]["enum"].remove("full")


def require_parameter(d: Any) -> None:
    d["paths"]["/config/"]["get"]["parameters"][0]["required"] = True


def drop_parameter(d: Any) -> None:
    d["paths"]["/tryons/"]["get"]["parameters"].clear()


def drop_media_type(d: Any) -> None:
    del d["paths"]["/photos/"]["post"]["requestBody"]["content"]["image/*"]


def close_to_anybody(d: Any) -> None:
    d["paths"]["/config/"]["get"]["security"].remove({})


def drop_option(d: Any) -> None:
    properties = d["components"]["schemas"]["TryOnOptions"]["properties"]
    del properties[next(iter(properties))]


@pytest.mark.parametrize(
    "change",
    [
        drop_path,
        drop_method,
        rename_operation,
        drop_answer_field,
        retype_answer_field,
        may_be_null,
        may_be_missing,
        another_status,
        other_success,
        drop_header,
        drop_request_field,
        require_request_field,
        shorten_request_field,
        narrow_request_enum,
        require_parameter,
        drop_parameter,
        drop_media_type,
        close_to_anybody,
        drop_option,
    ],
)
def test_the_guard_sees(described: Any, change: Callable[[Any], None]) -> None:
    new = copy.deepcopy(described)
    change(new)
    assert breaking(described, new)


def test_the_guard_lets_what_is_added_through(described: Any) -> None:
    new = copy.deepcopy(described)
    schemas = new["components"]["schemas"]
    schemas["TryOn"]["properties"]["mood"] = {"type": "string"}
    schemas["TryOnWishJSON"]["properties"]["size"] = {"type": "string"}
    schemas["TryOnWishJSON"]["properties"]["product"]["maxLength"] = 400
    new["paths"]["/looks/"] = {"get": new["paths"]["/config/"]["get"]}
    new["paths"]["/config/"]["get"]["parameters"].append({"in": "query", "name": "size", "schema": {"type": "string"}})
    assert breaking(described, new) == []


def test_the_last_release_is_the_highest_version(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.api.description.RELEASED", tmp_path)
    with pytest.raises(FileNotFoundError):  # else the guard would compare the description with itself
        last_released()
    for version in ("0.2.0", "0.10.0", "0.9.1"):
        (tmp_path / f"{version}.yaml").write_text("{}")
    assert last_released().stem == "0.10.0"
