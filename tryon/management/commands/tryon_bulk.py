"""A batch of on-model shots from the shell: the same plan, price and rows as the admin's page."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError, ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db.models import Q, QuerySet

from tryon.choices import Status
from tryon.errors import TryOnError
from tryon.management.commands._base import ATTENTION, TryonCommand
from tryon.models import Batch, BatchStatus, Garment, PresetModel
from tryon.studio import batches
from tryon.studio.briefs import Brief
from tryon.studio.money import money
from tryon.studio.plans import Plan, Quote

POLL_SECONDS = 1.0
LINE_SECONDS = 10.0  # between two lines where there is no terminal
BAR = 30
OVER = (BatchStatus.DONE.value, BatchStatus.CANCELED.value)


class Command(TryonCommand):
    help = (
        "Order on-model shots of many garments. Exits 3 when the budget is not enough, when there is nothing to make, "
        "and after --wait when shots failed. Ctrl-C pauses the batch; --resume goes on with it."
    )
    example = "python manage.py tryon_bulk --filter category=upper --models Noor,Ines --max-cost 5.00 --wait"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--filter",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            help="Which garments: a field of Garment, or a lookup like name__icontains. May be given often.",
        )
        parser.add_argument(
            "--models", default="", help="Names or ids of preset models, by commas. Default: all offered."
        )
        parser.add_argument("--generated", action="store_true", help="Also on a model made up by the provider.")
        parser.add_argument("--themes", action="append", default=[], help="Place or pose in words. May be given often.")
        parser.add_argument("--variants", type=int, default=1, help="Pictures of each, 1 to 4. Default: 1")
        parser.add_argument("--provider", action="append", default=[], help="An alias, instead of the route.")
        parser.add_argument("--option", action="append", default=[], metavar="PROVIDER.NAME=VALUE")
        parser.add_argument("--all", action="store_true", help="Also where there is a shot on the model already.")
        parser.add_argument("--name", default="tryon_bulk", help="Of the batch.")
        parser.add_argument("--user", default="", help="Who orders: a name for the admin's history.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be made and make nothing.")
        parser.add_argument("--max-cost", default="", help="The batch pauses when this amount is reached.")
        parser.add_argument("--wait", action="store_true", help="Stay until all shots are made.")
        parser.add_argument("--resume", default="", metavar="ID", help="Go on with a paused batch.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.user = _user(options["user"])
            batch = self._begun(options)
            if batch is not None and options["wait"]:
                self._wait(batch, options)
        except TryOnError as error:
            raise CommandError(f"{error.spec.staff} ({error.detail})") from error

    def _begun(self, options: dict[str, Any]) -> Batch | None:
        if options["resume"]:
            return self._resumed(options["resume"], _amount(options["max_cost"]))
        return self._ordered(options)

    # ------------------------------------------------------------ ordering

    def _ordered(self, options: dict[str, Any]) -> Batch | None:
        plan = Plan(self._brief(options), _garments(options["filter"]).values_list("pk", flat=True))
        plan.check()
        limit = _amount(options["max_cost"])
        quote = plan.quote()
        facts, lines = _facts(quote, limit), _lines(quote, limit)
        if options["dry_run"] or not quote.shots or quote.over_budget:
            self.report(options, {"dry_run": True, **facts}, [*lines, "Nothing was ordered."])
            if quote.over_budget or (not quote.shots and not quote.made):
                sys.exit(ATTENTION)
            return None
        batch = batches.create(plan, user=self.user, name=options["name"], max_cost=limit)
        if not options["wait"]:
            self.report(
                options, {"dry_run": False, "batch": batch.pk, **facts}, [*lines, f"Batch {batch.pk} is queued."]
            )
        else:
            self._say(options, [*lines, f"Batch {batch.pk} is queued."])
        return batch

    def _brief(self, options: dict[str, Any]) -> Brief:
        return Brief(
            models=tuple(_models(options["models"])),
            generated=options["generated"],
            themes=tuple(options["themes"]),
            variants=options["variants"],
            providers=tuple(options["provider"]),
            options=_options(options["option"]),
            only_missing=not options["all"],
        )

    def _resumed(self, text: str, limit: Decimal | None) -> Batch:
        try:
            batch = Batch.objects.filter(pk=uuid.UUID(text)).first()
        except ValueError:
            batch = None
        if batch is None:
            raise CommandError(f"There is no batch {text!r}.", returncode=2)
        if limit is not None:
            batches.change_limit(batch, limit, user=self.user)
        batches.resume(batch, user=self.user)
        return batch

    # ------------------------------------------------------------ waiting

    def _wait(self, batch: Batch, options: dict[str, Any]) -> None:
        shown = self.stdout.isatty() and not options["as_json"] and options["verbosity"] > 0
        said = 0.0
        try:
            while True:
                batch.refresh_from_db()
                done = batches.progress(batch)
                over = batch.status in OVER or batch.status == BatchStatus.PAUSED.value
                if shown:
                    self.stdout.write(f"\r{_bar(done)}", ending="\n" if over else "")
                    self.stdout.flush()
                elif over or time.monotonic() - said > LINE_SECONDS:
                    self._say(options, [f"{done.finished} of {done.total}, {money(done.spent)} spent"])
                    said = time.monotonic()
                if over:
                    break
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            batches.pause(batch, user=self.user)
            self._say(options, ["", f"Paused. Go on with: python manage.py tryon_bulk --resume {batch.pk} --wait"])
            sys.exit(ATTENTION)
        self._ended(batch, done, options)

    def _ended(self, batch: Batch, done: batches.Progress, options: dict[str, Any]) -> None:
        failed = done.counts.get(Status.FAILED, 0) + done.counts.get(Status.BLOCKED, 0)
        data = {"batch": batch.pk, "status": batch.status, "counts": done.counts, "spent": done.spent}
        ready = done.counts.get(Status.SUCCEEDED, 0)
        lines = [f"{batch.status}: {ready} ready, {failed} failed, {money(done.spent)} spent."]
        if batch.status == BatchStatus.PAUSED.value:
            more = " --max-cost MORE" if batch.paused_because == "limit" else ""
            lines.append(f"Go on with: python manage.py tryon_bulk --resume {batch.pk} --wait{more}")
        self.report(options, data, lines)
        if failed or batch.status != BatchStatus.DONE.value:
            sys.exit(ATTENTION)

    def _say(self, options: dict[str, Any], lines: Iterable[str]) -> None:
        if not options["as_json"] and options["verbosity"] > 0:
            for line in lines:
                self.stdout.write(line)
            self.stdout.flush()


def _user(name: str) -> Any:
    if not name:
        return None
    try:
        return get_user_model()._default_manager.get_by_natural_key(name)
    except get_user_model().DoesNotExist as error:
        raise CommandError(f"--user: nobody is called {name!r}", returncode=2) from error


def _garments(filters: list[str]) -> QuerySet[Garment]:
    found = Garment.objects.filter(active=True).order_by("pk")
    for text in filters:
        name, sign, value = text.partition("=")
        try:
            found = found.filter(Q(**{name: value})) if sign else found.none()
            found.exists()
        except (FieldError, ValidationError, ValueError) as error:
            raise CommandError(f"--filter {text}: {error}", returncode=2) from error
        if not sign:
            raise CommandError(f"--filter {text}: FIELD=VALUE is needed", returncode=2)
    return found


def _models(text: str) -> list[int]:
    offered = list(PresetModel.objects.filter(active=True))
    if not text:
        return [preset.pk for preset in offered]
    by_name = {key: preset.pk for preset in offered for key in (preset.name.lower(), str(preset.pk), preset.mannequin)}
    found = []
    for name in text.split(","):
        key = name.strip().lower()
        if key not in by_name:
            known = ", ".join(preset.name for preset in offered)
            raise CommandError(
                f"--models: no preset model {name.strip()!r}. There are: {known or 'none'}", returncode=2
            )
        found.append(by_name[key])
    return found


def _options(texts: list[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        where, sign, value = text.partition("=")
        alias, dot, name = where.partition(".")
        if not (sign and dot and alias and name):
            raise CommandError(f"--option {text}: PROVIDER.NAME=VALUE is needed", returncode=2)
        found.setdefault(alias, {})[name] = value
    return found


def _amount(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise CommandError(f"--max-cost {text}: not an amount", returncode=2)
    return amount


def _facts(quote: Quote, limit: Decimal | None) -> dict[str, Any]:
    return {
        "garments": quote.garments,
        "shots": quote.shots,
        "there_already": quote.made,
        "least": quote.least,
        "most": quote.most,
        "max_cost": limit,
        "fits": quote.fits,
        "skipped": dict(quote.skipped),
        "left_out": dict(quote.dropped),
        "providers": {
            line.alias: {"shots": line.shots, "least": line.least, "most": line.most} for line in quote.lines
        },
    }


def _lines(quote: Quote, limit: Decimal | None) -> list[str]:
    lines = [f"{quote.garments} garments, {quote.shots} shots, at most {money(quote.most)}"]
    for line in quote.lines:
        left = "" if line.left is None else f", budget left {money(line.left)}"
        lines.append(f"  {line.alias}: {line.shots} shots, {money(line.least)} to {money(line.most)}{left}")
    if quote.made:
        lines.append(f"  {quote.made} are there already")
    lines += [f"  skipped: {number}, {reason}" for reason, number in quote.skipped.items()]
    lines += [f"  left out: {number} shots, {reason}" for reason, number in quote.dropped.items()]
    if quote.over_budget:
        lines.append(f"The budget is enough for {quote.fits} of {quote.shots} shots.")
    elif limit is not None and quote.most > limit:
        lines.append(f"The batch pauses when {money(limit)} are reached.")
    return lines


def _bar(done: batches.Progress) -> str:
    share = done.finished / done.total if done.total else 1.0
    filled = round(BAR * share)
    left = "" if done.eta_seconds is None else f", about {done.eta_seconds} s left"
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {done.finished} of {done.total}, {money(done.spent)} spent{left}   "
