"""Who may do what in the studio: five permissions that a shop gives apart from each other."""

from __future__ import annotations

GENERATE = "tryon.generate_shots"
REVIEW = "tryon.review_shots"
PUBLISH = "tryon.publish_shots"
SEE_SPEND = "tryon.see_spend"
SEE_SHOPPER_PHOTOS = "tryon.see_shopper_photos"
