"""Forms and schemas made from the ``Option`` declarations of providers: nobody writes a provider's parameters twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _

from tryon.choices import Operation
from tryon.providers.base import ProviderError

if TYPE_CHECKING:
    from tryon.providers.base import Option, Provider

LONG_TEXT = 200  # characters; what may be longer gets more than one line
JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


class OptionField(forms.Field):
    """Checks a value the way the provider does. Nothing given cleans to None: the provider's default holds."""

    def __init__(self, option: Option, **kwargs: Any) -> None:
        self.option = option
        super().__init__(**{"required": option.required, "label": _label(option), "help_text": _help(option), **kwargs})

    def clean(self, value: Any) -> Any:
        value = super().clean(value)
        if value in self.empty_values:
            return None
        try:
            return self.option.clean(value)
        except ProviderError as error:
            raise forms.ValidationError(error.detail.partition(": ")[2] or error.detail, code="invalid") from error


def form_field(option: Option) -> forms.Field:
    """The form field of one declared option, with its choices, range and help."""
    return OptionField(option, widget=_widget(option))


def json_schema(option: Option) -> dict[str, Any]:
    """The same declaration as JSON Schema, for the API's description."""
    schema: dict[str, Any] = {"type": JSON_TYPES.get(option.type, "string"), "description": option.help}
    if option.choices:
        schema["enum"] = list(option.choices)
    if option.pattern:
        schema["pattern"] = option.pattern
    low, high = ("minLength", "maxLength") if option.type is str else ("minimum", "maximum")
    for name, value in ((low, option.minimum), (high, option.maximum)):
        if value is not None:
            schema[name] = value
    if option.default is not None:
        schema["default"] = option.default
    return schema


class OptionsForm(forms.Form):
    """All options of one provider for one operation; prefix ``o-<alias>``."""

    def __init__(self, provider: Provider, operation: Operation, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix=f"o-{provider.alias}")
        self.provider = provider
        for option in provider.capability(operation).options:
            self.fields[option.name] = form_field(option)

    def given(self) -> dict[str, Any]:
        """What was filled in. The form is valid."""
        return {name: value for name, value in self.cleaned_data.items() if value is not None}


def option_forms(
    providers: Iterable[Provider], operation: Operation, data: Mapping[str, Any] | None = None
) -> list[OptionsForm]:
    return [OptionsForm(provider, operation, data) for provider in providers]


def _widget(option: Option) -> forms.Widget:
    if option.type is bool:
        return forms.Select(choices=[("", _default(option)), ("true", _("Yes")), ("false", _("No"))])
    if option.choices:
        # one that must be given begins with its first choice: there is nobody else to choose it
        unset = [] if option.required else [("", _default(option))]
        return forms.Select(choices=[*unset, *((str(value), str(value)) for value in option.choices)])
    if option.type in (int, float):
        step = "1" if option.type is int else "any"
        bounds = {"min": option.minimum, "max": option.maximum, "step": step, "placeholder": _default(option)}
        return forms.NumberInput(attrs={name: value for name, value in bounds.items() if value is not None})
    attrs = {"placeholder": _default(option), "maxlength": option.maximum, "pattern": option.pattern or None}
    attrs = {name: value for name, value in attrs.items() if value is not None}
    if option.pattern or (option.maximum is not None and option.maximum <= LONG_TEXT):
        return forms.TextInput(attrs=attrs)
    return forms.Textarea(attrs={**attrs, "rows": 2})


def _default(option: Option) -> str:
    if option.required:
        return ""
    if option.default is None or option.default == "":
        return _("as the provider chooses")
    if option.type is bool:
        return _("%(value)s (default)") % {"value": _("Yes") if option.default else _("No")}
    return _("%(value)s (default)") % {"value": option.default}


def _label(option: Option) -> str:
    return option.name.replace("_", " ").capitalize()


def _help(option: Option) -> str:
    """The declared help and the range."""
    if option.choices or option.type is bool:
        return option.help
    unit = _(" characters") if option.type is str else ""
    if option.minimum is not None and option.maximum is not None:
        return f"{option.help} {_plain(option.minimum)}–{_plain(option.maximum)}{unit}.".strip()
    return option.help


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)
