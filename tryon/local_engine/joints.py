"""The 33 body joints of the pose network. Left and right are the wearer's: "L" is on the right of the picture."""

from __future__ import annotations

from typing import Final, NamedTuple

NOSE: Final = 0
L_EAR, R_EAR = 7, 8
L_SHOULDER, R_SHOULDER = 11, 12
L_HIP, R_HIP = 23, 24
L_KNEE, R_KNEE = 25, 26
L_ANKLE, R_ANKLE = 27, 28
JOINT_COUNT: Final = 33


class ArmJoints(NamedTuple):
    shoulder: int
    elbow: int
    wrist: int
    little_finger: int
    index_finger: int
    thumb: int
    sign: int  # +1 when "outwards" is to the right of the picture


class LegJoints(NamedTuple):
    hip: int
    knee: int
    ankle: int
    sign: int


ARMS: Final = {"L": ArmJoints(11, 13, 15, 17, 19, 21, 1), "R": ArmJoints(12, 14, 16, 18, 20, 22, -1)}
LEGS: Final = {"L": LegJoints(23, 25, 27, 1), "R": LegJoints(24, 26, 28, -1)}
SIDES: Final = ("L", "R")
OTHER: Final = {"L": "R", "R": "L"}
