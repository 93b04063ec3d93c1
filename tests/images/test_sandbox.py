"""Bombs, crashes and a child that misbehaves: each costs one child, never the caller."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tryon.errors import TryOnError
from tryon.images import sandbox
from tryon.images.intake import Limits, intake

from . import factory

PLAIN = factory.encode(factory.scene())
QUICK = Limits(cpu_seconds=1)


@pytest.fixture(scope="module")
def heavy() -> bytes:
    """Within every size limit, and seconds of work: 49 megapixels of 16-bit RGBA in under two megabytes."""
    return factory.png_of_zeros(7000, 7000, 16, 6, 56_000)


def code_of(data: bytes, limits: Limits = Limits()) -> str:  # noqa: B008 - frozen
    try:
        intake(data, limits=limits)
    except TryOnError as error:
        return error.code
    return "accepted"


def play(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Another program takes the decoder's place in the child."""
    monkeypatch.setattr(sandbox, "_BOOT", program)


def test_processor_time_is_bounded(heavy: bytes) -> None:
    started = time.monotonic()
    assert code_of(heavy, QUICK) == "processing_timeout"
    assert time.monotonic() - started < 3


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not enforce RLIMIT_AS")
def test_memory_is_bounded(heavy: bytes) -> None:
    assert code_of(heavy, Limits(memory_bytes=300_000_000)) == "processing_timeout"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_bombs_do_not_grow_the_caller(heavy: bytes) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    bombs = [heavy, factory.png_of_zeros(20_000, 20_000, 1, 0, 2500), factory.scan_bomb(6400, 1500)]
    before = resident()
    for bomb in bombs:
        code_of(bomb)
    assert resident() - before < 50_000_000


def test_scan_bombs_are_refused_at_once_while_others_are_served() -> None:
    bomb = factory.scan_bomb(6400, 1500)

    def timed(data: bytes) -> tuple[str, float]:
        started = time.monotonic()
        return code_of(data), time.monotonic() - started

    with ThreadPoolExecutor(21) as pool:
        bombs = [pool.submit(timed, bomb) for _ in range(20)]
        control = pool.submit(timed, PLAIN).result()
    assert {future.result()[0] for future in bombs} == {"processing_timeout"}
    assert control[0] == "accepted"
    assert control[1] < 1, "a photo waited behind the bombs"


def test_a_progressive_photo_is_not_a_scan_bomb() -> None:
    assert code_of(factory.encode(factory.scene(), progressive=True)) == "accepted"
    assert code_of(factory.scan_bomb(512, 90)) == "accepted"


def test_a_flood_of_segments_is_refused_at_once() -> None:
    flood = factory.jpeg_insert(PLAIN, factory.jpeg_segment(0xE5, b"x") * 200_000)
    started = time.monotonic()
    assert code_of(flood) == "processing_timeout"
    assert time.monotonic() - started < 0.5
    assert code_of(factory.jpeg_insert(PLAIN, factory.jpeg_segment(0xE5, b"x") * 5000)) == "accepted"


def test_markers_in_trailing_data_are_not_scans() -> None:
    assert code_of(PLAIN + b"\xff\xda\0\x02" * 5000) == "accepted"


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"])
def test_a_crash_of_the_decoder_is_a_damaged_file(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    play(monkeypatch, f"import os, signal; os.kill(os.getpid(), signal.{name})")
    assert code_of(PLAIN) == "malformed_image"


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import sys; sys.stdin.buffer.read()",
        "print('{}')",
        "print('[]')",
        "print('[' * 100000)",
        "print(b'\\xff')",
        "import sys; sys.stdout.buffer.write("
        'b\'{"mime": "image/png", "width": Infinity, "height": 1, "warnings": []}\\n\\x89PNG\\r\\n\\x1a\\n\')',
        "print('not json')",
        'print(\'{"error": "config", "detail": ""}\')',
        'print(\'{"mime": "text/html", "width": 1, "height": 1, "warnings": []}\\n<script>\')',
        'print(\'{"mime": "image/jpeg", "width": 1, "height": 1, "warnings": []}\\n<script>\')',
        'print(\'{"error": "malformed_image", "detail": "", "params": {"code": 1}}\')',
    ],
)
def test_nonsense_from_the_child_is_refused(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    play(monkeypatch, program)
    assert code_of(PLAIN) == "processing_timeout"


def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "import time; time.sleep(60)")
    started = time.monotonic()
    assert code_of(PLAIN + b"\0" * 1_000_000, QUICK) == "processing_timeout"
    assert time.monotonic() - started < 5


