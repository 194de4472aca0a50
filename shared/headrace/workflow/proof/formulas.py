"""Boolean formulas as clauses of a SAT solver: is there a way in which all of this is true? (Tseitin 1968) Pure."""

from collections.abc import Mapping, Sequence

from pysat.solvers import Solver

MOST_CONFLICTS = 2_000
"""Dead ends that a search may run into, before it is given up: less than 0.1 s."""
MOST_CONFLICTS_IN_ALL = 20_000
"""The same for all searches about one workflow: after that, only those without a dead end tell anything."""
MOST_WORK = 8_000_000
"""Variables that are set, for all searches about one workflow: a few seconds if each is easy. The rest is not told."""
MOST_BUILT = 150_000
"""Formulas that are built of others for one workflow: a second or two."""


class GivenUp(Exception):  # a way out of the proofs, never seen outside
    """There is more to be said about a workflow than there is time for."""


class Formulas:
    """Formulas are numbers, as solvers have them: `-f` is the opposite of `f`."""

    def __init__(self) -> None:
        self._solver = Solver(name="minisat22")
        self._last = 0
        self._work = 0
        self._built = 0
        self._gates: dict[tuple[int, ...], int] = {}
        self._parts: dict[int, tuple[int, ...]] = {}
        self.true = self.variable()
        self.claim(self.true)

    def variable(self) -> int:
        """Something of which nothing is known."""
        self._last += 1
        return self._last

    def claim(self, *any_of: int) -> None:
        """At least one of these is true, whatever else is."""
        self._solver.add_clause(any_of)

    def both(self, *parts: int) -> int:
        """All of these are true. Raises GivenUp after too many such."""
        self._built += 1
        if self._built > MOST_BUILT:
            raise GivenUp
        different = {*parts} - {self.true}
        if -self.true in different or any(-part in different for part in different):
            return -self.true
        if len(different) < 2:
            return next(iter(different), self.true)
        key = tuple(sorted(different))
        if key not in self._gates:
            gate = self._gates[key] = self.variable()
            self._parts[gate] = key
            for part in key:
                self.claim(-gate, part)
            self.claim(gate, *(-part for part in key))
        return self._gates[key]

    def either(self, *parts: int) -> int:
        """At least one of these is true."""
        return -self.both(*(-part for part in parts))

    def at_least(self, count: int, parts: Sequence[int]) -> int:
        """So many of these are true."""
        if count == 1:
            return self.either(*parts)

        have = [self.true, *[-self.true] * count]  # at least so many of those looked at
        for part in parts:
            for many in range(count, 0, -1):
                have[many] = self.either(have[many], self.both(part, have[many - 1]))
        return have[count]

    def possible(self, *together: int) -> bool | None:
        """Whether all of these can be true together; None: the search was given up."""
        self._work += self._last
        if self._work > MOST_WORK:
            return None
        left = MOST_CONFLICTS_IN_ALL - self._solver.accum_stats()["conflicts"]
        self._solver.conf_budget(max(1, min(MOST_CONFLICTS, left)))
        found: bool | None = self._solver.solve_limited(assumptions=list(together))
        return found

    def example(self, *together: int) -> Mapping[int, bool] | None:
        """What each variable is when all of these are true; None if they can't be, or nobody knows."""
        if not self.possible(*together):
            return None
        return {abs(literal): literal > 0 for literal in self._solver.get_model()}

    def variables(self, formula: int) -> set[int]:
        """The variables that a formula is made of."""
        seen, left = set[int](), [abs(formula)]
        while left:
            if (here := left.pop()) not in seen:
                seen.add(here)
                left.extend(map(abs, self._parts.get(here, ())))
        return seen - self._parts.keys()

    def reasons(self, formula: int, facts: Sequence[int]) -> list[int]:
        """A few of these facts, which together make a formula true; all of them, if that can't be told."""
        if self.possible(*facts, -formula) is not False:
            return list(facts)
        needed = [fact for fact in self._solver.get_core() or () if fact != -formula]
        for fact in tuple(needed):
            fewer = [other for other in needed if other != fact]
            if self.possible(*fewer, -formula) is False:
                needed = fewer
        return sorted(needed, key=abs)

    def close(self) -> None:
        """Give the solver's memory back."""
        self._solver.delete()
