"""The tester's own endpoints: faults, calls, time and accounts. None of them is part of any provider."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tryon.sandbox.wire import Response

if TYPE_CHECKING:
    from tryon.sandbox.server import Sandbox

HELP = {
    "GET /_faults": "the rules in force",
    "POST /_faults": "add one rule or a list of them: an object, or the command line's text",
    "DELETE /_faults": "remove all rules",
    "GET /_calls": "calls, charges, accounts, webhook deliveries; ?provider=NAME",
    "DELETE /_calls": "empty the book",
    "POST /_clock": '{"advance": seconds}',
    "POST /_accounts": '{"provider": NAME, "key": KEY, "credits": N, "plan": NAME}',
}


def answer(sandbox: Sandbox, method: str, target: str, body: bytes) -> Response:
    parts = urlsplit(target)
    handler = _HANDLERS.get((method, parts.path))
    if handler is None:
        return Response.json({"error": "no such control", "controls": HELP}, 404)
    try:
        value = json.loads(body) if body.strip() else None
        return Response.json(json.loads(sandbox.dump(handler(sandbox, value, dict(parse_qsl(parts.query))))))
    except (ValueError, TypeError, KeyError) as error:
        return Response.json({"error": str(error)}, 400)


def _faults(sandbox: Sandbox, value: Any, query: dict[str, str]) -> Any:
    return {"faults": sandbox.faults.listed()}


def _add_faults(sandbox: Sandbox, value: Any, query: dict[str, str]) -> Any:
    for spec in value if isinstance(value, list) else [value]:
        if not isinstance(spec, str | dict):
            raise ValueError("a fault is an object or a text")
        sandbox.faults.add(spec)
    return {"faults": sandbox.faults.listed()}


def _clear_faults(sandbox: Sandbox, value: Any, query: dict[str, str]) -> Any:
    sandbox.faults.clear()
    return {"faults": []}


def _calls(sandbox: Sandbox, value: Any, query: dict[str, str]) -> Any:
    wanted = query.get("provider", "")
    return {
        **sandbox.state(),
        "calls": [dataclasses.asdict(call) for call in sandbox.calls if wanted in ("", call.provider)],
        "charges": [dataclasses.asdict(charge) for charge in sandbox.charges(wanted)],
        "webhooks": [
            {"at": sent.at, "job_id": sent.job_id, "attempt": sent.attempt, "status": sent.status}
            for sent in sandbox.deliveries
        ],
    }


def _clear_calls(sandbox: Sandbox, value: Any, query: dict[str, str]) -> Any:
    sandbox.book.clear()
    return {"calls": []}


def _clock(sandbox: Sandbox, value: Any, query: dict[str, str]) -> Any:
    ahead = sandbox.clock.advance(float(value["advance"]))
    return {"now": sandbox.clock.now(), "ahead": ahead}


def _accounts(sandbox: Sandbox, value: Any, query: dict[str, str]) -> Any:
    if value["provider"] not in sandbox.services:
        raise KeyError(f"unknown provider; known: {', '.join(sandbox.services)}")
    account = sandbox.account(value["provider"], value["key"])
    account.credits = float(value.get("credits", account.credits))
    account.plan = str(value.get("plan", account.plan))
    return sandbox.state()


_HANDLERS: dict[tuple[str, str], Callable[[Sandbox, Any, dict[str, str]], Any]] = {
    ("GET", "/_faults"): _faults,
    ("POST", "/_faults"): _add_faults,
    ("DELETE", "/_faults"): _clear_faults,
    ("GET", "/_calls"): _calls,
    ("DELETE", "/_calls"): _clear_calls,
    ("POST", "/_clock"): _clock,
    ("POST", "/_accounts"): _accounts,
}
