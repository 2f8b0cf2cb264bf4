"""What is odd about the token counts of a log: totals that are no sums, and two ways to count a cache."""

from __future__ import annotations

from dataclasses import dataclass

from gapbench.formatting import count_of


@dataclass(slots=True)
class _Places:
    """How many rows have something, and where the first is."""

    count: int = 0
    first: str = ""

    def add(self, place: tuple[str, int]) -> None:
        self.count += 1
        self.first = self.first or f"{place[0]}:{place[1]}"


class OddCounts:
    """Counts the requests whose tokens the import reads as logged, and the user should know of."""

    def __init__(self) -> None:
        self._odd_totals = _Places()
        self._apart = _Places()
        self._unclear = _Places()

    def see_total(self, place: tuple[str, int], rest: int, known: int, reasoning: int | None) -> None:
        """Look at a total.

        Args:
            place: File and line.
            rest: The total less prompt and output, as logged.
            known: Tokens read from a cache and written to one.
            reasoning: Tokens of reasoning.
        """
        if rest not in (0, known, reasoning, known + (reasoning or 0)):
            self._odd_totals.add(place)

    def see_cache(self, place: tuple[str, int], *, is_apart: bool, is_told: bool) -> None:
        """Look at a request with cached tokens, whose form does not define whether the input has them.

        Args:
            place: File and line.
            is_apart: Whether its counts show that the input leaves them out.
            is_told: Whether its total shows that the input has them.
        """
        if is_apart:
            self._apart.add(place)
        elif not is_told:
            self._unclear.add(place)

    def notes(self) -> list[str]:
        """Return what is odd, in sentences."""
        found = []
        if self._odd_totals.count:
            found.append(
                f"{count_of(self._odd_totals.count, 'request')} logged a total of tokens that is not the sum of prompt and "
                f"output; the table has the counts as logged, first {self._odd_totals.first}"
            )
        if self._apart.count and self._unclear.count:
            found.append(
                f"{count_of(self._apart.count, 'request')} logged cached tokens apart from the input, first {self._apart.first}, "
                f"and {count_of(self._unclear.count, 'request')} do not tell and are read as if the input had them, first "
                f"{self._unclear.first}; if the log always counts as the former do, import it with --map and `cache_counted: apart`"
            )
        return found
