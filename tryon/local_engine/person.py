"""Photo of a person -> joints, matte and body parts, or a clear refusal.

Unit: ``shoulder_width`` is the distance between the shoulder joints in pixels. After the pose is known, everything
works on a crop around the person; ``origin`` leads back to the photo.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from tryon.errors import TryOnError

from . import nets as networks
from .geometry import polygon_mask, unit
from .imaging import Array, components, dilate, erode, extent, grey, guided_filter, quick_cut, resize
from .joints import (
    ARMS,
    JOINT_COUNT,
    L_ANKLE,
    L_HIP,
    L_KNEE,
    L_SHOULDER,
    LEGS,
    NOSE,
    R_ANKLE,
    R_HIP,
    R_KNEE,
    R_SHOULDER,
    LegJoints,
)
from .nets import Face, Nets, Pose

SMALLEST_SIDE = 256  # pixels of the photo's shorter side
SMALLEST_SHOULDERS = 40  # pixels between the shoulder joints
_CHILDS_HEIGHT = 20.5  # nose to ankles by eyes to mouth: adults about 25, ten years about 21, six years about 18
_CHILDS_FACE = 0.41  # eyes to mouth by half the trunk or 0.7 of the shoulders, the larger: adults up to 0.39
_NEARLY_TO_THE_KNEE = 0.9  # of the thigh: the pose network sees knees a little above where they are, out of the frame
_ONE_COLOUR = 4  # of 255, in each channel
ANALYSIS_SIDE = 512  # long side of the crop used for matte and body parts


@dataclass(slots=True)
class ArmZone:
    """Where one arm is, analysis size. Distances are in limb radii (below 1 = inside)."""

    upper: Array
    upper_along: Array
    lower: Array
    lower_along: Array
    hand: Array

    @property
    def distance(self) -> Array:
        return np.minimum(self.upper, self.lower)

    def along(self, elbow_at: float, with_hand: bool = True) -> Array:
        """Position along the arm: 0 at the shoulder, 1 at the wrist, 1.05 on the hand."""
        on_arm = np.where(
            self.upper < self.lower, self.upper_along * elbow_at, elbow_at + self.lower_along * (1 - elbow_at)
        )
        return np.where(self.hand < self.distance, 1.05, on_arm) if with_hand else on_arm


@dataclass(slots=True)
class Zones:
    """Geometric fields of the analysis size."""

    axial: Array  # 0 at the shoulder line, 1 at the hip line
    lateral: Array  # distance from the body's mid line in shoulder widths
    arms: dict[str, ArmZone]
    leg: Array  # thigh distance in radii

    @property
    def arm(self) -> Array:
        return np.minimum(self.arms["L"].distance, self.arms["R"].distance)

    @property
    def hand(self) -> Array:
        return np.minimum(self.arms["L"].hand, self.arms["R"].hand)


@dataclass(slots=True)
class Head:
    width: float
    height: float
    chin: Array
    centre: Array


LONG_SLEEVE = 0.6  # of the arm: a sleeve that is longer reaches down beside the hip


@dataclass(slots=True)
class Parts:
    """What each pixel of the analysis picture shows, and what is worn now."""

    skin: Array
    hair: Array
    upper: Array
    lower: Array
    face: Array  # float, the face oval
    skin_likelihood: Array
    skin_lab: Array  # median skin colour, OpenCV Lab
    sleeve: dict[str, float | None]  # length of the sleeve worn now: 0 bare, 1 to the wrist, None unknown
    hem: float | None  # axial position where the top ends


@dataclass(slots=True)
class Person:
    photo: Array  # the whole picture
    origin: tuple[int, int]  # (x, y) of ``picture`` in ``photo``
    picture: Array  # the crop; all points are in its pixels
    joints: Array  # (33, 2)
    visibility: Array  # (33,), 0 outside the frame
    warnings: list[str]
    shoulder_centre: Array
    hip_centre: Array
    shoulder_width: float
    torso: float  # shoulder line to hip line, pixels
    scale: float = 1.0  # analysis pixels per picture pixel
    small: Array = field(default_factory=lambda: np.empty(0))  # the crop at analysis size
    mask: Array = field(default_factory=lambda: np.empty(0))  # person 0/1, analysis size
    matte: Array = field(default_factory=lambda: np.empty(0))  # person 0..1, crop size
    head: Head | None = None
    zones: Zones | None = None
    parts: Parts | None = None
    drawn: bool = False  # a mannequin: no old clothes, light and landmarks are exact
    light: Array | None = None  # drawn only: light factor, crop size
    torso_profile: tuple[Array, Array] | None = None  # drawn only: axial positions, half widths in shoulder widths
    hips_visible: bool = False
    knees_visible: bool = False
    thighs_visible: bool = False  # down to the knees, or nearly
    ankles_visible: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        return self.picture.shape[0], self.picture.shape[1]

    @property
    def across(self) -> Array:
        """Unit vector from the wearer's right to left shoulder: to the right of the picture."""
        return np.asarray((self.joints[L_SHOULDER] - self.joints[R_SHOULDER]) / (self.shoulder_width + 1e-6))

    @property
    def down(self) -> Array:
        return (self.hip_centre - self.shoulder_centre) / (self.torso + 1e-6)

    @property
    def hip_width(self) -> float:
        return max(float(np.linalg.norm(self.joints[L_HIP] - self.joints[R_HIP])), 0.5 * self.shoulder_width)

    def arm_visible(self, side: str) -> float:
        return float(min(self.visibility[ARMS[side].shoulder], self.visibility[ARMS[side].elbow]))

    def place_back(self, dressed: Array) -> Array:
        """The photo with the crop replaced."""
        out = self.photo.copy()
        x, y = self.origin
        height, width = self.shape
        out[y : y + height, x : x + width] = dressed
        return out


