# mypy: disable-error-code="no-untyped-call"
"""The description of the API, made with drf-spectacular. Without that package everything works but the making.

    python -m tests.api.description --write      (in the project's own folder)

writes the file that is in the package and that ``openapi.yaml`` answers with.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from tryon import providers
from tryon.api import answers
from tryon.api.operations import ALWAYS, CHANGING, JSON, OPERATIONS, Answer, Operation
from tryon.api.serializers import IDEMPOTENCY_KEY
from tryon.choices import Operation as Work
from tryon.errors import ERRORS, TryOnError
from tryon.providers.base import Option, Provider
from tryon.studio.options import json_schema

PROBLEM = "application/problem+json"
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "Of your own choice, one for each thing that you want done once.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
    ),
    "If-None-Match": ("The `ETag` of the answer you have.", {"type": "string"}),
    "X-Consent-Version": ("For a photo that is the whole body.", {"type": "string", "maxLength": 64}),
    "X-TryOn-Scenario": (
        "Plays an outcome, only while the shop's `DEBUG` is on: `slow`, `timeout`, `blocked`, `duplicate-webhook`, "
        "`429`, `503`, `fail:` or `refuse:` with a code.",
        {"type": "string"},
    ),
    "X-Request-ID": ("Of this request: yours if you sent a sane one.", {"type": "string"}),
    "ETag": ("Changes with everything that matters.", {"type": "string"}),
    "Retry-After": ("Seconds until it is worth asking again.", {"type": "integer"}),
    "Location": ("The address of the new row.", {"type": "string", "format": "uri"}),
    "Idempotency-Replayed": ("`true`: this is the answer to an earlier request.", {"type": "string", "enum": ["true"]}),
    "RateLimit-Limit": ("Previews a day.", {"type": "integer"}),
    "RateLimit-Remaining": ("Previews left today.", {"type": "integer"}),
    "RateLimit-Reset": ("Seconds until the count begins anew.", {"type": "integer"}),
    "WWW-Authenticate": ("How to say who you are.", {"type": "string"}),
}
_OF_PROBLEMS: dict[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After", "RateLimit-Remaining", "RateLimit-Reset"),
    503: ("Retry-After",),
}


def ours(endpoints: Any, **kwargs: Any) -> list[Any]:
    """The routes that are described, with the names that clients see."""
    found = [
        (path.replace("{pk}", "{id}"), regex, method, callback)
        for path, regex, method, callback in endpoints
        if (route_of(path), method) in OPERATIONS
    ]
    order = list(OPERATIONS)
    return sorted(found, key=lambda one: order.index((route_of(one[0]), one[2])))


def tidy(result: Any, **kwargs: Any) -> Any:
    """Without the generator's own marks."""
    if isinstance(result, dict):
        return {name: tidy(value) for name, value in result.items() if name != "x-spec-enum-id"}
    return [tidy(value) for value in result] if isinstance(result, list) else result


def route_of(path: str) -> str:
    """The name of the route that a path belongs to. A project describes all its addresses: ours end each of them."""
    from tryon.api.urls import urlpatterns

    known = {str(pattern.pattern).replace("<str:pk>", "{id}").strip("/"): str(pattern.name) for pattern in urlpatterns}
    parts = path.replace("{pk}", "{id}").strip("/").split("/")
    return next((known[end] for start in range(len(parts)) if (end := "/".join(parts[start:])) in known), "")


class TryOnSchema(AutoSchema):
    """Reads ``OPERATIONS``. From drf-spectacular comes what a serializer looks like."""

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Any:
        self.registry, self.path, self.path_regex, self.method = registry, path, path_regex, method
        known = OPERATIONS.get((route_of(path), method))
        if known is None:
            return None
        words = known.words
        if known.staff:
            words = f"{words} Needs the permission `{known.staff}`.".strip()
        described: dict[str, Any] = {
            "operationId": known.id,
            "summary": known.summary,
            **({"description": words} if words else {}),
            "tags": [known.tag],
            "parameters": list(self._parameters_of(known, path)),
            **({"requestBody": self._body(known)} if known.takes else {}),
            "security": [{}] if known.open else [{"token": []}, {"browser": []}, *([] if known.staff else [{}])],
            "responses": {**self._answers(known), **self._problems(known)},
        }
        return described

    def _parameters_of(self, known: Operation, path: str) -> Iterator[dict[str, Any]]:
        for name in re.findall(r"{(\w+)}", path):
            kind = (
                {"type": "integer"}
                if known.id in ("getGarment", "changeGarment")
                else {"type": "string", "format": "uuid"}
            )
            yield {"in": "path", "name": name, "required": True, "schema": kind}
        for name in known.headers:
            words, kind = _HEADERS[name]
            yield {"in": "header", "name": name, "schema": kind, "description": words}
        if known.paged:
            words = "Part of the address that `next` or `previous` gave."
            yield {"in": "query", "name": "cursor", "schema": {"type": "string"}, "description": words}
        if known.query is not None:
            fields = self._map_serializer(known.query(), "request")
            for name, kind in fields["properties"].items():
                words = kind.pop("description", "")
                told = {"description": words} if words else {}
                yield {"in": "query", "name": name, "schema": kind, **told}

    def _body(self, known: Operation) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for mime, (kind, example) in known.takes.items():
            if kind is None:
                content[mime] = {"schema": {"type": "string", "format": "binary"}}
                continue
            schema = self.resolve_serializer(kind, "request").ref
            if mime == JSON and _has_file(kind):
                schema = self._without_files(kind)
            content[mime] = {"schema": schema, "examples": {"one": {"value": example}}}
        return {"content": content, "required": not known.bare}

    def _without_files(self, kind: Any) -> dict[str, Any]:
        """The same fields, but for those that JSON can't hold."""
        name = f"{kind.__name__}JSON"
        component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name)
        if component not in self.registry:
            component.schema = self._map_serializer(kind(), "request")
            for file in [n for n, field in kind().get_fields().items() if type(field).__name__ == "PhotoField"]:
                component.schema["properties"].pop(file, None)
            self.registry.register(component)
        return dict(component.ref)

    def _answers(self, known: Operation) -> dict[str, Any]:
        return {str(status): self._answer(answer) for status, answer in known.answers.items()}

    def _answer(self, answer: Answer) -> dict[str, Any]:
        names = (*answer.headers, "X-Request-ID")
        described: dict[str, Any] = {
            "description": answer.words,
            "headers": {name: _header(name) for name in names},
        }
        if answer.body is not None:
            schema = self.resolve_serializer(answer.body, "response").ref
            described["content"] = {JSON: {"schema": schema, "examples": {"one": {"value": answer.example}}}}
        elif answer.raw:
            described["content"] = {answer.raw: {"schema": {"type": "string", "format": "binary"}}}
        if answer.links:
            described["links"] = {
                name: {"operationId": name, "parameters": {"id": "$response.body#/id"}} for name in answer.links
            }
        return described

    def _problems(self, known: Operation) -> dict[str, Any]:
        """One answer for each status, with an example for each code that it may have."""
        codes = [
            *ALWAYS,
            *known.errors,
            *(CHANGING if known.sends else ()),
            *(("permission_denied",) if known.staff else ()),
        ]
        if known.open:
            codes.remove("not_authenticated")
        by_status: dict[int, list[str]] = defaultdict(list)
        for code in dict.fromkeys(codes):
            by_status[ERRORS[code].status].append(code)
        schema = self.resolve_serializer(answers.Problem, "response").ref
        described = {}
        for status, some in sorted(by_status.items()):
            examples = {code: {"value": _problem(code)} for code in some}
            described[str(status)] = {
                "description": ", ".join(f"`{code}`" for code in some),
                "headers": {name: _header(name) for name in (*_OF_PROBLEMS.get(status, ()), "X-Request-ID")},
                "content": {PROBLEM: {"schema": schema, "examples": examples}},
            }
        return described


