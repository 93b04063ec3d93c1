"""The form of the try page, and what it comes to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from tryon import admission, retention
from tryon.consent import current_notice, give_consent, standing_consent
from tryon.errors import NextStep, TryOnError
from tryon.garments import picture_limits
from tryon.images.intake import Picture, intake
from tryon.models import Garment, PresetModel, Shopper, ShopperPhoto, TryOnResult
from tryon.storefront.offer import selfie_options


class TryForm(forms.Form):
    """A photo of one's own with consent, or a preset model.

    ``photo_id`` names a photo that was accepted before, so that nobody has to choose it again. A photo that promises a
    poor preview is kept as well and said so: sent once more by its id, it is used anyway.
    """

    model_id = forms.ModelChoiceField(PresetModel.objects.filter(active=True), required=False)
    photo = forms.FileField(required=False, allow_empty_file=True)
    photo_id = forms.UUIDField(required=False)
    consent = forms.CharField(required=False, max_length=16)
    selfie = forms.BooleanField(required=False)  # the kept photo is only a face: let a body be made for it

    def __init__(
        self, *args: Any, shopper: Shopper | None, kept: str = "", selfie: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.shopper = shopper
        self.picture: Picture | None = None
        self.unused: ShopperPhoto | None = None
        self.doubt = False
        self.refusal = TryOnError("invalid")  # what the answer as a whole says: its status, and when to come again
        self.only_face = selfie or bool(self.data.get("selfie"))
        self.kept = self._kept(self.data.get("photo_id") or kept)
        self.fields["model_id"].error_messages["invalid_choice"] = _("That model is no longer offered.")

    @cached_property
    def agreed(self) -> bool:
        """Whether this shopper has agreed to the notice as it is now."""
        return self.shopper is not None and standing_consent(self.shopper) is not None

    @property
    def ticked(self) -> bool:
        return bool(self.is_bound and self.data.get("consent") == current_notice().version)

    @property
    def chosen_model(self) -> str:
        return str(self.data.get("model_id", ""))

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("model_id") or "model_id" in self.errors:
            return data
        try:
            self._take(data.get("photo"))
        except TryOnError as error:
            self.refuse(error)
        if not self.agreed and not self.ticked:
            self.refuse(TryOnError("consent_outdated" if data.get("consent") else "consent_missing"))
        return data

    def refuse(self, error: TryOnError) -> None:
        """Say it in the words of the error table, beside the field it is about."""
        fields = {NextStep.OTHER_PHOTO: "photo", NextStep.CHOICE: "photo", NextStep.AGREE: "consent"}
        self.add_error(fields.get(error.spec.next_step), error.text)
        if self.refusal.code == "invalid":
            self.refusal = error

    def start(self, shopper: Shopper, garment: Garment) -> TryOnResult:
        """Queue the try-on of a valid form. Raises TryOnError; a photo that was stored by then is kept."""
        preset_model = self.cleaned_data["model_id"]
        if preset_model:
            return admission.request(admission.Demand(shopper, garment, preset_model=preset_model)).result
        if self.picture:
            consent = give_consent(shopper, current_notice().version, channel="web")
            self.kept = admission.store_photo(shopper, self.picture, consent)
            if self.unused:
                retention.delete_photo(self.unused)
            if self.picture.warnings:
                self.doubt = True
                raise TryOnError(self.picture.warnings[0])
        elif not self.agreed:
            give_consent(shopper, current_notice().version, channel="web")
        options = selfie_options(garment, shopper) if self.cleaned_data["selfie"] and not self.picture else {}
        admitted = admission.request(admission.Demand(shopper, garment, photo=self.kept, options=options))
        if self.picture and self.kept and admitted.replayed and admitted.result.photo_id != self.kept.pk:
            retention.delete_photo(self.kept)  # the second of two clicks brought the same photo again
        return admitted.result

    def _take(self, upload: Any) -> None:
        if upload:
            self.picture = intake(upload, limits=picture_limits())
            self.unused = self.kept if self.kept and not self.kept.results.exists() else None
            self.kept = None
        elif self.kept is None:
            self.add_error("photo", _("Choose a photo first."))

    def _kept(self, photo_id: str) -> ShopperPhoto | None:
        if self.shopper is None or not photo_id:
            return None
        try:
            pk = forms.UUIDField().clean(photo_id)
        except forms.ValidationError:
            return None
        return self.shopper.photos.usable().filter(pk=pk).first()
