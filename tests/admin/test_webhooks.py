"""The pages of outgoing webhooks: what is on, what was told, a test; and never a secret."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from tryon import webhooks
from tryon.models import WebhookDelivery, WebhookEndpoint

ENDPOINTS, DELIVERIES = "/admin/tryon/webhookendpoint/", "/admin/tryon/webhookdelivery/"
LOOK = ("view_webhookendpoint", "view_webhookdelivery")
CHANGE = (*LOOK, "change_webhookendpoint")


@pytest.fixture
def hook(db) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(url="https://shop.example/hook/", description="Stock")


def choose(client, page: str, action: str, *rows):
    data = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows]}
    return client.post(page, data, follow=True)


def test_what_is_shown(login, hook) -> None:
    off = WebhookEndpoint.objects.create(url="https://x.example/", disabled_at=timezone.now(), disabled_because="Gone.")
    webhooks.send_test([hook])
    client = login(*CHANGE)
    page = client.get(ENDPOINTS).content.decode()
    assert "Stock" in page
    assert "Gone." in page
    assert "webhook.test" in client.get(DELIVERIES).content.decode()
    delivery = WebhookDelivery.objects.get()
    paths = [ENDPOINTS, DELIVERIES, f"{DELIVERIES}{delivery.pk}/change/"]
    for path in (*paths, f"{ENDPOINTS}{hook.pk}/change/", f"{ENDPOINTS}{off.pk}/change/"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "whsec_" not in answer.content.decode()
        assert webhooks.secret(hook).removeprefix("whsec_") not in answer.content.decode()
    assert client.get(f"{ENDPOINTS}add/").status_code == 403


def test_a_test_event_and_the_switch(login, hook) -> None:
    client = login(*CHANGE)
    assert "1 test event is on its way." in choose(client, ENDPOINTS, "send_test", hook).content.decode()
    assert WebhookDelivery.objects.get().event == "webhook.test"
    choose(client, ENDPOINTS, "switch_off", hook)
    hook.refresh_from_db()
    assert hook.disabled_at
    assert "0 test events" in choose(client, ENDPOINTS, "send_test", hook).content.decode()
    choose(client, ENDPOINTS, "switch_on", hook)
    hook.refresh_from_db()
    assert hook.disabled_at is None
    assert LogEntry.objects.count() == 3


def test_a_delivery_is_sent_again_with_its_id(login, hook) -> None:
    (delivery,) = webhooks.send_test([hook])
    WebhookDelivery.objects.update(next_at=None, attempts=10)
    choose(login(*CHANGE), DELIVERIES, "send_again", delivery)
    again = WebhookDelivery.objects.get()
    assert again.pk == delivery.pk
    assert again.next_at


def test_who_may_only_look(login, hook) -> None:
    client = login(*LOOK)
    (delivery,) = webhooks.send_test([hook])
    WebhookDelivery.objects.update(next_at=None)
    assert choose(client, ENDPOINTS, "switch_off", hook).status_code == 403
    assert choose(client, DELIVERIES, "send_again", delivery).status_code == 403
    assert WebhookDelivery.objects.get().next_at is None
    assert login(name="nobody").get(ENDPOINTS).status_code == 403


def test_the_form_takes_what_the_api_takes(login, hook) -> None:
    client, page = login(*CHANGE), f"{ENDPOINTS}{hook.pk}/change/"
    answer = client.post(page, {"url": "http://shop.example/", "description": "", "events": []})
    assert "This address can&#x27;t be used" in answer.content.decode()
    client.post(page, {"url": "https://other.example/h", "description": "", "events": ["shot.published"]})
    hook.refresh_from_db()
    assert (hook.url, hook.events) == ("https://other.example/h", ["shot.published"])
