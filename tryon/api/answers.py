"""The bodies of answers as the API's description tells them. Nothing here runs while requests are served:
``representations`` and ``staff_bodies`` make the bodies, and tests hold every answer against this.
"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from tryon.choices import Category, FeedbackReason, Operation, Status
from tryon.models import BatchStatus, Review
from tryon.studio.review import Reason
from tryon.webhooks import EVENTS

STAGES = ("waiting", "making", "finishing", "done")


class Answer(serializers.Serializer[Any]):
    pass


def values(words: Any) -> list[str]:
    return [word.value for word in words if word.value]


class FieldProblem(Answer):
    pointer = serializers.CharField(help_text="JSON pointer (RFC 6901) to the field in the request.")
    detail = serializers.CharField()
    code = serializers.CharField()


class Problem(Answer):
    """RFC 9457. ``code`` is stable and never translated; ``title`` and ``detail`` follow ``Accept-Language``."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="For the shopper, in plain words.")
    code = serializers.CharField(help_text="Act on this. New codes may come; treat one you don't know by its status.")
    errors = FieldProblem(many=True)  # type: ignore[assignment]
    request_id = serializers.CharField()


class Session(Answer):
    token = serializers.CharField(help_text="Shown once. Send it as `Authorization: Bearer …`.")
    expires_at = serializers.DateTimeField()


class Notice(Answer):
    version = serializers.CharField(help_text="Send it back as `consent_version`.")
    text = serializers.CharField(help_text="What the shopper agrees to; show all of it.")
    html = serializers.CharField(help_text="The same with a link to the page about photos.")


class Model(Answer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    thumb_url = serializers.URLField()


class Limits(Answer):
    max_bytes = serializers.IntegerField()
    max_pixels = serializers.IntegerField()
    min_side = serializers.IntegerField(help_text="Of a photo, in pixels.")
    formats = serializers.ListField(child=serializers.CharField(), help_text="Content types.")


class Quota(Answer):
    limit = serializers.IntegerField(help_text="Previews a day.")
    remaining = serializers.IntegerField()
    resets_at = serializers.DateTimeField()


class Config(Answer):
    available = serializers.BooleanField()
    reason = serializers.CharField(
        allow_blank=True,
        help_text="Why not, as an error code: `not_available` (not this product, or switched off), `region` (the shop "
        "says), `quota_shopper`, `busy` (budget spent, or too many are waiting), `provider_down`. "
        "Empty when available.",
    )
    consent = Notice()
    models = Model(many=True)
    limits = Limits()
    tips = serializers.ListField(child=serializers.CharField(), help_text="What a good photo for this garment shows.")
    quota = Quota()


class Garment(Answer):
    id = serializers.IntegerField()
    product = serializers.CharField(help_text="The shop's own key of the product.")
    name = serializers.CharField()
    category = serializers.ChoiceField(choices=values(Category))
    thumb_url = serializers.URLField()
    available = serializers.BooleanField()


class Page(Answer):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class GarmentList(Page):
    results = Garment(many=True)


class Photo(Answer):
    id = serializers.UUIDField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    warnings = serializers.ListField(child=serializers.CharField(), help_text="`photo_dark`, `photo_blurry`.")


class Picture(Answer):
    url = serializers.URLField(
        help_text="For apps, a link that works without a cookie until `expires_at`, five minutes at most."
    )
    thumb_url = serializers.URLField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="Of the link, or of the picture where there is none."
    )
    ai_generated = serializers.BooleanField()
    alt = serializers.CharField()


class Failure(Answer):
    code = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField()
    retryable = serializers.BooleanField(help_text="The same request may succeed later.")


class TryOn(Answer):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=values(Status))
    stage = serializers.ChoiceField(choices=STAGES)
    progress = serializers.FloatField(min_value=0, max_value=1)
    eta_seconds = serializers.IntegerField(allow_null=True)
    queue_position = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When it last moved on.")
    result = Picture(allow_null=True, help_text="The first of `outputs`.")
    outputs = Picture(many=True)
    error = Failure(allow_null=True)


class TryOnList(Page):
    results = TryOn(many=True)


