"""What the API's description says about each operation beside its fields: words, examples, and everything that can go
wrong. ``schema`` makes OpenAPI of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rest_framework import serializers

from tryon.api import answers as a
from tryon.api import examples as e
from tryon.api import serializers as s

JSON, FORM, ANY_IMAGE, ZIP = "application/json", "multipart/form-data", "image/*", "application/zip"

Kind: TypeAlias = type[serializers.Serializer[Any]]

ALWAYS = ("malformed_request", "not_authenticated", "not_acceptable", "server_error", "unavailable")
CHANGING = ("permission_denied", "unsupported_media_type", "file_size_too_large")
LOOKED_UP = ("not_found",)
LISTED = ("invalid",)
BURSTS = ("throttled", "busy")
FILE = (
    "unsupported_image_format",
    "malformed_image",
    "animated_image",
    "file_size_too_large",
    "resolution_too_high",
    "image_too_small",
    "aspect_ratio",
    "processing_timeout",
    "storage_unavailable",
)
PHOTO = (*FILE, "photo_unreachable", "consent_missing", "consent_outdated", "invalid")
STARTING = ("not_available", "region", "garment_unsuitable", "quota_shopper", "busy")
REPEATED = ("idempotency_mismatch", "idempotency_conflict")


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` None: there is none. ``raw``: a content type of which nothing more is said."""

    words: str
    body: Kind | None = None
    example: Any = None
    raw: str = ""
    headers: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """``takes``: content type -> (fields, example). ``query``: fields of the query. ``by``: who may use it."""

    id: str
    tag: str
    summary: str
    answers: Mapping[int, Answer]
    words: str = ""
    errors: tuple[str, ...] = ()
    takes: Mapping[str, tuple[Kind | None, Any]] = field(default_factory=dict)
    query: Kind | None = None
    headers: tuple[str, ...] = ()
    paged: bool = False
    open: bool = False  # no one is asked who they are
    staff: str = ""  # the permission
    sends: bool = False  # changes something
    bare: bool = False  # the body may be left out


def _page(
    name: str, tag: str, summary: str, body: Kind, example: Any, errors: tuple[str, ...] = (), **more: Any
) -> Operation:
    answer = Answer("A page.", body, {"next": None, "previous": None, "results": [example]})
    return Operation(name, tag, summary, {200: answer}, errors=(*LISTED, *errors), paged=True, **more)


def _staff(permission: str, **more: Any) -> dict[str, Any]:
    return {"staff": permission, "tag": "staff", **more}


