"""What an adapter makes of answers: of accepted submits, of jobs, and of each row of its error tables."""

from __future__ import annotations

import unittest
from datetime import timedelta

from django.utils import timezone

from tryon.choices import Operation, ProviderStatus
from tryon.errors import ERRORS
from tryon.providers import ssrf
from tryon.providers.answers import Fault
from tryon.providers.base import CallStyle, Charged, Output, Provider, ProviderError
from tryon.providers.hosted import HostedProvider
from tryon.testing import expect
from tryon.testing.conformance import JOB
from tryon.testing.scripted import Scripted, about, told
from tryon.testing.server import Canned

RUNNING = (ProviderStatus.QUEUED, ProviderStatus.PROCESSING)
ENDS = {"content_blocked": ProviderStatus.BLOCKED, "canceled": ProviderStatus.CANCELED}
NEVER_LONGER = timedelta(days=400)
PAGE = {"Content-Type": "text/html"}


class AnswerRules(Scripted):
    # ------------------------------------------------------------ what is accepted

    def test_a_submit_gives_a_job_or_outputs(self) -> None:
        for provider, operation, version in self.variants():
            where = f"{operation.value} {version}"
            self.server.answers(self.accepted(operation, version))
            submission = provider.submit(self.minimal(provider, operation))
            expect.equal(len(self.server.seen), 1, f"{where}: a submit is one request")
            self.check_submission(provider, submission, where)
            if submission.job_id is None:
                expect.equal(self.backend.style, CallStyle.BLOCKING, f"{where}: style of what answers at once")

    def check_outputs(self, provider: Provider, outputs: tuple[Output, ...], where: str) -> None:
        super().check_outputs(provider, outputs, where)
        for output in outputs:
            if not output.url:
                continue
            host = ssrf.parse(output.url, plain=True, any_port=True).host
            rule = f"{where}: results may be fetched from {host}: it is in result_hosts"
            expect.that(ssrf.host_allowed(host, provider.download_hosts()), rule)
            if output.expires_at is None:
                expect.that(not self.links_expire, f"{where}: an address of a result says when it expires")
            else:
                left = output.expires_at - timezone.now()
                expect.that(timedelta() < left < NEVER_LONGER, f"{where}: an address expires in the future")

    def test_an_odd_job_id_is_not_taken(self) -> None:
        for provider, operation, version in self.variants():
            for job_id in ("../credits", "a b", ""):
                odd = about(self.accepted(operation, version), job_id)
                if odd is not None:
                    rule = f"{operation.value} {version}: the job id {job_id!r} of an answer"
                    error = self.refused_once(provider, operation, odd, rule)
                    expect.that(error.charged != Charged.NO, f"{rule}: the submit may have been charged")

    # ------------------------------------------------------------ jobs

    def test_every_status_is_known(self) -> None:
        self._only_with_jobs()
        for provider, operation, version in self.variants():
            for word, status in self.backend.STATUS.items():
                self.server.answers(self.job(word, operation))
                update = provider.poll(JOB, operation=operation)
                where = f"{operation.value} {version}: status {word}"
                expect.equal(update.status, status, where)
                expect.equal(bool(update.outputs), status == ProviderStatus.SUCCEEDED, f"{where}: outputs")
                expect.equal(update.error is None, status in (*RUNNING, ProviderStatus.SUCCEEDED), f"{where}: error")
                self.check_outputs(provider, update.outputs, where)
            rule = "a status that is not known is asked again"
            error = self.poll_fails(provider, operation, self.job("warming", operation), rule)
            expect.that(error.retryable and "warming" in error.detail, f"{rule}, and named")

    def test_another_jobs_answer_is_not_taken(self) -> None:
        self._only_with_jobs()
        good = [word for word, status in self.backend.STATUS.items() if status == ProviderStatus.SUCCEEDED]
        for provider, operation, version in self.variants():
            other = about(self.job(good[0], operation), "another-job")
            if other is not None:
                rule = f"{operation.value} {version}: an answer about another job is no result"
                self.poll_fails(provider, operation, other, rule)

    def test_questions_that_fail_are_asked_again(self) -> None:
        self._only_with_jobs()
        provider, operation = self.first(timeout=1)
        for canned in (Canned(500), Canned(502), Canned(429), Canned(401), Canned(drop=True), Canned(200, b"{")):
            error = self.poll_fails(provider, operation, canned, f"a poll that is answered with {_name(canned)}")
            expect.that(error.retryable, f"a poll that is answered with {_name(canned)} is asked again")
        for status in (404, 410, 400):
            rule = f"a poll that is answered with {status} is final, and the job was paid"
            error = self.poll_fails(provider, operation, Canned(status), rule)
            expect.equal(told(error), ("provider_down", False, Charged.YES), rule)

    # ------------------------------------------------------------ failures

    def test_every_code_of_the_table(self) -> None:
        provider, operation = self.first()
        for code, fault in self.backend.ERRORS.items():
            expect.that(fault.code in ERRORS, f"{code}: {fault.code} is one of our codes")
            refusal, failed = self.refusal(code), self.failed_job(code)
            expect.that(refusal or failed, f"{code} is in the table and never seen")
            if refusal:
                self._check_refusal(provider, operation, code, fault, refusal)
            if failed:
                self.server.answers(failed)
                update = provider.poll(JOB, operation=operation)
                expect.that(update.error is not None and update.error.code == fault.code, f"{code} of a job")
                expect.equal(update.status, ENDS.get(fault.code, ProviderStatus.FAILED), f"{code} of a job")

    def _check_refusal(
        self, provider: HostedProvider, operation: Operation, code: str, fault: Fault, refusal: Canned
    ) -> None:
        error = self.refused_once(provider, operation, refusal, code)
        expect.equal(told(error), (fault.code, fault.retryable, fault.charged), code)
        expect.that(code in error.detail, f"{code}: staff are told the provider's own code")
        expect.that(error.text, f"{code}: the shopper is told something")
        expect.that("…" not in error.text or "minutes" in error.text, f"{code}: a limit is missing: {error.text}")

    def test_every_status_without_a_code(self) -> None:
        provider, operation = self.first()
        for status in (*self.backend.BY_STATUS, 418, 500, 504, 520):
            rule = f"HTTP {status} without a code"
            canned = Canned(status, b"<html>oops</html>", {**PAGE, "X-Request-Id": "req-7"})
            error = self.refused_once(provider, operation, canned, rule)
            fault = self.backend.BY_STATUS.get(status)
            if fault is None:
                expect.equal((error.retryable, error.charged), (False, Charged.UNKNOWN), rule)
            else:
                expect.equal(told(error), (fault.code, fault.retryable, Charged.NO), rule)
            expect.that(f"HTTP {status}" in error.detail and "req-7" in error.detail, f"{rule}: status and request id")

    def test_rate_limits_say_how_long(self) -> None:
        provider, operation = self.first()
        for value, seconds in (("7", 7), ("Fri, 31 Dec 2099 23:59:59 GMT", 600), ("86400", 600)):
            rule = f"Retry-After: {value}"
            error = self.refused_once(provider, operation, Canned(429, b"", {"Retry-After": value}), rule)
            expect.equal((error.retryable, error.retry_after, error.charged), (True, seconds, Charged.NO), rule)

    def test_a_submit_is_sent_once(self) -> None:
        """Whatever becomes of it. What may have been charged is never called free, and never asked again."""
        provider, operation = self.first(timeout=0.4)
        unclear = (
            Canned(200, {}, delay=9),
            Canned(200, b"{" + b" " * 500, drip=0.05),
            Canned(200, b'{"id":"a","job_id":"a","data"', length=500, cut=10),
            Canned(drop=True),
            Canned(500),
            Canned(504),
            Canned(307, headers={"Location": f"{self.server.url}/elsewhere"}),
            *(Canned(200, body) for body in (b"null", b"[]", b'"x"', b"7", b"", b"{}", b"{", b"[" * 100_000)),
            Canned(200, b'{"id":"a","id":"b"}'),
        )
        for canned in unclear:
            rule = f"a submit that ends with {_name(canned)}"
            error = self.refused_once(provider, operation, canned, rule)
            expect.that(not error.retryable, f"{rule} is not repeated")
            expect.that(error.charged != Charged.NO, f"{rule} may have been charged")

    def test_a_page_instead_of_an_answer_is_not_the_provider(self) -> None:
        provider, operation = self.first()
        rule = "a web page where JSON was due"
        error = self.refused_once(provider, operation, Canned(200, b"<html>Please log in</html>", PAGE), rule)
        expect.equal((error.code, error.charged), ("provider_down", Charged.NO), rule)

    # ------------------------------------------------------------ account

    def test_the_balance(self) -> None:
        for version in self.backend.api_versions:
            provider = self.make(self.server, version)
            known = self.balances(version)
            if not known:
                expect.equal(provider.balance(), None, f"{version}: no balance where the API tells none")
            for canned, credits in known:
                self.server.answers(canned)
                balance = provider.balance()
                expect.equal(balance and balance.credits, credits, f"{version}: balance")
            for canned in (Canned(200, {}), Canned(401), Canned(500), Canned(200, b"[]")) if known else ():
                self.server.answers(canned)
                expect.failure(ProviderError, f"a balance that is answered with {_name(canned)}", provider.balance)

    def test_cancelling(self) -> None:
        for version in self.backend.api_versions:
            provider = self.make(self.server, version)
            known = self.cancellations(version)
            if not known:
                self.server.seen.clear()
                expect.equal(provider.cancel(JOB), False, f"{version}: jobs can't be cancelled")
                self.nothing_was_sent(f"{version}: where jobs can't be cancelled, nobody is asked")
                continue
            for canned, wanted in known:
                self.server.answers(canned)
                expect.equal(provider.cancel(JOB), wanted, f"{version}: cancel answered with {_name(canned)}")
                expect.equal(len(self.server.seen), 1, f"{version}: a cancel is one request")
            for canned in (Canned(401), Canned(500), Canned(drop=True)):
                self.server.answers(canned)
                rule = f"{version}: a cancel that is answered with {_name(canned)}"
                expect.failure(ProviderError, rule, provider.cancel, JOB)
            self.server.seen.clear()
            expect.failure(ProviderError, "cancel of an odd id", provider.cancel, "../credits")
            self.nothing_was_sent("an odd job id goes into no path")

    def _only_with_jobs(self) -> None:
        if not self.has_jobs():
            raise unittest.SkipTest(f"{self.backend.label} answers at once and has no jobs")


def _name(canned: Canned) -> str:
    if canned.drop:
        return "a lost connection"
    if canned.delay or canned.drip:
        return "an answer that is too slow"
    if canned.cut is not None:
        return "an answer that is cut"
    return f"{canned.status} {canned.encoded()[:30]!r}"
