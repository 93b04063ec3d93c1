from __future__ import annotations

from django.urls import path

from tryon.storefront import away, events, history, outside, passport, pictures, share, views

urlpatterns = [
    path("try/<path:product_ref>/", views.try_page, name="try"),
    path("previews/<uuid:pk>/", views.preview, name="result"),
    path("previews/<uuid:pk>/instant/", pictures.instant, name="instant"),
    path("previews/<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("previews/<uuid:pk>/delete/", views.delete, name="delete"),
    path("pictures/<uuid:pk>/<str:size>/", pictures.picture, name="picture"),
    path("photos/<uuid:pk>/", pictures.photo, name="photo"),
    path("garments/<int:pk>/<str:size>/", pictures.garment_picture, name="garment-picture"),
    path("models/<int:pk>/<str:size>/", pictures.model_picture, name="model-picture"),
    path("privacy/", passport.privacy, name="privacy"),
    path("privacy/withdraw/", passport.withdraw, name="withdraw"),
    path("passport/", passport.passport, name="passport"),
    path("receipts/<uuid:pk>/", passport.receipt, name="receipt"),
    path("previews/", history.previews, name="history"),
    path("photos/latest/", history.latest_photo, name="latest-photo"),
    path("photos/<uuid:pk>/thumb/", pictures.photo_thumb, name="photo-thumb"),
    path("photos/<uuid:pk>/delete/", history.delete_photo, name="delete-photo"),
    path("previews/<uuid:pk>/feedback/", events.feedback, name="feedback"),
    path("events/", events.events, name="events"),
    path("previews/<uuid:pk>/share/", share.share, name="share"),
    path("previews/<uuid:pk>/share/<int:link_pk>/revoke/", share.revoke, name="revoke"),
    path("shared/<str:token>/", share.shared, name="shared"),
    path("shared/<str:token>/picture/", share.shared_picture, name="shared-picture"),
    path("shared/<str:token>/report/", share.report, name="report"),
    path("review/<str:token>/", outside.outside_review, name="outside-review"),
    path("review/<str:token>/<uuid:pk>/<str:size>/", outside.outside_picture, name="outside-picture"),
]
for pattern in urlpatterns:
    pattern.callback = away.answers(pattern.callback)