def analyse(
    photo: Array, models_dir: str | Path | None = None, strict: bool = True, child_sized: str = "allow"
) -> Person:
    """Everything the warp needs to know about the person in ``photo`` (RGB uint8, at most about 1,024 pixels).

    Raises TryOnError: image_too_small, no_person, several_people, face_only, turned_away, not_upright, child_sized.
    With ``strict`` off (a person in a product photo) only image_too_small, no_person and face_only are raised.
    """
    from .parsing import parse  # parsing needs the types above

    nets = networks.load(models_dir)
    person, pose, face = locate(nets, photo, strict, child_sized)
    person = _crop(person, pose)
    _cut_out(nets, person, pose, strict and face is None)
    mesh = None
    if face is not None:
        points, score = networks.face_mesh(nets, photo, face)
        if score > 0.3:
            mesh = points - np.array(person.origin)
    parse(person, mesh)
    return person


def locate(
    nets: Nets, photo: Array, strict: bool = True, child_sized: str = "allow"
) -> tuple[Person, Pose, Face | None]:
    """The quality gate: find the one person and refuse what cannot work. Points are in the whole photo."""
    height, width = photo.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise TryOnError("image_too_small", f"{width} x {height} pixels", limit=SMALLEST_SIDE)
    faces = sorted((f for f in networks.find_faces(nets, photo) if f.score > 0.8), key=lambda f: -f.width)
    if strict and any(f.width > 0.55 * faces[0].width for f in faces[1:]):
        raise TryOnError("several_people", "a second face is more than half as large")
    face = faces[0] if faces else None
    pose = networks.find_pose(nets, photo, face)
    if pose.score < 0.5:
        raise TryOnError("face_only" if faces else "no_person", f"pose score {pose.score:.2f}")
    joints = pose.points[:JOINT_COUNT].copy()
    x, y = joints[:, 0], joints[:, 1]
    in_frame = (x > -0.02 * width) & (x < 1.02 * width) & (y > -0.02 * height) & (y < 1.02 * height)
    shoulders = (joints[L_SHOULDER] + joints[R_SHOULDER]) / 2
    hips = (joints[L_HIP] + joints[R_HIP]) / 2
    person = Person(
        photo=photo, origin=(0, 0), picture=photo, joints=joints, warnings=[],
        visibility=pose.visibility[:JOINT_COUNT] * in_frame, shoulder_centre=shoulders, hip_centre=hips,
        shoulder_width=float(np.linalg.norm(joints[L_SHOULDER] - joints[R_SHOULDER])),
        torso=float(np.linalg.norm(hips - shoulders)),
    )  # fmt: skip
    if strict:
        _refuse(nets, person, pose, face)
    _let_hidden_arms_hang(person)
    visible = person.visibility
    person.hips_visible = bool(min(visible[L_HIP], visible[R_HIP]) > 0.3 and hips[1] < height * 0.99)
    person.knees_visible = bool(min(visible[L_KNEE], visible[R_KNEE]) > 0.3)
    seen = min(_share_of_thigh(person, leg, height) for leg in LEGS.values())
    person.thighs_visible = person.knees_visible or (person.hips_visible and seen > _NEARLY_TO_THE_KNEE)
    person.ankles_visible = bool(min(visible[L_ANKLE], visible[R_ANKLE]) > 0.25)
    if (
        strict
        and child_sized != "allow"
        and face is not None
        and not is_drawn(photo, face)
        and has_childs_proportions(person, face)
    ):
        if child_sized == "refuse":
            raise TryOnError("child_sized", "the head is large for the body, as a child's is")
        person.warnings.append("child_sized")
    return person, pose, face


