"""For making the API's description; see ``tests/api/description.py``."""

from __future__ import annotations

from typing import Any

from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*(app for app in INSTALLED_APPS if app != "django.contrib.admin"), "drf_spectacular"]  # noqa: F405
ROOT_URLCONF = "tryon.urls"
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "django-tryon",
    "DESCRIPTION": "Virtual try-on for apps: give a photo, agree, see the garment on yourself. Errors are "
    "`application/problem+json` with a stable `code`. Every answer has an `X-Request-ID`, yours if you send one.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": "/tryon/api/v1"}],
    "PREPROCESSING_HOOKS": ["tryon.api.schema.ours"],
    "POSTPROCESSING_HOOKS": ["tryon.api.schema.tidy"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SCHEMA_PATH_PREFIX": "",
    "SORT_OPERATIONS": False,
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "The token of `POST sessions/`."},
            "browser": {
                "type": "apiKey",
                "in": "cookie",
                "name": "sessionid",
                "description": "The shop's own session, with `X-CSRFToken` on everything that changes something.",
            },
        }
    },
}