def _header(name: str) -> dict[str, Any]:
    words, kind = _HEADERS[name]
    return {"description": words, "schema": kind}


def _has_file(kind: Any) -> bool:
    return any(type(field).__name__ == "PhotoField" for field in kind().get_fields().values())


def _problem(code: str) -> dict[str, Any]:
    error = TryOnError(code, limit=20, minutes=2, time="00:00", why="It is not approved.")
    return {
        "type": f"urn:tryon:problem:{code}",
        "title": str(error.spec.title),
        "status": error.spec.status,
        "detail": error.text,
        "code": code,
        "errors": [{"pointer": "/product", "detail": "This field is required.", "code": "required"}]
        if code == "invalid"
        else [],
        "request_id": "4f3c2b1a",
    }


# ---------------------------------------------------------------- fields that drf-spectacular does not know


class PhotoFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "tryon.api.fields.PhotoField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}


class MoneySchema(OpenApiSerializerFieldExtension):
    target_class = "tryon.api.fields.Money"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,2})?$", "example": "12.50"}


class OptionsSchema(OpenApiSerializerFieldExtension):
    """Every option of every provider that comes with the package, read from its declaration."""

    target_class = "tryon.api.fields.OptionsField"

    def get_name(self) -> str:
        return "BatchOptions" if type(self.target.root).__name__ == "BatchOrder" else "TryOnOptions"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        if self.get_name() == "BatchOptions":
            by_alias = {
                label: {"type": "object", "properties": _properties({label: options})}
                for label, options in declared(Work.MODEL_SHOT).items()
            }
            words = "By the alias that a provider has in the settings."
            return {"type": "object", "description": words, "properties": by_alias}
        words = "Options of the provider that makes it. What it does not know is refused."
        return {"type": "object", "description": words, "properties": _properties(declared(Work.TRY_ON))}


def declared(work: Work) -> dict[str, list[Option]]:
    """Provider -> its options for ``work``, over all forms of its API that are spoken."""
    found: dict[str, list[Option]] = {}
    for label, provider in _shipped():
        if work in provider.capabilities:
            found.setdefault(label, []).extend(provider.capabilities[work].options)
    return found


def _shipped() -> Iterator[tuple[str, Provider]]:
    for module in sorted(pkgutil.iter_modules(providers.__path__), key=lambda module: module.name):
        loaded = import_module(f"tryon.providers.{module.name}")
        for kind in vars(loaded).values():
            own = inspect.isclass(kind) and issubclass(kind, Provider) and kind.__module__ == loaded.__name__
            if own and not inspect.isabstract(kind) and hasattr(kind, "label"):
                for version in getattr(kind, "api_versions", ("",)):
                    options = {"api_key": "a:b", "api_version": version} if version else {}
                    yield kind.label, kind(**options)


def _properties(by_provider: dict[str, list[Option]]) -> dict[str, Any]:
    """One property for each name. Where providers mean the same name differently, every form of it is listed."""
    forms: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for label, options in by_provider.items():
        for option in options:
            form = json_schema(option)
            words = form.pop("description")
            same = next((other for other in forms[option.name] if _bare(other) == form), None)
            if same is None:
                forms[option.name].append({**form, "description": f"{label}: {words}"})
            elif f"{label}:" not in same["description"]:
                same["description"] = f"{label}, {same['description']}"
    return {name: some[0] if len(some) == 1 else {"anyOf": some} for name, some in sorted(forms.items())}


def _bare(form: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in form.items() if name != "description"}
