"""What operators look back on: try-ons whose rows are gone, warnings given, and when duties were last done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tryon.models.ledger import LedgerEntry
from tryon.models.results import FINAL, Review, TryOnOutput, TryOnResult


class Outcome(models.Model):
    """What became of one try-on, kept when its row is deleted, so that the numbers of a month are still whole.

    No shopper, no product, no picture, not even the row's id: nothing that leads back to a person.
    """

    provider = models.CharField(max_length=50, blank=True)
    operation = models.CharField(max_length=30)
    status = models.CharField(max_length=12)
    error_code = models.CharField(max_length=50, blank=True)
    created_at = models.DateTimeField()
    waited = models.FloatField(null=True)  # seconds from the request to the worker
    took = models.FloatField(null=True)  # seconds from the worker to the end
    approved = models.PositiveSmallIntegerField(default=0)
    rejected = models.PositiveSmallIntegerField(default=0)
    demo = models.BooleanField(default=False)  # invented by a demo project

    class Meta:
        verbose_name = _("past try-on")
        verbose_name_plural = _("past try-ons")
        indexes = [models.Index(fields=["created_at"], name="tryon_outcome_age")]

    def __str__(self) -> str:
        return f"{self.operation} {self.status}"

    @classmethod
    def keep(cls, rows: Iterable[TryOnResult], outputs: Iterable[TryOnOutput] = ()) -> None:
        """Before these rows are deleted: remember how they ended. Those that had not ended leave nothing."""
        ended = [row for row in rows if row.status in FINAL]
        reviews: dict[object, list[str]] = {row.pk: [] for row in ended}
        for output in outputs:
            reviews.get(output.result_id, []).append(output.review)
        Outcome.objects.bulk_create(
            Outcome(
                provider=row.provider,
                operation=row.operation,
                status=row.status,
                error_code=row.error_code,
                created_at=row.created_at,
                waited=_seconds(row.created_at, row.started_at),
                took=_seconds(row.started_at, row.finished_at),
                approved=reviews[row.pk].count(Review.APPROVED.value),
                rejected=reviews[row.pk].count(Review.REJECTED.value),
            )
            for row in ended
        )


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None


class Mark(models.Model):
    """When something was last done, for all processes and machines together."""

    WORKER, PURGE, ALERTS = "worker", "purge", "alerts"

    name = models.CharField(max_length=100, unique=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "mark"
        verbose_name_plural = "marks"

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M}"

    @classmethod
    def done(cls, name: str, now: datetime | None = None) -> None:
        cls.objects.update_or_create(name=name, defaults={"at": now or timezone.now()})

    @classmethod
    def may(cls, name: str, *, every: timedelta, now: datetime | None = None) -> bool:
        """True for one caller in each ``every``: it is the one to do it."""
        now = now or timezone.now()
        last = cls.objects.filter(name=name).values_list("at", flat=True).first()
        if last is not None:  # mostly it is not time yet, and nothing is written
            return last <= now - every and bool(cls.objects.filter(name=name, at=last).update(at=now))
        try:
            with transaction.atomic():
                cls.objects.create(name=name, at=now)
        except IntegrityError:  # another process was quicker
            return False
        return True


class Alert(models.Model):
    """A warning that holds, or held: one row for each cause. ``params`` fill the words of ``tryon.alerts``."""

    cause = models.CharField(_("cause"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=30)
    params = models.JSONField(default=dict)
    since = models.DateTimeField(_("since"))
    told_at = models.DateTimeField(_("told"))  # when the signal and the mail went out last
    seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-seen_at", "cause"]

    def __str__(self) -> str:
        return self.cause


class Overview(LedgerEntry):
    """No table: gives the overview page its place in any admin site."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("overview")
        verbose_name_plural = _("overview")
