from tryon.models.accounts import ProviderAccount
from tryon.models.acts import Act
from tryon.models.batches import Batch, BatchStatus
from tryon.models.events import Feedback, FunnelCount
from tryon.models.garments import FormerPicture, Garment, PresetModel
from tryon.models.ledger import EntryState, LedgerEntry, SpendCounter
from tryon.models.picks import BlindPick
from tryon.models.requests import RequestKey
from tryon.models.results import FINAL, LIVE, MOVES, Review, TryOnOutput, TryOnResult
from tryon.models.reviews import ReviewEvent, ReviewLink
from tryon.models.sharing import ErasureReceipt, ShareLink
from tryon.models.shoppers import Consent, Shopper, ShopperPhoto
from tryon.models.slots import WorkerSlot
from tryon.models.usage import Alert, Mark, Outcome, Overview
from tryon.models.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "FINAL",
    "LIVE",
    "MOVES",
    "Act",
    "Alert",
    "Batch",
    "BatchStatus",
    "BlindPick",
    "Consent",
    "EntryState",
    "ErasureReceipt",
    "Feedback",
    "FormerPicture",
    "FunnelCount",
    "Garment",
    "LedgerEntry",
    "Mark",
    "Outcome",
    "Overview",
    "PresetModel",
    "ProviderAccount",
    "RequestKey",
    "Review",
    "ReviewEvent",
    "ReviewLink",
    "ShareLink",
    "Shopper",
    "ShopperPhoto",
    "SpendCounter",
    "TryOnOutput",
    "TryOnResult",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WorkerSlot",
]
