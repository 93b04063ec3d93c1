"""The one interface to everything that makes pictures.

A provider is plain Python: it knows no models and no settings, gets its options in ``__init__``, and gives values
back. The runner decides what a value means for a row.

    TryOnError
      └─ ProviderError     the provider failed; says whether it may be asked again and whether it was paid
"""

from __future__ import annotations

import base64
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from tryon.choices import Category, Operation, ProviderStatus
from tryon.errors import TryOnError
from tryon.images.probe import probe
from tryon.providers.facts import Facts

__all__ = [
    "Balance",
    "CallStyle",
    "Capability",
    "Category",
    "Charged",
    "ImageInput",
    "Operation",
    "Option",
    "Output",
    "Provider",
    "ProviderError",
    "ProviderStatus",
    "Submission",
    "TryOnRequest",
    "Update",
]


class CallStyle(StrEnum):
    """How long ``submit`` keeps its caller, which decides the runner's lane."""

    POLLING = "polling"  # answers with a job id at once
    BLOCKING = "blocking"  # one long request, the answer is the result
    CPU = "cpu"  # computes here


class Charged(StrEnum):
    """Whether a failed call cost money."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class ProviderError(TryOnError):
    """The provider failed. ``code`` is one of ours; ``detail`` is for staff and holds no body, key or URL."""

    def __init__(
        self,
        code: str = "provider_down",
        detail: str = "",
        *,
        retryable: bool = False,
        charged: Charged = Charged.NO,
        pace: bool = False,
        **params: Any,
    ) -> None:
        super().__init__(code, detail, **params)
        self.retryable = retryable
        self.charged = charged
        self.pace = pace  # nothing is wrong, but there are too many requests or jobs at once


class BadFile(ProviderError):
    """A result that is paid for and can't be had as it is: no picture, or not there any more.

    Retryable means a few times, from a fresh address where there is one. A file server that fails, or does not answer,
    is no ``BadFile``: its results wait for it.
    """


@dataclass(frozen=True, slots=True)
class ImageInput:
    """An encoded picture that has been through intake: upright, sRGB, without metadata.

    ``url``: where the provider may fetch the same picture, for those that are public anyway. "" sends the bytes.
    """

    data: bytes = field(repr=False)  # a log line must never hold a photo
    mime: str
    width: int
    height: int
    url: str = field(default="", repr=False)

    @classmethod
    def from_bytes(cls, data: bytes, *, url: str = "") -> ImageInput:
        return cls(data, *probe(data), url=url)

    @property
    def base64(self) -> str:
        return base64.b64encode(self.data).decode("ascii")

    @property
    def data_uri(self) -> str:
        return f"data:{self.mime};base64,{self.base64}"


@dataclass(frozen=True, slots=True)
class TryOnRequest:
    """What to make. Encoded bytes are accepted for pictures; each adapter sends them the way its API wants.

    ``picture`` is what the editing operations work on (the garment's picture when it is not given), ``mask`` is white
    where something is to be changed. ``references`` are further pictures under the provider's own names for them.
    """

    operation: Operation = Operation.TRY_ON
    person: ImageInput | bytes | None = None
    garment: ImageInput | bytes | None = None
    category: Category | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    mannequin: str = ""  # key of a drawn mannequin, when the person is one
    description: str = ""  # the garment in words
    reference: str = ""  # our own id of this request
    picture: ImageInput | bytes | None = None
    mask: ImageInput | bytes | None = None
    references: Mapping[str, ImageInput | bytes] = field(default_factory=dict)
    webhook_url: str = field(default="", repr=False)  # holds a secret; for providers that call back

    def __post_init__(self) -> None:
        for name in ("person", "garment", "picture", "mask"):
            object.__setattr__(self, name, _encoded(getattr(self, name)))
        object.__setattr__(self, "references", {name: _encoded(value) for name, value in self.references.items()})

    def find(self, name: str) -> ImageInput | None:
        """``person``, ``garment``, ``picture``, ``mask`` or the name of a reference; None when it is not there."""
        found = self.references.get(name) or getattr(self, name, None)
        if found is None and name == "picture":
            found = self.garment
        return found if isinstance(found, ImageInput) else None

    def image(self, name: str) -> ImageInput:
        """As ``find``, of a picture that must be there."""
        value = self.find(name)
        if value is None:
            raise ProviderError("invalid", f"{name} is missing")
        return value


def _encoded(value: ImageInput | bytes | None) -> ImageInput | None:
    return ImageInput.from_bytes(value) if isinstance(value, bytes) else value


@dataclass(frozen=True, slots=True)
class Output:
    """One thing made: its bytes, or a URL to fetch it from until ``expires_at``."""

    data: bytes | None = field(default=None, repr=False)
    url: str = field(default="", repr=False)
    mime: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer to ``submit``: a job to ask about, or (``job_id`` None) the outputs at once."""

    job_id: str | None = None
    outputs: tuple[Output, ...] = ()
    credits_used: float | None = None
    warnings: tuple[str, ...] = ()
    version: str = ""  # of the engine or model, stored with the result
    confidence: float | None = None  # 0 to 1: how likely a shop would show it; None: not said


@dataclass(frozen=True, slots=True)
class Update:
    """The answer to ``poll``."""

    status: ProviderStatus
    outputs: tuple[Output, ...] = ()
    error: ProviderError | None = None
    progress: float | None = None  # 0 to 1
    credits_used: float | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    credits: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One parameter of a provider, declared once for validation, forms, API and docs.

    ``minimum`` and ``maximum`` bound a number, or the length of a text. A default of None means "not sent": the
    provider's own default holds.
    """

    name: str
    type: type
    default: Any
    help: str = ""
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""  # a regular expression that the whole text must match
    required: bool = False
    sent: bool = True  # False: steers the adapter and is no parameter of the API
    counts: bool = False  # how many are made in one call, each of which is charged

    def clean(self, value: Any) -> Any:
        """``value`` in the option's type, or ProviderError("invalid")."""
        if value is None and self.default is None:
            return self._missing()
        try:
            value = self._typed(value)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ProviderError("invalid", f"{self.name}: not a {self.type.__name__}") from error
        if self.choices and value not in self.choices:
            raise ProviderError("invalid", f"{self.name}: not one of {', '.join(map(str, self.choices))}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ProviderError("invalid", f"{self.name}: not of the form {self.pattern}")
        self._check_range(value)
        return value

    def takes(self, value: Any) -> bool:
        try:
            self.clean(value)
        except ProviderError:
            return False
        return True

    def widened(self, other: Option) -> Option:
        """The option of the same name that takes what either of the two takes."""
        choices = tuple(dict.fromkeys((*self.choices, *other.choices))) if self.choices and other.choices else ()
        return replace(
            self,
            choices=choices,
            minimum=_outer(min, self.minimum, other.minimum),
            maximum=_outer(max, self.maximum, other.maximum),
            pattern=self.pattern if self.pattern == other.pattern else "",
            required=self.required and other.required,
        )

    def _missing(self) -> None:
        if self.required:
            raise ProviderError("invalid", f"{self.name} is missing")

    def _check_range(self, value: Any) -> None:
        size, unit = (len(value), " characters") if isinstance(value, str) else (value, "")
        if self.minimum is not None and size < self.minimum:
            raise ProviderError("invalid", f"{self.name}: under {self.minimum}{unit}")
        if self.maximum is not None and size > self.maximum:
            raise ProviderError("invalid", f"{self.name}: over {self.maximum}{unit}")

    def _typed(self, value: Any) -> Any:
        if self.type is bool and not isinstance(value, bool):
            return {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}[str(value).lower()]
        if self.type is not bool and (isinstance(value, bool) or (self.type is str and not isinstance(value, str))):
            raise ValueError(value)
        if self.type is int and isinstance(value, float) and not value.is_integer():
            raise ValueError(value)
        typed = self.type(value)
        if isinstance(typed, float) and not math.isfinite(typed):
            raise ValueError(value)
        return typed


def _outer(choose: Callable[[float, float], float], one: float | None, other: float | None) -> float | None:
    """The wider of two bounds, of which None is the widest."""
    return None if one is None or other is None else choose(one, other)


@dataclass(frozen=True, slots=True)
class Capability:
    """How a provider does one operation. Pictures beyond ``max_*`` are shrunk, those under ``min_side`` refused."""

    options: tuple[Option, ...] = ()
    categories: frozenset[Category] = frozenset(Category)
    max_edge: int | None = None
    min_side: int | None = None
    max_bytes: int | None = None
    cost: float | None = 0.0  # provider credits a call; None: not known
    max_pixels: int | None = None
    upright_person: bool = False  # a photo that is wider than tall is refused
    mimes: frozenset[str] = frozenset({"image/jpeg", "image/png", "image/webp"})
    inputs: tuple[str, ...] = ()  # the pictures of a request that it can't do without

    def clean_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Every declared option with its value or default. An option that is not declared is an error."""
        known = {option.name: option for option in self.options}
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ProviderError("invalid", f"unknown option: {', '.join(unknown)}")
        return {name: option.clean(options.get(name, option.default)) for name, option in known.items()}


class Provider(ABC):
    """Base of all providers. ``settings_options`` names what OPTIONS in the settings may hold."""

    label: ClassVar[str]
    style: ClassVar[CallStyle]
    paid: ClassVar[bool] = True
    leaves_server: ClassVar[bool] = True  # pictures go to somebody else
    facts: ClassVar[Facts | None] = None  # what it documents about them; None: nothing is known
    settings_options: ClassVar[frozenset[str]] = frozenset({"options"})
    result_hosts: ClassVar[tuple[str, ...]] = ()  # "cdn.example.com" or "*.example.com": where results may be fetched
    allow_private_hosts: bool = False  # lets a server on this machine or network be called: for development
    credit_price: Decimal = Decimal(0)  # of one credit, in the shop's currency
    most_credits: ClassVar[float] = 10.0  # what is set aside for a call whose cost is not known before
    failed_job: ClassVar[Charged] = Charged.NO  # whether a job that ended without a result was paid
    tells_when_sent: ClassVar[bool] = False  # calls ``http.before_paid`` itself, at the last moment
    rate: Any = None  # ``.calls`` submits in any ``.seconds``; None: no limit
    poll_rate: Any = None  # the same for questions
    concurrency: int | None = None  # jobs under way at once

    def __init__(self, alias: str = "", **options: Any) -> None:
        unknown = sorted(set(options) - self.settings_options)
        if unknown:
            raise ImproperlyConfigured(f"{type(self).__name__} does not know the option {', '.join(unknown)}")
        self.alias = alias or self.label
        self.defaults: Mapping[str, Any] = options.get("options", {})

    @property
    def selfie_options(self) -> Mapping[str, Any]:
        """What makes it add a body to a photo of a face; {} where it can't."""
        return {}

    @property
    def company(self) -> str:
        """Who gets the pictures, in a shopper's words."""
        return self.facts.company if self.facts else self.alias

    @property
    @abstractmethod
    def capabilities(self) -> Mapping[Operation, Capability]: ...

    @abstractmethod
    def submit(self, request: TryOnRequest) -> Submission:
        """Start the work. May cost money: nobody repeats it. Raises TryOnError."""

    @abstractmethod
    def poll(self, job_id: str, *, operation: Operation) -> Update:
        """Ask about a job. Free to repeat. Raises ProviderError when the question itself failed."""

    def credits(self, operation: Operation, options: Mapping[str, Any]) -> tuple[float, float]:
        """What one call with these options takes at the least and at the most."""
        capability = self.capability(operation)
        cost = (capability.cost,) * 2 if capability.cost is not None else (0.0, self.most_credits)
        count = self.count_of(operation, options)
        return cost[0] * count, cost[1] * count

    def count_of(self, operation: Operation, options: Mapping[str, Any]) -> int:
        """How many outputs these options ask for."""
        counts = 1
        for option in self.capability(operation).options:
            value = options.get(option.name, self.defaults.get(option.name)) if option.counts else None
            if isinstance(value, int):
                counts = max(counts, value)
        return counts

    def cancel(self, job_id: str) -> bool:
        """False where the provider can't."""
        return False

    def balance(self) -> Balance | None:
        """None where the provider doesn't tell."""
        return None

    def problems(self) -> list[str]:
        """Why it can't work right now, each with what to do; [] when ready. No network."""
        return []

    def download_hosts(self) -> tuple[str, ...]:
        """The hosts that an ``Output.url`` of this provider may name."""
        return self.result_hosts

    def can(self, operation: Operation, category: Category | None = None) -> bool:
        capability = self.capabilities.get(operation)
        return capability is not None and (category is None or category in capability.categories)

    def capability(self, operation: Operation) -> Capability:
        try:
            return self.capabilities[operation]
        except KeyError:
            raise ProviderError("invalid", f"{self.label} can't do {operation.value}") from None

    def clean_options(self, operation: Operation, options: Mapping[str, Any]) -> dict[str, Any]:
        return self.capability(operation).clean_options({**self.defaults, **options})
