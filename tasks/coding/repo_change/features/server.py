"""Features of the server."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

LOADS = {"app": "lineserver.app"}
KEYS = ("a", "b", "ab", "job1", "job2")
ODD = (
    "", "FLY", "GET", "GET a b", "GET a*", "SET a", "SET a x", "SET a 999", "DEL", "INCR", "INCR a x", "INCR a 1 2", "RENAME a", "RENAME a b ab", "KEYS a b", "STATS 1", "CALL", "CALL none 1 2", "CALL none x", "CALL none", "LEN", "LEN zz", "get a", "PING 1 2",
    "INCR a --2", "APPEND a", "SET " + "k" * 31 + " 1", "x" * 201, "SET a 1 2", "INCR job1 -3", "DEL a b job1", "KEYS *b", "KEYS ??*", "STATS", "  GET   a  ",
)  # fmt: skip


def request(r: Random) -> str:
    """Return a request of the first commands, with its body."""
    key = r.choice(KEYS)
    roll = r.random()
    if roll < 0.3:
        text = r.choice(["red", "7", "-2", "", "two words", "x\ny", "12"])
        return f"{r.choice(['SET', 'SET', 'APPEND', 'set'])} {key} {len(text)}\n{text}\n"
    if roll < 0.5:
        return f"{r.choice(['GET', 'LEN', 'DEL', 'GET'])} {key}\n"
    if roll < 0.7:
        return f"INCR {key}{r.choice(['', ' 3', ' -5'])}\n"
    return r.choice(
        [
            f"RENAME {key} {r.choice(KEYS)}\n",
            f"KEYS {r.choice(['*', 'a*', 'job?', '?'])}\n",
            "KEYS\n",
            "STATS\n",
            f"PING {key}\n",
            "QUIT\n" if r.random() < 0.3 else "PING\n",
            f"DEL {key} {r.choice(KEYS)}\n",
        ]
    )


def talk(
    r: Random,
    extra: Callable[[Random], str] | None = None,
    share: float = 0.5,
    users: list[str] | None = None,
    count: int = 14,
) -> str:
    """Return a drawn talk of up to three clients; ``extra`` gives requests of the feature."""
    events: list[list[Any]] = []
    clients = ("ann", "bob", "cy")[: r.randint(1, 3)]
    pending = dict.fromkeys(clients, "")
    if users:
        events += [
            [
                name,
                f"AUTH {r.choice([line.split()[0] for line in users])} {r.choice(['s1', 's1', 's1', 's2'])}\n",
            ]
            for name in clients
            if r.random() < 0.9
        ]
    for _ in range(r.randint(6, count)):
        if r.random() < 0.2:
            events.append(["tick", r.choice([1, 2, 3, 5, 10])])
            continue
        client = r.choice(clients)
        text = extra(r) if extra is not None and r.random() < share else request(r)
        if extra is None and r.random() < 0.25:
            text = r.choice(ODD) + "\n"
        if r.random() < 0.1:
            text = text.replace("\n", "\r\n", 1)
        text = pending[client] + text
        pending[client] = ""
        if r.random() < 0.3 and len(text) > 2:
            cut = r.randint(1, len(text) - 1)
            text, pending[client] = text[:cut], text[cut:]
        events.append([client, text])
    events += [[client, text] for client, text in pending.items() if text]
    events.append([clients[0], "KEYS\nGET a\nGET job1\n"])
    return f"app.talk({events!r}{', ' + repr(users) if users else ''})"


def odd_calls() -> list[str]:
    """Return talks with each odd line."""
    return [
        f"app.talk({[['ann', f'SET a 1{chr(10)}5{chr(10)}SET b 2{chr(10)}xy{chr(10)}'], ['ann', line + chr(10)], ['ann', f'KEYS{chr(10)}GET a{chr(10)}']]!r})"
        for line in ODD
    ]


def common(r: Random) -> str:
    """Return a call about what was there before."""
    return talk(r)


def frames(r: Random) -> str:
    """Return a talk whose text is cut at all places."""
    text = "".join(request(r) for _ in range(r.randint(2, 5)))
    if r.random() < 0.4:
        text += r.choice(
            [
                "SET a 3\nredder\nGET a\n",
                "SET a 2\n\n\n\nGET a\n",
                "SET a 3\nred\n\nPING\n",
                "APPEND b 1\nxy\nPING\n",
                "SET a 0\n\nGET a\n",
                "SET a 0\nx\nGET a\n",
            ]
        )
    events, at = [], 0
    while at < len(text):
        size = r.choice([1, 2, 3, 5, 8, 20])
        events.append(["ann", text[at : at + size]])
        at += size
    return f"app.talk({events!r})"


def expiries(r: Random) -> str:
    """Return a request about ends of keys."""
    key = r.choice(KEYS)
    return r.choice(
        [
            f"EXPIRE {key} {r.choice([1, 2, 3, 5, 8, 0, -1])}\n",
            f"EXPIRE {key} {r.randint(1, 9)}\n",
            f"TTL {key}\n",
            f"TTL {key}\n",
            f"PERSIST {key}\n",
            f"APPEND {key} 1\nz\n",
            f"INCR {key}\n",
            f"SET {key} 1\n4\n",
            f"RENAME {key} {r.choice(KEYS)}\n",
            "EXPIRE\n" if r.random() < 0.2 else "EXPIRE a 2\n",
            r.choice(["EXPIRE a x\n", "EXPIRE a 1 2\n", "TTL a b\n", "PERSIST\n", "TTL\n", "EXPIRE a\n"]),
        ]
    )


def blocks(r: Random) -> str:
    """Return requests around MULTI."""
    key = r.choice(KEYS)
    inner = "".join(request(r) for _ in range(r.randint(1, 3)))
    return r.choice(
        [
            "MULTI\n",
            "EXEC\n",
            "EXEC\n",
            "DISCARD\n",
            f"WATCH {key}\n",
            f"WATCH {key} {r.choice(KEYS)}\n",
            f"MULTI\n{inner}EXEC\n",
            f"WATCH {key}\nMULTI\n{inner}EXEC\n",
            f"WATCH {key}\nMULTI\n",
            f"SET {key} 1\n5\n",
            f"DEL {key}\n",
            r.choice(
                [
                    "FLY\n",
                    "INCR job1 x\n",
                    "EXEC 1\n",
                    "MULTI 2\n",
                    "WATCH\n",
                    "WATCH a*\n",
                    "DISCARD x\n",
                    "QUIT\n",
                    "SET a x\n",
                    "RENAME a b\n",
                ]
            ),
        ]
    )


def messages(r: Random) -> str:
    """Return requests about channels."""
    pattern = r.choice(["a", "a*", "*", "job?", "b", "news"])
    text = r.choice(["hi", "", "two\nlines"])
    channel = r.choice(["a", "ab", "job1", "b", "news"])
    return r.choice(
        [
            f"SUBSCRIBE {pattern}\n",
            f"SUBSCRIBE {pattern}\n",
            f"UNSUBSCRIBE {pattern}\n",
            "UNSUBSCRIBE\n" if r.random() < 0.4 else f"SUBSCRIBE {pattern}\n",
            f"PUBLISH {channel} {len(text)}\n{text}\n",
            f"PUBLISH {channel} {len(text)}\n{text}\n",
            f"PUBLISH {channel} 1\n!\n",
            "STATS\n",
            r.choice(
                [
                    "SUBSCRIBE\n",
                    "SUBSCRIBE a b\n",
                    "UNSUBSCRIBE a b\n",
                    "PUBLISH a\n",
                    "PUBLISH a x\n",
                    "PUBLISH a* 1\nx\n",
                    "QUIT\n",
                    "FLY\n" * 5,
                    "PUBLISH a 1 2\nx\n",
                ]
            ),
        ]
    )


ENDS = "TTL a\nGET a\nTTL b\nGET b\nKEYS\n"
USERS = [
    "root s1 admin * 0",
    "wil s1 writer a* 4",
    "rea s1 reader job* 3",
    "pat s2 writer * 6",
    "tim s1 writer job? 0",
]


def guarded(r: Random) -> str:
    """Return a talk with users."""

    def extra(r: Random) -> str:
        return r.choice(
            [
                f"AUTH {r.choice(['root', 'wil', 'rea', 'pat', 'tim', 'x'])} {r.choice(['s1', 's1', 's2'])}\n",
                f"GET {r.choice(KEYS)}\n",
                f"SET {r.choice(KEYS)} 1\n5\n",
                f"INCR {r.choice(KEYS)}\n",
                "KEYS\n",
                "KEYS job*\n",
                f"DEL {r.choice(KEYS)} {r.choice(KEYS)}\n",
                f"RENAME {r.choice(KEYS)} {r.choice(KEYS)}\n",
                "PING\n",
                r.choice(
                    [
                        "AUTH\n",
                        "AUTH wil\n",
                        "AUTH wil s1 x\n",
                        "FLY\n",
                        "GET a*\n",
                        "STATS\n",
                        "QUIT\n",
                        "CALL none 1 2\n",
                        f"MULTI\nSET {r.choice(KEYS)} 1\n3\nGET a\nEXEC\n",
                        f"WATCH {r.choice(KEYS)}\n",
                        f"PUBLISH {r.choice(KEYS)} 1\nx\n",
                        f"TTL {r.choice(KEYS)}\n",
                        f"EXPIRE {r.choice(KEYS)} 2\n",
                    ]
                ),
            ]
        )

    return talk(r, extra, 0.7, r.sample(USERS, r.randint(1, 5)), 24)


def features(make: Any) -> list[Any]:
    """Return the features."""
    return [
        make(3, "frame", 4, (
            "Clients on slow lines get `ERROR empty line` after a SET although they send none, and values that are sent with more characters than announced spill into the next request. "
            "A body is complete when the newline behind it has arrived as well, and exactly this one newline belongs to it: an empty line after it is a request (and an error), as elsewhere. Where another character stands in the newline's place, the request is answered "
            "by `ERROR body too long` and has no effect; what follows up to and with the next newline is thrown away, or all that has arrived so far where there is none."
        ), ("app.talk([['a', 'SET a 3\\nr\\nxer\\nGET a\\n']])", "app.talk([['a', 'SET a 3\\nr\\nxe'], ['a', 'r\\nGET a\\n']])"), frames),
        make(5, "expire", 2, (
            "Keys need an end. (1) `EXPIRE key ticks` lets a key end when so many ticks have gone by from now; it is answered by OK, or by NONE where there is no such key. With 0 ticks or fewer the key is removed at once (OK). A new EXPIRE replaces the old end. A key that has ended is gone for all commands. "
            "(2) `TTL key` is answered by `NUMBER 3` with the ticks left, by FOREVER for a key without an end, by NONE where there is no key. (3) `PERSIST key` takes the end away: OK, or NONE where there was none. (4) SET gives a value without an end, APPEND and INCR keep it; RENAME takes the end along, and the end "
            "of the key that is overwritten is lost with it. DEL removes the end. Words that are missing, wrong or too many are answered as elsewhere: `EXPIRE needs a number of ticks`, `a number of ticks is 'x'`, `TTL takes 1 words`."
        ), (*tuple(f"app.talk({[['ann', start], ['tick', 2], ['bob', middle], ['tick', 2], ['ann', ENDS]]!r})" for start in ("SET a 1\n5\nEXPIRE a 3\n", "SET a 1\n5\nSET b 1\n6\nEXPIRE a 3\nEXPIRE b 9\n", "INCR a\nEXPIRE a 4\nSET b 1\n6\n") for middle in ("SET a 1\n7\n", "APPEND a 1\n8\n", "INCR a 2\n", "RENAME a b\n", "RENAME b a\n", "EXPIRE a 6\nDEL a\nSET a 1\n1\n", "PERSIST a\nPERSIST a\n", "EXPIRE a 0\n", "DEL b\nEXPIRE b 1\n")), "app.talk([['a', 'SET k 1\\n1\\nWATCH k\\nSET k 1\\n1\\nMULTI\\nGET k\\nEXEC\\n']])"),
            lambda r: talk(r, expiries)),
        make(7, "publish", 3, (
            "Add channels. (1) `SUBSCRIBE pattern` lets a client listen to all channels that fit (as KEYS does it), now and later; it is answered by `NUMBER n`, to how many patterns it listens; the same pattern counts once. `UNSUBSCRIBE pattern` ends one, `UNSUBSCRIBE` all; the answer is the number left. (2) `PUBLISH channel length` with a "
            "body, as SET has it, sends `MESSAGE channel length` and the text as one line each to every client that listens, once however many of its patterns fit, also to the sender; the messages come before the answer `NUMBER n`, the number of clients, in the order in which the clients began to listen (a client that stopped listening to everything begins "
            "anew). The channel is checked as a key is. (3) A client that is gone, by QUIT or after five errors in a row, listens to nothing any more. (4) `STATS` has a last line `listeners 2` before END: clients that listen to something. Put it into a new module `lineserver/channels.py`."
        ), (), lambda r: talk(r, messages, 0.7, None, 22)),
        make(9, "multi", 4, (
            "Add blocks of requests. (1) After `MULTI` (OK) requests of the client are not done but queued (`QUEUED`), until `EXEC` does them all, one after another, with nobody in between. It is answered by `REPLIES n` and then the lines of all replies; one that fails gives its `ERROR …` line there and the others are done all the same, and the answer is no error. `DISCARD` (OK) "
            "forgets the queue. Without MULTI both give `ERROR EXEC without MULTI`. MULTI, WATCH and QUIT inside of a block give `ERROR QUIT inside of MULTI`. (2) `WATCH key…` (OK) notes keys: when one of them changes until EXEC, by anyone, also by the client itself before MULTI or by time, EXEC does nothing and gives the line `ABORTED`. A key changes each time it is set, extended, "
            "renamed (both keys) or removed, also when the value stays the same; a removal of what is not there is no change. A key that is watched again keeps its first note. EXEC (also an aborted one), DISCARD and the end of the session forget what is watched. (3) A request inside of a block that cannot even be read (an unknown command, an empty line, a line or body that is too long, a wrong length), or that is not allowed there, is "
            "answered by its error and lets EXEC give `ABORTED`. Whether words are missing is seen only by EXEC. An `EXEC` or `DISCARD` with more words gives `ERROR EXEC takes 0 words` and leaves the block as it is."
        ), (), lambda r: talk(r, blocks, 0.75, None, 22)),
        make(11, "roles", 4, (
            "Add users: `talk(events, users)` takes lines `name secret role pattern quota`; without any, everything is as before. With users: (1) `AUTH name secret` (OK, or `ERROR wrong name or password`, which leaves the session as it was) makes the session that user, with a fresh quota. Until then every known command but AUTH, QUIT and PING gives `ERROR AUTH first`; these three are always free and never counted. "
            "(2) Roles: a `reader` may GET, KEYS, LEN, TTL, CALL and STATS, else `ERROR reader may not SET`; a `writer` and an `admin` may do everything. (3) Keys: readers and writers may only use keys that fit their pattern, in every command that takes keys (also channels of PUBLISH, and WATCH), else `ERROR no access to key`; of several keys all are checked before anything is done, in their order, each as it is read. KEYS lists only those that the user may use. An admin may use all. "
            "(4) Quota: so many requests in each window of ten ticks (from tick 0 on), counted for the session; 0 is no limit. One more gives `ERROR too many requests`. A request counts when its command and role are allowed, whatever becomes of it; what is refused for AUTH, role or quota does not count, nor does an unknown command. Order: unknown command, AUTH, role, quota, then the command's own errors. "
            "(5) In a block (MULTI) the request is checked and counted when it is queued, its keys when it is done; a refusal spoils the block as an unknown command does. A new session, also after QUIT, is nobody. Put it into a new module `lineserver/users.py`."
        ), (), guarded),
    ]  # fmt: skip