def is_drawn(photo: Array, face: Face) -> bool:
    """A face of one colour, as is drawn over a hidden one: its size is that of the cover and says nothing."""
    x0, y0, x1, y1 = (max(0, round(float(edge))) for edge in face.box)
    pixels = photo[y0:y1, x0:x1].reshape(-1, 3).astype(np.int16)
    if not len(pixels):
        return False
    alike = (np.abs(pixels - np.median(pixels, axis=0)) <= _ONE_COLOUR).all(axis=1)
    return float(alike.mean()) > 0.55


def has_childs_proportions(person: Person, face: Face) -> bool:
    """A head that is large for the body. It tells no age: a camera held high does the same to an adult.

    Measured by the distance from the eyes to the mouth, which neither hair nor hat hides.
    """
    eyes_to_mouth = float(np.linalg.norm(face.points[:2].mean(0) - face.points[3]))
    if not person.hips_visible:
        return False
    if person.ankles_visible and thighs_hang(person):
        ankles = (person.joints[L_ANKLE] + person.joints[R_ANKLE]) / 2
        return float(np.linalg.norm(ankles - person.joints[NOSE])) < _CHILDS_HEIGHT * eyes_to_mouth
    return eyes_to_mouth > _CHILDS_FACE * max(0.5 * person.torso, 0.7 * person.shoulder_width)


def sits(person: Person) -> bool:
    """Hips and knees are seen and a thigh does not hang down."""
    return person.hips_visible and person.knees_visible and not thighs_hang(person)


def _share_of_thigh(person: Person, leg: LegJoints, height: int) -> float:
    """How much of the way from hip to knee is above the frame's lower edge."""
    hip, knee = person.joints[leg.hip, 1], person.joints[leg.knee, 1]
    return float((height - hip) / max(1.0, knee - hip))


def thighs_hang(person: Person) -> bool:
    for leg in LEGS.values():
        thigh = person.joints[leg.knee] - person.joints[leg.hip]
        hanging = float(thigh @ person.down)
        if hanging < 0.82 * float(np.hypot(*thigh)) or hanging < 0.45 * person.torso:
            return False
    return True


def _refuse(nets: Nets, person: Person, pose: Pose, face: Face | None) -> None:
    height = person.photo.shape[0]
    width = person.shoulder_width
    shoulders_seen = min(person.visibility[L_SHOULDER], person.visibility[R_SHOULDER])
    if shoulders_seen < 0.4 or person.shoulder_centre[1] > 0.8 * height:
        raise TryOnError("face_only" if face else "no_person", "the shoulders are not in the picture")
    if width < SMALLEST_SHOULDERS:
        raise TryOnError("image_too_small", f"shoulders only {width:.0f} pixels wide", limit=SMALLEST_SIDE)
    if (face is not None and width < 1.05 * face.width) or width < 0.32 * person.torso:
        raise TryOnError("turned_away", "taken from the side")
    spine = person.hip_centre - person.shoulder_centre
    if spine[1] < 0.6 * np.hypot(*spine):
        raise TryOnError("not_upright", "the body axis is more than 53 degrees off vertical")
    if face is None and pose.score < 0.97:
        # a cut-out face costs the pose network some of its certainty, and the other one none: the trunk is all person
        trunk = _share_of_trunk(person, networks.person_probability(nets, person.photo))
        if pose.score < 0.88 or trunk < 0.97:
            raise TryOnError("no_person", f"no face, pose score {pose.score:.2f}, trunk {trunk:.2f}")
    if person.joints[L_SHOULDER, 0] < person.joints[R_SHOULDER, 0]:
        raise TryOnError("turned_away", "taken from behind")


