"""One try-on in the foreground: the quickest way to see whether a provider works."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser

from tryon.choices import Category, Operation
from tryon.errors import TryOnError
from tryon.garments import garment_picture, picture_limits
from tryon.images.disclosure import mark_ai
from tryon.images.intake import Picture, accept_output, intake
from tryon.management.commands._base import TryonCommand
from tryon.models import Garment
from tryon.providers import get_provider
from tryon.providers.base import ImageInput, Provider, ProviderStatus, TryOnRequest
from tryon.runner import decide
from tryon.runner.routing import candidates


class Command(TryonCommand):
    help = "Make one try-on from a photo and a garment and write the picture to a file. Nothing is stored."
    example = "python manage.py tryon_run --photo me.jpg --garment shirt.jpg --category upper --out result.jpg"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--photo", required=True, type=Path, help="A photo of a person.")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--garment", type=Path, help="A garment picture.")
        source.add_argument("--product", help="The reference of a product that has a garment.")
        parser.add_argument("--category", choices=[str(c) for c in Category], help="Needed with --garment.")
        parser.add_argument("--provider", help="An alias of TRYON['PROVIDERS']; otherwise the first that can.")
        parser.add_argument("--out", type=Path, default=Path("tryon.jpg"), help="Default: tryon.jpg")
        parser.add_argument("--yes", action="store_true", help="Do not ask before a call that costs money.")

    def handle(self, *args: Any, **options: Any) -> None:
        start = time.monotonic()
        try:
            photo = intake(_read(options["photo"]), limits=picture_limits())
            garment, category = _garment(options)
            provider = _provider(options["provider"], category)
            self._confirm(provider, options)
            self._say(options, f"Asking {provider.alias} …")
            made = self._make(provider, photo, garment, category, options)
        except TryOnError as error:
            raise CommandError(f"{error.text} ({error.code}{': ' + error.detail if error.detail else ''})") from error
        options["out"].write_bytes(made.data)
        seconds = round(time.monotonic() - start, 1)
        self.report(
            options,
            {"out": str(options["out"]), "width": made.width, "height": made.height, "seconds": seconds},
            [f"Wrote {options['out']} ({made.width} x {made.height}) in {seconds} s."],
        )

    def _make(
        self, provider: Provider, photo: Picture, garment: Picture, category: Category, options: dict[str, Any]
    ) -> Picture:
        submission = provider.submit(
            TryOnRequest(person=_input(photo), garment=_input(garment), category=category, description=category)
        )
        outputs = submission.outputs
        began = time.monotonic()
        while submission.job_id is not None and not outputs:
            # a person waits in front of this command: blocking is what they asked for
            time.sleep(decide.next_poll(time.monotonic() - began))
            update = provider.poll(submission.job_id, operation=Operation.TRY_ON)
            self._say(options, f"{update.status} after {time.monotonic() - began:.0f} s")
            if update.error or update.status in (ProviderStatus.FAILED, ProviderStatus.BLOCKED):
                raise update.error or TryOnError("provider_down", f"the provider says: {update.status}")
            outputs = update.outputs
        data = outputs[0].data if outputs else None
        if data is None:
            raise TryOnError("provider_down", "the provider gave no picture")
        return mark_ai(accept_output(data), provider=provider.label)

    def _confirm(self, provider: Provider, options: dict[str, Any]) -> None:
        if not provider.paid or options["yes"]:
            return
        if input(f"{provider.alias} costs money for each call. Go on? [y/N] ").strip().lower() != "y":
            raise CommandError("Stopped; nothing was sent.")

    def _say(self, options: dict[str, Any], line: str) -> None:
        if not options["as_json"] and options["verbosity"] > 0:
            self.stdout.write(line)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error


def _garment(options: dict[str, Any]) -> tuple[Picture, Category]:
    if options["garment"]:
        if not options["category"]:
            raise CommandError("--garment needs --category", returncode=2)
        return garment_picture(_read(options["garment"])), Category(options["category"])
    garment = Garment.objects.filter(product_ref=options["product"]).first()
    if garment is None:
        raise CommandError(f"No garment is stored for product {options['product']!r}.")
    with garment.image.open("rb") as stream:
        return garment_picture(stream.read()), Category(garment.category)


def _provider(alias: str | None, category: Category) -> Provider:
    if alias:
        try:
            return get_provider(alias)
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from error
    found = candidates(Operation.TRY_ON, category)
    if not found:
        raise CommandError("No provider is ready. Run: python manage.py check")
    return found[0]


def _input(picture: Picture) -> ImageInput:
    return ImageInput(picture.data, picture.mime, picture.width, picture.height)
