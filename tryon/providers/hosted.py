"""What all hosted providers share: their settings, their client, their pre-checks and the reading of refusals.

A concrete adapter holds tables (``STATUS``, ``ERRORS``, capabilities) and the shape of its requests and answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from tryon.choices import Operation, ProviderStatus
from tryon.errors import TryOnError
from tryon.images.fit import fit
from tryon.providers import answers, ssrf
from tryon.providers.answers import BY_STATUS, UNSURE, Answer, Fault, NotUnderstood
from tryon.providers.base import (
    Charged,
    ImageInput,
    Option,
    Output,
    Provider,
    ProviderError,
    TryOnRequest,
    Update,
)
from tryon.providers.http import HttpClient, Secret, Timeouts

TODAY, SEED = "today", "seed"
ASKING = Timeouts(connect=5.0, read=15.0, total=20.0)  # polls, balances: small questions
# A question that fails like this has its final answer; every other failure is asked again until the deadline.
FINAL_WHEN_ASKING = frozenset({400, 404, 410, 422})


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``calls`` submits in any ``seconds``."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a JSON object in it."""

    body: Mapping[str, Any]
    status: int
    headers: Mapping[str, str]


class HostedProvider(Provider):
    """Base of the providers that are called over HTTP."""

    settings_options: ClassVar[frozenset[str]] = frozenset(
        {
            "api_key",
            "base_url",
            "timeout",
            "api_version",
            "options",
            "rate",
            "concurrency",
            "credit_price",
            "allow_private_hosts",
            "result_hosts",
        }
    )
    api_versions: ClassVar[tuple[str, ...]] = (TODAY, SEED)  # the forms of the API that are spoken
    tells_when_sent: ClassVar[bool] = True
    default_base_url: ClassVar[str]
    key_variable: ClassVar[str]  # the environment variable that our texts speak of
    key_header: ClassVar[tuple[str, str]] = ("Authorization", "Bearer {key}")
    default_timeout: ClassVar[float] = 30.0  # seconds for a whole submit
    default_rates: ClassVar[Mapping[str, Rate]] = {}  # by api_version, where documented
    default_poll_rates: ClassVar[Mapping[str, Rate]] = {}
    default_concurrency: ClassVar[Mapping[str, int]] = {}
    default_credit_price: ClassVar[Decimal] = Decimal(0)  # USD, where documented; 0: not known
    STATUS: ClassVar[Mapping[str, ProviderStatus]] = {}
    ERRORS: ClassVar[Mapping[str, Fault]] = {}
    BY_STATUS: ClassVar[Mapping[int, Fault]] = BY_STATUS

    def __init__(self, alias: str = "", **options: Any) -> None:
        super().__init__(alias, **options)
        self.allow_private_hosts = bool(options.get("allow_private_hosts", False))
        self.api_version: str = options.get("api_version", TODAY)
        if self.api_version not in self.api_versions:
            raise self._wrong("api_version", " or ".join(f'"{version}"' for version in self.api_versions))
        self.rate = self._rate(options.get("rate"))
        self.poll_rate = self.default_poll_rates.get(self.api_version)
        self.concurrency = self._concurrency(options.get("concurrency"))
        self.credit_price = self._credit_price(options.get("credit_price"))
        self._key = Secret(self._text(options, "api_key"))
        self._extra_hosts = self._hosts(options.get("result_hosts", ()))
        self.client = self._client(options)
        self._check_defaults()

    # ------------------------------------------------------------ settings

    def _client(self, options: Mapping[str, Any]) -> HttpClient:
        timeout = options.get("timeout", self.default_timeout)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 600:
            raise self._wrong("timeout", "a number of seconds, at most 600")
        try:
            return HttpClient(
                options.get("base_url") or self.default_base_url,
                key=self._key,
                key_header=self.key_header,
                token=self.token,
                timeouts=Timeouts(min(5.0, timeout), timeout, timeout),
                allow_private_hosts=self.allow_private_hosts,
            )
        except ssrf.Refused as error:
            raise self._wrong("base_url", f"an https address ({error})") from None

    def token(self, key: str) -> str:
        """What goes into the key's header. Asked for each request, for APIs that want a signed token of short life."""
        return key

    def _text(self, options: Mapping[str, Any], name: str) -> str:
        value = options.get(name)
        if not isinstance(value, str) or not value.strip():
            raise ImproperlyConfigured(
                f'{self._place}["api_key"] is missing. For example: '
                f'"OPTIONS": {{"api_key": os.environ["{self.key_variable}"]}}'
            )
        value = value.strip()
        if not value.isascii() or not value.isprintable():
            raise self._wrong("api_key", "a key of plain letters")
        return value

    def _rate(self, value: Any) -> Rate | None:
        if value is None:
            return self.default_rates.get(self.api_version)
        try:
            calls, seconds = value
            rate = Rate(int(calls), float(seconds))
        except (TypeError, ValueError):
            rate = Rate(0, 0)
        if rate.calls < 1 or not 0 < rate.seconds < 1e6:
            raise self._wrong("rate", "a pair (calls, seconds), for example (25, 60)")
        return rate

    def _concurrency(self, value: Any) -> int | None:
        if value is None:
            return self.default_concurrency.get(self.api_version)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self._wrong("concurrency", "a number of jobs, at least 1")
        return value

    def _credit_price(self, value: Any) -> Decimal:
        if value is None:
            return self.default_credit_price
        try:
            price = Decimal(str(value))
        except ArithmeticError:
            price = Decimal(-1)
        if isinstance(value, bool) or not price.is_finite() or not 0 <= price < 10_000:
            raise self._wrong("credit_price", 'what one credit costs in your currency, for example "0.075"')
        return price

    def _hosts(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str) or not all(isinstance(host, str) for host in value):
            raise self._wrong("result_hosts", 'a list like ["cdn.example.com", "*.example.net"]')
        return tuple(value)

    def _check_defaults(self) -> None:
        """The settings' ``options`` must be parameters of this provider, with values that it takes."""
        for name, value in self.defaults.items():
            declared = [
                option
                for capability in self.capabilities.values()
                for option in capability.options
                if option.name == name
            ]
            if not declared:
                raise ImproperlyConfigured(f'{self._place}["options"] has an unknown parameter "{name}"')
            if not any(option.takes(value) for option in declared):
                raise ImproperlyConfigured(f'{self._place}["options"]["{name}"] has a value that is never taken')

    @property
    def _place(self) -> str:
        return f'TRYON["PROVIDERS"]["{self.alias}"]["OPTIONS"]'

    def _wrong(self, name: str, wanted: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(f'{self._place}["{name}"] should be {wanted}')

    @property
    def seed(self) -> bool:
        """Whether the older form of the API is spoken, that of the document the adapter was first written from."""
        return self.api_version == SEED

    def download_hosts(self) -> tuple[str, ...]:
        return (*self.result_hosts, *self._extra_hosts, self.client.target.host)

    # ------------------------------------------------------------ before anything is sent

    def clean_options(self, operation: Operation, options: Mapping[str, Any]) -> dict[str, Any]:
        """The request's options over the settings' ones."""
        capability = self.capability(operation)
        return capability.clean_options({**self.defaults_for(capability.options), **options})

    def defaults_for(self, declared: Iterable[Option]) -> dict[str, Any]:
        """The settings' ``options`` are for all operations: those of them that ``declared`` has and takes."""
        return {
            option.name: self.defaults[option.name]
            for option in declared
            if option.name in self.defaults and option.takes(self.defaults[option.name])
        }

    def picture(self, request: TryOnRequest, name: str) -> ImageInput:
        """A picture of the request within this operation's limits: shrunk where too large, refused where too small."""
        capability, image = self.capability(request.operation), request.image(name)
        if image.mime not in capability.mimes:
            raise ProviderError("unsupported_image_format", f"{name}: {image.mime} is not taken")
        if capability.min_side and min(image.width, image.height) < capability.min_side:
            size = f"{name}: {image.width} x {image.height} pixels"
            raise ProviderError("image_too_small", size, limit=capability.min_side)
        if name == "person" and capability.upright_person and image.width > image.height:
            raise ProviderError("aspect_ratio", "the photo is wider than tall, which is refused")
        try:
            data = fit(
                image.data,
                max_edge=capability.max_edge,
                max_bytes=capability.max_bytes,
                max_pixels=capability.max_pixels,
            )
        except TryOnError as error:
            raise ProviderError(error.code, error.detail, **error.params) from None
        return image if data is image.data else ImageInput.from_bytes(data, url=image.url)

    # ------------------------------------------------------------ calls

    def post(self, path: str, *, picture_answer: bool = False, **arguments: Any) -> Reply:
        """The call that may cost money: sent once."""
        limit = answers.PICTURE_ANSWER if picture_answer else answers.SMALL_ANSWER
        answer = self.client.send("POST", path, paid=True, max_bytes=limit, **arguments)
        if not answer.ok:
            raise self.refusal(answer)
        try:
            return _reply(answer)
        except NotUnderstood as error:
            if answer.is_page:
                raise ProviderError("provider_down", "answered with a web page: something stands between us") from None
            raise answers.protocol_error(str(error), charged=Charged.UNKNOWN) from None

    def get(self, path: str, **arguments: Any) -> Reply:
        """As ``ask``, with a JSON object in the answer."""
        answer = self.ask(path, **arguments)
        try:
            return _reply(answer)
        except NotUnderstood as error:
            raise answers.protocol_error(str(error), charged=Charged.YES, retryable=True) from None

    def ask(
        self,
        path: str,
        *,
        about_job: bool = False,
        picture_answer: bool = False,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """A question that may be repeated. Its errors are final only where asking again can't help."""
        limit = answers.PICTURE_ANSWER if picture_answer else answers.SMALL_ANSWER
        timeouts = self.client.timeouts if picture_answer else ASKING
        answer = self.client.send("GET", path, query=query, max_bytes=limit, timeouts=timeouts)
        if answer.ok:
            return answer
        error = self.refusal(answer)
        if about_job and answer.status in (404, 410):
            error = ProviderError("provider_down", f"the job is no longer known; {error.detail}")
        error.retryable = answer.status not in FINAL_WHEN_ASKING
        error.charged = Charged.YES if about_job else Charged.NO
        raise error

    def parsed(self, answer: Answer) -> Any:
        try:
            return answer.json()
        except NotUnderstood as error:
            raise answers.protocol_error(str(error), charged=Charged.NO, retryable=True) from None

    # ------------------------------------------------------------ refusals and failures

    def read_error(self, body: Any) -> tuple[str, str, Mapping[str, Any]]:
        """(their code, their words, further fields) of a refusal's parsed body; each empty when it is not there.

        Of the further fields ``retry_after`` (seconds) and ``retryable`` count.
        """
        raise NotImplementedError

    def fault_of(self, code: str) -> Fault | None:
        return self.ERRORS.get(code)

    def refusal(self, answer: Answer) -> ProviderError:
        """What an answer of 4xx or 5xx means: by the code in its body, and by its status where there is none."""
        body = answer.error_json()
        code, words, more = self.read_error(body) if body is not None else ("", "", {})
        fault = self.fault_of(code) or self.BY_STATUS.get(answer.status, UNSURE)
        if isinstance(more.get("retryable"), bool) and fault.charged == Charged.NO:
            fault = replace(fault, retryable=more["retryable"])
        details = [self.words(words), self._coded(code), f"HTTP {answer.status}"]
        if answer.request_id:
            details.append(f"request {answer.request_id}")
        return fault.error(*filter(None, details), retry_after=_wait(more) or answer.retry_after)

    def job_failed(self, status: ProviderStatus, code: str, words: str) -> Update:
        """The end of a job that made nothing. Which end it is may depend on the code."""
        fault = self.fault_of(code) or Fault("provider_down", "the job failed")
        if fault.charged == Charged.NO and status == ProviderStatus.FAILED:
            fault = replace(fault, charged=self.failed_job)
        if fault.code == "content_blocked" or status == ProviderStatus.BLOCKED:
            status = ProviderStatus.BLOCKED
            fault = Fault("content_blocked", fault.reason)
        elif fault.code == "canceled" or status == ProviderStatus.CANCELED:
            status = ProviderStatus.CANCELED
            fault = Fault("canceled", fault.reason)
        return Update(status, error=fault.error(self.words(words), self._coded(code)))

    def status_of(self, word: Any) -> ProviderStatus:
        """Our word for their status. One that we don't know is an error that is asked again, never "running"."""
        status = self.STATUS.get(word) if isinstance(word, str) else None
        if status is None:
            reason = f"unknown status {self.words(word) or '(none)'}"
            raise answers.protocol_error(reason, charged=Charged.YES, retryable=True)
        return status

    def _coded(self, code: str) -> str:
        known = code if code in self.ERRORS else self.words(code)
        return known and f"code {known}"

    def words(self, text: Any) -> str:
        return answers.clean(text, secret=self._key.reveal())

    def new_job(self, value: Any) -> str:
        """The id in the answer to a submit."""
        try:
            return answers.job_id(value)
        except NotUnderstood as error:
            raise answers.protocol_error(str(error), charged=Charged.UNKNOWN) from None

    def known_job(self, job_id: str) -> str:
        """An id of ours, before it goes into a path."""
        try:
            return answers.job_id(job_id)
        except NotUnderstood as error:
            raise ProviderError("invalid", str(error)) from None

    # ------------------------------------------------------------ outputs

    def inline(self, text: Any, mime: str = "") -> Output:
        """A picture that came inside the answer."""
        try:
            return Output(data=answers.picture_bytes(text), mime=mime)
        except NotUnderstood as error:
            raise answers.protocol_error(str(error), charged=Charged.YES) from None

    def linked(self, url: Any, lasts: timedelta | None, mime: str = "") -> Output:
        """A picture to be fetched."""
        if not isinstance(url, str) or not url:
            raise answers.protocol_error("no address of a picture", charged=Charged.YES)
        return Output(url=url, mime=mime, expires_at=timezone.now() + lasts if lasts else None)

    def same_job(self, body: Mapping[str, Any], field: str, job_id: str) -> None:
        """An answer about another job must never become this one's result."""
        if body.get(field, job_id) != job_id:
            raise answers.protocol_error("the answer is about another job", charged=Charged.YES)


def _reply(answer: Answer) -> Reply:
    body = answer.json()
    if not isinstance(body, dict):
        raise NotUnderstood("not a JSON object")
    return Reply(body, answer.status, answer.headers)


def _wait(more: Mapping[str, Any]) -> int | None:
    seconds = answers.number(more.get("retry_after"))
    return None if seconds is None else int(min(answers.LONGEST_WAIT, max(0.0, seconds)))


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def given(options: Mapping[str, Any], declared: tuple[Option, ...]) -> dict[str, Any]:
    """The options that go over the wire: those with a value."""
    return {
        option.name: options[option.name] for option in declared if option.sent and options[option.name] is not None
    }