def _let_hidden_arms_hang(person: Person) -> None:
    """An elbow outside the frame gets the place it has on a hanging arm, so that a sleeve has somewhere to go."""
    down, width = person.down, person.shoulder_width
    for arm in ARMS.values():
        if person.visibility[arm.shoulder] > 0.4 and person.visibility[arm.elbow] < 0.25:
            joints = person.joints
            joints[arm.elbow] = joints[arm.shoulder] + person.across * arm.sign * 0.14 * width + down * 0.98 * width
            joints[arm.wrist] = joints[arm.elbow] + down * 0.85 * width
            for finger in (arm.index_finger, arm.little_finger, arm.thumb):
                joints[finger] = joints[arm.wrist] + down * 0.2 * width
            person.visibility[arm.elbow] = 0.5
            if "arm_outside_frame" not in person.warnings:
                person.warnings.append("arm_outside_frame")


def _crop(person: Person, pose: Pose) -> Person:
    """Cut the photo down to the person's box with room for wide garments and for background to fill from."""
    height, width = person.photo.shape[:2]
    seen = person.joints[person.visibility > 0.2]
    box = extent(pose.mask > 0.3)
    corners = [] if box is None else [[[box[1].start, box[0].start], [box[1].stop - 1, box[0].stop - 1]]]
    points = np.vstack([seen, *corners])
    margin = 0.45 * person.shoulder_width
    left, top = np.maximum(0, np.floor(points.min(0) - margin)).astype(int)
    right, bottom = np.minimum([width, height], np.ceil(points.max(0) + margin)).astype(int)
    shift = np.array([left, top])
    person.origin = (int(left), int(top))
    person.picture = np.ascontiguousarray(person.photo[top:bottom, left:right])
    person.joints = person.joints - shift
    person.shoulder_centre = person.shoulder_centre - shift
    person.hip_centre = person.hip_centre - shift
    pose.mask = pose.mask[top:bottom, left:right]
    return person


def _cut_out(nets: Nets, person: Person, pose: Pose, face_missing: bool) -> None:
    """Matte: two networks vote, GrabCut sharpens, a guided filter brings it to full size."""
    shape, width = person.shape, person.shoulder_width
    x, y = person.origin
    selfie = networks.person_probability(nets, person.photo)[y : y + shape[0], x : x + shape[1]]
    if face_missing and _share_of_trunk(person, selfie) < 0.4:
        raise TryOnError("no_person", "the networks disagree about what is in the picture")
    probability = np.clip(0.5 * selfie + 0.5 * pose.mask, 0, 1).astype(np.float32)
    person.scale = min(1.0, ANALYSIS_SIDE / max(shape))
    small_shape = (round(shape[0] * person.scale), round(shape[1] * person.scale))
    person.small = resize(person.picture, small_shape)
    voted = resize(probability, small_shape)
    person.mask = _sharpen(person, voted, max(3, int(0.05 * width * person.scale)))
    enlarged = guided_filter(grey(person.small), person.mask, 3, 1e-3, grey(person.picture))
    person.matte = np.clip((enlarged - 0.08) / 0.84, 0, 1)
    luma = person.small[person.mask > 0.5]
    if len(luma) and float(luma.mean()) < 45:
        person.warnings.append("photo_dark")


def _share_of_trunk(person: Person, probability: Array) -> float:
    """How much of the trunk is a person by ``probability``, which has the shape of ``person.picture``."""
    trunk = polygon_mask(person.shape, person.joints[[R_SHOULDER, L_SHOULDER, L_HIP, R_HIP]]) > 0.5
    return float(probability[trunk].mean()) if trunk.any() else 1.0


def _sharpen(person: Person, voted: Array, band: int) -> Array:
    trimap = np.where(voted > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[erode(voted > 0.55, band) > 0] = cv2.GC_FGD
    trimap[dilate(voted > 0.35, band) == 0] = cv2.GC_BGD
    mask = (voted > 0.5).astype(np.float32)
    cut = quick_cut(person.small, trimap)
    if cut is not None:
        agreement = float((cut * mask).sum() / (np.maximum(cut, mask).sum() + 1e-6))
        if agreement > 0.85:
            mask = cut
        else:
            person.warnings.append("outline_uncertain")
    count, labels, stats = components(mask > 0)
    if count > 2:
        biggest = stats[1:, 4].max()
        keep = [i for i in range(1, count) if stats[i, 4] > 0.02 * biggest]
        mask = np.isin(labels, keep).astype(np.float32)
    return mask


def spine_unit(person: Person) -> Array:
    """Unit vector from the hips up to the shoulders."""
    return unit(person.shoulder_centre - person.hip_centre)
