"""A short tune as a WAV file, the length that was asked for."""

from __future__ import annotations

import array
import io
import math
import sys
import wave

SAMPLES_A_SECOND = 32_000
_NOTES = (0, 4, 7, 12, 7, 4)  # semitones above the root
_BEAT = SAMPLES_A_SECOND // 4


def wav(seconds: int, *, seed: int = 0) -> bytes:
    """Mono, 16 bits, 32 kHz. The seed chooses the root note."""
    root = 220 * 2 ** (seed % 12 / 12)
    phrase = array.array("h")
    for note in _NOTES:
        step = 2 * math.pi * root * 2 ** (note / 12) / SAMPLES_A_SECOND
        phrase.extend(round(9000 * (1 - at / _BEAT) * math.sin(step * at)) for at in range(_BEAT))
    whole = seconds * SAMPLES_A_SECOND
    tune = (phrase * (whole // len(phrase) + 1))[:whole]
    if sys.byteorder == "big":
        tune.byteswap()
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLES_A_SECOND)
        file.writeframes(tune.tobytes())
    return out.getvalue()
