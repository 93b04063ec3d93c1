from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.test import Client

from tryon_shop.bag import MOST_OF_ONE, Bag
from tryon_shop.models import Product


def test_the_same_piece_twice_is_one_line(product: Product) -> None:
    session: dict[str, Any] = {}
    clay, navy = product.colours.all()
    Bag(session).add(clay, "M")
    Bag(session).add(clay, "M")
    Bag(session).add(clay, "L")
    Bag(session).add(navy, "M")

    lines = Bag(session).lines()
    assert [(line.colour, line.size, line.quantity) for line in lines] == [
        (clay, "M", 2),
        (clay, "L", 1),
        (navy, "M", 1),
    ]
    assert [line.total for line in lines] == [Decimal("48.00"), Decimal("24.00"), Decimal("24.00")]
    assert Bag(session).count == 4


def test_quantities_stay_in_bounds(product: Product) -> None:
    bag = Bag({})
    bag.add(product.colours.all()[0], "M")
    key = bag.lines()[0].key
    bag.set_quantity(key, 10_000)
    assert bag.count == MOST_OF_ONE
    assert bag.lines()[0].is_full
    bag.set_quantity(key, -3)
    assert bag.lines() == []


def test_what_is_no_longer_sold_leaves_the_bag(product: Product) -> None:
    bag = Bag({})
    clay, navy = product.colours.all()
    bag.add(clay, "M")
    bag.add(navy, "L")
    bag.add(navy, "M")
    clay.delete()
    Product.objects.update(sizes="S, M")

    assert [(line.colour, line.size) for line in bag.lines()] == [(navy, "M")]
    assert bag.count == 1


def test_from_the_product_page_into_the_bag_and_out(client: Client, product: Product) -> None:
    response = client.post("/products/crew-tee/navy-ecru/", {"size": "M"}, follow=True)
    assert response.redirect_chain == [("/products/crew-tee/navy-ecru/", 302)]
    assert "Crew tee, Navy / ecru, size M is in your bag" in " ".join(response.content.decode().split())

    [line] = client.get("/bag/").context["lines"]
    response = client.post("/bag/change/", {"line": line.key, "quantity": 3}, follow=True)
    assert response.context["total"] == Decimal("72.00")
    assert "€72.00" in response.content.decode()
    response = client.post("/bag/change/", {"line": line.key, "quantity": 0}, follow=True)
    assert "Nothing in it yet" in response.content.decode()


def test_a_size_must_be_chosen_from_those_there_are(client: Client, product: Product) -> None:
    for data in ({}, {"size": "XXL"}):
        response = client.post("/products/crew-tee/clay/", data)
        assert response.status_code == 422
        assert "Choose a size." in response.content.decode()
    assert "bag" not in client.session


def test_a_line_that_is_not_in_the_bag_is_not_made_up(client: Client, product: Product) -> None:
    client.post("/bag/change/", {"line": "999:XL", "quantity": 2})
    client.post("/bag/change/", {"line": "nonsense", "quantity": 2})
    assert client.get("/bag/").status_code == 200
    assert client.session.get("bag", {}) == {}
    assert client.post("/bag/change/", {"line": "1:M", "quantity": "many"}).status_code == 400
    assert client.get("/bag/change/").status_code == 405


def test_the_bag_needs_no_script_and_no_other_site_may_fill_it(product: Product) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/products/crew-tee/clay/", {"size": "M"}).status_code == 403
