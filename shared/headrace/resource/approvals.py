"""The rules for protected pointers: a second actor approves of each change. Pure.

The actor is as the caller states it: who may write to a topic may claim any name.
"""

import unicodedata
from collections.abc import Sequence

import msgspec

from headrace.event import Event
from headrace.events import resource
from headrace.resource.pointers import move_refusal, moved_event, nobody, pointer_refusal, without
from headrace.resource.state import Refusal, State, refuse


def protect(state: State, command: resource.ProtectPointer, now: int) -> Sequence[Event]:
    """The pointer is protected; that this is lifted from a protected one is only proposed."""
    if refusal := _protect_refusal(state, command):
        return [refuse(command, now, *refusal)]
    if command.protected or command.pointer not in state.protected:
        return [_protected_event(command.pointer, now, command, protected=command.protected)]
    return [
        resource.ChangeProposed(
            at=now,
            pointer=command.pointer,
            previous=state.pointers.get(command.pointer),
            actor=command.actor,
            reason=command.reason,
            previous_split=state.splits.get(command.pointer, ()),
            replaces=state.proposals.get(command.pointer),
        )
    ]


def approve(state: State, command: resource.ApproveChange, now: int) -> Sequence[Event]:
    """What was proposed happens, if it still can."""
    proposal = state.proposals.get(command.pointer)
    if proposal is None:
        return [refuse(command, now, "nothing_proposed", f"no change of {command.pointer!r:.80} waits for approval")]
    move = _proposed_move(command.pointer, proposal, state.splits.get(command.pointer, ()))
    if refusal := _approval_refusal(command, proposal) or (move and move_refusal(state, move)):
        return [refuse(command, now, *refusal)]
    if move is None:
        return [_protected_event(command.pointer, now, proposal, protected=False, approved_by=command.actor)]
    return [moved_event(state, move, now, approved_by=command.actor)]


def protected(state: State, event: resource.PointerProtected) -> State:
    """The state with the pointer protected, or no longer: then nothing waits for it any more."""
    others = {*state.protected} - {event.pointer}
    if event.protected:
        return msgspec.structs.replace(state, protected=tuple(sorted({*others, event.pointer})))
    return msgspec.structs.replace(
        state, protected=tuple(sorted(others)), proposals=without(state.proposals, event.pointer)
    )


def proposed(state: State, event: resource.ChangeProposed) -> State:
    """The state with this in the place of what waited before."""
    proposal = resource.Proposal(
        at=event.at,
        version=event.version,
        split=event.split,
        previous=event.previous,
        actor=event.actor,
        reason=event.reason,
    )
    return msgspec.structs.replace(state, proposals={**state.proposals, event.pointer: proposal})


def _protected_event(
    pointer: str,
    now: int,
    asked: resource.ProtectPointer | resource.Proposal,
    *,
    protected: bool,
    approved_by: str | None = None,
) -> resource.PointerProtected:
    return resource.PointerProtected(
        at=now,
        pointer=pointer,
        protected=protected,
        actor=asked.actor,
        reason=asked.reason,
        approved_by=approved_by,
    )


def _protect_refusal(state: State, command: resource.ProtectPointer) -> Refusal | None:
    if refusal := pointer_refusal(state, command.pointer):
        return refusal
    return None if command.protected else nobody(state, command.pointer, command.actor)


def _approval_refusal(command: resource.ApproveChange, proposal: resource.Proposal) -> Refusal | None:
    if not (command.actor and command.actor.strip()):
        return "actor_missing", "an approval says in `actor` who approves"
    if _told_apart(command.actor) == _told_apart(proposal.actor or ""):
        return "same_actor", f"{command.actor} proposed the change; somebody else must approve"
    other_time = command.proposed_at not in {None, proposal.at}
    if other_time or (command.version, command.split) != (proposal.version, proposal.split):
        return "proposal_changed", f"what waits is {_told(proposal)}; look again, then approve of that"
    return None


def _told_apart(actor: str) -> str:
    """An actor less what does not tell people apart: case, space, width, what can't be seen."""
    seen = (sign for sign in unicodedata.normalize("NFKC", actor).casefold() if sign.isprintable() and sign != " ")
    return "".join(seen)


def _proposed_move(
    pointer: str, proposal: resource.Proposal, shares: tuple[resource.Share, ...]
) -> resource.MovePointer | None:
    """None when it is the protection that is to be lifted. shares: the pointer's now."""
    if proposal.version is None:
        return None
    return resource.MovePointer(
        pointer=pointer,
        version=proposal.version,
        split=proposal.split,
        expected=proposal.previous,
        expected_split=shares,
        actor=proposal.actor,
        reason=proposal.reason,
    )


def _told(proposal: resource.Proposal) -> str:
    if proposal.version is None:
        return "that the protection is lifted"
    shares = " ".join(f"{share.weight}:v{share.version}" for share in proposal.split)
    return f"a split {shares}, standing at {proposal.version}" if shares else f"version {proposal.version}"
