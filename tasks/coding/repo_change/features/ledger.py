"""Features of the inventory ledger."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

LOADS = {"app": "ledger.app", "money": "ledger.money", "pricing": "ledger.pricing"}
LOTS = [
    "item pen 1.11", "item ink 2.00", "item tea 1", "alias biro pen", "receive pen 3 0.50", "receive pen 2 0.70", "receive pen 4 0.30",
    "receive ink 3 1", "order A pen:7 ink:3", "voucher A FLAT-3", "ship A",
]  # fmt: skip
ODD = (
    "item", "item a:b 1", "item pen 1.234", "item pen 1 pack=0", "item pen 1 kind=new", "item pen 1 pack=x", "item rope 2 kind=long least=3", "alias pen ink", "alias biro pen", "alias biro nib",
    "order A1 biro:2 pen:1", "order", "order Q", "order Q nib:1", "order Q pen:0", "order A1 pen:1", "receive biro 4 0.20", "receive nib 1 1", "receive pen 0 1", "receive pen 1 1 exp=3",
    "ship", "ship A1", "day 1", "day 0", "day", "voucher A1 NO", "voucher A1", "voucher Z TEN", "cancel Z", "cancel A1", "discard", "report", "report x", "report history", "report history cash",
    "report history goods", "report history sales", "report history cost", "report history losses", "report kinds", 'order "B 1" pen:2', "fly", "# note", "", "policy none 1 1",
)  # fmt: skip
ITEMS = ("pen", "ink", "tea", "rope")


def script(r: Random, extra: Callable[[Random, list[str]], str | None]) -> str:
    """Return a call of ``app.run`` with drawn commands; ``extra`` gives a command of the feature or None."""
    lines = [
        f"item {name} {r.randint(0, 9)}.{r.randint(0, 99):02} pack={r.choice([1, 6, 10])} least={r.randint(0, 9)}"
        for name in ITEMS[:3]
    ]
    orders: list[str] = []
    day = 1
    for _ in range(r.randint(8, 18)):
        special = extra(r, orders)
        roll = r.random()
        if special is not None and r.random() < 0.4:
            lines.append(special)
        elif roll < 0.3:
            expires = f" expires={day + r.randint(0, 6)}" if r.random() < 0.4 else ""
            lines.append(
                f"receive {r.choice(ITEMS[:3])} {r.randint(1, 30)} {r.randint(0, 3)}.{r.randint(0, 99):02}{expires}"
            )
        elif roll < 0.6:
            orders.append(f"A{len(orders) + 1}")
            wanted = r.sample(ITEMS[:3], r.randint(1, 3))
            lines.append(f"order {orders[-1]} " + " ".join(f"{name}:{r.randint(1, 14)}" for name in wanted))
        elif roll < 0.8 and orders:
            lines.append(f"ship {r.choice(orders)}")
        elif roll < 0.87 and orders:
            lines.append(f"voucher {r.choice(orders)} {r.choice(['TEN', 'FIVE', 'FLAT-2', 'STAFF'])}")
        elif roll < 0.92 and orders:
            lines.append(f"cancel {r.choice(orders)}")
        else:
            day += r.randint(1, 3)
            lines.append(f"day {day}")
        if r.random() < 0.06:
            lines.append(
                r.choice(
                    [
                        "ship",
                        "cancel",
                        "voucher A1",
                        "receive pen",
                        "receive pen 3",
                        "receive pen 3 1 exp=2",
                        "day",
                    ]
                )
            )
    lines += ["discard"] if r.random() < 0.3 else []
    lines += ["report stock", "report orders", "report accounts"]
    lines += [
        r.choice(
            [
                "report history cash",
                "report history goods",
                "report history sales",
                "report history exchange",
                "report kinds",
            ]
        )
    ]
    return f"app.run({lines!r})"


def pick_order(r: Random, orders: list[str]) -> str:
    """Return an order's number, or one that does not exist."""
    return r.choice(orders) if orders and r.random() < 0.95 else "Z9"


def holds(r: Random, orders: list[str]) -> str | None:
    """Return a command of holds."""
    if r.random() < 0.08:
        return r.choice(["hold", "release"])
    return f"{r.choice(['hold', 'hold', 'release'])} {pick_order(r, orders)}"


def returns(r: Random, orders: list[str]) -> str | None:
    """Return a command of returns."""
    if r.random() < 0.15:
        return r.choice(
            [
                "return",
                "return A1",
                "return A1 pen",
                "return A1 pen 1 broken=yes",
                "return A1 pen none",
                "return A2 rope 1",
            ]
        )
    damaged = r.choice(["", "", " damaged=yes", " damaged=no"])
    return f"return {pick_order(r, orders)} {r.choice(ITEMS[:3])} {r.randint(1, 5)}{damaged}"


