"""Forms through which staff upload pictures. Every picture goes through intake; its name and type play no part."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admin.words import upload_error
from tryon.errors import TryOnError
from tryon.garments import garment_picture, picture_limits
from tryon.images.intake import Picture, intake
from tryon.models import Garment, PresetModel

ACCEPT = "image/jpeg,image/png,image/webp"


class PictureField(forms.FileField):
    """Cleans to a ``Picture``, or to None when nothing was chosen."""

    widget = forms.FileInput(attrs={"accept": ACCEPT})

    def __init__(self, *, garment: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.garment = garment

    def clean(self, data: Any, initial: Any = None) -> Picture | None:
        upload = super().clean(data, initial)
        if not upload or upload is initial:
            return None
        source = cast("BinaryIO", upload)
        try:
            return garment_picture(source) if self.garment else intake(source, limits=picture_limits())
        except TryOnError as error:
            raise forms.ValidationError(upload_error(error), code=error.code) from error


class PictureForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new row needs a picture; an old one keeps what it has unless another is chosen."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "upload" in self.fields:
            self.fields["upload"].required = not self.instance.pk


class GarmentForm(PictureForm):
    upload = PictureField(
        garment=True,
        label=gettext_lazy("New picture"),
        help_text=gettext_lazy(
            "The garment alone, from the front, whole, on a plain background or cut out (PNG). "
            "At least 512 pixels on the short side; 1024 is better. JPEG, PNG or WebP."
        ),
    )

    class Meta:
        model = Garment
        fields = ["name", "product_ref", "variant", "category", "active"]


class PresetModelForm(PictureForm):
    upload = PictureField(
        garment=False,
        label=gettext_lazy("New photo"),
        help_text=gettext_lazy(
            "One person from head to knees or feet, facing the camera, arms slightly away from the body, "
            "in close-fitting clothes. JPEG, PNG or WebP."
        ),
    )
    release = forms.BooleanField(
        required=False,
        label=gettext_lazy("The person in the photo agreed in writing (model release)."),
        help_text=gettext_lazy("Needed with every new photo. That you confirmed it is kept in the history."),
    )

    class Meta:
        model = PresetModel
        fields = ["name", "size", "skin_tone", "active", "position"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.mannequin:
            del self.fields["upload"], self.fields["release"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("upload") and not cleaned.get("release"):
            self.add_error("release", _("Confirm the model release: a photo of a person is shown to shoppers."))
        return cleaned