class Feedback(Answer):
    liked = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.ChoiceField(choices=values(FeedbackReason)))


class Elsewhere(Answer):
    provider = serializers.CharField()
    calls = serializers.IntegerField()
    until = serializers.DateTimeField(allow_null=True, help_text="When their copy should be gone, by their own word.")


class Receipt(Answer):
    id = serializers.UUIDField()
    made_at = serializers.DateTimeField()
    photos = serializers.IntegerField()
    results = serializers.IntegerField()
    pictures = serializers.IntegerField()
    share_links = serializers.IntegerField()
    feedback = serializers.IntegerField()
    consents_withdrawn = serializers.IntegerField()
    left_over = serializers.IntegerField(help_text="Files that could not be deleted just now; it is tried again.")
    elsewhere = Elsewhere(many=True)


# ---------------------------------------------------------------- staff


class StaffGarment(Garment):
    variant = serializers.CharField(allow_blank=True)
    active = serializers.BooleanField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class BatchProgress(Answer):
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Rows by status.")
    finished = serializers.IntegerField()
    running = serializers.IntegerField()
    eta_seconds = serializers.IntegerField(allow_null=True)
    spent = serializers.CharField(allow_null=True)
    reserved = serializers.CharField(allow_null=True)


class Batch(Answer):
    """Amounts are null for who lacks the permission `tryon.see_spend`."""

    id = serializers.UUIDField()
    name = serializers.CharField(allow_blank=True)
    operation = serializers.ChoiceField(choices=values(Operation))
    status = serializers.ChoiceField(choices=values(BatchStatus))
    total = serializers.IntegerField()
    quoted_low = serializers.CharField(allow_null=True)
    quoted_high = serializers.CharField(allow_null=True)
    max_cost = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    progress = BatchProgress(allow_null=True, help_text="Not in lists.")


class BatchList(Page):
    results = Batch(many=True)


class Skipped(Answer):
    reason = serializers.CharField()
    garments = serializers.IntegerField()


class QuoteLine(Answer):
    provider = serializers.CharField()
    shots = serializers.IntegerField()
    least = serializers.CharField()
    most = serializers.CharField()
    leaves_server = serializers.BooleanField()


class Quote(Answer):
    garments = serializers.IntegerField()
    shots = serializers.IntegerField()
    least = serializers.CharField()
    most = serializers.CharField()
    currency = serializers.CharField()
    over_budget = serializers.BooleanField()
    fits = serializers.IntegerField(help_text="How many shots there is money for.")
    already_made = serializers.IntegerField()
    skipped = Skipped(many=True)
    providers = QuoteLine(many=True)


class Shot(Answer):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=[*values(Review), "published"])
    reasons = serializers.ListField(child=serializers.ChoiceField(choices=values(Reason)))
    garment = serializers.IntegerField()
    product = serializers.CharField()
    variant = serializers.CharField(allow_blank=True)
    model = serializers.CharField(allow_null=True)
    batch = serializers.UUIDField(allow_null=True)
    provider = serializers.CharField(allow_null=True, help_text="Null in a blind comparison.")
    url = serializers.URLField(help_text="A link that works without a cookie until `expires_at`.")
    thumb_url = serializers.URLField()
    expires_at = serializers.DateTimeField(help_text="Of the links.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    score = serializers.FloatField(allow_null=True)
    alt = serializers.CharField(allow_blank=True)
    ai_generated = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField(allow_null=True)


class ShotList(Page):
    results = Shot(many=True)


class Spend(Answer):
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    currency = serializers.CharField()
    spent = serializers.CharField(help_text="Committed and uncertain.")
    committed = serializers.CharField()
    uncertain = serializers.CharField()
    reserved = serializers.CharField()
    credits = serializers.CharField()


class Webhook(Answer):
    id = serializers.UUIDField()
    url = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    events = serializers.ListField(child=serializers.ChoiceField(choices=EVENTS))
    enabled = serializers.BooleanField()
    disabled_because = serializers.CharField(allow_blank=True)
    failures = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class WebhookWithSecret(Webhook):
    secret = serializers.CharField(help_text="Shown only here.")


class WebhookList(Answer):
    results = Webhook(many=True)
