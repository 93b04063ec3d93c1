"""The whole kit for an adapter on ``tryon.providers.hosted``, with the rules for its settings and its secrets."""

from __future__ import annotations

import base64
import logging
import traceback
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from tryon.providers.base import Charged
from tryon.testing import expect
from tryon.testing.answering import AnswerRules
from tryon.testing.conformance import PERSON
from tryon.testing.scripted import Scripted
from tryon.testing.sending import SendingRules
from tryon.testing.server import Canned

WEBHOOK_TOKEN = "canary-of-the-webhook-0123456789"  # noqa: S105
WRONG_SETTINGS: tuple[dict[str, Any], ...] = (
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
)


class SettingsRules(Scripted):
    def test_a_missing_key_is_a_configuration_error(self) -> None:
        for value in (None, "", "  ", 7):
            rule = f"api_key={value!r}"
            error = expect.failure(ImproperlyConfigured, rule, self.backend, "alias", api_key=value)
            place = 'TRYON["PROVIDERS"]["alias"]["OPTIONS"]["api_key"]'
            expect.that(place in str(error), f"{rule}: the message says where")
            expect.that(self.backend.key_variable in str(error), f"{rule}: the message names a variable")

    def test_settings_are_checked(self) -> None:
        for wrong in WRONG_SETTINGS:
            options = {"api_key": self.key, **wrong}
            error = expect.failure(ImproperlyConfigured, f"OPTIONS {wrong}", self.backend, "alias", **options)
            expect.absent(self.key, str(error), f"OPTIONS {wrong}: the message holds no key")

    def test_settings_are_taken(self) -> None:
        provider = self.backend(
            "alias",
            api_key=self.key,
            base_url="https://eu.example.com/prefix/",
            rate=[7, 2],
            result_hosts=["cdn.example.com"],
        )
        rate = provider.rate
        expect.that(rate is not None and (rate.calls, rate.seconds) == (7, 2.0), "rate of the settings")
        hosts = {"cdn.example.com", "eu.example.com"}
        expect.that(hosts <= set(provider.download_hosts()), "results may come from result_hosts and base_url")
        expect.that(provider.paid and provider.leaves_server, "a hosted provider is paid and elsewhere")
        expect.equal(provider.problems(), [], "with its key it is ready")

    def test_an_inner_address_is_called_only_where_it_is_allowed(self) -> None:
        url = self.server.url.replace("http://", "https://")
        provider = self.backend("alias", api_key=self.key, base_url=url)
        operation = next(iter(provider.capabilities))
        rule = "a private address without allow_private_hosts"
        error = self.refused(provider, self.minimal(provider, operation), rule)
        expect.equal((error.code, error.charged), ("config", Charged.NO), rule)
        expect.equal(self.server.connections, 0, f"{rule}: nobody is called")


class SecretRules(Scripted):
    def test_secrets_are_told_to_nobody(self) -> None:
        """The key, the webhook's token and the photo: in no error, no log and no representation."""
        provider, operation = self.first(timeout=0.5)
        echo = dict.fromkeys(("error", "message", "detail", "error_code", "code"), f"bad key {self.key}")
        secrets = (self.key, WEBHOOK_TOKEN, base64.b64encode(PERSON).decode()[:60])
        request = self.minimal(provider, operation, webhook_url=f"https://shop.example.com/hook/?t={WEBHOOK_TOKEN}")
        with _Log() as log:
            for canned in (Canned(401, echo), Canned(500, echo), Canned(drop=True), Canned(200, {}, delay=5)):
                self.server.answers(canned)
                error = self.refused(provider, request, "a failure")
                shown = "".join(traceback.format_exception(error)) + repr(vars(error))
                for secret in secrets:
                    expect.absent(secret, shown, f"no secret is in an error ({secret[:12]}…)")
        for secret in secrets:
            expect.absent(secret, log.text, f"no secret is in a log ({secret[:12]}…)")
        shown = repr(vars(provider)) + repr(provider.client) + repr(vars(provider.client)) + repr(request)
        for secret in secrets:
            expect.absent(secret, shown, f"no secret is in a representation ({secret[:12]}…)")


class _Log(logging.Handler):
    """Everything that is logged meanwhile, by anybody."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{self.format(record)}\n"

    def __enter__(self) -> _Log:
        root = logging.getLogger()
        self._before = root.level
        root.setLevel(logging.DEBUG)
        root.addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        root = logging.getLogger()
        root.removeHandler(self)
        root.setLevel(self._before)


class HostedConformance(SettingsRules, SendingRules, AnswerRules, SecretRules):
    """Subclass it as ``Test...``, say how the API answers, and run pytest. See ``Scripted`` for what to tell."""
