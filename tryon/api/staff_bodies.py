"""The bodies of answers to the shop's staff. Amounts are text, in the shop's currency."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from rest_framework.request import Request

from tryon import links
from tryon.api.representations import garment_body
from tryon.conf import conf
from tryon.ledger import Spent
from tryon.models import Batch, Garment, Review, TryOnOutput, WebhookEndpoint
from tryon.studio.batches import Progress
from tryon.studio.plans import Quote


def amount(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def staff_garment_body(garment: Garment, request: Request) -> dict[str, Any]:
    return {
        **garment_body(garment, request, available=garment.active),
        "variant": garment.variant,
        "active": garment.active,
        "width": garment.width,
        "height": garment.height,
    }


def batch_body(batch: Batch, progress: Progress | None = None, *, spend: bool) -> dict[str, Any]:
    """``progress`` is left out of lists: it costs queries for each batch. ``spend``: who asks may see it."""

    def money(value: Decimal | None) -> str | None:
        return amount(value) if spend else None

    body = {
        "id": batch.pk,
        "name": batch.name,
        "operation": batch.operation,
        "status": batch.status,
        "total": batch.total,
        "quoted_low": money(batch.quoted_low),
        "quoted_high": money(batch.quoted_high),
        "max_cost": money(batch.max_cost),
        "currency": conf.CURRENCY,
        "created_at": batch.created_at,
        "finished_at": batch.finished_at,
        "progress": None,
    }
    if progress is not None:
        body["progress"] = {
            "counts": progress.counts,
            "finished": progress.finished,
            "running": progress.running,
            "eta_seconds": progress.eta_seconds,
            "spent": money(progress.spent),
            "reserved": money(progress.reserved),
        }
    return body


def quote_body(quote: Quote) -> dict[str, Any]:
    return {
        "garments": quote.garments,
        "shots": quote.shots,
        "least": amount(quote.least),
        "most": amount(quote.most),
        "currency": conf.CURRENCY,
        "over_budget": quote.over_budget,
        "fits": quote.fits,
        "already_made": quote.made,
        "skipped": [{"reason": reason, "garments": number} for reason, number in quote.skipped.items()],
        "providers": [
            {
                "provider": line.alias,
                "shots": line.shots,
                "least": amount(line.least),
                "most": amount(line.most),
                "leaves_server": line.leaves_server,
            }
            for line in quote.lines
        ],
    }


def shot_body(output: TryOnOutput, request: Request, *, epoch: int) -> dict[str, Any]:
    """Its links are signed for everybody: a shot is nobody's own, so no cookie opens it."""
    result = output.result
    blind = result.batch is not None and result.batch.blind and output.review == Review.TO_REVIEW
    full, thumb = links.picture_urls(output, "full", "thumb", epoch=epoch)
    return {
        "id": output.pk,
        "status": "published" if output.published_at else output.review,
        "reasons": list(output.reasons),
        "garment": result.garment_id,
        "product": result.garment.product_ref,
        "variant": result.garment.variant,
        "model": result.preset_model.name if result.preset_model else None,
        "batch": result.batch_id,
        "provider": None if blind else result.provider,  # in a blind comparison nobody knows whose it is
        "url": request.build_absolute_uri(full),
        "thumb_url": request.build_absolute_uri(thumb),
        "expires_at": links.valid_until(epoch),
        "width": output.width,
        "height": output.height,
        "score": output.score,
        "alt": output.alt,
        "ai_generated": True,
        "created_at": output.created_at,
        "published_at": output.published_at,
    }


def spend_body(spent: Spent, *, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    return {
        "since": since,
        "until": until,
        "currency": conf.CURRENCY,
        "spent": amount(spent.total),
        "committed": amount(spent.committed),
        "uncertain": amount(spent.uncertain),
        "reserved": amount(spent.reserved),
        "credits": amount(spent.credits),
    }


def endpoint_body(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": endpoint.pk,
        "url": endpoint.url,
        "description": endpoint.description,
        "events": list(endpoint.events),
        "enabled": endpoint.disabled_at is None,
        "disabled_because": endpoint.disabled_because,
        "failures": endpoint.failures,
        "created_at": endpoint.created_at,
    }
