"""Proofs give up in time: what can't be told soon is not told."""

from itertools import combinations

from headrace.workflow.proof.formulas import MOST_CONFLICTS_IN_ALL, Formulas


def pigeons(formulas: Formulas, holes: int) -> int:
    """One pigeon more than there are holes, each in one of its own: hard to refute (Haken 1985)."""
    places = [[formulas.variable() for _ in range(holes)] for _ in range(holes + 1)]
    somewhere = [formulas.either(*of_one) for of_one in places]
    alone = [-formulas.both(*two) for hole in zip(*places, strict=True) for two in combinations(hole, 2)]
    return formulas.both(*somewhere, *alone)


def test_hard_questions_are_given_up_one_by_one_and_in_all() -> None:
    formulas = Formulas()
    hard = [pigeons(formulas, 10) for _ in range(30)]
    assert [formulas.possible(each) for each in hard] == [None] * 30
    assert formulas._solver.accum_stats()["conflicts"] <= MOST_CONFLICTS_IN_ALL + 2 * len(hard)
    easy = formulas.variable()
    assert formulas.possible(easy, -easy) is False
