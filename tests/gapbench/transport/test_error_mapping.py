"""Which failure an HTTP status is."""

from __future__ import annotations

import pytest

from gapbench.transport import status_failure


@pytest.mark.parametrize(
    ("status", "kind"),
    [(204, "garbage"), (206, "garbage"), (307, "not_found"), (409, "server"), (425, "server"), (422, "bad_request")],
)  # fmt: skip
def test_status_that_is_neither_success_nor_a_usual_error(status: int, kind: str) -> None:
    """What may pass, or may be corrected, is asked again on resume."""
    assert kind == status_failure(status, "odd", {}).kind


def test_a_redirect_names_the_address() -> None:
    """Usually http:// was written for https://."""
    assert "https://host/v1" in str(status_failure(301, "", {"location": "https://host/v1"}))