def currencies(r: Random, _orders: list[str]) -> str | None:
    """Return a command of currencies."""
    money = r.choice(["usd", "USD", "chf", "gbp", "us"]) if r.random() < 0.8 else ""
    price = f"{r.randint(0, 9)}.{r.randint(0, 99):02}{money}"
    return r.choice(
        [
            f"rate {r.choice(['usd', 'chf', 'USD'])} {r.randint(200, 3000)}",
            f"rate {r.choice(['usd', 'chf', 'us'])} {r.randint(200, 3000)}",
            f"item {r.choice(ITEMS[:3])} {price}",
            f"receive {r.choice(ITEMS[:3])} {r.randint(1, 30)} {price}",
            f"receive {r.choice(ITEMS[:3])} {r.randint(1, 30)} {price}",
            f"settle {r.choice(['usd', 'chf', 'gbp'])}",
            r.choice(
                [
                    "settle",
                    "rate",
                    "rate usd",
                    "rate usd no",
                    "item pen",
                    "receive pen 3",
                    "receive",
                    "item",
                    "item a:b 1",
                    "item pen 1 pack=0",
                    "item pen 1 kind=new",
                    "rate u1d 5",
                    "settle usd",
                ]
            ),
        ]
    )


def odd_calls() -> list[str]:
    """Return calls with each odd command, on a new book and on one with goods and an order."""
    start = [
        "item pen 1.20 pack=10",
        "item ink 3",
        "receive pen 12 0.50",
        "receive ink 2 1 expires=3",
        "order A1 pen:11 ink:1",
        "order A2 ink:4",
    ]
    return [f"app.run({[*start, line, 'report stock', 'report orders']!r})" for line in ODD]


def common(r: Random) -> str:
    """Return a call about what was there before."""
    return script(r, lambda r, _orders: r.choice(ODD))


