"""PixelAPI: try-on, editing and generation of pictures, audio and video, made by jobs.

Source of ``seed``: the API documentation. ``today`` adds what is seen in use of the same addresses: options and
categories of the try-on, results by URL, and error bodies with ``code``, ``retryable`` and ``retry_after_s``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from tryon.choices import Category, Operation, ProviderStatus
from tryon.providers import answers
from tryon.providers.answers import BY_STATUS, OUT_OF_CREDITS, WRONG_KEY, Fault
from tryon.providers.base import (
    Balance,
    CallStyle,
    Capability,
    Charged,
    ImageInput,
    Output,
    ProviderError,
    Submission,
    TryOnRequest,
    Update,
)
from tryon.providers.facts import Facts
from tryon.providers.hosted import HostedProvider, Rate, Reply, given, text_of
from tryon.providers.pixelapi_operations import MAX_MEGABYTES, STEP_RANGES, capabilities

LINKS_LAST = timedelta(hours=24)
CATEGORIES = {Category.UPPER: "upperbody", Category.LOWER: "lowerbody", Category.FULL: "dress"}
TRY_ONS = (Operation.TRY_ON, Operation.MODEL_SHOT)
EDITS = {  # operations on one picture, and their paths
    Operation.REMOVE_BACKGROUND: "remove-background",
    Operation.REPLACE_BACKGROUND: "replace-background",
    Operation.RESTORE_FACE: "restore-face",
    Operation.REMOVE_OBJECT: "remove-object",
    Operation.UPSCALE: "upscale",
}
GENERATORS = {
    Operation.GENERATE_IMAGE: "/v1/image/generate",
    Operation.GENERATE_AUDIO: "/v1/audio/generate",
    Operation.GENERATE_VIDEO: "/v1/video/generate",
}
MIMES = {Operation.GENERATE_AUDIO: "audio/wav", Operation.GENERATE_VIDEO: "video/mp4"}
LINK_FIELDS = ("output_url", "result_image_url", "result_url", "output")

_TOO_LARGE = Fault("file_size_too_large", "the upload was too large", params={"limit": MAX_MEGABYTES})
_REFUSED = Fault("provider_down", "the request was refused")


class PixelAPIProvider(HostedProvider):
    label: ClassVar[str] = "pixelapi"
    facts = Facts("PixelAPI", result=LINKS_LAST, source="pixelapi.dev/docs", seen=date(2026, 11, 21))
    style: ClassVar[CallStyle] = CallStyle.POLLING
    default_base_url = "https://api.pixelapi.dev"  # the client's own User-Agent keeps its CDN from refusing us
    key_variable = "PIXELAPI_KEY"
    default_rates = {"today": Rate(5, 60), "seed": Rate(5, 60)}  # of the free plan; 20, 60, 200 of the others
    default_credit_price = Decimal("0.001")  # USD, of the smallest plan
    failed_job: ClassVar[Charged] = (
        Charged.UNKNOWN
    )  # credits go at the submit; of refunds only the blocked ones' is told
    result_hosts: ClassVar[tuple[str, ...]] = ("api.pixelapi.dev", "*.pixelapi.dev")

    STATUS = {
        "queued": ProviderStatus.QUEUED,
        "pending": ProviderStatus.QUEUED,
        "processing": ProviderStatus.PROCESSING,
        "completed": ProviderStatus.SUCCEEDED,
        "failed": ProviderStatus.FAILED,
        "blocked": ProviderStatus.BLOCKED,  # not charged
    }
    ERRORS = {
        "image_too_small": Fault("image_too_small", "the photo is under 100 px", params={"limit": 300}),
        "wrong_aspect_ratio": Fault("aspect_ratio", "the photo is wider than tall"),
        "body_segmentation_failed": Fault("no_person", "the clothing region was not found"),
        "invalid_category": _REFUSED,
        "invalid_image": Fault("malformed_image", "a picture could not be decoded"),
        "gpu_out_of_memory": Fault("provider_down", "the provider is busy", retryable=True),
        # seen in use
        "vton_preflight_unavailable": Fault("provider_down", "the provider is busy", retryable=True),
        "person_image_insufficient_framing": Fault("face_only", "not enough of the person is in the photo"),
        "person_image_not_found": Fault("no_person", "no person was found"),
        "person_image_social_ui": Fault("no_person", "the photo is a screenshot"),
        "garment_image_insufficient_framing": Fault("garment_unsuitable", "not enough of the garment is visible"),
    }
    BY_STATUS = {
        **BY_STATUS,
        400: _REFUSED,
        401: WRONG_KEY,
        402: OUT_OF_CREDITS,
        403: Fault("config", "blocked by the provider's CDN"),
        413: _TOO_LARGE,
        422: _REFUSED,
    }

    @property
    def capabilities(self) -> Mapping[Operation, Capability]:
        return capabilities(seed=self.seed)

    # ------------------------------------------------------------ submit

    def submit(self, request: TryOnRequest) -> Submission:
        declared = self.capability(request.operation).options
        options = given(self.clean_options(request.operation, request.options), declared)
        if request.operation in TRY_ONS:
            reply = self._try_on(request, options)
        elif request.operation in EDITS:
            reply = self._edit(request, options)
        else:
            if request.operation == Operation.GENERATE_IMAGE:
                _check_model(options)
            reply = self.post(GENERATORS[request.operation], json=options)
        field = "job_id" if request.operation in TRY_ONS else "generation_id"
        return Submission(
            job_id=self.new_job(reply.body.get(field)),
            credits_used=answers.number(reply.body.get("credits_used")),
            version=f"pixelapi {self.words(reply.body.get('model'))}".strip(),
        )

    def _try_on(self, request: TryOnRequest, options: dict[str, Any]) -> Reply:
        if "category" not in options:
            if request.category is None:
                raise ProviderError("invalid", "category is missing")
            options["category"] = CATEGORIES[request.category]
        body = {
            "person_image": self.picture(request, "person").base64,
            "garment_image": self.picture(request, "garment").base64,
            **options,
        }
        return self.post("/v1/virtual-tryon", json=body)

    def _edit(self, request: TryOnRequest, options: dict[str, Any]) -> Reply:
        path = f"/v1/image/{EDITS[request.operation]}"
        image = self.picture(request, "picture")
        if request.operation == Operation.REMOVE_OBJECT:
            return self._remove_object(path, request, image, options)
        if image.url:
            return self.post(path, json={"image_url": image.url, **options})
        return self.post(path, fields=options, files={"image": _file("image", image)})

    def _remove_object(self, path: str, request: TryOnRequest, image: ImageInput, options: dict[str, Any]) -> Reply:
        """By files only. The mask has the picture's size, so neither may be shrunk without the other."""
        files = {"image": _file("image", image)}
        if request.mask is not None:
            mask = self.picture(request, "mask")
            if (mask.width, mask.height) != (image.width, image.height):
                raise ProviderError("invalid", "mask and picture differ in size")
            files["mask"] = _file("mask", mask)
        elif "prompt" not in options:
            raise ProviderError("invalid", "a mask or a prompt is needed")
        return self.post(path, fields=options, files=files)

    # ------------------------------------------------------------ ask

    def poll(self, job_id: str, *, operation: Operation) -> Update:
        path = "/v1/virtual-tryon/jobs" if operation in TRY_ONS else "/v1/image"
        if operation == Operation.GENERATE_VIDEO:
            path = "/v1/video"
        body = self.get(f"{path}/{self.known_job(job_id)}", about_job=True, picture_answer=True).body
        for field in ("id", "generation_id", "job_id"):
            self.same_job(body, field, job_id)
        status = self.status_of(body.get("status"))
        if status == ProviderStatus.SUCCEEDED:
            credits_used = answers.number(body.get("credits_used"))
            return Update(status, outputs=self._outputs(body, operation), credits_used=credits_used)
        if status in (ProviderStatus.QUEUED, ProviderStatus.PROCESSING):
            return Update(status)
        return self.job_failed(status, *self._job_error(body))

    def _outputs(self, body: Mapping[str, Any], operation: Operation) -> tuple[Output, ...]:
        if body.get("result_image_b64"):
            return (self.inline(body["result_image_b64"], "image/png"),)
        mime = MIMES.get(operation, "")
        many = body.get("result_urls")
        links = many if isinstance(many, list) and many else [next(filter(None, map(body.get, LINK_FIELDS)), None)]
        return tuple(self.linked(link, LINKS_LAST, mime) for link in links)

    def _job_error(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """The document says ``error``, its samples read ``error_message``, others have seen ``friendly_message``."""
        code, words, _ = self.read_error({"detail": body.get("error")})
        words = text_of(body.get("error_message")) or words or text_of(body.get("friendly_message"))
        return (code or text_of(body.get("error_code"))), words

    # ------------------------------------------------------------ account

    def balance(self) -> Balance | None:
        body = self.get("/v1/account/balance").body
        found = answers.number(body.get("credits_remaining"))
        if found is None:
            raise answers.protocol_error("no number of credits", charged=Charged.NO, retryable=True)
        plan = self.words(body.get("plan"))
        return Balance(found, f"plan {plan}" if plan else "")

    def usage(self, limit: int = 20) -> Any:
        """The account's last jobs, as the provider tells them."""
        return self.parsed(self.ask("/v1/account/usage", query={"limit": str(limit)}))

    def models(self) -> Any:
        """All models and operations with prices, as the provider tells them."""
        return self.parsed(self.ask("/v1/models"))

    # ------------------------------------------------------------ errors

    def read_error(self, body: Any) -> tuple[str, str, Mapping[str, Any]]:
        """``detail`` is a text, an object with a code, or a list of what FastAPI found wrong."""
        detail = body.get("detail") if isinstance(body, dict) else None
        if isinstance(detail, list):
            messages = [text_of(item.get("msg")) for item in detail if isinstance(item, dict)]
            return "", ", ".join(filter(None, messages)), {}
        if isinstance(detail, dict):
            parts = (text_of(detail.get(name)) for name in ("message", "guidance", "received_size"))
            code = text_of(detail.get("code")) or text_of(detail.get("error"))
            return (
                code,
                " ".join(filter(None, parts)),
                {"retry_after": detail.get("retry_after_s"), "retryable": detail.get("retryable")},
            )
        return "", text_of(detail), {}

    def fault_of(self, code: str) -> Fault | None:
        """New codes of these two families keep coming: what they are about is in their first word."""
        if code not in self.ERRORS and code.startswith("person_image_"):
            return Fault("no_person", "the photo was refused")
        if code not in self.ERRORS and code.startswith("garment_image_"):
            return Fault("garment_unsuitable", "the garment's picture was refused")
        return self.ERRORS.get(code)


def _file(name: str, image: ImageInput) -> tuple[str, bytes, str]:
    return f"{name}.{image.mime.removeprefix('image/')}", image.data, image.mime


def _check_model(options: dict[str, Any]) -> None:
    """Ranges that hang on the model: steps and guidance of one are refused by the other."""
    model = options["model"]
    low, high = STEP_RANGES[model]
    if "steps" in options and not low <= options["steps"] <= high:
        raise ProviderError("invalid", f"steps: {model} takes {low} to {high}")
    if "negative_prompt" in options and model != "sdxl":
        raise ProviderError("invalid", f"negative_prompt: {model} takes none")
