"""The words that models, providers and views share."""

from __future__ import annotations

from enum import StrEnum


class Operation(StrEnum):
    """What a provider can be asked to make."""

    TRY_ON = "try_on"  # person + garment -> image(s)
    MODEL_SHOT = "model_shot"  # garment [+ preset model] -> image(s)
    REMOVE_BACKGROUND = "remove_background"
    REPLACE_BACKGROUND = "replace_background"
    RESTORE_FACE = "restore_face"
    REMOVE_OBJECT = "remove_object"
    UPSCALE = "upscale"
    GENERATE_IMAGE = "generate_image"
    GENERATE_VIDEO = "generate_video"
    GENERATE_AUDIO = "generate_audio"


class Category(StrEnum):
    """Which part of the body a garment covers."""

    UPPER = "upper"
    LOWER = "lower"
    FULL = "full"


class Status(StrEnum):
    """The life of a try-on. ``MOVES`` in models/results.py says what may follow what."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    PROCESSING = "processing"
    DELIVERING = "delivering"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELED = "canceled"
    UNCERTAIN = "uncertain"  # a paid submit was sent and its answer never seen; never sent again silently


class ProviderStatus(StrEnum):
    """A provider's own states, translated."""

    QUEUED = "queued"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    BLOCKED = "blocked"


class FeedbackReason(StrEnum):
    """Why a shopper likes a preview or does not: the closed list. Words for them are in ``tryon.feedback``."""

    FACE = "face"
    BODY = "body"
    GARMENT = "garment"
    COLOUR = "colour"
    PLACE = "place"
    QUALITY = "quality"


class FunnelStep(StrEnum):
    """How far shoppers come, in the order of the way."""

    OPENED = "opened"
    PHOTO = "photo"
    STARTED = "started"
    DONE = "done"
    BAG = "bag"
