"""The process that forks the decoders: what happens when it is killed, forked around, or asked by many at once."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tryon.images import nursery, sandbox
from tryon.images.intake import intake

from . import factory

pytestmark = pytest.mark.skipif(not nursery.AVAILABLE, reason="this system has no fork")
PLAIN = factory.encode(factory.scene())


def test_pictures_come_out_the_same_with_and_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    by_nursery = intake(PLAIN)
    monkeypatch.setattr(nursery, "AVAILABLE", False)
    assert intake(PLAIN) == by_nursery


def test_one_that_was_killed_is_replaced() -> None:
    intake(PLAIN)
    first = sandbox._the_nursery()
    os.kill(first._process.pid, signal.SIGKILL)
    first._process.wait()
    assert intake(PLAIN).width
    assert sandbox._the_nursery() is not first


def test_a_forked_process_gets_its_own() -> None:
    intake(PLAIN)
    parents = sandbox._the_nursery()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            intake(PLAIN)
            own = sandbox._the_nursery()
            code = 0 if own is not parents and own.made_by == os.getpid() else 2
            own.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sandbox._the_nursery() is parents
    assert intake(PLAIN).width, "the child took the parent's nursery away"


def test_answers_are_not_mixed_up() -> None:
    pictures = [factory.encode(factory.scene(300 + number, 400)) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        widths = [picture.width for picture in pool.map(intake, pictures)]
    assert widths == [300 + number for number in range(12)]


def test_nothing_stays_open() -> None:
    intake(PLAIN)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        intake(PLAIN)
    assert len(os.listdir("/proc/self/fd")) == before
