"""The rules for pointers that split, are protected, and hold versions: given events, when a command, then events."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.event import Event
from headrace.events.resource import (
    ApproveChange,
    ChangeProposed,
    ChangeRefused,
    CreateVersion,
    MovePointer,
    PointerMoved,
    PointerProtected,
    Proposal,
    ProtectPointer,
    RetireVersion,
    Share,
    VersionCreated,
    VersionRetired,
    VersionReused,
)
from headrace.resource.aggregate import decide, evolve
from headrace.resource.content import canonical, digest_of
from headrace.resource.state import RETIRED, State

NOW = 1_000
PRODUCTION = "production"


def created(version: int) -> VersionCreated:
    spec = canonical({"text": str(version)})
    return VersionCreated(at=NOW, kind="Prompt", version=version, digest=digest_of(spec), spec=spec)


def create(version: int, **fields: Any) -> CreateVersion:
    """Of the content that `created` gives to this version."""
    return CreateVersion(kind="Prompt", spec=f'{{"text": "{version}"}}', **fields)


def moved(version: int, previous: int | None = None, **fields: Any) -> PointerMoved:
    return PointerMoved(**{"at": NOW, "pointer": PRODUCTION, "version": version, "previous": previous, **fields})


def move(version: int, **fields: Any) -> MovePointer:
    return MovePointer(**{"pointer": PRODUCTION, "version": version, **fields})


def approve(version: int | None = None, **fields: Any) -> ApproveChange:
    return ApproveChange(**{"pointer": PRODUCTION, "version": version, "actor": "bob", **fields})


def shares(*pairs: tuple[int, int]) -> tuple[Share, ...]:
    """Of pairs of weight and version."""
    return tuple(Share(version=version, weight=weight) for weight, version in pairs)


THREE = (created(1), created(2), created(3), moved(1))
CANARY = shares((90, 1), (10, 2))
PROTECTED = PointerProtected(at=NOW, pointer=PRODUCTION, protected=True)
GUARDED = (*THREE, PROTECTED)
PROPOSED = ChangeProposed(at=NOW, pointer=PRODUCTION, version=2, previous=1, actor="ada", reason="shorter")
LIFTED = ChangeProposed(at=NOW, pointer=PRODUCTION, previous=1, actor="ada")


def fold(events: Iterable[Event]) -> State:
    return reduce(evolve, events, State("greeting"))


def when(command: Event, *given: Event) -> Sequence[Event]:
    return decide(fold(given), command, NOW, lambda kind, spec: [])


def refused(events: Sequence[Event]) -> tuple[str, str]:
    """Code and message."""
    (event,) = events
    assert isinstance(event, ChangeRefused), event
    return event.code, event.message


def test_a_split_moves_the_pointer_and_says_who_shares_it() -> None:
    split = moved(1, 1, split=CANARY)
    assert when(move(1, split=CANARY), *THREE) == [split]
    assert fold([*THREE, split]).splits == {PRODUCTION: CANARY}


def test_a_move_without_a_split_ends_one_also_to_the_version_on_which_the_pointer_stands() -> None:
    split = moved(1, 1, split=CANARY)
    assert when(move(1), *THREE, split) == [moved(1, 1, previous_split=CANARY)]
    again = create(1, pointer=PRODUCTION, move_known=True)
    assert when(again, *THREE, split)[0] == moved(1, 1, previous_split=CANARY)
    assert fold([*THREE, split, moved(1, 1)]).splits == {}


@pytest.mark.parametrize(
    ("split", "code", "words"),
    [
        (shares((1, 1)), "split_invalid", "2 to 10 shares, this one has 1"),
        (shares(*((1, version) for version in range(1, 12))), "split_invalid", "2 to 10 shares, this one has 11"),
        (shares((1, 1), (2, 2), (3, 1)), "split_invalid", "each version once"),
        (shares((1, 1), (0, 2)), "split_invalid", "a weight of 1 or more"),
        (shares((1, 1), (-5, 2)), "split_invalid", "a weight of 1 or more"),
        (shares((1, 2), (1, 3)), "split_invalid", "version 1, which the pointer is to stand on, has no share"),
        (
            shares((1, 2), (1, 1)),
            "split_invalid",
            "version 1, which the pointer is to stand on, must be the first share",
        ),
        (shares((1, 1), (1, 9)), "version_not_found", "no 9"),
    ],
)
def test_splits_that_are_refused(split: tuple[Share, ...], code: str, words: str) -> None:
    found, message = refused(when(move(1, split=split), *THREE))
    assert (found, words in message) == (code, True), message


def test_a_retired_version_gets_no_share() -> None:
    retired = VersionRetired(at=NOW, version=2)
    assert refused(when(move(1, split=CANARY), *THREE, retired))[0] == "version_retired"


def test_a_pointer_is_protected_at_once_and_a_move_of_it_waits() -> None:
    assert when(ProtectPointer(pointer=PRODUCTION), *THREE) == [PROTECTED]
    assert when(move(2, actor="ada", reason="shorter"), *GUARDED) == [PROPOSED]
    state = fold([*GUARDED, PROPOSED])
    assert state.pointers == {PRODUCTION: 1}
    assert state.proposals == {PRODUCTION: Proposal(at=NOW, version=2, previous=1, actor="ada", reason="shorter")}


def test_other_pointers_move_as_before() -> None:
    assert when(move(2, pointer="staging"), *GUARDED) == [moved(2, None, pointer="staging")]


def test_a_second_actor_approves_and_the_move_says_who_asked_and_who_approved() -> None:
    approved = moved(2, 1, actor="ada", reason="shorter", approved_by="bob")
    assert when(approve(2), *GUARDED, PROPOSED) == [approved]
    state = fold([*GUARDED, PROPOSED, approved])
    assert (state.pointers, state.proposals) == ({PRODUCTION: 2}, {})


def test_a_split_waits_too_and_is_approved_as_it_is() -> None:
    (proposed,) = when(move(1, split=CANARY, actor="ada"), *GUARDED)
    assert isinstance(proposed, ChangeProposed)
    assert proposed.split == CANARY
    assert refused(when(approve(1), *GUARDED, proposed))[0] == "proposal_changed"
    assert when(approve(1, split=CANARY), *GUARDED, proposed) == [
        moved(1, 1, split=CANARY, actor="ada", approved_by="bob")
    ]


def test_a_new_version_is_made_and_its_pointer_waits() -> None:
    assert when(create(4, pointer=PRODUCTION, actor="ada"), *GUARDED)[1] == ChangeProposed(
        at=NOW, pointer=PRODUCTION, version=4, previous=1, actor="ada"
    )
    asked = create(2, pointer=PRODUCTION, move_known=True, actor="ada", reason="shorter")
    waits, answer = when(asked, *GUARDED)
    assert (waits, isinstance(answer, VersionReused)) == (PROPOSED, True)


def test_to_lift_a_protection_waits_too() -> None:
    assert when(ProtectPointer(pointer=PRODUCTION, protected=False, actor="ada"), *GUARDED) == [LIFTED]
    (lifted,) = when(approve(None), *GUARDED, LIFTED)
    assert lifted == PointerProtected(at=NOW, pointer=PRODUCTION, protected=False, actor="ada", approved_by="bob")
    state = fold([*GUARDED, LIFTED, lifted])
    assert (state.protected, state.proposals) == ((), {})
    assert when(move(2), *GUARDED, LIFTED, lifted) == [moved(2, 1)]


@pytest.mark.parametrize("command", [approve(2), approve(None)])
def test_a_new_proposal_takes_the_place_of_the_old(command: ApproveChange) -> None:
    third = ChangeProposed(at=NOW, pointer=PRODUCTION, version=3, previous=1, actor="ada")
    assert refused(when(command, *GUARDED, PROPOSED, third))[0] == "proposal_changed"


@pytest.mark.parametrize(
    "command", [move(3, actor="bob"), ProtectPointer(pointer=PRODUCTION, protected=False, actor="bob")]
)
def test_a_proposal_says_where_the_pointer_stands_and_what_it_takes_the_place_of(command: Event) -> None:
    (proposed,) = when(command, *SPLIT, PROTECTED, PROPOSED)
    assert isinstance(proposed, ChangeProposed)
    assert (proposed.previous, proposed.previous_split) == (1, CANARY)
    assert proposed.replaces == Proposal(at=NOW, version=2, previous=1, actor="ada", reason="shorter")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (approve(2, actor="ada"), "same_actor"),
        (approve(2, actor=" Ada\u200b\n"), "same_actor"),
        (approve(2, proposed_at=NOW - 1), "proposal_changed"),
        (approve(2, actor=None), "actor_missing"),
        (approve(2, actor=" "), "actor_missing"),
        (approve(3), "proposal_changed"),
        (approve(None), "proposal_changed"),
        (approve(2, pointer="staging"), "nothing_proposed"),
        (move(2), "actor_missing"),
        (move(2, actor=""), "actor_missing"),
        (create(4, pointer=PRODUCTION), "actor_missing"),
        (ProtectPointer(pointer=PRODUCTION, protected=False), "actor_missing"),
        (ProtectPointer(pointer="latest"), "pointer_invalid"),
        (move(2, expected=3, actor="ada"), "pointer_conflict"),
        (RetireVersion(version=2), "version_in_use"),
    ],
)
def test_what_is_refused_while_a_change_waits(command: Event, code: str) -> None:
    assert refused(when(command, *GUARDED, PROPOSED))[0] == code


def test_nothing_is_protected_where_nothing_is() -> None:
    assert refused(when(ProtectPointer(pointer=PRODUCTION)))[0] == "not_found"


def test_what_was_proposed_is_looked_at_again_when_it_is_approved() -> None:
    assert refused(when(approve(2), *GUARDED, PROPOSED, moved(3, 1), PROPOSED))[0] == "pointer_conflict"
    assert refused(when(approve(2), *GUARDED, PROPOSED, VersionRetired(at=NOW, version=2)))[0] == "version_retired"


def test_a_version_that_nothing_holds_is_retired_for_good() -> None:
    (retired,) = when(RetireVersion(version=2, actor="ada", reason="wrong"), *THREE)
    assert retired == VersionRetired(at=NOW, version=2, actor="ada", reason="wrong")
    assert fold([*THREE, retired]).versions[2].status == RETIRED
    assert refused(when(move(2), *THREE, retired))[0] == "version_retired"
    assert refused(when(RetireVersion(version=2), *THREE, retired))[0] == "version_retired"
    code, message = refused(when(create(2), *THREE, retired))
    assert (code, "greeting@2 has this content" in message) == ("version_retired", True)


def test_a_new_version_never_takes_a_retired_ones_number() -> None:
    (made,) = when(create(4), *THREE, VersionRetired(at=NOW, version=3))
    assert isinstance(made, VersionCreated)
    assert made.version == 4


@pytest.mark.parametrize(
    ("version", "given", "words"),
    [
        (1, THREE, "production stands on it"),
        (2, (*THREE, moved(1, 1, split=CANARY)), "production gives it a share"),
        (2, (*GUARDED, PROPOSED), "it is proposed for production"),
    ],
)
def test_a_version_in_use_is_not_retired(version: int, given: tuple[Event, ...], words: str) -> None:
    code, message = refused(when(RetireVersion(version=version), *given))
    assert (code, words in message) == ("version_in_use", True), message


def test_a_version_that_is_not_there_is_not_retired() -> None:
    assert refused(when(RetireVersion(version=9), *THREE))[0] == "version_not_found"
    assert refused(when(RetireVersion(version=1)))[0] == "not_found"


ACTORS = st.sampled_from([None, "ada", "bob"])
VERSIONS = st.integers(1, 4)
POINTERS = st.sampled_from([PRODUCTION, "staging"])
SPLITS = st.lists(st.builds(Share, version=VERSIONS, weight=st.integers(0, 3)), max_size=3).map(tuple)
COMMANDS = st.one_of(
    st.builds(create, VERSIONS, pointer=st.none() | POINTERS, actor=ACTORS),
    st.builds(MovePointer, pointer=POINTERS, version=VERSIONS, split=SPLITS, actor=ACTORS),
    st.builds(ProtectPointer, pointer=POINTERS, protected=st.booleans(), actor=ACTORS),
    st.builds(ApproveChange, pointer=POINTERS, version=st.none() | VERSIONS, split=SPLITS, actor=ACTORS),
    st.builds(RetireVersion, version=VERSIONS),
)


@given(st.lists(COMMANDS, max_size=40))
def test_whatever_is_asked_nobody_changes_a_protected_pointer_alone(commands: list[Event]) -> None:
    state = State("greeting")
    for command in commands:
        for event in decide(state, command, NOW, lambda kind, spec: []):
            if isinstance(event, PointerMoved) and event.pointer in state.protected:
                assert event.approved_by not in (None, event.actor)
            state = evolve(state, event)
        _is_sound(state)


def _is_sound(state: State) -> None:
    shared = {pointer: [share.version for share in split] for pointer, split in state.splits.items()}
    used = {*state.pointers.values(), *(version for versions in shared.values() for version in versions)}
    assert all(state.versions[version].status == "active" for version in used)
    assert all(state.pointers[pointer] in versions for pointer, versions in shared.items())
    assert state.proposals.keys() <= {*state.protected}


SPLIT = (*THREE, moved(1, 1, split=CANARY))


@pytest.mark.parametrize(
    ("expected", "now"),
    [
        ({"expected": 1}, SPLIT),
        ({"expected": 1, "expected_split": CANARY}, (*SPLIT, moved(1, 1, split=shares((50, 1), (50, 2))))),
        ({"expected": 1, "expected_split": CANARY}, THREE),
        ({"expected": 3, "expected_split": CANARY}, SPLIT),
    ],
)
def test_who_expects_other_shares_is_told_of_the_conflict(expected: dict[str, Any], now: Sequence[Event]) -> None:
    assert refused(when(move(2, **expected), *now))[0] == "pointer_conflict"


def test_shares_that_are_expected_without_a_version_are_refused() -> None:
    code, message = refused(when(move(2, expected_split=CANARY), *SPLIT))[:2]
    assert code == "expected_invalid"
    assert "write there the version of its first share, 1" in message


def test_who_expects_the_very_shares_moves_the_pointer() -> None:
    assert when(move(2, expected=1, expected_split=CANARY), *SPLIT) == [moved(2, 1, previous_split=CANARY)]


def test_a_change_of_a_split_pointer_can_be_approved() -> None:
    (approved,) = when(approve(2), *SPLIT, PROTECTED, PROPOSED)
    assert approved == moved(2, 1, actor="ada", reason="shorter", approved_by="bob", previous_split=CANARY)
