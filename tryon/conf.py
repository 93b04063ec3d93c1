"""Every setting of ``TRYON``, with its type, default and meaning; read at call time.

    from tryon.conf import conf
    conf.PHOTO_RETENTION_HOURS

The annotations are the documentation: the README table and the check for unknown keys are made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_type_hints

from django.conf import settings as django_settings


class Settings:
    ENABLED: Annotated[bool, "False takes every try-on button and form away."] = True
    ADMIN: Annotated[bool, "False leaves the models out of the Django admin."] = True
    PROVIDERS: Annotated[
        Mapping[str, Mapping[str, Any]],
        "Alias -> {BACKEND, OPTIONS}, in the shape of Django's own backends.",
    ] = {"local": {"BACKEND": "tryon.providers.local.LocalProvider"}}
    ROUTES: Annotated[
        Mapping[str, list[str]],
        "Operation -> provider aliases in order of preference. Without a route: every provider that can do it.",
    ] = {}
    CATALOG: Annotated[str, "Dotted path of the adapter that joins your product model to garments."] = (
        "tryon.catalog.base.ProductCatalog"
    )

    PHOTO_STORAGE: Annotated[str, "STORAGES alias for shoppers' photos. Must not be public."] = "tryon_private"
    RESULT_STORAGE: Annotated[str, "STORAGES alias for the pictures made. Must not be public."] = "tryon_private"
    GARMENT_STORAGE: Annotated[str, "STORAGES alias for garment pictures and preset models."] = "tryon_private"
    PRIVATE_ROOT: Annotated[
        str,
        "Folder used when STORAGES has no such alias. Empty: BASE_DIR/private.",
    ] = ""

    PHOTO_RETENTION_HOURS: Annotated[int, "A shopper's photo is deleted after this many hours."] = 24
    RESULT_RETENTION_HOURS: Annotated[int, "A shopper's previews are deleted after this many hours."] = 24
    DELETE_PHOTO_WHEN_DONE: Annotated[
        bool, "True deletes a photo as soon as nothing is being made from it; comparing needs the photo, then goes."
    ] = False
    CONSENT_RETENTION_DAYS: Annotated[
        int, "The record of an agreement is kept as evidence for this many days after it ended or was given."
    ] = 1095
    FEEDBACK_RETENTION_DAYS: Annotated[int, "Feedback is deleted after this many days; it names no shopper."] = 365
    FUNNEL_RETENTION_DAYS: Annotated[
        int, "Daily counts of the funnel, and what became of try-ons, are deleted after this many days."
    ] = 400
    RECEIPT_RETENTION_DAYS: Annotated[int, "Receipts of deletions, which name nobody, are kept this many days."] = 1095
    SHARING: Annotated[bool, "False: shoppers can't make links to their previews."] = True
    SHARE_HOURS: Annotated[int, "A share link ends after this many hours, or with its preview."] = 24
    SESSION_DAYS: Annotated[int, "How long an app's session token and the shopper's cookie live."] = 30
    DAILY_LIMIT: Annotated[int, "Previews a shopper may start in a day; failed ones do not count."] = 20
    MAX_QUEUE: Annotated[int, "With this many waiting, new previews are refused as busy."] = 500
    INSTANT_PREVIEW: Annotated[
        bool,
        "While another company works, the local engine shows a quick picture first, if it is among the try_on routes.",
    ] = True
    MINIMUM_AGE: Annotated[int, "The age a shopper confirms in the photo notice. 0: not asked."] = 18

    MAX_UPLOAD_MB: Annotated[int, "Largest photo accepted, in megabytes."] = 15
    MAX_PIXELS: Annotated[int, "Most pixels a picture may have before it is decoded."] = 50_000_000
    MIN_SIDE: Annotated[int, "Shortest side of a photo, in pixels."] = 256
    MAX_EDGE: Annotated[int, "Longer photos are shrunk to this edge, in pixels."] = 2048

    DEADLINE_SECONDS: Annotated[int, "A preview that is not ready after this long has failed."] = 600
    LEASE_SECONDS: Annotated[int, "A worker silent for this long is taken for dead and its work is taken over."] = 15
    MAX_ATTEMPTS: Annotated[int, "Claims without an outcome before a preview fails as worker_died."] = 3
    DRAINS: Annotated[int, "Runner tasks that may work side by side, over all workers."] = 1

    RATE_LIMITS: Annotated[
        Mapping[str, str],
        "Bursts of requests: new sessions and uploads of one address, uploads of one shopper. An empty text: no limit.",
    ] = {"sessions": "60/min", "address": "600/min", "shopper": "60/min"}
    LONG_POLL_SECONDS: Annotated[
        int,
        "Longest time that GET tryons/{id}/?wait= is held open. It keeps a server thread; 0: it is answered at once.",
    ] = 0
    ALLOW_PRIVATE_HOSTS: Annotated[
        bool,
        "Photo addresses and webhooks may lead into your own network, and without TLS: for development only.",
    ] = False

    CURRENCY: Annotated[str, "The currency of every amount; no amount is ever converted."] = "USD"
    CAPS: Annotated[
        Mapping[str, Mapping[str, Any]],
        'Most to spend: {"shop": {"hour": 5, "day": 50}, "shopper": {"day": 1}, "providers": {"fashn": {"day": 20}}}.',
    ] = {}
    UNCERTAIN_HOURS: Annotated[
        int, "A paid call whose answer was never seen is waited for this long; then the preview has failed."
    ] = 24
    ALERT_MAIL: Annotated[bool, "True: alerts also go by mail to ADMINS; the signal is sent in any case."] = False
    PUBLIC_URL: Annotated[
        str,
        'Where providers reach the URLs of this app: "https://shop.example/tryon/". Empty: no webhooks, only polls.',
    ] = ""

    BUTTON_LABEL: Annotated[str, "Words on the try-on button. Empty: “See it on you”, translated."] = ""
    SIZE_GUIDE_URL: Annotated[str, "Where “size guide” beside a result leads. Empty: no link."] = ""

    def __getattribute__(self, name: str) -> Any:
        default = object.__getattribute__(self, name)
        if not name.isupper():
            return default
        return user_settings().get(name, default)


def user_settings() -> Mapping[str, Any]:
    """The project's ``TRYON`` dict, empty when it has none."""
    value: Mapping[str, Any] = getattr(django_settings, "TRYON", {})
    return value


def documented() -> dict[str, tuple[str, Any, str]]:
    """name -> (type, default, meaning), in the order of the class body."""
    hints = get_type_hints(Settings, include_extras=True)
    table = {}
    for name, hint in hints.items():
        plain, meaning = hint.__origin__, hint.__metadata__[0]
        kind = getattr(plain, "__name__", str(plain)) if not hasattr(plain, "__args__") else "dict"
        table[name] = (kind, vars(Settings)[name], meaning)
    return table


conf = Settings()
