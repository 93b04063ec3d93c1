"""Decoding in a process that can be killed: a bomb costs a child, never the web worker's memory or time.

A child is used for one picture: forked from a process that has the decoders loaded (``nursery``), or started anew
where there is no fork. Not by ``multiprocessing``: queue workers are daemonic processes, which may not have such
children.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from tryon.errors import TryOnError
from tryon.images import nursery
from tryon.images.picture import MEGABYTE, Limits, Picture

logger = logging.getLogger(__name__)

CONCURRENT = 2  # decodes at once in one process
WAIT_SECONDS = 5.0  # for a free slot
GRACE_SECONDS = 1.5  # wall clock beyond the processor time: start-up, and a busy machine
MAX_ANSWER = 96 * MEGABYTE


class FairSlots:
    """A semaphore that serves in order of arrival: threading's own lets a busy thread go ahead of those that wait."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._line: deque[threading.Event] = deque()

    def acquire(self, timeout: float) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Event()
            self._line.append(turn)
        if turn.wait(timeout):
            return True
        with self._lock:
            if turn.is_set():  # handed over in the moment of giving up
                return True
            self._line.remove(turn)
            return False

    def release(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().set()
            else:
                self._free += 1


_slots = FairSlots(CONCURRENT)
_nursery: nursery.Nursery | None = None
_nursery_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # another thread may hold it at that moment
    os.register_at_fork(after_in_child=lambda: globals().update(_nursery_lock=threading.Lock()))

# sys.path is appended, so that nothing beside the packages can take the place of a standard module
_BOOT = "import sys; sys.path += sys.argv[3:]; from tryon.images.decoder import main; main(*sys.argv[1:3])"
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")  # nothing else: no keys, no database address
_SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
_REFUSALS = frozenset(
    {
        "unsupported_image_format", "malformed_image", "animated_image", "resolution_too_high", "image_too_small",
        "aspect_ratio", "processing_timeout",
    }
)  # fmt: skip
_WARNINGS = frozenset({"photo_dark", "photo_blurry"})
_CRASHES = {getattr(signal, name, 0) for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")} - {0}


def decode(data: bytes, format_name: str, limits: Limits) -> Picture:
    """The cleaned picture, or ``TryOnError``: a code of the picture, or ``busy`` when no slot comes free in time."""
    arguments = [format_name, json.dumps(asdict(limits)), *_import_roots()]
    with _slot():
        try:
            returncode, output = _run_child(data, arguments, limits.cpu_seconds + GRACE_SECONDS)
        except OSError as error:
            logger.exception("The picture decoder could not be started")
            raise TryOnError("processing_timeout", "the decoder could not be started") from error
    if returncode != 0:
        raise _death(returncode)
    try:
        return _read_answer(output)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        logger.error("The picture decoder answered nonsense (%s)", type(error).__name__)
        raise TryOnError("processing_timeout", "the decoder gave no valid answer") from error


@contextlib.contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(WAIT_SECONDS):
        raise TryOnError("busy", f"all {CONCURRENT} decoders busy for {WAIT_SECONDS:g} s", minutes=1, retry_after=10)
    try:
        yield
    finally:
        _slots.release()


def _run_child(data: bytes, arguments: list[str], seconds: float) -> tuple[int, bytes]:
    """Exit status (negative: the signal) and at most ``MAX_ANSWER`` bytes of output."""
    if not nursery.AVAILABLE:
        return _start_child(data, arguments, seconds)
    for last in (False, True):
        try:
            return _the_nursery().run(arguments, data, seconds=seconds, max_answer=MAX_ANSWER)
        except nursery.Gone:  # idle for long, or killed: another one
            _close_nursery()
            if last:
                raise OSError("the decoders' nursery does not answer") from None
    raise AssertionError


def _the_nursery() -> nursery.Nursery:
    """This process's own: after a fork, the parent's is left to the parent."""
    global _nursery
    with _nursery_lock:
        if _nursery and (_nursery.made_by, _nursery.program) != (os.getpid(), _BOOT):
            _nursery.close()
            _nursery = None
        if _nursery is None:
            _nursery = nursery.Nursery(_python(), _BOOT, _import_roots(), _environment())
        return _nursery


def _close_nursery() -> None:
    global _nursery
    with _nursery_lock:
        if _nursery:
            _nursery.close()
            _nursery = None


atexit.register(_close_nursery)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _start_child(data: bytes, arguments: list[str], seconds: float) -> tuple[int, bytes]:
    """As ``_run_child``, with a Python of its own for the picture."""
    child = subprocess.Popen(  # noqa: S603 - no shell, and nothing of the picture is in the command
        [_python(), "-I", "-S", "-c", _BOOT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    deadline = threading.Timer(seconds, child.kill)
    deadline.start()
    try:
        return _talk(child, data)
    finally:
        deadline.cancel()


def _talk(child: subprocess.Popen[bytes], data: bytes) -> tuple[int, bytes]:
    """The child reads all before it writes, so write-then-read can't deadlock; the deadline ends a stuck child."""
    to_child, from_child = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
    with child:
        try:
            with contextlib.suppress(BrokenPipeError), to_child:
                to_child.write(data)
            output = from_child.read(MAX_ANSWER)
        except BaseException:
            child.kill()
            raise
    return child.returncode, output


def _death(returncode: int) -> TryOnError:
    """A child that did not end by itself: out of time, or its decoder crashed on the file."""
    if -returncode in _CRASHES:
        logger.warning("The picture decoder crashed (signal %d)", -returncode)
        return TryOnError("malformed_image", f"the decoder crashed (signal {-returncode})")
    if returncode > 0:
        logger.error("The picture decoder could not work (exit status %d)", returncode)
    return TryOnError("processing_timeout", f"the decoder was stopped (status {returncode})")


def _read_answer(output: bytes) -> Picture:
    """Judge the child's answer as a stranger's: a broken decoder may have been made to say anything."""
    line, _, encoded = output.partition(b"\n")
    header: dict[str, Any] = json.loads(line)
    if "error" in header:
        if header["error"] not in _REFUSALS:
            raise ValueError("unknown code")
        raise TryOnError(header["error"], str(header["detail"])[:200], **header.get("params", {}))
    if not encoded.startswith(_SIGNATURES[header["mime"]]) or not set(header["warnings"]) <= _WARNINGS:
        raise ValueError("not a picture of ours")
    size = (int(header["width"]), int(header["height"]))
    return Picture.of(encoded, header["mime"], size, tuple(header["warnings"]))


@functools.cache
def _python() -> str:
    """This interpreter. Servers that embed Python (uWSGI, mod_wsgi) give their own program as ``sys.executable``."""
    if Path(sys.executable or "").name.lower().startswith(("python", "pypy")):
        return sys.executable
    return str(Path(sys.prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}"))


@functools.cache
def _import_roots() -> tuple[str, ...]:
    """Folders that hold our package and the decoders', as this process finds them; the child runs without ``site``."""
    specs = [importlib.util.find_spec(name) for name in ("tryon", "PIL", "pi_heif")]
    origins = [spec.origin for spec in specs if spec and spec.origin]
    return tuple(dict.fromkeys(str(Path(origin).resolve().parents[1]) for origin in origins))
