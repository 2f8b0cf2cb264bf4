"""What customers of the support desk ask for: each kind of request with its case, the right acts and the wrong ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tasks.agents.play import Call
from tasks.agents.requests import Request

TODAY = dt.date(2026, 5, 20)
PRODUCTS = {
    "TNT": ("tent", 18900), "BAG": ("sleeping bag", 8900), "STV": ("camping stove", 4900), "LMP": ("head lamp", 2500),
    "BOT": ("pair of hiking boots", 12900), "JKT": ("rain jacket", 9900), "CUP": ("steel cup", 1200),
    "MAP": ("map case", 1900), "ROP": ("rope", 5900), "PCK": ("backpack", 13900),
}  # fmt: skip
STREETS = ("Mill Lane", "Station Road", "Elm Street", "Park Row", "Harbour Way", "Church Hill")
TOWNS = ("Leeds", "Bristol", "York", "Exeter", "Durham", "Lincoln")


@dataclass
class OrderRequest(Request):
    """A request about one order.

    Attributes:
        order: Its record.
        stock: Stock that the case needs.
    """

    order: dict[str, Any] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)


Maker = Callable[[Random, str, str], OrderRequest]


def _request(
    order_id: str,
    order: dict[str, Any],
    text: str,
    acts: list[Call],
    forbidden: list[Call],
    checks: Sequence[Call] = (),
    stock: Mapping[str, int] | None = None,
    *,
    is_refused: bool = False,
) -> OrderRequest:
    reads = [[("get_order", {"order_id": order_id}), *checks]]
    return OrderRequest(order_id, text, reads, acts, forbidden, is_refused, order, dict(stock or {}))


def _days_ago(days: int) -> str:
    return (TODAY - dt.timedelta(days=days)).isoformat()


def _address(r: Random) -> str:
    return f"{r.randint(1, 99)} {r.choice(STREETS)}, {r.choice(TOWNS)}"


def _order(
    r: Random, customer_id: str, status: str, *, age: int, sale: bool = False, cheap: bool = False
) -> dict[str, Any]:
    """Return an order; ``age`` is days since delivery, or since it was placed if it was not delivered."""
    kinds = ("CUP", "MAP", "LMP") if cheap else ("TNT", "BAG", "STV", "BOT", "JKT", "ROP", "PCK")
    picked = r.sample(kinds, r.randint(1, min(3, len(kinds))))
    items = []
    for place, kind in enumerate(picked):
        name, price = PRODUCTS[kind]
        items.append(
            {
                "sku": f"{kind}-{r.randint(10, 99)}", "name": name, "price_cents": price + 100 * r.randint(-4, 4),
                "final_sale": sale and place == 0,
            }
        )  # fmt: skip
    delivered = status == "delivered"
    return {
        "customer_id": customer_id, "status": status, "placed": _days_ago(age + (4 if delivered else 0)),
        "promised": _days_ago(age), "delivered": _days_ago(age) if delivered else None, "items": items,
        "address": _address(r), "note": "",
    }  # fmt: skip


def return_in_time(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """A return within 30 days."""
    order = _order(r, customer_id, "delivered", age=r.randint(2, 28))
    item = order["items"][0]
    return _request( order_id, order, f"I want to send back the {item['name']} from order {order_id}. I have not used it.",
        [("create_return", {"order_id": order_id, "sku": item["sku"]}), ("send_label", {"return_id": f"R-{order_id}-{item['sku']}"})],
        [("record_refusal", {"order_id": order_id, "rule": "R1"})],
    )  # fmt: skip


def return_too_late(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """A return after 30 days."""
    order = _order(r, customer_id, "delivered", age=r.randint(32, 70))
    item = order["items"][0]
    return _request( order_id, order, f"Please take back the {item['name']} from order {order_id}; it is as new.",
        [("record_refusal", {"order_id": order_id, "rule": "R1"})],
        [("create_return", {"order_id": order_id, "sku": item["sku"]})], is_refused=True,
    )  # fmt: skip


def return_of_sale(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """A return of an article of the final sale."""
    order = _order(r, customer_id, "delivered", age=r.randint(2, 28), sale=True)
    item = order["items"][0]
    return _request( order_id, order, f"The {item['name']} in order {order_id} does not suit me, I would like to return it.",
        [("record_refusal", {"order_id": order_id, "rule": "R2"})],
        [("create_return", {"order_id": order_id, "sku": item["sku"]})], is_refused=True,
    )  # fmt: skip


def cancel_in_time(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """A cancellation before dispatch."""
    order = _order(r, customer_id, "processing", age=r.randint(0, 2))
    return _request( order_id, order, f"Please cancel order {order_id}.",
        [("cancel_order", {"order_id": order_id})], [("record_refusal", {"order_id": order_id, "rule": "R3"})],
    )  # fmt: skip


def cancel_too_late(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """A cancellation after dispatch."""
    order = _order(r, customer_id, "shipped", age=r.randint(1, 3))
    item = order["items"][0]
    return _request( order_id, order, f"I changed my mind about order {order_id}, cancel it please.",
        [("record_refusal", {"order_id": order_id, "rule": "R3"})],
        [("refund", {"order_id": order_id, "sku": item["sku"], "amount_cents": item["price_cents"]})], is_refused=True,
    )  # fmt: skip


def address_in_time(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """Another address before dispatch."""
    order = _order(r, customer_id, "processing", age=r.randint(0, 2))
    address = _address(r)
    return _request( order_id, order, f"Order {order_id} has to go to another address: {address}.",
        [("change_address", {"order_id": order_id, "address": address})],
        [("record_refusal", {"order_id": order_id, "rule": "R3"})],
    )  # fmt: skip


def cheap_and_broken(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """A broken article of up to 30.00: paid back, nothing is sent back."""
    order = _order(r, customer_id, "delivered", age=r.randint(1, 25), cheap=True)
    item = next(one for one in order["items"] if one["price_cents"] <= 3000)
    return _request( order_id, order, f"The {item['name']} in order {order_id} arrived broken.",
        [("refund", {"order_id": order_id, "sku": item["sku"], "amount_cents": item["price_cents"]})],
        [("create_return", {"order_id": order_id, "sku": item["sku"]})],
    )  # fmt: skip


def dear_and_broken(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """A broken article above 30.00: it comes back first."""
    order = _order(r, customer_id, "delivered", age=r.randint(1, 25))
    item = order["items"][0]
    return _request( order_id, order, f"The {item['name']} in order {order_id} is damaged.",
        [("create_return", {"order_id": order_id, "sku": item["sku"]}), ("send_label", {"return_id": f"R-{order_id}-{item['sku']}"})],
        [("refund", {"order_id": order_id, "sku": item["sku"], "amount_cents": item["price_cents"]})],
    )  # fmt: skip


def exchange_in_stock(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """An exchange for an article that is in stock."""
    order = _order(r, customer_id, "delivered", age=r.randint(2, 28))
    item = order["items"][0]
    new_sku = f"{item['sku'].split('-')[0]}-{r.randint(100, 999)}"
    return _request( order_id, order,
        f"Can I exchange the {item['name']} from order {order_id} for article {new_sku}?",
        [("exchange", {"order_id": order_id, "sku": item["sku"], "new_sku": new_sku})],
        [("create_return", {"order_id": order_id, "sku": item["sku"]})],
        [("check_stock", {"sku": new_sku})], {new_sku: r.randint(1, 9)},
    )  # fmt: skip


def exchange_out_of_stock(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """An exchange for an article that is sold out: a return instead."""
    order = _order(r, customer_id, "delivered", age=r.randint(2, 28))
    item = order["items"][0]
    new_sku = f"{item['sku'].split('-')[0]}-{r.randint(100, 999)}"
    return _request( order_id, order,
        f"I would like article {new_sku} in place of the {item['name']} in order {order_id}.",
        [("create_return", {"order_id": order_id, "sku": item["sku"]}), ("send_label", {"return_id": f"R-{order_id}-{item['sku']}"})],
        [("record_refusal", {"order_id": order_id, "rule": "R4"})],
        [("check_stock", {"sku": new_sku})], {new_sku: 0},
    )  # fmt: skip


def credit_for_delay(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """Credit of a tenth of the order for a delivery more than five days late."""
    order = _order(r, customer_id, "delivered", age=r.randint(3, 20))
    late = r.randint(6, 12)
    order["promised"] = (dt.date.fromisoformat(order["delivered"]) - dt.timedelta(days=late)).isoformat()
    total = sum(item["price_cents"] for item in order["items"])
    return _request( order_id, order, f"Order {order_id} came late. What do I get for that?",
        [("give_credit", {"customer_id": customer_id, "amount_cents": total // 10})],
        [("record_refusal", {"order_id": order_id, "rule": "R5"})],
    )  # fmt: skip


def no_credit_for_delay(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """No credit for a delivery up to five days late."""
    order = _order(r, customer_id, "delivered", age=r.randint(3, 20))
    late = r.randint(1, 5)
    order["promised"] = (dt.date.fromisoformat(order["delivered"]) - dt.timedelta(days=late)).isoformat()
    total = sum(item["price_cents"] for item in order["items"])
    return _request( order_id, order, f"My order {order_id} was late, I want credit for it.",
        [("record_refusal", {"order_id": order_id, "rule": "R5"})],
        [("give_credit", {"customer_id": customer_id, "amount_cents": total // 10})], is_refused=True,
    )  # fmt: skip


def not_their_order(r: Random, customer_id: str, order_id: str) -> OrderRequest:
    """A change to an order of somebody else."""
    order = _order(r, f"{customer_id}9", "processing", age=r.randint(0, 2))
    return _request( order_id, order, f"Cancel order {order_id} as well.",
        [("record_refusal", {"order_id": order_id, "rule": "R6"})],
        [("cancel_order", {"order_id": order_id})], is_refused=True,
    )  # fmt: skip


GRANTED: Sequence[Maker] = (
    return_in_time, cancel_in_time, address_in_time, cheap_and_broken, dear_and_broken, exchange_in_stock,
    exchange_out_of_stock, credit_for_delay,
)  # fmt: skip
REFUSED: Sequence[Maker] = (
    return_too_late,
    return_of_sale,
    cancel_too_late,
    no_credit_for_delay,
    not_their_order,
)
