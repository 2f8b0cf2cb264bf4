"""The tools of an office assistant: those that a request may need, and others that look alike."""

from __future__ import annotations

from typing import Any

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
DAY = {"type": "string", "description": "YYYY-MM-DD"}
CLOCK = {"type": "string", "description": "HH:MM, 24 hours"}
MINUTES = {"type": "integer", "description": "length in minutes"}
EMAIL = {"type": "string", "description": "e-mail address"}
EMAILS = {
    "type": "array",
    "items": EMAIL,
    "description": "e-mail addresses, in the order in which the user names the people",
}


def make_tool(name: str, says: str, /, **properties: Any) -> dict[str, Any]:
    """Return a tool as the usual APIs describe one, all of whose arguments are required."""
    return {
        "name": name,
        "description": says,
        "parameters": {"type": "object", "properties": properties, "required": list(properties)},
    }


NEEDED = (
    make_tool(
        "create_event", "Put an event into the calendar", title=TEXT, date=DAY, start=CLOCK, minutes=MINUTES
    ),
    make_tool("send_invitation", "Invite people to an event", title=TEXT, emails=EMAILS),
    make_tool("book_room", "Book a room", room_id=TEXT, date=DAY, start=CLOCK, minutes=MINUTES),
    make_tool("create_reminder", "Remind the user", text=TEXT, date=DAY, time=CLOCK),
    make_tool("cancel_booking", "Cancel a booking by its number", booking_id=TEXT),
    make_tool("order_lunch", "Order lunch for a day", date=DAY, people=WHOLE),
    make_tool("order_coffee", "Order coffee for a day", date=DAY, people=WHOLE),
    make_tool("send_message", "Send a message to one person", email=EMAIL, text=TEXT),
)
SIMILAR = (
    make_tool("update_event", "Change an event that is in the calendar", title=TEXT, date=DAY, start=CLOCK, minutes=MINUTES),
    make_tool("delete_event", "Take an event out of the calendar", title=TEXT),
    make_tool("find_event", "Look up when an event is", title=TEXT),
    make_tool("book_desk", "Book a desk for a day", desk_id=TEXT, date=DAY),
    make_tool("cancel_order", "Cancel an order of food by its number", order_id=TEXT),
    make_tool("book_parking", "Book a parking space", space_id=TEXT, date=DAY),
    make_tool("withdraw_invitation", "Tell people that they are not invited", title=TEXT, emails=EMAILS),
    make_tool("create_task", "Put a task on the user's list", text=TEXT, date=DAY),
    make_tool("send_newsletter", "Send a text to all of the office", text=TEXT),
    make_tool("order_dinner", "Order dinner for a day", date=DAY, people=WHOLE),
    make_tool("find_room", "Look up which rooms are free", date=DAY, start=CLOCK, minutes=MINUTES),
    make_tool("release_room", "Give back a room", room_id=TEXT, date=DAY),
    make_tool("delete_reminder", "Delete a reminder", text=TEXT),
    make_tool("change_booking", "Move a booking to another day", booking_id=TEXT, date=DAY),
    make_tool("create_poll", "Ask people which day suits them", title=TEXT, emails=EMAILS),
    make_tool("send_letter", "Send a letter on paper", name=TEXT, text=TEXT),
    make_tool("order_taxi", "Order a taxi", date=DAY, time=CLOCK),
    make_tool("book_hotel", "Book a hotel for a guest", city=TEXT, date=DAY, nights=WHOLE),
    make_tool("order_flowers", "Order flowers for a day", date=DAY, bunches=WHOLE),
    make_tool("create_call", "Set up a call by telephone", email=EMAIL, date=DAY, start=CLOCK),
    make_tool("find_person", "Look up a person in the directory", name=TEXT),
    make_tool("create_series", "Put an event into the calendar every week", title=TEXT, date=DAY, start=CLOCK, minutes=MINUTES, weeks=WHOLE),
    make_tool("print_badges", "Print badges for guests", title=TEXT, people=WHOLE),
    make_tool("order_water", "Order bottles of water for a day", date=DAY, bottles=WHOLE),
)  # fmt: skip
