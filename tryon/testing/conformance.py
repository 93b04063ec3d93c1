"""What every provider must keep, wherever it makes its pictures."""

from __future__ import annotations

import re
import unittest
from collections.abc import Iterator
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from tryon.choices import Category, Operation
from tryon.providers.base import (
    Balance,
    CallStyle,
    Capability,
    Charged,
    Option,
    Output,
    Provider,
    ProviderError,
    Submission,
    TryOnRequest,
)
from tryon.testing import expect
from tryon.testing.pictures import jpeg
from tryon.testing.samples import bad_values, samples

PERSON, GARMENT, PICTURE = jpeg(600, 800), jpeg(500, 600, "#335577"), jpeg(640, 640, "#775533")
JOB = "job-0123456789"
ODD_IDS = ("../credits", "a/b", "a b", "..", "", "a\r\nX: y", "a?b=c", "x" * 200)


class ProviderConformance:
    """Subclass it as ``Test...``, say which ``backend`` it is about, and run pytest."""

    backend: ClassVar[type[Provider]]

    # ------------------------------------------------------------ to be told where the usual does not fit

    def provider(self, **settings: Any) -> Provider:
        """A provider that is ready to work, with these OPTIONS."""
        return self.backend("conformance", **settings)

    def request(self, operation: Operation, **changes: Any) -> TryOnRequest:
        """A request with all that a provider may want, and no options."""
        common: dict[str, Any] = {
            "operation": operation,
            "person": PERSON,
            "garment": GARMENT,
            "picture": PICTURE,
            "category": Category.UPPER,
            "description": "Navy crew tee",
            "reference": "ref1",
        }
        return TryOnRequest(**{**common, **changes})

    def values(self, option: Option) -> list[Any]:
        """Values that ``option`` takes. To be told for a pattern that the kit has no text for."""
        return samples(option)

    def contexts(self, operation: Operation, provider: Any) -> Iterator[tuple[dict[str, Any], Option]]:
        """Each option with the other options that it needs beside it."""
        options = provider.capabilities[operation].options
        needed = {option.name: self.values(option)[0] for option in options if option.required}
        for option in options:
            yield needed, option

    # ------------------------------------------------------------ tools

    def minimal(self, provider: Provider, operation: Operation, **changes: Any) -> TryOnRequest:
        """A request with no options but those that are required."""
        context = next(self.contexts(operation, provider), ({}, None))[0]
        return self.request(operation, options={**context, **changes.pop("options", {})}, **changes)

    def variants(self) -> Iterator[tuple[Provider, Operation, str]]:
        """Each operation of each form of the API: (provider, operation, api_version)."""
        provider = self.provider()
        for operation in provider.capabilities:
            yield provider, operation, ""

    def refused(self, provider: Provider, request: TryOnRequest, rule: str = "is refused") -> ProviderError:
        return expect.failure(ProviderError, rule, provider.submit, request)

    def nothing_was_sent(self, rule: str) -> None:
        """A provider that sends nothing anywhere keeps this by itself."""

    # ------------------------------------------------------------ declarations

    def test_it_says_what_it_is(self) -> None:
        expect.that(re.fullmatch(r"[a-z][a-z0-9_]*", self.backend.label), "label is a short lower-case name")
        expect.that(isinstance(self.backend.style, CallStyle), "style is a CallStyle")
        expect.that("options" in self.backend.settings_options, "the settings may hold defaults, in options")
        provider = self.provider()
        expect.equal(provider.alias, "conformance", "the alias of the settings is kept")
        expect.that(all(isinstance(problem, str) for problem in provider.problems()), "problems are texts")
        self.nothing_was_sent("problems() asks nobody")

    def test_capabilities_are_sound(self) -> None:
        for provider, operation, version in self.variants():
            where = f"{operation.value} {version}"
            capability = provider.capabilities[operation]
            expect.equal((type(operation), type(capability)), (Operation, Capability), f"{where}: types")
            expect.that(capability.categories <= set(Category) and capability.categories, f"{where}: categories")
            expect.that(provider.can(operation), f"{where}: it can what it declares")
            for category in Category:
                expect.equal(provider.can(operation, category), category in capability.categories, f"{where}: can")
            expect.that(capability.cost is None or capability.cost >= 0, f"{where}: cost is not below 0")
            expect.that(self.backend.paid or not capability.cost, f"{where}: what is not paid costs nothing")
            if capability.max_edge and capability.min_side:
                expect.that(capability.min_side <= capability.max_edge, f"{where}: min_side is within max_edge")

    def test_options_are_declared_well(self) -> None:
        for provider, operation, version in self.variants():
            options = provider.capabilities[operation].options
            names = [option.name for option in options]
            expect.equal(len(names), len(set(names)), f"{operation.value} {version}: an option is declared once")
            for option in options:
                where = f"{operation.value} {version}: option {option.name}"
                expect.that(option.help, f"{where} has a help text")
                expect.that(not (option.required and option.default is not None), f"{where}: required, or a default")
                if option.default is not None:
                    expect.equal(option.clean(option.default), option.default, f"{where} takes its own default")
                for value in self.values(option):
                    expect.equal(option.clean(value), value, f"{where} takes what values() says")

    def test_unknown_settings_are_refused(self) -> None:
        rule = "a setting that is not known is a configuration error"
        error = expect.failure(ImproperlyConfigured, rule, self.provider, no_such_setting=1)
        expect.that("no_such_setting" in str(error), f"{rule}, which names it")

    # ------------------------------------------------------------ what is refused before any work

    def test_what_is_not_declared_or_out_of_range_is_refused(self) -> None:
        for provider, operation, version in self.variants():
            for context, option in self.contexts(operation, provider):
                for value in bad_values(option):
                    rule = f"{operation.value} {version}: {option.name}={value!r} is refused"
                    request = self.request(operation, options={**context, option.name: value})
                    expect.equal(self.refused(provider, request, rule).code, "invalid", rule)
            rule = f"{operation.value} {version}: an option that is not declared is refused"
            error = self.refused(provider, self.minimal(provider, operation, options={"no_such_option": 1}), rule)
            expect.equal((error.code, error.charged), ("invalid", Charged.NO), rule)
        self.nothing_was_sent("a bad option is refused before anything is sent")

    def test_what_is_required_is_required(self) -> None:
        for provider, operation, version in self.variants():
            capability = provider.capabilities[operation]
            for name in capability.inputs:
                rule = f"{operation.value} {version}: {name} is missing"
                missing = {name: None, "garment": None} if name == "picture" else {name: None}
                error = self.refused(provider, self.minimal(provider, operation, **missing), rule)
                expect.equal(error.code, "invalid", rule)
            for option in capability.options:
                if option.required:
                    rule = f"{operation.value} {version}: {option.name} is missing"
                    expect.equal(self.refused(provider, self.request(operation), rule).code, "invalid", rule)
        self.nothing_was_sent("what is missing is noticed before anything is sent")

    def test_what_it_cannot_do_is_refused(self) -> None:
        provider = self.provider()
        for operation in Operation:
            if operation not in provider.capabilities:
                expect.that(not provider.can(operation), f"can({operation.value})")
                rule = f"{operation.value} is not among the capabilities"
                expect.equal(self.refused(provider, self.request(operation), rule).code, "invalid", rule)
        self.nothing_was_sent("an operation that it can't do is refused before anything is sent")

    def test_odd_ids_are_refused(self) -> None:
        """An id goes into a path: nothing else than an id may."""
        provider = self.provider()
        operation = next(iter(provider.capabilities))
        for job_id in ODD_IDS:
            rule = f"the job id {job_id!r} is refused"
            expect.failure(ProviderError, rule, provider.poll, job_id, operation=operation)
        self.nothing_was_sent("an odd job id goes into no path")

    # ------------------------------------------------------------ the work

    def test_a_submit_gives_a_job_or_outputs(self) -> None:
        for provider, operation, _ in self.variants():
            if provider.problems():
                raise unittest.SkipTest(f"NOT RUN: {provider.problems()[0]}")
            self.check_submission(provider, provider.submit(self.minimal(provider, operation)), operation.value)

    def test_the_balance(self) -> None:
        expect.that(isinstance(self.provider().balance(), Balance | None), "balance is a Balance or None")

    def test_cancelling(self) -> None:
        expect.that(isinstance(self.provider().cancel(JOB), bool), "cancel is True or False")

    def check_submission(self, provider: Provider, submission: Submission, where: str) -> None:
        rule = f"{where}: a submit gives a job id, or (None) the outputs at once"
        expect.equal(submission.job_id is None, bool(submission.outputs), rule)
        self.check_outputs(provider, submission.outputs, where)

    def check_outputs(self, provider: Provider, outputs: tuple[Output, ...], where: str) -> None:
        for output in outputs:
            expect.equal(output.data is None, bool(output.url), f"{where}: an output has bytes or a URL")
            expect.that(output.data is None or len(output.data) > 0, f"{where}: an output is not empty")
