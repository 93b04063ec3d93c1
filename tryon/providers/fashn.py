"""FASHN: try-on and pictures of models, made by jobs.

Source of ``today``: docs.fashn.ai (API fundamentals, error handling, webhooks, credits, one page a model) and the types
of the ``fashn`` package 0.9.0. Source of ``seed``: the older API reference with one flat request body.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from tryon.choices import Category, Operation, ProviderStatus
from tryon.providers import answers
from tryon.providers.answers import OUT_OF_CREDITS, SLOW_DOWN, WRONG_KEY, Fault
from tryon.providers.base import (
    Balance,
    CallStyle,
    Capability,
    Charged,
    Option,
    Output,
    ProviderError,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.providers.facts import Facts
from tryon.providers.fashn_models import MODELS, OPERATIONS, SEED_OPTIONS, Model
from tryon.providers.hosted import HostedProvider, Rate, given, text_of

LINKS_LAST = timedelta(hours=72)
ADVISED_EDGE = 2000  # "resize to at most 2000 px high": more is only slower
CATEGORIES = {Category.UPPER: "tops", Category.LOWER: "bottoms", Category.FULL: "one-pieces"}
MODEL_NAME = "model_name"

_REFUSED = Fault("provider_down", "the input was refused")
_BLOCKED = Fault("content_blocked", "refused by content rules")
_AGAIN = Fault("provider_down", "the provider failed and did not charge", retryable=True)


class FashnProvider(HostedProvider):
    label: ClassVar[str] = "fashn"
    facts = Facts("FASHN", photo=timedelta(0), result=LINKS_LAST, source="docs.fashn.ai", seen=date(2026, 11, 21))
    style: ClassVar[CallStyle] = CallStyle.POLLING
    default_base_url = "https://api.fashn.ai"
    key_variable = "FASHN_API_KEY"
    default_rates = {"today": Rate(50, 60), "seed": Rate(25, 60)}
    default_poll_rates = {"today": Rate(50, 10)}
    default_concurrency = {"today": 6}
    default_credit_price = Decimal("0.075")  # USD, on demand
    result_hosts: ClassVar[tuple[str, ...]] = ("cdn.fashn.ai", "cdn.staging.fashn.ai")

    STATUS = {
        "starting": ProviderStatus.QUEUED,
        "in_queue": ProviderStatus.QUEUED,
        "processing": ProviderStatus.PROCESSING,
        "completed": ProviderStatus.SUCCEEDED,
        "failed": ProviderStatus.FAILED,
        "canceled": ProviderStatus.CANCELED,
        "time_out": ProviderStatus.FAILED,
    }
    # A refusal comes before a job exists and a failed job is not charged: nothing here costs money.
    ERRORS = {
        # refusals
        "BadRequest": _REFUSED,
        "UnauthorizedAccess": WRONG_KEY,
        "NotFound": Fault("provider_down", "the job is no longer known"),
        "RateLimitExceeded": SLOW_DOWN,
        "ConcurrencyLimitExceeded": Fault("provider_down", "too many jobs at once", retryable=True, pace=True),
        "OutOfCredits": OUT_OF_CREDITS,
        "InternalServerError": _AGAIN,
        # ends of jobs
        "ImageLoadError": Fault("malformed_image", "a picture could not be loaded"),
        "ContentModerationError": _BLOCKED,
        "PoseError": Fault("no_person", "no pose was found"),
        "InputValidationError": _REFUSED,
        "PipelineError": _AGAIN,
        "ThirdPartyError": Fault("content_blocked", "refused by a service behind the provider"),
        "3rdPartyProviderError": _AGAIN,
        "LoRALoadError": _REFUSED,
        "PollingTimeout": Fault("timed_out", "the job took too long"),
        # of the seed only
        "RequestError": _REFUSED,
        "NSFWError": _BLOCKED,
        "PhotoTypeError": Fault("garment_unsuitable", "garment_photo_type does not fit the picture"),
    }

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        if self.seed:
            only = Capability(SEED_OPTIONS, max_edge=ADVISED_EDGE, cost=1.0, inputs=("person", "garment"))
            return {Operation.TRY_ON: only, Operation.MODEL_SHOT: only}
        return {operation: _capability(operation) for operation in OPERATIONS}

    @property
    def selfie_options(self) -> Mapping[str, Any]:
        return {} if self.seed else {MODEL_NAME: "product-to-model", "selfie": True}

    def clean_options(self, operation: Operation, options: Mapping[str, Any]) -> dict[str, Any]:
        """``model_name`` decides which options there are; one of another model is an error."""
        if self.seed:
            return super().clean_options(operation, options)
        declared = {option.name: option for option in self.capability(operation).options}
        merged = super().clean_options(operation, options)
        model = MODELS[merged[MODEL_NAME]]
        own = {option.name for option in model.options}
        # a form sends all fields: one of another model that has its default means nothing
        foreign = {name for name in options if merged[name] != declared[name].default} - own - {MODEL_NAME}
        if foreign:
            raise ProviderError("invalid", f"{model.name} does not know {', '.join(sorted(foreign))}")
        values = {**self.defaults_for(model.options), **{name: merged[name] for name in own.intersection(options)}}
        return {MODEL_NAME: model.name, **Capability(model.options).clean_options(values)}

    def credits(self, operation: Operation, options: Mapping[str, Any]) -> tuple[float, float]:
        """By the model: size and quality make some dearer, and only the finished job tells by how much."""
        if self.seed:
            return super().credits(operation, options)
        chosen = options.get(MODEL_NAME) or self.defaults.get(MODEL_NAME)
        model = MODELS.get(chosen or "") or MODELS[OPERATIONS[operation][0]]
        least = model.cost if model.cost is not None else 1.0
        most = model.most or model.cost or self.most_credits
        count = self.count_of(operation, options)
        return least * count, most * count

    # ------------------------------------------------------------ submit

    def submit(self, request: TryOnRequest) -> Submission:
        options = self.clean_options(request.operation, request.options)
        if self.seed:
            body, version = self._flat(request, options), "fashn"
        else:
            model = MODELS[options[MODEL_NAME]]
            inputs = {**given(options, model.options), **self._pictures(request, model, options)}
            if model.has_category:
                inputs["category"] = CATEGORIES[request.category] if request.category else "auto"
            body, version = {"model_name": model.name, "inputs": inputs}, f"fashn {model.name}"
        query = {"webhook_url": request.webhook_url} if request.webhook_url else None
        reply = self.post("/v1/run", json=body, query=query)
        if reply.body.get("error"):
            code, words, _ = self.read_error(reply.body)
            fault = self.fault_of(code) or Fault("provider_down", "the job was refused", charged=Charged.UNKNOWN)
            raise fault.error(self.words(words), f"code {self.words(code)}")
        return Submission(job_id=self.new_job(reply.body.get("id")), version=version)

    def _flat(self, request: TryOnRequest, options: Mapping[str, Any]) -> dict[str, Any]:
        if request.category is None:
            raise ProviderError("invalid", "category is missing")
        return {
            "model_image": self._encoded(request, "person"),
            "garment_image": self._encoded(request, "garment"),
            "category": CATEGORIES[request.category],
            **given(options, SEED_OPTIONS),
        }

    def _pictures(self, request: TryOnRequest, model: Model, options: Mapping[str, Any]) -> dict[str, str]:
        pictures = {}
        if options.get("saved_model"):
            pictures["model_image"] = f"saved:{options['saved_model']}"
        for name, source, required in model.pictures:
            if name in pictures:
                continue
            wire = "face_reference" if options.get("selfie") and source == "person" else name
            needed = required or (source == "person" and request.operation == Operation.TRY_ON)
            if needed or request.find(source) is not None:
                pictures[wire] = self._encoded(request, source)
        others = sorted(set(request.references) - {source for _, source, _ in model.pictures})
        if others:
            raise ProviderError("invalid", f"{model.name} does not know {', '.join(others)}")
        return pictures

    def _encoded(self, request: TryOnRequest, name: str) -> str:
        image = self.picture(request, name)
        return image.url or image.data_uri

    # ------------------------------------------------------------ ask

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        reply = self.get(f"/v1/status/{self.known_job(job_id)}", about_job=True, picture_answer=True)
        body = reply.body
        self.same_job(body, "id", job_id)
        status = self.status_of(body.get("status"))
        if status == ProviderStatus.SUCCEEDED:
            credits_used = answers.number(reply.headers.get("x-fashn-credits-used"))
            return Update(status, outputs=self._outputs(body.get("output"), operation), credits_used=credits_used)
        if status in (ProviderStatus.QUEUED, ProviderStatus.PROCESSING):
            return Update(status)
        code, words, _ = self.read_error(body)
        return self.job_failed(status, code or ("PollingTimeout" if body.get("status") == "time_out" else ""), words)

    def _outputs(self, found: Any, operation: Operation) -> tuple[Output, ...]:
        if not isinstance(found, list) or not found or not all(isinstance(item, str) and item for item in found):
            raise answers.protocol_error("completed without a list of outputs", charged=Charged.YES)
        mime = "video/mp4" if operation == Operation.GENERATE_VIDEO else ""
        return tuple(self._output(item, mime) for item in found)

    def _output(self, item: str, mime: str) -> Output:
        if item.startswith("data:"):
            return self.inline(item, item.removeprefix("data:").partition(";")[0])
        return self.linked(item, LINKS_LAST, mime)

    def cancel(self, job_id: str) -> bool:
        """The seed has an address for it; today's API has none."""
        if not self.seed:
            return False
        return self.get(f"/v1/cancel/{self.known_job(job_id)}").body.get("status") == "canceled"

    def balance(self) -> Balance | None:
        if self.seed:
            return None
        found = self.get("/v1/credits").body.get("credits")
        parts = found if isinstance(found, dict) else {}
        total = answers.number(parts.get("total"))
        if total is None:
            raise answers.protocol_error("no number of credits", charged=Charged.NO, retryable=True)
        names = [name for name in ("subscription", "on_demand") if answers.number(parts.get(name)) is not None]
        return Balance(total, ", ".join(f"{name} {answers.number(parts[name]):g}" for name in names))

    def read_error(self, body: Any) -> tuple[str, str, Mapping[str, Any]]:
        """Refusals today: {"error": name, "message"}; jobs, and the seed: {"error": {"name", "message"}}."""
        if not isinstance(body, dict):
            return "", "", {}
        error = body.get("error")
        if isinstance(error, dict):
            return text_of(error.get("name")), text_of(error.get("message")), {}
        return text_of(error), text_of(body.get("message")), {}


def _capability(operation: Operation) -> Capability:
    """The options of all models that do it: where two have the same, with the values of both."""
    models = [MODELS[name] for name in OPERATIONS[operation]]
    merged: dict[str, Option] = {}
    for option in (option for model in models for option in model.options):
        before = merged.get(option.name)
        merged[option.name] = option if before is None else before.widened(option)
    names = OPERATIONS[operation]
    name = Option(MODEL_NAME, str, names[0], "Which of the provider's models makes it.", choices=names)
    return Capability(
        (name, *merged.values()), max_edge=ADVISED_EDGE, cost=models[0].cost, inputs=models[0].required_pictures
    )
