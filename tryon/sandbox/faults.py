"""Faults on demand: which kinds there are, when one strikes, and how it is written on the command line.

A fault is given as ``kind:name=value,name=value`` or as an object, ``{"kind": ..., "name": value}``:

    rate_limited:provider=fashn,stage=submit,times=2,retry_after=1
    cut:provider=pixelcut,counted=true
    latency:seconds=3,probability=0.2
"""

from __future__ import annotations

import fnmatch
import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

Phase = Literal["delay", "answer", "shape", "job", "webhook"]

KINDS: dict[str, tuple[Phase, str]] = {
    # before the request is looked at
    "latency": ("delay", "waits `seconds` before anything happens"),
    # instead of the provider's answer; with counted=true the request is carried out and charged all the same
    "rate_limited": ("answer", "the provider's own 429; retry_after=N or a date; code=NAME for its other 429 codes"),
    "out_of_credits": ("answer", "the provider's own refusal for an empty account"),
    "server_error": ("answer", "a 5xx; status=500, 502, 503, 520 ...; retry_after=N"),
    "unauthorized": ("answer", "the provider's own refusal of a key"),
    "hang": ("answer", "no answer for `seconds` (600), then the connection is closed"),
    "cut": ("answer", "the connection is closed without an answer"),
    "redirect": ("answer", "status=308, location=URL"),
    "garbage": ("answer", "content=html, empty, null, list, text, number, truncated, deep ..."),
    "answer": ("answer", "status=, headers={}, body=: anything at all"),
    "expired": ("answer", "a result's address answers 403, as an expired signed one does"),
    "result": ("answer", "content=svg, html, endless, short, bomb or polyglot instead of the picture"),
    # what is done to the provider's answer
    "drip": ("shape", "one byte every `seconds` (0.5)"),
    "cut_body": ("shape", "half of the answer, then the connection is closed"),
    "wrong_mime": ("shape", "content_type=text/html"),
    "json": ("shape", "set={...}: fields of a JSON answer replaced; drop=name: one left out"),
    # what lies on a job from its submission on
    "stuck": ("job", "never ends"),
    "vanished": ("job", "unknown from the first status request on"),
    "job_failed": ("job", "fails; code=NAME of the provider's errors"),
    "job_blocked": ("job", "is blocked by content rules"),
    "slow_job": ("job", "takes `seconds` longer"),
    "unchanged": ("job", "its result is the picture that was sent"),
    # FASHN's calls back
    "webhook_duplicate": ("webhook", "delivered twice"),
    "webhook_lost": ("webhook", "never delivered"),
    "webhook_early": ("webhook", "delivered before the submit answer, and again at the end"),
    "webhook_failed_first": ("webhook", "says failed, then what is true"),
}

CONTENTS = {
    "garbage": (
        "html", "empty", "null", "list", "text", "number", "truncated", "deep", "duplicate_keys", "long_id",
    ),
    "result": ("html", "svg", "short", "endless", "bomb", "polyglot"),
}  # fmt: skip
_STAGES = ("submit", "status", "cancel", "balance", "result", "other")
_DEFAULT_STAGE = {"job": "submit", "webhook": "submit"}


@dataclass(slots=True)
class Fault:
    """One rule. It strikes ``times`` times (None: always) after ``skip`` matching requests were let through.

    ``endpoint`` is a pattern for the documented name, for example "POST /v1/*". ``options`` belong to the kind.
    """

    kind: str
    provider: str = "*"
    endpoint: str = "*"
    stage: str = "*"
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    counted: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    struck: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(KINDS)}")
        if self.stage == "*":
            self.stage = _DEFAULT_STAGE.get(self.phase, "result" if self.kind in ("expired", "result") else "*")
        contents = CONTENTS.get(self.kind)
        if contents and self.options.get("content", "html") not in contents:
            raise ValueError(f"unknown content of {self.kind}; known: {', '.join(contents)}")
        if self.stage not in (*_STAGES, "*"):
            raise ValueError(f"unknown stage {self.stage!r}; known: {', '.join(_STAGES)}")

    @property
    def phase(self) -> Phase:
        return KINDS[self.kind][0]

    def matches(self, provider: str, endpoint: str, stage: str) -> bool:
        return (
            self.provider in ("*", provider)
            and self.stage in ("*", stage)
            and fnmatch.fnmatchcase(endpoint, self.endpoint)
        )

    def number(self, name: str, default: float) -> float:
        return float(self.options.get(name, default))

    def text(self, name: str, default: str = "") -> str:
        return str(self.options.get(name, default))


def fault(spec: str | Mapping[str, Any]) -> Fault:
    """A fault from its command-line form or from an object. Raises ``ValueError`` with what is known."""
    if isinstance(spec, str):
        kind, _, rest = spec.partition(":")
        pairs = (part.partition("=") for part in rest.split(",") if part)
        given: dict[str, Any] = {"kind": kind, **{name.strip(): value.strip() for name, _, value in pairs}}
    else:
        given = dict(spec)
    if "kind" not in given:
        raise ValueError("a fault needs its kind")
    own = {item.name for item in fields(Fault)} - {"options", "struck"}
    options = {**given.pop("options", {}), **{name: given.pop(name) for name in list(given) if name not in own}}
    try:
        for name, convert in (("times", int), ("skip", int), ("probability", float)):
            if given.get(name) is not None:
                given[name] = convert(given[name])
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a number in fault {given['kind']!r}") from error
    if isinstance(given.get("counted"), str):
        given["counted"] = given["counted"].lower() == "true"
    return Fault(**given, options=options)


class Faults:
    """The rules in force. Chance comes from one seed, so that a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        self._rules: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._lock = threading.Lock()

    def add(self, spec: str | Mapping[str, Any] | Fault, **options: Any) -> Fault:
        """``add("cut", provider="fashn", times=1)``, ``add("cut:provider=fashn,times=1")``, or a ``Fault``."""
        if isinstance(spec, str) and options:
            spec = {"kind": spec, **options}
        rule = spec if isinstance(spec, Fault) else fault(spec)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def due(self, provider: str, endpoint: str, stage: str) -> list[Fault]:
        """The rules that strike this request, oldest first; each is counted as having struck."""
        with self._lock:
            return [rule for rule in self._rules if rule.matches(provider, endpoint, stage) and self._strikes(rule)]

    def _strikes(self, rule: Fault) -> bool:
        if rule.skip > 0:
            rule.skip -= 1
            return False
        if rule.times is not None and rule.struck >= rule.times:
            return False
        if rule.probability < 1 and self._random.random() >= rule.probability:
            return False
        rule.struck += 1
        return True

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) for rule in self._rules]
