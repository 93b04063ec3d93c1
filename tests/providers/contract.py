"""What every hosted provider must keep, whatever it speaks. A test class for each adapter inherits from this one."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.providers.fakes import jpeg
from tests.providers.server import Canned, Seen, Server
from tryon.choices import Category, Operation, ProviderStatus
from tryon.errors import ERRORS
from tryon.images.probe import probe
from tryon.providers.base import CallStyle, Charged, Option, ProviderError, TryOnRequest
from tryon.providers.hosted import SEED, TODAY, HostedProvider

KEY = "sk_live_canary_0123456789"
PERSON, GARMENT, PICTURE = jpeg(600, 800), jpeg(500, 600, "#335577"), jpeg(640, 640, "#775533")
JOB = "job-0123456789"


class ProviderContract:
    """An adapter's test class says how its API answers; the tests here do the rest, against a real server."""

    backend: ClassVar[type[HostedProvider]]
    category_is_optional: ClassVar[bool] = False  # without one an option's own default is sent
    versions: ClassVar[tuple[str, ...]] = (TODAY, SEED)

    # ------------------------------------------------------------ to be told by the adapter's test

    def accepted(self, operation: Operation, version: str) -> Canned:
        """The answer to a submit that is taken."""
        raise NotImplementedError

    def sent(self, seen: Seen) -> Mapping[str, Any]:
        """The parameters of a submit, by their names in the API; texts for those of multipart."""
        return seen.json

    def job(self, word: str, operation: Operation) -> Canned:
        """The answer about a job whose status is ``word``, with a result when that word is the good end."""
        raise NotImplementedError

    def failed_job(self, code: str) -> Canned | None:
        """The answer about a job that failed with ``code``; None when jobs can't."""
        return None

    def refusal(self, code: str) -> Canned | None:
        """The refusal of a submit with ``code``; None when only jobs fail with it."""
        raise NotImplementedError

    def balances(self, version: str) -> list[tuple[Canned, float]]:
        """Answers about the account with the credits in them; [] when it can't be asked."""
        return []

    def contexts(self, operation: Operation, provider: HostedProvider) -> Iterator[tuple[dict[str, Any], Option]]:
        """Each option with the other options that it needs beside it."""
        options = provider.capabilities[operation].options
        needed = {option.name: sample(option) for option in options if option.required}
        for option in options:
            yield needed, option

    # ------------------------------------------------------------ helpers

    def make(self, server: Server, version: str = TODAY, **options: Any) -> HostedProvider:
        base = {"api_key": KEY, "base_url": server.url, "allow_private_hosts": True, "timeout": 3}
        return self.backend("alias", **{**base, "api_version": version, **options})

    def request(self, operation: Operation, **changes: Any) -> TryOnRequest:
        common = {
            "operation": operation,
            "person": PERSON,
            "garment": GARMENT,
            "picture": PICTURE,
            "category": Category.UPPER,
            "description": "Navy crew tee",
            "reference": "ref1",
        }
        return TryOnRequest(**{**common, **changes})

    def minimal(self, provider: HostedProvider, operation: Operation, **changes: Any) -> TryOnRequest:
        """A request with nothing but what is required."""
        context, _ = next(self.contexts(operation, provider), ({}, None))
        options = {**context, **changes.pop("options", {})}
        return self.request(operation, options=options, **changes)

    def each(self, server: Server) -> Iterator[tuple[HostedProvider, Operation, str]]:
        for version in self.versions:
            provider = self.make(server, version)
            for operation in provider.capabilities:
                yield provider, operation, version

    # ------------------------------------------------------------ settings

    @pytest.mark.parametrize("value", [None, "", "  ", 7])
    def test_a_missing_key_is_a_configuration_error(self, value: Any) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            self.backend("alias", api_key=value)
        assert 'TRYON["PROVIDERS"]["alias"]["OPTIONS"]["api_key"]' in str(caught.value)
        assert self.backend.key_variable in str(caught.value)

    @pytest.mark.parametrize(
        "options",
        [
            {"apikey": "x"},
            {"api_version": "v2"},
            {"base_url": "http://api.example.com"},
            {"base_url": "https://user@api.example.com"},
            {"timeout": 0},
            {"timeout": "9"},
            {"rate": 5},
            {"rate": (0, 1)},
            {"result_hosts": "cdn.example.com"},
            {"options": {"no_such_parameter": 1}},
            {"api_key": "with\nnewline"},
        ],
        ids=str,
    )
    def test_settings_are_checked(self, options: dict[str, Any]) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            self.backend("alias", **{"api_key": KEY, **options})
        assert KEY not in str(caught.value)

    def test_settings_are_taken(self) -> None:
        provider = self.backend(
            "alias",
            api_key=KEY,
            base_url="https://eu.example.com/prefix/",
            rate=[7, 2],
            result_hosts=["cdn.example.com"],
        )
        assert provider.rate is not None
        assert (provider.rate.calls, provider.rate.seconds) == (7, 2.0)
        assert {"cdn.example.com", "eu.example.com"} <= set(provider.download_hosts())
        assert provider.paid
        assert provider.leaves_server
        assert not provider.problems()

    def test_defaults_of_the_settings_are_used_and_requests_go_over_them(self, server: Server) -> None:
        for provider, operation, version in self.each(server):
            for context, option in self.contexts(operation, provider):
                values = samples(option)
                if option.sent and option.type is not bool and len(values) > 1 and option.name not in context:
                    again = self.make(server, version, options={option.name: values[0]})
                    cleaned = again.clean_options(operation, context)
                    assert cleaned[option.name] == values[0], (operation, option.name)
                    cleaned = again.clean_options(operation, {**context, option.name: values[-1]})
                    assert cleaned[option.name] == values[-1], (operation, option.name)
                    break

    # ------------------------------------------------------------ what is sent

    def test_every_option_is_sent_as_declared(self, server: Server) -> None:
        for provider, operation, version in self.each(server):
            for context, option in self.contexts(operation, provider):
                for value in samples(option) if option.sent else ():
                    server.answers(self.accepted(operation, version))
                    request = self.request(operation, options={**context, option.name: value})
                    provider.submit(request)
                    sent = self.sent(server.last)
                    assert option.name in sent, (operation, version, option.name)
                    assert same(sent[option.name], value), (operation, version, option.name, sent[option.name], value)

    def test_defaults_are_sent_as_declared(self, server: Server) -> None:
        for provider, operation, version in self.each(server):
            for context, option in self.contexts(operation, provider):
                server.answers(self.accepted(operation, version))
                provider.submit(
                    self.request(
                        operation, options=context, category=None if self.category_is_optional else Category.UPPER
                    )
                )
                if option.default is None and option.name not in context:
                    continue
                if option.sent and option.name not in context:
                    assert same(self.sent(server.last).get(option.name), option.default), (operation, option.name)

    def test_what_is_not_declared_or_out_of_range_is_refused_before_a_request(self, server: Server) -> None:
        for provider, operation, _version in self.each(server):
            for context, option in self.contexts(operation, provider):
                for value in bad_values(option):
                    options = {**context, option.name: value}
                    error = refused(provider, self.request(operation, options=options))
                    assert error.code == "invalid", (operation, option.name, value)
            error = refused(provider, self.minimal(provider, operation, options={"no_such_option": 1}))
            assert (error.code, error.charged) == ("invalid", Charged.NO)
        assert server.seen == []

    def test_what_is_required_is_required(self, server: Server) -> None:
        for provider, operation, _version in self.each(server):
            capability = provider.capabilities[operation]
            for name in capability.inputs:
                missing = {name: None, "garment": None} if name == "picture" else {name: None}
                error = refused(provider, self.minimal(provider, operation, **missing))
                assert error.code == "invalid", (operation, name)
            for option in capability.options:
                if option.required:
                    assert refused(provider, self.request(operation)).code == "invalid"
        for operation in Operation:
            if operation not in provider.capabilities:
                assert refused(provider, self.request(operation)).code == "invalid"
        assert server.seen == []

    def test_the_key_is_sent_in_its_header_only(self, server: Server) -> None:
        for provider, operation, version in self.each(server):
            server.answers(self.accepted(operation, version))
            provider.submit(self.minimal(provider, operation))
            seen = server.last
            name, form = self.backend.key_header
            assert seen.headers.pop(name.lower()) == form.format(key=KEY)
            assert seen.headers["user-agent"].startswith("django-tryon/")
            assert KEY not in f"{seen.path}{seen.query}{seen.headers}"
            assert KEY.encode() not in seen.data

    def test_a_path_prefix_is_kept(self, server: Server) -> None:
        for version in self.versions:
            provider = self.make(server, version, base_url=f"{server.url}/some/prefix")
            operation = next(iter(provider.capabilities))
            server.answers(self.accepted(operation, version))
            provider.submit(self.minimal(provider, operation))
            assert server.last.path.startswith("/some/prefix/")

    # ------------------------------------------------------------ pictures

    def test_large_pictures_are_shrunk_and_small_ones_refused(self, server: Server) -> None:
        for provider, operation, version in self.each(server):
            capability = provider.capabilities[operation]
            for name in capability.inputs:
                if capability.max_edge:
                    large = tall(capability.max_edge + 100)
                    fitted = provider.picture(self.request(operation, **{name: large}), name)
                    assert max(fitted.width, fitted.height) <= capability.max_edge
                    assert probe(fitted.data)[1:] == (fitted.width, fitted.height)
                if capability.min_side:
                    small = jpeg(capability.min_side - 1, 400)
                    error = refused(provider, self.minimal(provider, operation, **{name: small}))
                    assert (error.code, error.params["limit"]) == ("image_too_small", capability.min_side)
                    enough = jpeg(capability.min_side, capability.min_side)
                    server.answers(self.accepted(operation, version))
                    provider.submit(self.minimal(provider, operation, **{name: enough}))
                    server.seen.clear()
            assert server.seen == []

    # ------------------------------------------------------------ what comes back

    def test_an_accepted_submit(self, server: Server) -> None:
        for provider, operation, version in self.each(server):
            server.answers(self.accepted(operation, version))
            submission = provider.submit(self.minimal(provider, operation))
            assert len(server.seen) == 1
            assert (submission.job_id is None) == bool(submission.outputs)
            for output in submission.outputs:
                assert (output.data is None) == bool(output.url)

    def test_every_status_is_known(self, server: Server) -> None:
        if self.backend.style == CallStyle.BLOCKING and not self.backend.STATUS:
            pytest.skip("answers at once")
        for provider, operation, _version in self.each(server):
            for word, expected in self.backend.STATUS.items():
                server.answers(self.job(word, operation))
                update = provider.poll(JOB, operation=operation)
                assert update.status == expected, (operation, word)
                assert bool(update.outputs) == (expected == ProviderStatus.SUCCEEDED)
                if expected not in (ProviderStatus.QUEUED, ProviderStatus.PROCESSING, ProviderStatus.SUCCEEDED):
                    assert update.error is not None
            server.answers(self.job("warming", operation))
            with pytest.raises(ProviderError) as caught:
                provider.poll(JOB, operation=operation)
            assert caught.value.retryable, "a word that we do not know is asked again"
            assert "warming" in caught.value.detail

    def test_every_code_of_the_table(self, server: Server) -> None:
        provider = self.make(server)
        operation = next(iter(provider.capabilities))
        for code, fault in self.backend.ERRORS.items():
            assert fault.code in ERRORS
            answers = (self.refusal(code), self.failed_job(code))
            assert any(answers), f"{code} is in the table and never seen"
            if answers[0]:
                server.answers(answers[0])
                error = refused(provider, self.minimal(provider, operation))
                assert (error.code, error.retryable, error.charged) == (fault.code, fault.retryable, fault.charged), (
                    code
                )
                assert code in error.detail
                assert error.text, "the shopper is told something"
                assert "…" not in error.text or "minutes" in error.text, f"{code}: {error.text}"
                assert len(server.seen) == 1
            if answers[1]:
                server.answers(answers[1])
                update = provider.poll(JOB, operation=operation)
                assert update.error is not None
                assert update.error.code == fault.code, code
                ends = {"content_blocked": ProviderStatus.BLOCKED, "canceled": ProviderStatus.CANCELED}
                assert update.status == ends.get(fault.code, ProviderStatus.FAILED)

    def test_every_status_without_a_code(self, server: Server) -> None:
        provider = self.make(server)
        operation = next(iter(provider.capabilities))
        for status in (*self.backend.BY_STATUS, 418, 500, 504, 520, 103):
            server.answers(Canned(status, b"<html>oops</html>", {"Content-Type": "text/html", "X-Request-Id": "req-7"}))
            error = refused(provider, self.minimal(provider, operation))
            fault = self.backend.BY_STATUS.get(status)
            if fault is None:
                assert (error.retryable, error.charged) == (False, Charged.UNKNOWN), status
            else:
                assert (error.code, error.retryable, error.charged) == (fault.code, fault.retryable, Charged.NO), status
            assert f"HTTP {status}" in error.detail or status == 103
            assert "req-7" in error.detail or status == 103
            assert len(server.seen) == 1

    def test_rate_limits_say_how_long(self, server: Server) -> None:
        provider = self.make(server)
        operation = next(iter(provider.capabilities))
        for value, seconds in (("7", 7), ("Fri, 31 Dec 2099 23:59:59 GMT", 600), ("86400", 600)):
            server.answers(Canned(429, b"", {"Retry-After": value}))
            error = refused(provider, self.minimal(provider, operation))
            assert (error.retryable, error.retry_after, error.charged) == (True, seconds, Charged.NO)

    def test_a_submit_is_sent_once(self, server: Server) -> None:
        provider = self.make(server, timeout=0.4)
        operation = next(iter(provider.capabilities))
        unknown = (
            Canned(200, {}, delay=9),
            Canned(200, b"{" + b" " * 500, drip=0.05),
            Canned(200, b'{"id":"a","job_id":"a","data"', length=500, cut=10),
            Canned(drop=True),
            Canned(500),
            Canned(504),
            Canned(307, headers={"Location": f"{server.url}/elsewhere"}),
            *(Canned(200, body) for body in (b"null", b"[]", b'"x"', b"7", b"", b"{}", b"{", b"[" * 100_000)),
            Canned(200, b'{"id":"a","id":"b"}'),
        )
        for canned in unknown:
            server.answers(canned)
            error = refused(provider, self.minimal(provider, operation))
            assert (error.retryable, error.charged) == (False, error.charged), canned
            assert error.charged in (Charged.UNKNOWN, Charged.YES), canned
            assert len(server.seen) == 1, canned

    def test_a_page_instead_of_an_answer_is_not_the_provider(self, server: Server) -> None:
        provider = self.make(server)
        operation = next(iter(provider.capabilities))
        server.answers(Canned(200, b"<html>Please log in</html>", {"Content-Type": "text/html"}))
        error = refused(provider, self.minimal(provider, operation))
        assert (error.code, error.charged) == ("provider_down", Charged.NO)

    def test_questions_that_fail_are_asked_again(self, server: Server) -> None:
        if not self.backend.STATUS:
            pytest.skip("answers at once")
        provider = self.make(server, timeout=1)
        operation = next(iter(provider.capabilities))
        for canned in (Canned(500), Canned(502), Canned(429), Canned(401), Canned(drop=True), Canned(200, b"{")):
            server.answers(canned)
            with pytest.raises(ProviderError) as caught:
                provider.poll(JOB, operation=operation)
            assert caught.value.retryable, canned
        for canned in (Canned(404), Canned(410), Canned(400)):
            server.answers(canned)
            with pytest.raises(ProviderError) as caught:
                provider.poll(JOB, operation=operation)
            assert (caught.value.retryable, caught.value.charged) == (False, Charged.YES), canned
            assert caught.value.code == "provider_down"

    @pytest.mark.parametrize("job_id", ["../credits", "a/b", "a b", "..", "", "a\r\nX: y", "x" * 200])
    def test_odd_ids_go_into_no_path(self, job_id: str, server: Server) -> None:
        provider = self.make(server)
        with pytest.raises(ProviderError):
            provider.poll(job_id, operation=next(iter(provider.capabilities)))
        assert server.seen == []

    def test_balance(self, server: Server) -> None:
        for version in self.versions:
            provider = self.make(server, version)
            known = self.balances(version)
            if not known:
                assert provider.balance() is None
            for canned, credits in known:
                server.answers(canned)
                balance = provider.balance()
                assert balance is not None
                assert balance.credits == credits
            for canned in (Canned(200, {}), Canned(401), Canned(500), Canned(200, b"[]")) if known else ():
                server.answers(canned)
                with pytest.raises(ProviderError):
                    provider.balance()

    # ------------------------------------------------------------ keys, and where it may go

    def test_the_key_is_told_to_nobody(self, server: Server, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        provider = self.make(server, timeout=0.5)
        operation = next(iter(provider.capabilities))
        echo = dict.fromkeys(("error", "message", "detail", "error_code"), f"bad key {KEY}")
        for canned in (Canned(401, echo), Canned(500, echo), Canned(drop=True), Canned(200, {}, delay=5)):
            server.answers(canned)
            error = refused(provider, self.minimal(provider, operation))
            assert KEY not in "".join(traceback.format_exception(error)) + repr(vars(error))
        assert KEY not in caplog.text
        assert KEY not in repr(vars(provider)) + repr(provider.client) + repr(vars(provider.client))

    def test_an_inner_address_is_called_only_where_it_is_allowed(self, server: Server) -> None:
        url = server.url.replace("http://", "https://")
        provider = self.backend("alias", api_key=KEY, base_url=url)
        operation = next(iter(provider.capabilities))
        error = refused(provider, self.minimal(provider, operation))
        assert (error.code, error.charged) == ("config", Charged.NO)
        assert server.connections == 0


@functools.cache
def tall(height: int) -> bytes:
    return jpeg(600, height)


def refused(provider: HostedProvider, request: TryOnRequest) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.submit(request)
    return caught.value


def sample(option: Option) -> Any:
    return samples(option)[0]


def samples(option: Option) -> list[Any]:
    """Good values of an option, with those at the edges of its range."""
    if option.choices:
        return list(option.choices)
    if option.type is bool:
        return [True, False]
    if option.type is str:
        text = "#a0B1c2" if option.pattern.startswith("#") else "two words"
        longest = [] if option.maximum is None else ["x" * int(option.maximum)]
        return [text, *longest]
    edges = [edge for edge in (option.minimum, option.maximum) if edge is not None]
    return [option.type(edge) for edge in edges] or [option.type(7)]


def bad_values(option: Option) -> list[Any]:
    bad: list[Any] = ["no such choice"] if option.choices and option.type is str else []
    if option.type is bool:
        bad.append("perhaps")
    elif option.type in (int, float):
        bad += ["many", True, float("nan"), float("inf")]
        bad += [option.minimum - 1] if option.minimum is not None else []
        bad += [option.maximum + 1] if option.maximum is not None else []
    else:
        bad += [7, ["x"], {}]
        bad += ["x" * (int(option.maximum) + 1)] if option.maximum is not None else []
        bad += ["§"] if option.pattern else []
    return bad


def same(sent: Any, value: Any) -> bool:
    """Multipart knows texts only."""
    if isinstance(sent, str) and not isinstance(value, str):
        return sent == (str(value).lower() if isinstance(value, bool) else str(value))
    return bool(sent == value) and type(sent) in (type(value), int, float)