_POLL = ("ETag", "Retry-After")
_START = (
    "Location",
    "Retry-After",
    "Idempotency-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)
_TRYON_LINKS = ("getTryOn", "deleteTryOn", "cancelTryOn", "giveFeedback")
_WEBHOOK = "tryon.change_webhookendpoint"

# (route, method) -> operation
OPERATIONS: dict[tuple[str, str], Operation] = {
    ("api-sessions", "POST"): Operation(
        "createSession",
        "sessions",
        "A session for an app",
        {201: Answer("The token is shown once.", a.Session, e.SESSION)},
        words="An app asks once, keeps the token and sends it as `Authorization: Bearer …`. Only a hash is kept here.",
        errors=BURSTS,
        open=True,
    ),
    ("api-session", "DELETE"): Operation(
        "endSession",
        "sessions",
        "End this session",
        {
            204: Answer(
                "The token opens nothing any more. What it made is deleted in time; `DELETE me/` does it at once."
            )
        },
        errors=(*CHANGING, *LOOKED_UP),
        sends=True,
    ),
    ("api-config", "GET"): Operation(
        "getConfig",
        "discovery",
        "What to draw",
        {
            200: Answer(
                "Whether it can be tried on, the notice, models, limits, and how many tries are left.",
                a.Config,
                e.CONFIG,
                headers=("ETag",),
            ),
            304: Answer("Nothing has changed since the `ETag` given.", headers=("ETag",)),
        },
        headers=("If-None-Match",),
        query=s.ConfigQuery,
        errors=LISTED,
    ),
    ("api-garments", "GET"): _page(
        "listGarments",
        "discovery",
        "What can be tried on",
        a.GarmentList,
        e.GARMENT,
        query=s.GarmentQuery,
        errors=("permission_denied",),
    ),
    ("api-photos", "POST"): Operation(
        "uploadPhoto",
        "photos",
        "Give a photo",
        {
            201: Answer(
                "Kept until `expires_at`.",
                a.Photo,
                e.PHOTO,
                headers=("Idempotency-Replayed",),
                links=("deletePhoto",),
            )
        },
        words="As a form, as the whole body (`Content-Type: image/…`, with `consent_version` in the query or in "
        "`X-Consent-Version`), or as JSON with the https address of a photo.",
        takes={
            FORM: (s.PhotoUpload, {"consent_version": e.CONSENT}),
            JSON: (s.PhotoUpload, {"photo_url": "https://cdn.example.com/me.jpg", "consent_version": e.CONSENT}),
            ANY_IMAGE: (None, None),
        },
        headers=("Idempotency-Key", "X-Consent-Version", "X-TryOn-Scenario"),
        query=s.ConsentQuery,
        errors=(*PHOTO, *REPEATED, *BURSTS),
        sends=True,
    ),
    ("api-photo", "DELETE"): Operation(
        "deletePhoto",
        "photos",
        "Delete a photo now",
        {204: Answer("It is gone, and its file.")},
        errors=LOOKED_UP,
        sends=True,
    ),
    ("api-tryons", "GET"): _page("listTryOns", "try-ons", "My previews, newest first", a.TryOnList, e.DONE, query=None),
    ("api-tryons", "POST"): Operation(
        "startTryOn",
        "try-ons",
        "Try a garment on",
        {202: Answer("It is queued. Ask for it at `Location`.", a.TryOn, e.QUEUED, headers=_START, links=_TRYON_LINKS)},
        words="One garment (`product`, or `garment`) on one person (`photo`, `photo_url`, `photo_id` or `model_id`). "
        "With an `Idempotency-Key` the same request is made once: a repetition gets the same answer with "
        "`Idempotency-Replayed: true`, one with another content 422, and 409 while the first is running. "
        "`RateLimit-*` tell how many previews are left today.",
        takes={
            JSON: (s.TryOnWish, {"product": "crew-tee", "model_id": 3}),
            FORM: (s.TryOnWish, {"product": "crew-tee", "consent_version": e.CONSENT}),
        },
        headers=("Idempotency-Key", "X-TryOn-Scenario"),
        errors=(*PHOTO, *STARTING, *REPEATED, *LOOKED_UP, *BURSTS),
        sends=True,
    ),
    ("api-tryon", "GET"): Operation(
        "getTryOn",
        "try-ons",
        "How far it is",
        {
            200: Answer("Where it stands; `Retry-After` says when to ask again.", a.TryOn, e.DONE, headers=_POLL),
            304: Answer("Nothing that matters has changed since the `ETag` given.", headers=_POLL),
        },
        words="`wait` holds the request open until something changes, where the shop's server is set up for it; "
        "elsewhere it is answered at once.",
        query=s.WaitQuery,
        headers=("If-None-Match",),
        errors=(*LOOKED_UP, *LISTED),
    ),
    ("api-tryon", "DELETE"): Operation(
        "deleteTryOn",
        "try-ons",
        "Delete a preview now",
        {204: Answer("It is gone, with its pictures and the photo it was made from.")},
        errors=LOOKED_UP,
        sends=True,
    ),
    ("api-tryon-cancel", "POST"): Operation(
        "cancelTryOn",
        "try-ons",
        "Stop it",
        {200: Answer("It is stopped.", a.TryOn, e.CANCELED)},
        errors=(*LOOKED_UP, "already_over"),
        sends=True,
    ),
    ("api-tryon-feedback", "POST"): Operation(
        "giveFeedback",
        "try-ons",
        "Like or dislike a finished preview",
        {200: Answer("Kept; said again, it replaces what was said before.", a.Feedback, e.FEEDBACK)},
        takes={JSON: (s.FeedbackWord, e.FEEDBACK)},
        errors=(*LOOKED_UP, *LISTED),
        sends=True,
    ),
    ("api-me", "DELETE"): Operation(
        "eraseMe",
        "me",
        "Delete everything of mine",
        {200: Answer("A receipt that names nobody.", a.Receipt, e.RECEIPT)},
        errors=LOOKED_UP,
        sends=True,
    ),
    ("api-me-export", "GET"): Operation(
        "exportMe",
        "me",
        "Take everything of mine along",
        {200: Answer("Pictures as they are, and `data.json` with the rest.", raw=ZIP)},
        errors=LOOKED_UP,
    ),
    # ---------------------------------------------------------------- staff
    ("api-garments", "POST"): Operation(
        "saveGarment",
        summary="Add or replace a garment",
        answers={201: Answer("Kept.", a.StaffGarment, e.STAFF_GARMENT)},
        takes={FORM: (s.GarmentForm, e.GARMENT_FORM)},
        errors=(*FILE, *LISTED, "busy"),
        **_staff("tryon.add_garment", sends=True),
    ),
    ("api-garment", "GET"): Operation(
        "getGarment",
        summary="A garment, also one that is switched off",
        answers={200: Answer("As it is.", a.StaffGarment, e.STAFF_GARMENT)},
        errors=LOOKED_UP,
        **_staff("tryon.view_garment"),
    ),
    ("api-garment", "PATCH"): Operation(
        "changeGarment",
        summary="Change a garment, or switch it off",
        answers={200: Answer("As it is now.", a.StaffGarment, e.STAFF_GARMENT)},
        takes={JSON: (s.GarmentChange, {"active": False})},
        errors=(*LISTED, *LOOKED_UP),
        **_staff("tryon.change_garment", sends=True),
    ),
    ("api-batches", "GET"): _page(
        "listBatches",
        summary="Batches, newest first",
        body=a.BatchList,
        example=e.BATCH,
        **_staff("tryon.generate_shots"),
    ),
    ("api-batches", "POST"): Operation(
        "orderBatch",
        summary="Order on-model shots, or ask what they would cost",
        answers={
            200: Answer("With `dry_run`: what it comes to. Nothing was made.", a.Quote, e.QUOTE),
            201: Answer("Ordered.", a.Batch, e.BATCH, links=("getBatch",)),
        },
        words="With an `Idempotency-Key` the same order is made once.",
        takes={JSON: (s.BatchOrder, {"products": ["crew-tee"], "models": [3], "dry_run": True})},
        headers=("Idempotency-Key",),
        errors=(*LISTED, "garment_unsuitable", "busy"),
        **_staff("tryon.generate_shots", sends=True),
    ),
    ("api-batch", "GET"): Operation(
        "getBatch",
        summary="How far a batch is",
        answers={200: Answer("Counts, time left and money.", a.Batch, e.BATCH)},
        errors=LOOKED_UP,
        **_staff("tryon.generate_shots"),
    ),
    **{
        (f"api-batch-{verb}", "POST"): Operation(
            f"{verb}Batch",
            summary=summary,
            answers={200: Answer("As it is now.", a.Batch, e.BATCH)},
            errors=(*LOOKED_UP, "garment_unsuitable"),
            **_staff("tryon.generate_shots", sends=True),
        )
        for verb, summary in (
            ("pause", "Hold back what is not being made yet"),
            ("resume", "Go on"),
            ("cancel", "Stop what is not being made yet"),
            ("retry", "Ask once more for what failed"),
        )
    },
    ("api-shots", "GET"): _page(
        "listShots",
        summary="Shots, newest first; of the published ones, the last published",
        body=a.ShotList,
        example=e.SHOT,
        query=s.ShotQuery,
        **_staff("tryon.review_shots"),
    ),
    ("api-shot-approve", "POST"): Operation(
        "approveShot",
        summary="Approve a shot",
        answers={200: Answer("As it is now.", a.Shot, e.SHOT)},
        errors=(*LOOKED_UP, "decided_already"),
        **_staff("tryon.review_shots", sends=True),
    ),
    ("api-shot-reject", "POST"): Operation(
        "rejectShot",
        summary="Reject a shot",
        answers={200: Answer("As it is now.", a.Shot, e.SHOT)},
        takes={JSON: (s.Rejection, {"reasons": ["colour"]})},
        errors=(*LOOKED_UP, *LISTED, "decided_already"),
        **_staff("tryon.review_shots", sends=True),
    ),
    ("api-shot-publish", "POST"): Operation(
        "publishShot",
        summary="Put an approved shot into the product's gallery",
        answers={200: Answer("As it is now.", a.Shot, e.SHOT)},
        takes={JSON: (s.Publication, {"alt": "Crew tee worn by a model. AI-generated"})},
        bare=True,
        errors=(*LOOKED_UP, *LISTED, "not_publishable", "already_over", "gone"),
        **_staff("tryon.publish_shots", sends=True),
    ),
    ("api-shot-unpublish", "POST"): Operation(
        "unpublishShot",
        summary="Take a shot out of the gallery",
        answers={200: Answer("As it is now.", a.Shot, e.SHOT)},
        errors=LOOKED_UP,
        **_staff("tryon.publish_shots", sends=True),
    ),
    ("api-spend", "GET"): Operation(
        "getSpend",
        summary="What was spent",
        answers={200: Answer("Amounts are text, in the shop's currency.", a.Spend, e.SPEND)},
        query=s.SpendQuery,
        errors=LISTED,
        **_staff("tryon.see_spend"),
    ),
    ("api-webhooks", "GET"): Operation(
        "listWebhooks",
        summary="Who is told",
        answers={200: Answer("All of them.", a.WebhookList, {"results": [e.WEBHOOK]})},
        **_staff("tryon.view_webhookendpoint"),
    ),
    ("api-webhooks", "POST"): Operation(
        "createWebhook",
        summary="Tell an address about events",
        answers={
            201: Answer("The secret is shown only here.", a.WebhookWithSecret, e.SECRET_WEBHOOK, links=("getWebhook",))
        },
        words="Messages follow Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature`.",
        takes={JSON: (s.EndpointForm, {"url": "https://hooks.example.com/tryon", "events": ["tryon.finished"]})},
        errors=LISTED,
        **_staff("tryon.add_webhookendpoint", sends=True),
    ),
    ("api-webhook", "GET"): Operation(
        "getWebhook",
        summary="One of them",
        answers={200: Answer("As it is now.", a.Webhook, e.WEBHOOK)},
        errors=LOOKED_UP,
        **_staff("tryon.view_webhookendpoint"),
    ),
    ("api-webhook", "PATCH"): Operation(
        "changeWebhook",
        summary="Change it, or switch it on again",
        answers={200: Answer("As it is now.", a.Webhook, e.WEBHOOK)},
        takes={JSON: (s.EndpointChange, {"enabled": True})},
        errors=(*LOOKED_UP, *LISTED),
        **_staff(_WEBHOOK, sends=True),
    ),
    ("api-webhook", "DELETE"): Operation(
        "deleteWebhook",
        summary="Tell it nothing any more",
        answers={204: Answer("It is gone, with what was still to be told.")},
        errors=LOOKED_UP,
        **_staff("tryon.delete_webhookendpoint", sends=True),
    ),
    ("api-webhook-rotate", "POST"): Operation(
        "rotateWebhookSecret",
        summary="A new secret",
        answers={200: Answer("For a day messages are signed with both.", a.WebhookWithSecret, e.SECRET_WEBHOOK)},
        errors=LOOKED_UP,
        **_staff(_WEBHOOK, sends=True),
    ),
    ("api-webhook-test", "POST"): Operation(
        "testWebhook",
        summary="Send it a test",
        answers={202: Answer("A `webhook.test` event is on its way.")},
        errors=LOOKED_UP,
        **_staff(_WEBHOOK, sends=True),
    ),
}
