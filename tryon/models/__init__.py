from tryon.models.garments import Garment, PresetModel
from tryon.models.results import FINAL, LIVE, MOVES, TryOnOutput, TryOnResult
from tryon.models.shoppers import Consent, Shopper, ShopperPhoto
from tryon.models.slots import WorkerSlot

__all__ = [
    "FINAL",
    "LIVE",
    "MOVES",
    "Consent",
    "Garment",
    "PresetModel",
    "Shopper",
    "ShopperPhoto",
    "TryOnOutput",
    "TryOnResult",
    "WorkerSlot",
]
