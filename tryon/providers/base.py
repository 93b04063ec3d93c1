"""The one interface to everything that makes pictures.

A provider is plain Python: it knows no models and no settings, gets its options in ``__init__``, and gives values
back. The runner decides what a value means for a row.

    TryOnError
      └─ ProviderError     the provider failed; says whether it may be asked again and whether it was paid
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from tryon.choices import Category, Operation, ProviderStatus
from tryon.errors import TryOnError
from tryon.images.probe import probe

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
        **params: Any,
    ) -> None:
        super().__init__(code, detail, **params)
        self.retryable = retryable
        self.charged = charged


@dataclass(frozen=True, slots=True)
class ImageInput:
    """An encoded picture that has been through intake: upright, sRGB, without metadata."""

    data: bytes
    mime: str
    width: int
    height: int

    @classmethod
    def from_bytes(cls, data: bytes) -> ImageInput:
        return cls(data, *probe(data))

    @property
    def base64(self) -> str:
        return base64.b64encode(self.data).decode("ascii")

    @property
    def data_uri(self) -> str:
        return f"data:{self.mime};base64,{self.base64}"


@dataclass(frozen=True, slots=True)
class TryOnRequest:
    """What to make. Encoded bytes are accepted for pictures; each adapter sends them the way its API wants."""

    operation: Operation = Operation.TRY_ON
    person: ImageInput | bytes | None = None
    garment: ImageInput | bytes | None = None
    category: Category | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    mannequin: str = ""  # key of a drawn mannequin, when the person is one
    description: str = ""  # the garment in words
    reference: str = ""  # our own id of this request

    def __post_init__(self) -> None:
        for name in ("person", "garment"):
            value = getattr(self, name)
            if isinstance(value, bytes):
                object.__setattr__(self, name, ImageInput.from_bytes(value))

    def image(self, name: str) -> ImageInput:
        """``person`` or ``garment``, which must be there."""
        value = getattr(self, name)
        if not isinstance(value, ImageInput):
            raise ProviderError("invalid", f"{name} is missing")
        return value


@dataclass(frozen=True, slots=True)
class Output:
    """One thing made: its bytes, or a URL to fetch it from until ``expires_at``."""

    data: bytes | None = None
    url: str = ""
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
    """One parameter of a provider, declared once for validation, forms, API and docs."""

    name: str
    type: type
    default: Any
    help: str = ""
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def clean(self, value: Any) -> Any:
        """``value`` in the option's type, or ProviderError("invalid")."""
        try:
            value = self._typed(value)
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderError("invalid", f"{self.name}: not a {self.type.__name__}") from error
        if self.choices and value not in self.choices:
            raise ProviderError("invalid", f"{self.name}: not one of {', '.join(map(str, self.choices))}")
        if self.minimum is not None and value < self.minimum:
            raise ProviderError("invalid", f"{self.name}: under {self.minimum}")
        if self.maximum is not None and value > self.maximum:
            raise ProviderError("invalid", f"{self.name}: over {self.maximum}")
        return value

    def _typed(self, value: Any) -> Any:
        if isinstance(value, self.type) and not (self.type is int and isinstance(value, bool)):
            return value
        if self.type is bool:
            return {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}[str(value).lower()]
        if isinstance(value, bool):
            raise ValueError(value)
        return self.type(value)


@dataclass(frozen=True, slots=True)
class Capability:
    """How a provider does one operation."""

    options: tuple[Option, ...] = ()
    categories: frozenset[Category] = frozenset(Category)
    max_edge: int | None = None
    min_side: int | None = None
    max_bytes: int | None = None
    cost: float | None = 0.0  # provider credits a call; None: not known

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
    settings_options: ClassVar[frozenset[str]] = frozenset({"options"})

    def __init__(self, alias: str = "", **options: Any) -> None:
        unknown = sorted(set(options) - self.settings_options)
        if unknown:
            raise ImproperlyConfigured(f"{type(self).__name__} does not know the option {', '.join(unknown)}")
        self.alias = alias or self.label
        self.defaults: Mapping[str, Any] = options.get("options", {})

    @property
    @abstractmethod
    def capabilities(self) -> Mapping[Operation, Capability]: ...

    @abstractmethod
    def submit(self, request: TryOnRequest) -> Submission:
        """Start the work. May cost money: nobody repeats it. Raises TryOnError."""

    @abstractmethod
    def poll(self, job_id: str, *, operation: Operation) -> Update:
        """Ask about a job. Free to repeat. Raises ProviderError when the question itself failed."""

    def cancel(self, job_id: str) -> bool:
        """False where the provider can't."""
        return False

    def balance(self) -> Balance | None:
        """None where the provider doesn't tell."""
        return None

    def problems(self) -> list[str]:
        """Why it can't work right now, each with what to do; [] when ready. No network."""
        return []

    def can(self, operation: Operation, category: Category | None = None) -> bool:
        capability = self.capabilities.get(operation)
        return capability is not None and (category is None or category in capability.categories)

    def clean_options(self, operation: Operation, options: Mapping[str, Any]) -> dict[str, Any]:
        return self.capabilities[operation].clean_options({**self.defaults, **options})
