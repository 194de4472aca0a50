"""Boolean formulas as clauses of a SAT solver: is there a way in which all of this is true? (Tseitin 1968)"""

from collections.abc import Sequence
from functools import cache

from pysat.solvers import Solver

SOLVER = "glucose4"
MOST_CONFLICTS = 2_000
"""After so many wrong turns an answer is given up: some 50 ms, and real workflows need none or a few."""
MOST_WORK = 50_000_000
"""Variables that are set in all, for all answers about one workflow: about two seconds. What is left is not told."""

Example = Sequence[int]
"""What each variable is, in their order: itself if it is true, its opposite if not."""


class Formulas:
    """Formulas are numbers, as solvers have them: `-f` is the opposite of `f`."""

    def __init__(self) -> None:
        self._solver = Solver(name=SOLVER)
        self._last = 0
        self._work = 0
        self.true = self.variable()
        self.claim(self.true)
        self._gates: dict[tuple[int, ...], int] = {}

    def variable(self) -> int:
        """Something of which nothing is known."""
        self._last += 1
        return self._last

    def claim(self, *any_of: int) -> None:
        """At least one of these is true, whatever else is."""
        self._solver.add_clause(any_of)

    def both(self, *parts: int) -> int:
        """All of these are true."""
        parts = tuple(sorted({part for part in parts if part != self.true}))
        if not parts:
            return self.true
        if -self.true in parts or any(-part in parts for part in parts):
            return -self.true
        if len(parts) == 1:
            return parts[0]
        if parts not in self._gates:
            gate = self._gates[parts] = self.variable()
            for part in parts:
                self.claim(-gate, part)
            self.claim(gate, *(-part for part in parts))
        return self._gates[parts]

    def either(self, *parts: int) -> int:
        """At least one of these is true."""
        return -self.both(*(-part for part in parts))

    def at_least(self, count: int, parts: Sequence[int]) -> int:
        """So many of these are true."""

        @cache
        def from_(start: int, left: int) -> int:
            if left <= 0:
                return self.true
            if left > len(parts) - start:
                return -self.true
            with_it = self.both(parts[start], from_(start + 1, left - 1))
            return self.either(with_it, from_(start + 1, left))

        return from_(0, count)

    def example(self, *together: int) -> Example | None:
        """A way in which all of these are true; None if there is none, or none was found."""
        return self._solver.get_model() if self._answer(together) else None

    def possible(self, *together: int) -> bool:
        """Whether all of these can be true together; also if that was too hard to tell."""
        return self._answer(together) is not False

    def _answer(self, together: tuple[int, ...]) -> bool | None:
        self._work += self._last
        if self._work > MOST_WORK:
            return None
        self._solver.conf_budget(MOST_CONFLICTS)
        answer: bool | None = self._solver.solve_limited(assumptions=list(together))
        return answer

    def close(self) -> None:
        """Give the solver's memory back."""
        self._solver.delete()


def holds(example: Example, formula: int) -> bool:
    """Whether a formula is true in an example; a variable that came later is false."""
    place = abs(formula) - 1
    return example[place] == formula if place < len(example) else formula < 0
