"""The tools of a shop's support desk, over a JSON state. Runs in the sandbox: standard library only.

The scorer compares ``state["effects"]``: each change that a customer would notice, in a fixed order, so that the order of
independent changes does not count. Money is in cents.
"""

from __future__ import annotations

import json
from typing import Any

State = dict[str, Any]


class ToolError(ValueError):
    """What the tool tells the model instead of a result."""


def find_customer(state: State, *, email: str) -> State:
    """Return the customer with an e-mail address."""
    for customer_id, customer in state["customers"].items():
        if customer["email"].lower() == email.strip().lower():
            return {"customer_id": customer_id, **customer}
    raise ToolError(f"no customer has the e-mail address {email!r}")


def list_orders(state: State, *, customer_id: str) -> list[State]:
    """Return the ids and states of a customer's orders."""
    if customer_id not in state["customers"]:
        raise ToolError(f"no customer {customer_id!r}")
    return [
        {"order_id": order_id, "placed": order["placed"], "status": order["status"]}
        for order_id, order in state["orders"].items()
        if order["customer_id"] == customer_id
    ]


def get_order(state: State, *, order_id: str) -> State:
    """Return one order."""
    return {"order_id": order_id, **_order(state, order_id)}


def check_stock(state: State, *, sku: str) -> State:
    """Return how many of an article are in stock."""
    if sku not in state["stock"]:
        raise ToolError(f"no article {sku!r}")
    return {"sku": sku, "in_stock": state["stock"][sku]}


def cancel_order(state: State, *, order_id: str) -> State:
    """Cancel an order that is not on its way yet; what was paid goes back by itself."""
    order = _order(state, order_id)
    _fail_if_due(state, "cancel_order")
    if order["status"] != "processing":
        raise ToolError(f"{order_id} is {order['status']}; only an order in processing can be cancelled")
    order["status"] = "cancelled"
    _record(state, what="cancel", order_id=order_id)
    return {"order_id": order_id, "status": "cancelled"}


def change_address(state: State, *, order_id: str, address: str) -> State:
    """Change the delivery address of an order that is not on its way yet."""
    order = _order(state, order_id)
    _fail_if_due(state, "change_address")
    if order["status"] != "processing":
        raise ToolError(f"{order_id} is {order['status']}; its address can no longer be changed")
    order["address"] = address
    _record(state, what="address", order_id=order_id, address=" ".join(address.split()).lower())
    return {"order_id": order_id, "address": address}


def create_return(state: State, *, order_id: str, sku: str) -> State:
    """Open a return of one article of a delivered order, and return its number."""
    order = _order(state, order_id)
    _item(order, order_id, sku)
    _fail_if_due(state, "create_return")
    if order["status"] != "delivered":
        raise ToolError(f"{order_id} is {order['status']}; only what was delivered can be returned")
    return_id = f"R-{order_id}-{sku}"
    if return_id in state["returns"]:
        raise ToolError(f"{return_id} is open already")
    state["returns"][return_id] = {"order_id": order_id, "sku": sku, "label": None}
    _record(state, what="return", order_id=order_id, sku=sku)
    return {"return_id": return_id}


def send_label(state: State, *, return_id: str) -> State:
    """Send the customer a label for a return."""
    if return_id not in state["returns"]:
        raise ToolError(f"no return {return_id!r}")
    _fail_if_due(state, "send_label")
    state["returns"][return_id]["label"] = "sent"
    _record(state, what="label", return_id=return_id)
    return {"return_id": return_id, "label": "sent"}


def refund(state: State, *, order_id: str, sku: str, amount_cents: int) -> State:
    """Pay back an amount for one article of an order, to the way it was paid."""
    order = _order(state, order_id)
    item = _item(order, order_id, sku)
    _fail_if_due(state, "refund")
    if type(amount_cents) is not int or not 0 < amount_cents <= item["price_cents"]:
        raise ToolError(f"amount_cents is {amount_cents!r}; expected 1 to {item['price_cents']}")
    _record(state, what="refund", order_id=order_id, sku=sku, amount_cents=amount_cents)
    return {"order_id": order_id, "refunded_cents": amount_cents}


def exchange(state: State, *, order_id: str, sku: str, new_sku: str) -> State:
    """Exchange an article of a delivered order for another one in stock."""
    order = _order(state, order_id)
    _item(order, order_id, sku)
    _fail_if_due(state, "exchange")
    if state["stock"].get(new_sku, 0) < 1:
        raise ToolError(f"{new_sku} is not in stock")
    state["stock"][new_sku] -= 1
    _record(state, what="exchange", order_id=order_id, sku=sku, new_sku=new_sku)
    return {"order_id": order_id, "new_sku": new_sku}


def give_credit(state: State, *, customer_id: str, amount_cents: int) -> State:
    """Give a customer credit for the next order."""
    if customer_id not in state["customers"]:
        raise ToolError(f"no customer {customer_id!r}")
    _fail_if_due(state, "give_credit")
    if type(amount_cents) is not int or amount_cents <= 0:
        raise ToolError(f"amount_cents is {amount_cents!r}; expected a whole number above 0")
    _record(state, what="credit", customer_id=customer_id, amount_cents=amount_cents)
    return {"customer_id": customer_id, "credit_cents": amount_cents}


def record_refusal(state: State, *, order_id: str, rule: str) -> State:
    """Write down that a request about an order was refused, and by which rule of the policy (such as R2)."""
    _order(state, order_id)
    _record(state, what="refusal", order_id=order_id, rule=rule.strip().upper())
    return {"recorded": True}


def escalate(state: State, *, about: str, reason: str) -> State:
    """Hand an order over to a colleague, with the reason in a few words."""
    _order(state, about)
    _record(state, what="escalation", order_id=about)
    return {"escalated": True, "reason": reason}


def _order(state: State, order_id: str) -> State:
    if order_id not in state["orders"]:
        raise ToolError(f"no order {order_id!r}")
    order: State = state["orders"][order_id]
    return order


def _item(order: State, order_id: str, sku: str) -> State:
    for item in order["items"]:
        if item["sku"] == sku:
            found: State = item
            return found
    raise ToolError(f"{order_id} has no article {sku!r}")


def _fail_if_due(state: State, tool: str) -> None:
    """Fail as the episode has it: a number of times, or always (-1)."""
    left = state["failures"].get(tool, 0)
    if left:
        state["failures"][tool] = left - 1 if left > 0 else left
        raise ToolError(
            "the service is busy, try again" if left > 0 else "the service is down until tomorrow"
        )


def _record(state: State, **effect: Any) -> None:
    state["effects"] = sorted([*state["effects"], effect], key=lambda one: json.dumps(one, sort_keys=True))
