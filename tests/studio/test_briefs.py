"""What a brief comes to: counted exactly, priced, and without touching anything."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django import forms

from tests.studio.providers import settings
from tryon.choices import Category, Operation, Status
from tryon.errors import TryOnError
from tryon.models import Garment, PresetModel, TryOnResult
from tryon.providers import get_provider
from tryon.providers.base import Option
from tryon.studio.briefs import Brief, theme_choices, with_words
from tryon.studio.options import OptionsForm, form_field, json_schema
from tryon.studio.plans import Plan


@pytest.fixture
def providers(tryon_settings: Callable[..., None]) -> None:
    tryon_settings(PROVIDERS=settings("studio", "person", "themed"))


@pytest.fixture
def mannequin(preset_model: PresetModel) -> PresetModel:
    preset_model.mannequin = "female-m-light"
    preset_model.save()
    return preset_model


def counted(plan: Plan) -> int:
    return sum(len(units) for _garment, _reason, units in plan.rows())


# ---------------------------------------------------------------- the count


def test_the_count_is_models_times_themes_times_variants(providers, make_garment, preset_model, other_model):
    garments = [make_garment(str(number)).pk for number in range(5)]
    brief = Brief(models=(preset_model.pk, other_model.pk), themes=("Beach", "at night"), variants=3)
    plan = Plan(brief, garments)
    assert plan.quote().shots == 5 * 2 * 2 * 3 == counted(plan)
    assert not TryOnResult.objects.exists()


def test_quote_and_rows_agree_whatever_is_left_out(providers, make_garment, preset_model, other_model, make_result):
    """The two ways to count, one by SQL and one row by row, over every combination."""
    garments = [
        make_garment("a"),
        make_garment("b", category=Category.LOWER.value),
        make_garment("off", active=False),
        make_garment("c"),
    ]
    make_result(garments[0], preset_model=preset_model, files=False)
    make_result(garments[0], preset_model=preset_model, files=False)  # twice is there once
    make_result(garments[1], Status.QUEUED, preset_model=other_model)
    make_result(garments[3], Status.FAILED, preset_model=preset_model)
    make_result(garments[3], preset_model=None, files=False)
    keys = [garment.pk for garment in garments]
    both = (preset_model.pk, other_model.pk)
    seen = set()
    for models in ((), both[:1], both):
        for generated in (False, True):
            for chosen in ((), ("person",), ("studio", "person"), ("themed",)):
                for themes in ((), ("Beach",), ("x", "Park")):
                    for only_missing in (False, True):
                        brief = Brief(models, generated, themes, 2, chosen, only_missing=only_missing)
                        quote = Plan(brief, keys).quote()
                        assert quote.shots == counted(Plan(brief, keys)), brief
                        assert quote.skipped_number == len(list(Plan(brief, keys).skipped())), brief
                        seen.add(quote.shots)
    assert len(seen) > 8  # the cases do differ


def test_only_missing_says_how_many_are_there(providers, make_garment, preset_model, other_model, make_result):
    garments = [make_garment("a"), make_garment("b")]
    make_result(garments[0], preset_model=preset_model, files=False)
    brief = Brief((preset_model.pk, other_model.pk))
    assert Plan(brief, [garment.pk for garment in garments]).quote().made == 1
    missing = Brief((preset_model.pk, other_model.pk), only_missing=True)
    assert Plan(missing, [garment.pk for garment in garments]).quote().shots == 3


def test_a_shot_that_a_reviewer_refused_is_not_there(providers, garment, preset_model, make_result):
    make_result(garment, preset_model=preset_model).outputs.update(review="rejected")
    assert Plan(Brief((preset_model.pk,), only_missing=True), [garment.pk]).quote().shots == 1


def test_why_a_garment_is_skipped(providers, tryon_settings, make_garment, preset_model):
    off = make_garment("off", active=False)
    lower = make_garment("lower", category=Category.LOWER.value)
    by_hand = Brief((preset_model.pk,), providers=("person",))
    reasons = dict(Plan(by_hand, [off.pk, lower.pk]).skipped())
    assert reasons == {off: "switched off", lower: "no provider that is chosen can make it with this model or theme"}
    tryon_settings(PROVIDERS=settings("person"))
    assert dict(Plan(Brief((preset_model.pk,)), [lower.pk]).skipped()) == {
        lower: "no provider makes shots of this category"
    }
    assert dict(Plan(Brief(()), [lower.pk]).skipped()) == {lower: "no model is chosen"}


def test_unknown_garments_models_and_providers_come_to_nothing(providers, garment, preset_model):
    assert Plan(Brief((preset_model.pk,)), [0, 10**9]).quote().shots == 0
    assert Plan(Brief((0,)), [garment.pk]).quote().shots == 0
    assert Plan(Brief((preset_model.pk,), providers=("nobody",)), [garment.pk]).quote().shots == 0


# ---------------------------------------------------------------- who makes it


def test_the_route_decides_unless_somebody_is_chosen(providers, garment, preset_model):
    plan = Plan(Brief((preset_model.pk,)), [garment.pk])
    ((unit,),) = [units for _garment, _reason, units in plan.rows()]
    assert (unit.provider.alias, unit.pinned) == ("studio", False)
    chosen = Plan(Brief((preset_model.pk,), providers=("themed", "person")), [garment.pk])
    ((one, other),) = [units for _garment, _reason, units in chosen.rows()]
    assert [(unit.provider.alias, unit.pinned) for unit in (one, other)] == [("themed", True), ("person", True)]


def test_a_provider_that_dresses_photos_gets_no_drawing(providers, tryon_settings, garment, mannequin):
    tryon_settings(PROVIDERS=settings("person", "studio"))
    for brief in (Brief((mannequin.pk,)), Brief(generated=True)):
        (line,) = Plan(brief, [garment.pk]).quote().lines
        assert line.alias == "studio"


def test_a_theme_is_told_in_the_providers_own_way(providers):
    themed, studio, person = (get_provider(alias) for alias in ("themed", "studio", "person"))
    shot = Operation.MODEL_SHOT
    assert with_words(themed, shot, {}, "Beach") == {"theme": "Beach"}
    assert with_words(themed, shot, {}, "on the moon") is None
    assert with_words(studio, shot, {"prompt": "smiling"}, "Beach") == {"prompt": "smiling, Beach"}
    assert with_words(studio, shot, {}, "x" * 401) is None
    assert with_words(person, shot, {}, "Beach") is None
    assert theme_choices([person, themed], shot) == ["Beach", "Park"]


def test_variants_with_a_seed_are_different_pictures(providers, garment, preset_model):
    brief = Brief((preset_model.pk,), variants=3, options={"studio": {"seed": 7}})
    ((*units,),) = [units for _garment, _reason, units in Plan(brief, [garment.pk]).rows()]
    assert [unit.options["seed"] for unit in units] == [7, 8, 9]


def test_a_bad_option_is_found_before_anything_is_made(providers, garment, preset_model):
    brief = Brief((preset_model.pk,), options={"studio": {"seed": 100}})
    with pytest.raises(TryOnError, match="seed: over 99"):
        Plan(brief, [garment.pk]).check()


# ---------------------------------------------------------------- the price


def test_the_price_of_each_provider(providers, make_garment, preset_model):
    keys = [make_garment(str(number)).pk for number in range(4)]
    quote = Plan(Brief((preset_model.pk,), variants=2, providers=("studio", "person")), keys).quote()
    assert {line.alias: (line.shots, line.least, line.most) for line in quote.lines} == {
        "studio": (8, Decimal("4.00"), Decimal("4.00")),
        "person": (8, Decimal("0.80"), Decimal("0.80")),
    }
    assert quote.most == Decimal("4.80")
    assert not quote.over_budget


def test_the_quote_covers_whoever_may_have_to_make_it(tryon_settings, make_garment, preset_model):
    """``person`` is first and cheap; when it fails, ``studio`` may make the pictures, which costs more."""
    tryon_settings(PROVIDERS=settings("person", "studio"))
    keys = [make_garment(str(number)).pk for number in range(3)]
    quote = Plan(Brief((preset_model.pk,)), keys).quote()
    assert [(line.alias, line.most, line.ceiling) for line in quote.lines] == [
        ("person", Decimal("0.30"), Decimal("1.50"))
    ]
    assert (quote.least, quote.most) == (Decimal("0.30"), Decimal("1.50"))
    pinned = Plan(Brief((preset_model.pk,), providers=("person",)), keys).quote()
    assert pinned.most == Decimal("0.30")


def test_a_theme_goes_to_the_first_that_can_be_told_and_what_nobody_makes_is_counted(
    tryon_settings, make_garment, preset_model
):
    tryon_settings(PROVIDERS=settings("person", "studio", "themed"))
    keys = [make_garment("a").pk, make_garment("b").pk, make_garment("c", category="lower").pk]
    quote = Plan(Brief((preset_model.pk,), themes=("on a roof",)), keys).quote()
    assert ([(line.alias, line.shots) for line in quote.lines], quote.dropped) == ([("studio", 3)], {})
    compared = Brief((preset_model.pk,), themes=("Beach", "on a roof"), providers=("person", "themed", "gone"))
    quote = Plan(compared, keys).quote()
    assert [(line.alias, line.shots) for line in quote.lines] == [("themed", 3)]
    assert quote.dropped == {
        "person can’t be told “Beach”": 2,
        "person can’t be told “on a roof”": 2,
        "person does not make shots of this category": 2,
        "themed can’t be told “on a roof”": 3,
        "gone is not ready": 6,
    }


def test_an_unknown_price_is_a_range(providers, garment, preset_model):
    quote = Plan(Brief((preset_model.pk,), providers=("themed",)), [garment.pk]).quote()
    assert quote.least == 0
    assert quote.most == Decimal("2.50")  # the most that is set aside for a call


def test_over_budget_names_the_number_that_fits(providers, tryon_settings, make_garment, preset_model):
    keys = [make_garment(str(number)).pk for number in range(10)]
    tryon_settings(CAPS={"shop": {"day": "2.20"}})
    quote = Plan(Brief((preset_model.pk,)), keys).quote()
    assert quote.over_budget
    assert quote.fits == 4
    assert quote.lines[0].left == Decimal("2.20")


def test_two_providers_share_the_budget_of_the_shop(providers, tryon_settings, make_garment, preset_model):
    keys = [make_garment(str(number)).pk for number in range(4)]
    tryon_settings(CAPS={"shop": {"day": "2.15"}})
    quote = Plan(Brief((preset_model.pk,), providers=("studio", "person")), keys).quote()
    assert quote.fits == 4 + 1  # all of the first, and of the second what is left for
    tryon_settings(CAPS={"shop": {"day": "100"}, "providers": {"person": {"day": "0.20"}}})
    assert Plan(Brief((preset_model.pk,), providers=("studio", "person")), keys).quote().fits == 4 + 2


# ---------------------------------------------------------------- as JSON


def test_a_brief_survives_json():
    brief = Brief((1, 2), True, ("Beach",), 4, ("studio",), {"studio": {"seed": 1}}, True)
    assert Brief.from_json(brief.as_json()) == brief


@pytest.mark.parametrize(
    "data",
    [
        {"variants": 5},
        {"variants": 0},
        {"variants": "x"},
        {"models": ["x"]},
        {"models": 3},
        {"options": 3},
        {"operation": "dance"},
        {"themes": [str(number) for number in range(13)]},
    ],
)
def test_what_is_no_brief_is_refused(data: dict[str, Any]):
    with pytest.raises(TryOnError) as error:
        Brief.from_json(data)
    assert error.value.code == "invalid"


# ---------------------------------------------------------------- forms and schemas of options

DECLARED = [
    Option("prompt", str, None, help="In words.", maximum=500),
    Option("mode", str, "fast", choices=("fast", "fine"), help="Speed."),
    Option("seed", int, None, minimum=0, maximum=9),
    Option("scale", float, 2.5, minimum=0, maximum=20),
    Option("crop", bool, True),
    Option("colour", str, None, pattern="#[0-9a-f]{6}"),
    Option("must", str, None, required=True, minimum=1),
]


@pytest.mark.parametrize(
    ("name", "value", "cleaned"),
    [
        ("prompt", "", None),
        ("prompt", "blue sky", "blue sky"),
        ("mode", "fine", "fine"),
        ("seed", "3", 3),
        ("scale", "1.5", 1.5),
        ("crop", "false", False),
        ("crop", "", None),
        ("colour", "#aabbcc", "#aabbcc"),
    ],
)
def test_a_field_cleans_as_the_option_does(name, value, cleaned):
    option = next(option for option in DECLARED if option.name == name)
    assert form_field(option).clean(value) == cleaned


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mode", "slow", "not one of fast, fine"),
        ("seed", "10", "over 9"),
        ("seed", "x", "not a int"),
        ("colour", "red", "not of the form"),
        ("must", "", "required"),
    ],
)
def test_a_field_says_what_is_wrong(name, value, words):
    option = next(option for option in DECLARED if option.name == name)
    with pytest.raises(forms.ValidationError, match=words):
        form_field(option).clean(value)


def test_every_option_of_every_provider_becomes_a_field(tryon_settings):
    """The hosted adapters' own declarations: a form that renders, and takes its own defaults."""
    names = {"fashn": "Fashn", "pixelcut": "Pixelcut", "pixelapi": "PixelAPI", "superstyle": "SuperStyle"}
    names["pebblely"] = "Pebblely"
    tryon_settings(
        PROVIDERS={
            alias: {
                "BACKEND": f"tryon.providers.{alias}.{name}Provider",
                "OPTIONS": {"api_key": "pk_live_x"},
            }
            for alias, name in names.items()
        }
    )
    number = 0
    for alias in names:
        provider = get_provider(alias)
        for operation, capability in provider.capabilities.items():
            form = OptionsForm(provider, operation, {})
            assert list(form.fields) == [option.name for option in capability.options]
            assert bool(form.as_div()) == bool(capability.options)
            defaults = {
                f"o-{alias}-{option.name}": str(option.default)
                for option in capability.options
                if option.default is not None
            }
            filled = OptionsForm(provider, operation, defaults)
            required = {option.name for option in capability.options if option.required}
            assert set(filled.errors) <= required
            if not required:
                assert filled.is_valid(), filled.errors
            number += len(capability.options)
            for option in capability.options:
                assert json_schema(option)["description"] == option.help
    assert number > 60


def test_a_schema_has_range_choices_and_default():
    assert json_schema(DECLARED[3]) == {
        "type": "number",
        "description": "",
        "minimum": 0,
        "maximum": 20,
        "default": 2.5,
    }
    assert json_schema(DECLARED[1])["enum"] == ["fast", "fine"]
    assert json_schema(DECLARED[0])["maxLength"] == 500


def test_garments_are_left_as_they_are(providers, garment, preset_model):
    before = Garment.objects.values().get()
    Plan(Brief((preset_model.pk,)), [garment.pk]).quote()
    assert Garment.objects.values().get() == before


def test_what_must_be_chosen_begins_with_a_choice():
    """Nobody else would choose: "as the provider chooses" would be refused by the form."""
    must = form_field(Option("model", str, None, choices=("fast", "fine"), required=True))
    may = form_field(Option("model", str, None, choices=("fast", "fine")))
    assert [value for value, _words in must.widget.choices] == ["fast", "fine"]
    assert [value for value, _words in may.widget.choices] == ["", "fast", "fine"]
