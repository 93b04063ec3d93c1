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
