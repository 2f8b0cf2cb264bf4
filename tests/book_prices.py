"""The day of the price book that tests look at."""

from __future__ import annotations

from datetime import date

DAY = date(2026, 11, 1)