def test_a_child_that_closes_its_output_and_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "import os, time; os.close(1); time.sleep(60)")
    assert code_of(PLAIN, QUICK) == "processing_timeout"


def test_a_child_that_floods_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MAX_ANSWER", 1_000_000)
    play(monkeypatch, "import os\nwhile True: os.write(1, b'x' * 65536)")
    started = time.monotonic()
    assert code_of(PLAIN, QUICK) == "processing_timeout"
    assert time.monotonic() - started < 5


def test_no_child_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_python", lambda: "/nowhere/python3")
    assert code_of(PLAIN) == "processing_timeout"


def test_the_child_gets_none_of_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_API_KEY", "sk-canary")
    seen = "str('TRYON_API_KEY' in os.environ)"
    play(monkeypatch, f"import json, os; print(json.dumps({{'error': 'malformed_image', 'detail': {seen}}}))")
    with pytest.raises(TryOnError) as caught:
        intake(PLAIN)
    assert caught.value.detail == "False"


def test_limits_hold_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder's own ``restrict``, then a look at what the child may still do."""
    play(
        monkeypatch,
        "import sys; sys.path += sys.argv[3:]\n"
        "import json, resource\n"
        "from tryon.images.decoder import restrict\n"
        "from tryon.images.picture import Limits\n"
        "restrict(Limits(cpu_seconds=3))\n"
        "seen = [resource.getrlimit(getattr(resource, 'RLIMIT_' + n)) for n in ('CPU', 'CORE', 'FSIZE')]\n"
        "print(json.dumps({'error': 'malformed_image', 'detail': json.dumps(seen)}))",
    )
    with pytest.raises(TryOnError) as caught:
        intake(PLAIN)
    assert json.loads(caught.value.detail) == [[3, 4], [0, 0], [0, 0]]


def test_slots_are_given_in_order_of_arrival() -> None:
    slots, served = sandbox.FairSlots(1), []
    assert slots.acquire(0)
    assert not slots.acquire(0.01), "a slot too many"

    def stand_in_line(number: int) -> None:
        assert slots.acquire(10)
        served.append(number)
        slots.release()

    threads = []
    for number in range(5):
        thread = threading.Thread(target=stand_in_line, args=(number,))
        thread.start()
        while len(slots._line) <= number:
            time.sleep(0.001)
        threads.append(thread)
    slots.release()
    for thread in threads:
        thread.join(10)
    assert served == [0, 1, 2, 3, 4]
    assert slots.acquire(0)


def test_full_slots_are_reported_as_busy_and_come_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "WAIT_SECONDS", 0.1)
    taken, leave = threading.Barrier(sandbox.CONCURRENT + 1), threading.Event()

    def hold() -> None:
        with sandbox._slot():
            taken.wait(5)
            leave.wait(5)

    holders = [threading.Thread(target=hold) for _ in range(sandbox.CONCURRENT)]
    for holder in holders:
        holder.start()
    taken.wait(5)
    with pytest.raises(TryOnError) as caught:
        intake(PLAIN)
    assert (caught.value.code, caught.value.retry_after) == ("busy", 10)
    leave.set()
    for holder in holders:
        holder.join()
    for bad in (b"\xff\xd8\xff", b"\xff\xd8\xff", b"\xff\xd8\xff"):
        assert code_of(bad) == "malformed_image"
    assert code_of(PLAIN) == "accepted"


def _report(pipe: object) -> None:
    pipe.send(code_of(PLAIN))  # type: ignore[attr-defined]


def test_it_works_in_a_daemonic_worker() -> None:
    """As in a queue worker, which may not have multiprocessing children."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_report, args=(theirs,), daemon=True)
    worker.start()
    assert ours.poll(30)
    assert ours.recv() == "accepted"
    worker.join(10)
    worker.close()
    ours.close()
    theirs.close()


def test_it_works_in_a_server_that_embeds_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/sbin/uwsgi")
    sandbox._python.cache_clear()
    try:
        assert Path(sandbox._python()).name.startswith("python")
        assert code_of(PLAIN) == "accepted"
    finally:
        sandbox._python.cache_clear()


def test_the_child_does_not_load_django() -> None:
    program = (
        "import sys; sys.path += sys.argv[1:]; import tryon.images.decoder; "
        "print(sorted(name for name in sys.modules if name.startswith(('django', 'tryon'))))"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, *sandbox._import_roots()],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert "django" not in out
    assert "tryon.errors" not in out


def test_no_descriptor_is_left_open() -> None:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("needs /proc")
    before = len(os.listdir(folder))
    for data in (PLAIN, b"\xff\xd8\xff", PLAIN[:2000]):
        code_of(data)
    assert len(os.listdir(folder)) == before
