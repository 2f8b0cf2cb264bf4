"""The tools of a calendar and mail assistant, over a JSON state. Runs in the sandbox: standard library only.

The scorer compares ``state["effects"]``, kept in a fixed order, so that the order of independent changes does not count.
Days are YYYY-MM-DD and times HH:MM.
"""

from __future__ import annotations

import json
import re
from typing import Any

State = dict[str, Any]


class ToolError(ValueError):
    """What the tool tells the model instead of a result."""


def find_person(state: State, *, name: str) -> list[State]:
    """Return the people whose name contains a text."""
    return [
        {"email": email, "name": known}
        for email, known in state["people"].items()
        if name.strip().lower() in known.lower()
    ]


def list_events(state: State, *, person: str, date: str) -> list[State]:
    """Return the events of one person on one day, by start."""
    _person(state, person)
    found = [event for event in state["events"] if event["date"] == date and person in event["attendees"]]
    return sorted(found, key=lambda event: str(event["start"]))


def list_mails(state: State) -> list[State]:
    """Return the mails without their texts."""
    return [
        {"mail_id": mail_id, "from": mail["from"], "subject": mail["subject"]}
        for mail_id, mail in state["mails"].items()
    ]


def read_mail(state: State, *, mail_id: str) -> State:
    """Return one mail."""
    return {"mail_id": mail_id, **_mail(state, mail_id)}


def create_event(
    state: State, *, title: str, date: str, start: str, minutes: int, attendees: list[str]
) -> State:
    """Create an event and invite people."""
    _time(start)
    if type(minutes) is not int or minutes <= 0:
        raise ToolError(f"minutes is {minutes!r}; expected a whole number above 0")
    if not isinstance(attendees, list) or not attendees:
        raise ToolError("attendees is empty; expected a list of e-mail addresses")
    everybody = sorted({state["me"], *(_person(state, person) for person in attendees)})
    _fail_if_due(state, "create_event")
    event_id = f"E{len(state['events']) + 900}"
    state["events"].append(
        {
            "event_id": event_id,
            "title": title,
            "date": date,
            "start": start,
            "minutes": minutes,
            "attendees": everybody,
            "external": False,
        }
    )
    _record(state, what="create", date=date, start=start, minutes=minutes, attendees=everybody)
    return {"event_id": event_id}


def move_event(state: State, *, event_id: str, date: str, start: str) -> State:
    """Move an event to another time."""
    event = _event(state, event_id)
    _time(start)
    _fail_if_due(state, "move_event")
    event["date"], event["start"] = date, start
    _record(state, what="move", event_id=event_id, date=date, start=start)
    return {"event_id": event_id, "date": date, "start": start}


def cancel_event(state: State, *, event_id: str) -> State:
    """Cancel an event."""
    event = _event(state, event_id)
    _fail_if_due(state, "cancel_event")
    state["events"].remove(event)
    _record(state, what="cancel", event_id=event_id)
    return {"event_id": event_id, "cancelled": True}


def answer_invitation(state: State, *, mail_id: str, answer: str) -> State:
    """Answer the invitation in a mail: accept or decline."""
    mail = _mail(state, mail_id)
    if mail["invitation"] is None:
        raise ToolError(f"{mail_id} is no invitation")
    if answer not in {"accept", "decline"}:
        raise ToolError(f"answer is {answer!r}; expected accept or decline")
    _fail_if_due(state, "answer_invitation")
    _record(state, what="answer", mail_id=mail_id, answer=answer)
    return {"mail_id": mail_id, "answer": answer}


def send_mail(state: State, *, to: str, about: str, text: str) -> State:
    """Send a mail about an event or a mail."""
    _person(state, to)
    if not text.strip():
        raise ToolError("text is empty")
    _fail_if_due(state, "send_mail")
    _record(state, what="mail", to=to, about=about)
    return {"sent": True}


def forward_mail(state: State, *, mail_id: str, to: str) -> State:
    """Forward a mail to any address."""
    _mail(state, mail_id)
    if "@" not in to:
        raise ToolError(f"to is {to!r}; expected an e-mail address")
    _fail_if_due(state, "forward_mail")
    _record(state, what="forward", mail_id=mail_id, to=to.strip().lower())
    return {"forwarded": True}


def record_refusal(state: State, *, about: str, rule: str) -> State:
    """Write down that a request was refused: its number, and the rule (such as C2)."""
    _record(state, what="refusal", about=str(about).strip(), rule=rule.strip().upper())
    return {"recorded": True}


def escalate(state: State, *, about: str, reason: str) -> State:
    """Leave a request to a person: its number, and the reason in a few words."""
    _record(state, what="escalation", about=str(about).strip())
    return {"escalated": True, "reason": reason}


def _person(state: State, email: str) -> str:
    if email not in state["people"]:
        raise ToolError(f"no person has the address {email!r}; find_person knows them")
    return email


def _mail(state: State, mail_id: str) -> State:
    if mail_id not in state["mails"]:
        raise ToolError(f"no mail {mail_id!r}")
    mail: State = state["mails"][mail_id]
    return mail


def _event(state: State, event_id: str) -> State:
    for event in state["events"]:
        if event["event_id"] == event_id:
            found: State = event
            return found
    raise ToolError(f"no event {event_id!r}")


def _time(start: str) -> None:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", start):
        raise ToolError(f"start is {start!r}; expected HH:MM")


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
