"""The conformance kit: a good adapter passes every rule, each broken one fails at the rule that it breaks."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.providers.acme import LINK, OPTIONS, AcmeProvider, AcmeSuite, AtHome
from tests.providers.suites import FOLDER, hosted_suites, suites
from tryon.choices import Operation, ProviderStatus
from tryon.providers.answers import Fault
from tryon.providers.base import Balance, Capability, Charged, Option, Output, Provider, ProviderError, TryOnRequest
from tryon.providers.hosted import HostedProvider
from tryon.testing import HostedConformance, ProviderConformance, sample

PROJECT = Path(__file__).resolve().parents[2]


def broken_rules(suite: type[ProviderConformance]) -> dict[str, str]:
    """What a run of pytest would report: rule -> why. Rules that do not apply are left out."""
    found = {}
    for name in sorted(dir(suite)):
        if not name.startswith("test_"):
            continue
        instance = suite()
        try:
            getattr(instance, name)()
        except unittest.SkipTest:
            continue
        except Exception as error:  # noqa: BLE001  a broken adapter may raise anything
            found[name] = f"{type(error).__name__}: {error}"
        finally:
            getattr(instance, "teardown_method", lambda: None)()
    return found


def suite_for(provider: type[Any], base: type[Any] = AcmeSuite) -> type[ProviderConformance]:
    return type("Suite", (base,), {"backend": provider})


def with_capability(**changes: Any) -> type[AcmeProvider]:
    """Declares something else than it keeps to."""

    class Changed(AcmeProvider):
        @property
        def capabilities(self) -> Mapping[Operation, Capability]:
            return {name: replace(one, **changes) for name, one in super().capabilities.items()}

    return Changed


def test_a_good_adapter_passes() -> None:
    assert broken_rules(AcmeSuite) == {}
    assert broken_rules(suite_for(AtHome, ProviderConformance)) == {}


# ---------------------------------------------------------------- broken ones


class PostsTwice(AcmeProvider):
    def post(self, path: str, **arguments: Any) -> Any:
        try:
            return super().post(path, **arguments)
        except ProviderError:
            return super().post(path, **arguments)


class IgnoresOptions(AcmeProvider):
    def clean_options(self, operation: Operation, options: Mapping[str, Any]) -> dict[str, Any]:
        known = {option.name for option in OPTIONS}
        return super().clean_options(operation, {name: value for name, value in options.items() if name in known})


class RenamesAnOption(AcmeProvider):
    def post(self, path: str, **arguments: Any) -> Any:
        body = arguments["json"]
        body["quality_level"] = body.pop("quality")
        return super().post(path, **arguments)


class SendsPicturesAsTheyAre(AcmeProvider):
    def picture(self, request: TryOnRequest, name: str) -> Any:
        return request.image(name)


class PutsAnyIdIntoThePath(AcmeProvider):
    def known_job(self, job_id: str) -> str:
        return job_id


class TakesAnyId(AcmeProvider):
    def new_job(self, value: Any) -> str:
        return str(value)


class TakesOtherJobsResults(AcmeProvider):
    def same_job(self, body: Mapping[str, Any], field: str, job_id: str) -> None:
        pass


class WaitsForUnknownWords(AcmeProvider):
    def status_of(self, word: Any) -> ProviderStatus:
        return self.STATUS.get(word, ProviderStatus.PROCESSING)


class ForgetsTheExpiry(AcmeProvider):
    def output(self, body: Mapping[str, Any]) -> Output:
        return self.linked(LINK, None)


class ResultsFromElsewhere(AcmeProvider):
    result_hosts: ClassVar[tuple[str, ...]] = ()


class PrintsTheKey(AcmeProvider):
    def words(self, text: Any) -> str:
        return str(text)


class KeepsTheKeyOpen(AcmeProvider):
    def __init__(self, alias: str = "", **options: Any) -> None:
        super().__init__(alias, **options)
        self.options = options


class SendsTheKeyInTheBody(AcmeProvider):
    def post(self, path: str, **arguments: Any) -> Any:
        arguments["json"]["api_key"] = self._key.reveal()
        return super().post(path, **arguments)


class CallsLostAnswersFree(AcmeProvider):
    def post(self, path: str, **arguments: Any) -> Any:
        try:
            return super().post(path, **arguments)
        except ProviderError as error:
            error.charged = Charged.NO
            raise


class RepeatsWhatMayBePaid(AcmeProvider):
    def post(self, path: str, **arguments: Any) -> Any:
        try:
            return super().post(path, **arguments)
        except ProviderError as error:
            error.retryable = True
            raise


class NeverAsksAgain(AcmeProvider):
    def ask(self, path: str, **arguments: Any) -> Any:
        try:
            return super().ask(path, **arguments)
        except ProviderError as error:
            error.retryable = False
            raise


class MapsByStatus(AcmeProvider):
    def read_error(self, body: Any) -> tuple[str, str, Mapping[str, Any]]:
        return "", "", {}


class UnknownCode(AcmeProvider):
    ERRORS = {**AcmeProvider.ERRORS, "no_money": Fault("out_of_money")}


class SaysItCanceled(AcmeProvider):
    def cancel(self, job_id: str) -> bool:
        self.client.send("DELETE", f"/jobs/{self.known_job(job_id)}")
        return True


class InventsABalance(AcmeProvider):
    def balance(self) -> Balance | None:
        return Balance(float(self.get("/account").body.get("credits") or 0))


class AsksTheNetworkForProblems(AcmeProvider):
    def problems(self) -> list[str]:
        self.get("/account")
        return []


class ForgetsAnOperation(AcmeProvider):
    def capability(self, operation: Operation) -> Capability:
        return self.capabilities[Operation.TRY_ON]


class OwnPrefix(AcmeProvider):
    def __init__(self, alias: str = "", **options: Any) -> None:
        super().__init__(alias, **{**options, "base_url": options["base_url"].replace("/some/prefix", "")})


class DefaultsNotSent(AcmeProvider):
    def post(self, path: str, **arguments: Any) -> Any:
        body = {name: value for name, value in arguments["json"].items() if value != 20}
        return super().post(path, json=body)


class SettingsNotUsed(AcmeProvider):
    def defaults_for(self, declared: Any) -> dict[str, Any]:
        return {}


class TakesAnySetting(AcmeProvider):
    def __init__(self, alias: str = "", **options: Any) -> None:
        super().__init__(alias, **{name: value for name, value in options.items() if name in self.settings_options})


class Shouts(AcmeProvider):
    label: ClassVar[str] = "ACME Inc."


class SwallowsFailures(AcmeProvider):
    def job_failed(self, status: ProviderStatus, code: str, words: str) -> Any:
        return replace(super().job_failed(status, code, words), error=None)


UNSOUND = Option("steps", int, 5, "Fewer is faster.", minimum=10, maximum=50)
BROKEN: list[tuple[str, type[HostedProvider]]] = [
    ("test_a_submit_is_sent_once", PostsTwice),
    ("test_what_is_not_declared_or_out_of_range_is_refused", IgnoresOptions),
    ("test_every_option_is_sent_as_declared", RenamesAnOption),
    ("test_large_pictures_are_shrunk", SendsPicturesAsTheyAre),
    ("test_pictures_that_can_not_do_are_refused", SendsPicturesAsTheyAre),
    ("test_odd_ids_are_refused", PutsAnyIdIntoThePath),
    ("test_cancelling", PutsAnyIdIntoThePath),
    ("test_an_odd_job_id_is_not_taken", TakesAnyId),
    ("test_another_jobs_answer_is_not_taken", TakesOtherJobsResults),
    ("test_every_status_is_known", WaitsForUnknownWords),
    ("test_every_status_is_known", ForgetsTheExpiry),
    ("test_every_status_is_known", ResultsFromElsewhere),
    ("test_every_status_is_known", SwallowsFailures),
    ("test_secrets_are_told_to_nobody", PrintsTheKey),
    ("test_secrets_are_told_to_nobody", KeepsTheKeyOpen),
    ("test_the_key_is_sent_in_its_header_only", SendsTheKeyInTheBody),
    ("test_a_submit_is_sent_once", CallsLostAnswersFree),
    ("test_a_submit_is_sent_once", RepeatsWhatMayBePaid),
    ("test_questions_that_fail_are_asked_again", NeverAsksAgain),
    ("test_every_code_of_the_table", MapsByStatus),
    ("test_every_code_of_the_table", UnknownCode),
    ("test_every_status_without_a_code", RepeatsWhatMayBePaid),
    ("test_rate_limits_say_how_long", PostsTwice),
    ("test_cancelling", SaysItCanceled),
    ("test_the_balance", InventsABalance),
    ("test_it_says_what_it_is", AsksTheNetworkForProblems),
    ("test_it_says_what_it_is", Shouts),
    ("test_what_it_cannot_do_is_refused", ForgetsAnOperation),
    ("test_a_path_prefix_is_kept", OwnPrefix),
    ("test_defaults_are_sent_as_declared", DefaultsNotSent),
    ("test_defaults_of_the_settings_are_used_and_requests_go_over_them", SettingsNotUsed),
    ("test_unknown_settings_are_refused", TakesAnySetting),
    ("test_settings_are_checked", TakesAnySetting),
    ("test_capabilities_are_sound", with_capability(cost=-1.0)),
    ("test_capabilities_are_sound", with_capability(categories=frozenset())),
    ("test_options_are_declared_well", with_capability(options=(UNSOUND,))),
    ("test_options_are_declared_well", with_capability(options=(*OPTIONS, OPTIONS[0]))),
    ("test_options_are_declared_well", with_capability(options=(Option("quality", str, "good"),))),
    ("test_every_option_is_sent_as_declared", with_capability(options=(*OPTIONS, Option("extra", int, 1, "More.")))),
]


@pytest.mark.parametrize(("rule", "provider"), BROKEN, ids=[f"{provider.__name__}-{rule}" for rule, provider in BROKEN])
def test_each_broken_adapter_fails_at_its_rule(rule: str, provider: type[HostedProvider]) -> None:
    suite = suite_for(provider)()
    try:
        with pytest.raises(Exception):  # noqa: B017, PT011  whatever the broken adapter raises, pytest reports
            getattr(suite, rule)()
    finally:
        getattr(suite, "teardown_method", lambda: None)()


def test_the_reason_is_told_in_words() -> None:
    found = broken_rules(suite_for(SendsPicturesAsTheyAre))
    assert found["test_large_pictures_are_shrunk"] == "AssertionError: try_on today: person: max_edge 1500"
    found = broken_rules(suite_for(ForgetsTheExpiry))
    reason = "an address of a result says when it expires"
    assert found["test_every_status_is_known"] == f"AssertionError: try_on today: status done: {reason}"


class LeaksABadOption(AtHome):
    def submit(self, request: TryOnRequest) -> Any:
        return super().submit(replace(request, options={}))


class GivesNothing(AtHome):
    def submit(self, request: TryOnRequest) -> Any:
        return replace(super().submit(request), outputs=())


class HasJobsForAnything(AtHome):
    def poll(self, job_id: str, *, operation: Operation) -> Any:
        return None


@pytest.mark.parametrize(
    ("rule", "provider"),
    [
        ("test_what_is_not_declared_or_out_of_range_is_refused", LeaksABadOption),
        ("test_a_submit_gives_a_job_or_outputs", GivesNothing),
        ("test_odd_ids_are_refused", HasJobsForAnything),
    ],
)
def test_one_that_works_here(rule: str, provider: type[Provider]) -> None:
    assert rule in broken_rules(suite_for(provider, ProviderConformance))


# ---------------------------------------------------------------- ours, and everybody's


def test_all_our_providers_run_it() -> None:
    assert set(suites()) == {name for name in suites() if (FOLDER / f"{name}.py").exists()}
    for name, suite in suites().items():
        assert suite.backend.label == name
        own = {rule for rule in vars(type(suite)) if rule.startswith("test_")}
        assert not own & rules(HostedConformance), f"{name} replaces a rule of the kit"
    assert set(suites()) - set(hosted_suites()) == {"local"}


def rules(suite: type[ProviderConformance]) -> set[str]:
    return {name for name in dir(suite) if name.startswith("test_")}


def test_samples_are_taken() -> None:
    for name, suite in hosted_suites().items():
        for capability in suite.backend(api_key=suite.key).capabilities.values():
            assert all(option.takes(sample(option)) for option in capability.options), name


OUTSIDE = {
    "conftest.py": """
import django
from django.conf import settings
settings.configure(USE_TZ=True)
django.setup()
""",
    "test_acme.py": """
import sys
from pathlib import Path
import tryon
from acme import AcmeSuite

class TestAcme(AcmeSuite):
    def test_it_is_the_installed_one(self):
        assert Path(tryon.__file__).parents[1] == Path(sys.path[0]).parent / "site"
        assert "tests" not in sys.modules
""",
}


@pytest.mark.slow
def test_an_author_elsewhere_runs_it(tmp_path: Path) -> None:
    """With nothing but the wheel and pytest: no Django project, no plugin, none of our tests."""
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, PROJECT], tmp_path)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    shop = tmp_path / "shop"
    shop.mkdir()
    for name, text in OUTSIDE.items():
        (shop / name).write_text(text)
    (shop / "acme.py").write_text((PROJECT / "tests/providers/acme.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:django", "."]
    told = run(command, shop, PYTHONPATH=str(tmp_path / "site"))
    assert f"{len(rules(HostedConformance)) + 1} passed" in told, told


def run(command: list[Any], folder: Path, **environment: str) -> str:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTEST"))}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env={**known, **environment}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    return done.stdout
