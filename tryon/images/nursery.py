"""A process with the decoders loaded, which forks one child for each picture: far cheaper than starting Python anew.

The nursery itself never touches a picture. It gets the ends of three pipes with each request and passes them on: the
child reads the picture from one and answers on another; a supervisor between the two ends a child that takes too long
and tells its exit status on the third. Needs ``os.fork``; free of Django, because the child imports it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

AVAILABLE = hasattr(os, "fork") and hasattr(socket, "send_fds")
MESSAGE = 2048  # bytes, always: a stream has no bounds of its own
IDLE_SECONDS = 120.0  # then the nursery goes; the next picture starts another
MARGIN_SECONDS = 2.0  # beyond the child's deadline, before the nursery itself is taken for stuck
STATUS = struct.Struct("i")


class Gone(Exception):
    """The nursery has ended or does not answer."""


class Nursery:
    """The parent's side. Safe to use from several threads at once; not across a fork."""

    def __init__(self, python: str, program: str, roots: Sequence[str], environment: dict[str, str]) -> None:
        self.made_by, self.program = os.getpid(), program
        self._lock = threading.Lock()
        self._door, theirs = socket.socketpair()
        boot = "import sys; sys.path += sys.argv[3:]; from tryon.images.nursery import serve; serve(*sys.argv[1:3])"
        command = [python, "-I", "-S", "-c", boot, str(theirs.fileno()), program, *roots]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - no shell, and nothing of a picture is in the command
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                pass_fds=[theirs.fileno()],
            )
        except OSError:
            self._door.close()
            raise
        finally:
            theirs.close()

    def run(self, arguments: Sequence[str], data: bytes, *, seconds: float, max_answer: int) -> tuple[int, bytes]:
        """Exit status (negative: the signal) and at most ``max_answer`` bytes of what the child wrote.

        The child is killed after ``seconds``. Raises ``Gone``; the request may then be made again elsewhere.
        """
        child_in, to_child = os.pipe()
        from_child, child_out = os.pipe()
        from_supervisor, supervisor_out = os.pipe()
        theirs = (child_in, child_out, supervisor_out)
        with contextlib.ExitStack() as ours:
            answer = ours.enter_context(os.fdopen(from_child, "rb"))
            status = ours.enter_context(os.fdopen(from_supervisor, "rb"))
            request = ours.enter_context(os.fdopen(to_child, "wb", buffering=0))
            try:
                self._ask({"arguments": list(arguments), "seconds": seconds}, theirs)
            finally:
                for fd in theirs:
                    os.close(fd)
            # the child reads all before it writes, so write-then-read can't deadlock; its deadline ends a stuck one
            with contextlib.suppress(BrokenPipeError):
                _write_all(request, data)
            request.close()
            output = answer.read(max_answer)
            answer.close()  # a child that writes on and on meets a closed pipe
            return self._status(status, seconds), output

    def close(self) -> None:
        self._door.close()
        if self.made_by == os.getpid():
            self._process.kill()
            self._process.wait()

    def _ask(self, message: dict[str, Any], fds: Sequence[int]) -> None:
        encoded = json.dumps(message).encode().ljust(MESSAGE)
        if len(encoded) > MESSAGE:
            raise ValueError("the request is too long")
        try:
            with self._lock:
                sent = socket.send_fds(self._door, [encoded], fds)
                self._door.sendall(encoded[sent:])
        except OSError as error:
            raise Gone from error

    def _status(self, pipe: Any, seconds: float) -> int:
        ready, _, _ = select.select([pipe], [], [], seconds + MARGIN_SECONDS)
        told = pipe.read(STATUS.size) if ready else b""
        if len(told) < STATUS.size:
            raise Gone
        returncode: int = STATUS.unpack(told)[0]
        return returncode


def _write_all(pipe: Any, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[pipe.write(left) :]


# ---------------------------------------------------------------- in the nursery


def serve(door: str, program: str) -> None:
    """Fork a child that runs ``program`` for every request, until the parent is gone or nothing was asked for long."""
    from tryon.images import decoder  # loaded once, for all children

    decoder.preload()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the supervisors
    line = socket.socket(fileno=int(door))
    while select.select([line], [], [], IDLE_SECONDS)[0]:
        encoded, fds, _, _ = socket.recv_fds(line, MESSAGE, 3)
        while encoded and len(encoded) < MESSAGE:
            encoded += line.recv(MESSAGE - len(encoded))
        if not encoded or len(fds) != 3:
            break
        if os.fork() == 0:
            line.close()
            _supervise(program, json.loads(encoded), *fds)
        for fd in fds:
            os.close(fd)
    os._exit(0)


def _supervise(program: str, message: dict[str, Any], child_in: int, child_out: int, told: int) -> None:
    """Start the child, end it in time, tell how it ended. Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        os.close(told)
        _run(program, message["arguments"], child_in, child_out)
    os.close(child_in)
    os.close(child_out)
    signal.signal(signal.SIGALRM, lambda number, frame: os.kill(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, message["seconds"])
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(told, STATUS.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _run(program: str, arguments: list[str], child_in: int, child_out: int) -> None:
    """Be the child: ``program`` with its arguments, the picture as standard input. Never returns."""
    os.dup2(child_in, 0)
    os.dup2(child_out, 1)
    os.close(child_in)
    os.close(child_out)
    sys.argv = ["-c", *arguments]
    code = 1
    try:
        exec(program, {"__name__": "__main__"})  # noqa: S102 - our own constant, as after python -c
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        os._exit(code)