def features(make: Any) -> list[Any]:
    """Return the features."""
    return [
        make(1, "split", 2, (
            "A voucher is split onto the lines of an order, and the parts are wrong where they do not come out even: with a voucher "
            "of 1.00 on three lines that cost the same, the first line gets 0.34, which is right, but with parts of 33.3, 33.3 and "
            "33.4 the spare cent goes to the first line too. What `split_amount` promises in its docstring holds: each part is rounded "
            "down, and the cents left over go one by one to the parts that lost most by the rounding, equal ones from the left."
        ), (
            "money.split_amount(100, [1, 1, 1])", "money.split_amount(100, [333, 333, 334])", "money.split_amount(101, [5, 3, 3])",
            "money.split_amount(10, [1, 2, 3, 4, 5, 6])", "money.split_amount(11, [6, 5, 4, 3, 2, 1])", "money.split_amount(999, [7, 0, 13, 1])",
            "money.split_amount(2, [3, 1, 1, 1])", "money.split_amount(17, [9, 9, 9, 9, 2])", "money.split_amount(1, [1, 5, 5])",
            "money.split_amount(23, [2, 7, 1, 1, 1, 1])", "money.split_amount(8, [0, 0, 5])", "money.split_amount(100, [2, 2, 2, 2, 2, 1])", "money.split_amount(7, [0, 0, 0])",
        )),
        make(3, "expiry", 3, (
            "Goods with a last day (`receive pen 5 0.50 expires=9`) are handed out after that day, and newer goods spoil while goods "
            "that keep go out first. From now on: (1) pieces of a lot whose last day is over (`expires` before today) never go out "
            "and are not free to be reserved by orders; (2) of the good lots those with a last day go out first, the earliest last "
            "day before later ones; lots that keep come after all of these; equal ones go out as they came in; (3) `report stock` "
            "says `expired N` behind what is reserved and before the cost, for the pieces that are there but no longer good, if any. "
            "What was reserved stays reserved when it expires; such an order can then not be sent (`error: pen has not 5`)."
        ), (), lambda r: script(r, lambda _r, _orders: None)),
        make(6, "hold", 2, (
            "Customers ask us to hold orders. Add two commands. `hold NUMBER` holds an open order: what it had reserved becomes free "
            "and goes to other waiting orders at once, as after a cancellation; it prints `held NUMBER`, then one line `order X is "
            "ready` for each order that became complete. A held order gets nothing from goods that come in, whoever triggers it, and "
            "cannot be sent: `ship` gives `error: order A1 is held`. So does `hold` on an order that is held already. `release NUMBER` "
            "ends the hold: the order takes its old place among those that wait (by the order in which they came), takes what is free, "
            "and `order NUMBER ready` or `order NUMBER waits for 3` is printed as after `order`; for an order that is not held it gives "
            "`error: order A1 is not held`. An order that is sent or cancelled gives the usual error of `find_open` for both. A held order "
            "is `held` in `report orders`, with its missing lines below as for any open order. A held order can get a voucher and can "
            "be cancelled; a cancelled one is `cancelled` in the report."
        ), (), lambda r: script(r, holds)),
        make(9, "returns", 3, (
            "Add returns: `return NUMBER ITEM COUNT [damaged=yes]` takes pieces of a sent order back and prints `refund 1.20`. "
            "(1) An order that is not sent gives `error: order A1 is open` (or `is cancelled`); an item that the order does not have gives `error: order A1 has no pen`; "
            "more pieces than went out and have not come back yet give `error: only 2 can come back`. The item may be named by an alias. "
            "(2) The refund is the pieces' share of what was paid for the line after all discounts, rounded down; when the last pieces of a line "
            "come back, it is all that is left of the payment. (3) Pieces come back at the cost at which they went out; what "
            "went out last comes back first. Unless damaged, they become stock again, as new lots without a last day, in the order in "
            "which they come back, and waiting orders are filled: one line `order X is ready` each, after the refund. (4) The journal gets one posting `return NUMBER`: "
            "the refund from cash against sales, the cost from cost to goods; of damaged pieces the cost goes to losses instead of goods, "
            "and nothing becomes stock. (5) `report orders` has, below a sent order with returns, `  returned pen:2 ink:1 4.20`: "
            "the lines with returns in their order and the refunds together. Options other than `damaged` are refused as elsewhere; a value other "
            "than `yes` means not damaged."
        ), tuple(f"app.run({LOTS + more!r})" for more in (
            ["return A pen 3", "return A pen 3", "report stock", "report history goods"], ["return A pen 1", "return A pen 4", "return A pen 2", "report stock", "report orders", "report accounts"],
            ["order B pen:12 ink:1", "order C pen:2", "return A pen 4", "return A ink 1 damaged=yes", "return A ink 1 damaged=maybe", "report orders", "report history sales", "report history losses"],
            ["order B pen:4", "return A pen 3", "report orders", "report history goods"], ["return A pen 3 damaged=yes", "return A pen 3", "report stock", "report accounts"], ["return A ink 1", "return A ink 2", "return A ink 1", "report orders"],
            ["return B pen 1", "order B pen:1", "return B pen 1", "cancel B", "return B pen 1", "return A pen 1 late=1", "ship B", "order D pen:2", "ship D", "return A ink 1", "return A tea 1", "return A biro 1"],
        )), lambda r: script(r, returns)),
        make(12, "currency", 4, (
            "Some goods are bought and priced in other currencies. (1) `rate USD 920` sets a rate: own cents for 1000 foreign ones; it "
            "prints `rate USD 920`. Currencies are three letters, in any case, shown in capitals; others give `error: 'US' is no currency`. "
            "(2) A price or cost may end in a currency: `item pen 1.20usd`, `receive pen 5 0.50usd`; three letters, else the same error. "
            "`item` prints `item pen 1.20 USD`, and the price stays in that currency; an item without one prints as before, and changing an item sets its currency again. "
            "(3) When an order is sent, a line whose item has a currency costs its price times count, less the quantity discount, all in "
            "the foreign currency, and then converted once, half a cent up, at the rate of that moment; vouchers apply after that to own "
            "cents. Where the rate is missing, `ship` gives `error: no rate for USD`. (4) `receive` with a foreign cost converts the cost "
            "of one piece, half a cent up, at the current rate (`error: no rate for USD` without), and the lot has that cost. What is owed is "
            "kept in the foreign currency (cost of a piece times count, not converted), and the posting `buy pen USD` goes to goods against a new account `exchange` instead of cash, "
            "at the lot's cost. (5) `settle USD` pays all that is owed in a currency at the rate of today: one conversion of the whole sum; "
            "the posting `settle USD` goes from cash to `exchange`; it prints `settled 2.50 USD with 2.30`. Without a rate it gives "
            "`error: no rate for USD`, with nothing owed `error: nothing is owed in USD`. What rates changed meanwhile stays on `exchange`. "
            "(6) `report accounts` has `exchange` after the other accounts if it has postings, then `owed USD 2.50` for each currency in "
            "which something is owed, in order. A rate is a whole number above 0, refused as other numbers are. Put the arithmetic into `money.convert(cents, rate)`."
        ), ("money.convert(105, 920)", "money.convert(1, 500)", "money.convert(999, 1499)", "money.convert(0, 700)"), lambda r: script(r, currencies)),
    ]  # fmt: skip
