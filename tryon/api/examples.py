"""Examples for the API's description. Tests hold them against the fields they are examples of."""

from __future__ import annotations

from typing import Any

CONSENT = "3f9c51d20b7a"
_AT, _LATER = "2026-05-04T09:30:00Z", "2026-05-05T09:30:00Z"
_PICTURE = "https://shop.example.com/tryon/pictures/6f1d2a34-0c58-4f0f-9a51-7f0f4a0f5c11"
_TRYON = "0b9f3c6e-52a1-4d7e-8c1d-3a54c7f1e2b0"

SESSION = {"token": "kR2m…", "expires_at": "2026-06-03T09:30:00Z"}
CONFIG: dict[str, Any] = {
    "available": True,
    "reason": "",
    "consent": {
        "version": CONSENT,
        "text": "I am 18 or older, and this photo shows me or somebody who agreed. …",
        "html": '<p>I am 18 or older, …</p><p><a href="https://shop.example.com/tryon/privacy/">How we treat your '
        "photo</a></p>",
    },
    "models": [{"id": 3, "name": "Noor", "thumb_url": "https://shop.example.com/tryon/models/3/thumb/?v=0c5e"}],
    "limits": {
        "max_bytes": 15728640,
        "max_pixels": 50000000,
        "min_side": 256,
        "formats": ["image/jpeg", "image/png", "image/webp"],
    },
    "tips": [
        "Only you, facing the camera",
        "From head to hips, arms at your sides",
        "Good light, close-fitting clothes",
    ],
    "quota": {"limit": 20, "remaining": 19, "resets_at": "2026-05-05T00:00:00Z"},
}
GARMENT = {
    "id": 12,
    "product": "crew-tee",
    "name": "Crew tee (Ink)",
    "category": "upper",
    "thumb_url": "https://shop.example.com/tryon/garments/12/thumb/?v=9a41",
    "available": True,
}
PHOTO: dict[str, Any] = {
    "id": "c2a6d1de-6a1f-4a0b-8a7b-3a0d5b1f9e44",
    "width": 1200,
    "height": 1600,
    "expires_at": _LATER,
    "warnings": [],
}
QUEUED: dict[str, Any] = {
    "id": _TRYON,
    "status": "queued",
    "stage": "waiting",
    "progress": 0.0,
    "eta_seconds": 10,
    "queue_position": 0,
    "created_at": _AT,
    "updated_at": _AT,
    "result": None,
    "outputs": [],
    "error": None,
}
_OUTPUT = {
    "url": f"{_PICTURE}/full/?key=…",
    "thumb_url": f"{_PICTURE}/thumb/?key=…",
    "width": 960,
    "height": 1280,
    "expires_at": "2026-05-04T09:35:10Z",
    "ai_generated": True,
    "alt": "AI-generated preview of Crew tee on you",
}
DONE: dict[str, Any] = {
    **QUEUED,
    "status": "succeeded",
    "stage": "done",
    "progress": 1.0,
    "eta_seconds": None,
    "queue_position": None,
    "result": _OUTPUT,
    "outputs": [_OUTPUT],
}
CANCELED: dict[str, Any] = {
    **DONE,
    "status": "canceled",
    "result": None,
    "outputs": [],
    "error": {"code": "canceled", "title": "Stopped", "detail": "You stopped this preview.", "retryable": True},
}
FEEDBACK: dict[str, Any] = {"liked": False, "reasons": ["colour"]}
RECEIPT: dict[str, Any] = {
    "id": "5d0a8f0e-9d4e-4d25-9c0b-5b1a7d6f2c33",
    "made_at": _AT,
    "photos": 1,
    "results": 2,
    "pictures": 2,
    "share_links": 0,
    "feedback": 1,
    "consents_withdrawn": 1,
    "left_over": 0,
    "elsewhere": [{"provider": "fashn", "calls": 2, "until": "2026-05-07T09:30:00Z"}],
}
STAFF_GARMENT = {**GARMENT, "variant": "Ink", "active": True, "width": 1024, "height": 1280}
GARMENT_FORM = {"product": "crew-tee", "name": "Crew tee", "category": "upper", "picture": "(the file)"}
BATCH: dict[str, Any] = {
    "id": "7f3d0c1a-2b4e-4f6a-8d9c-1e2f3a4b5c6d",
    "name": "Spring tees",
    "operation": "model_shot",
    "status": "running",
    "total": 120,
    "quoted_low": "4.8000",
    "quoted_high": "4.8000",
    "max_cost": None,
    "currency": "USD",
    "created_at": _AT,
    "finished_at": None,
    "progress": {
        "counts": {"succeeded": 37, "queued": 83},
        "finished": 37,
        "running": 83,
        "eta_seconds": 410,
        "spent": "1.4800",
        "reserved": "0.0400",
    },
}
QUOTE: dict[str, Any] = {
    "garments": 121,
    "shots": 120,
    "least": "4.8000",
    "most": "4.8000",
    "currency": "USD",
    "over_budget": False,
    "fits": 120,
    "already_made": 0,
    "skipped": [{"reason": "switched off", "garments": 1}],
    "providers": [
        {"provider": "fashn", "shots": 120, "least": "4.8000", "most": "4.8000", "leaves_server": True},
    ],
}
SHOT: dict[str, Any] = {
    "id": "1c2d3e4f-5a6b-4c7d-8e9f-0a1b2c3d4e5f",
    "status": "to_review",
    "reasons": [],
    "garment": 12,
    "product": "crew-tee",
    "variant": "Ink",
    "model": "Noor",
    "batch": BATCH["id"],
    "provider": "fashn",
    "url": f"{_PICTURE}/full/",
    "thumb_url": f"{_PICTURE}/thumb/",
    "expires_at": _AT,
    "width": 960,
    "height": 1280,
    "score": 91.5,
    "alt": "",
    "ai_generated": True,
    "created_at": _AT,
    "published_at": None,
}
SPEND: dict[str, Any] = {
    "since": _AT,
    "until": None,
    "currency": "USD",
    "spent": "1.4800",
    "committed": "1.4400",
    "uncertain": "0.0400",
    "reserved": "0.0400",
    "credits": "37.0000",
}
WEBHOOK: dict[str, Any] = {
    "id": "9e8d7c6b-5a49-4838-a726-150403f2e1d0",
    "url": "https://hooks.example.com/tryon",
    "description": "",
    "events": ["tryon.finished"],
    "enabled": True,
    "disabled_because": "",
    "failures": 0,
    "created_at": _AT,
}
SECRET_WEBHOOK = {**WEBHOOK, "secret": "whsec_…"}
