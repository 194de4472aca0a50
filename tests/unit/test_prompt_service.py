"""Prompts with stored bodies: given events and what is in the store, when a command or a tick, then events."""

import asyncio
import json
from collections.abc import Sequence
from functools import reduce
from typing import Any

import msgspec
import pytest

from headrace.errors import BodyFault, StoreUnavailable
from headrace.event import Event
from headrace.events import resource
from headrace.machine import Context, Message, Tick, Unreadable
from headrace.resource.body import LARGEST_INLINE, body_of, with_stored
from headrace.resource.content import canonical, digest_of
from headrace.resource.erasure import AWAY_MS, RETRY_MS
from headrace.resource.prompt import StoredBody
from headrace.resource.state import State
from headrace.topics import DOMAINS, PROMPT_FINDINGS
from prompt_service.core import STORED_AGAIN
from prompt_service.machine import PromptMachine
from prompt_service.preparation import REST_S, BodyPreparation
from tests.unit.engine import at

NOW = 1_000
MARKER = "the-planted-marker"
SECRET: dict[str, Any] = {"text": f"Never say {MARKER}.", "sensitive": True}
MISSING = BodyFault("body_missing", "reading s3://headrace/prompts/greeting/x.json: there is no such object")

AWAY = StoreUnavailable("destroying s3://b/k: the object store does not answer")


class Shelf:
    """A store in memory. `fault`: what it says to everything."""

    def __init__(self, *bodies: bytes, fault: BodyFault | None = None) -> None:
        self.bodies = {digest_of(body.decode()): body for body in bodies}
        self.fault = fault
        self.destroyed: list[str] = []

    async def get(self, prompt: str, body: StoredBody) -> bytes:
        if self.fault or body.sha256 not in self.bodies:
            raise self.fault or MISSING
        return self.bodies[body.sha256]

    async def destroy(self, prompt: str, sha256: str) -> None:
        if self.fault:
            raise self.fault
        self.destroyed.append(sha256)
        self.bodies.pop(sha256, None)


def data_of(spec: dict[str, Any]) -> bytes:
    body = body_of(spec)
    assert body
    return body


def stored(spec: dict[str, Any]) -> dict[str, Any]:
    return with_stored(spec, data_of(spec))


def sha_of(spec: dict[str, Any]) -> str:
    return str(stored(spec)["body"]["sha256"])


def create(spec: dict[str, Any], **fields: Any) -> resource.CreateVersion:
    return resource.CreateVersion(kind="Prompt", spec=json.dumps(spec), **fields)


def created(spec: dict[str, Any], version: int = 1) -> resource.VersionCreated:
    text = canonical(stored(spec))
    return resource.VersionCreated(at=NOW, kind="Prompt", version=version, digest=digest_of(text), spec=text)


def ordered(spec: dict[str, Any], *versions: int) -> resource.ErasureOrdered:
    return resource.ErasureOrdered(at=NOW, versions=versions, digest=sha_of(spec))


def erased(spec: dict[str, Any], *versions: int) -> resource.BodyErased:
    return resource.BodyErased(at=NOW, versions=versions, digest=sha_of(spec))


def moved(version: int) -> resource.PointerMoved:
    return resource.PointerMoved(at=NOW, pointer="production", version=version)


def machine(store: Shelf) -> PromptMachine:
    return PromptMachine("prompt_service", DOMAINS["prompt"], PROMPT_FINDINGS, store)


def state_of(*given: Event, name: str = "greeting") -> State:
    return reduce(machine(Shelf()).evolve, given, State(name))


async def when(
    message: Message, *given: Event, store: Shelf | None = None, name: str = "greeting", topic: str = "prompt.commands"
) -> Sequence[Event]:
    prompts = machine(store or Shelf())
    state = state_of(*given, name=name)
    assert prompts.preparation
    prepared = await prompts.preparation.prepare(state, message)
    from_topic = None if isinstance(message, Tick) else at(b"greeting", f"{topic}-0-7")
    return prompts.decide(state, message, Context(NOW, name, from_topic, prepared))


async def refusal(message: Message, *given: Event, store: Shelf | None = None) -> resource.ChangeRefused:
    (event,) = await when(message, *given, store=store)
    assert isinstance(event, resource.ChangeRefused)
    assert MARKER not in str(event)
    return event


class TestBodiesThatMustBeStored:
    async def test_a_sensitive_body_in_the_command_is_refused_and_not_repeated(self) -> None:
        refused = await refusal(create(SECRET))
        assert refused.code == "body_must_be_stored"
        assert "store its messages first" in refused.message

    @pytest.mark.parametrize(
        "spec",
        [
            {"messages": MARKER},
            {"messages": [{"role": MARKER, "template": "x"}]},
            {"text": {MARKER: MARKER}},
            {"body": MARKER},
            {"body": {"sha256": MARKER, "size": MARKER}},
            {"sensitive": "yes", "text": {MARKER: MARKER}},
        ],
    )
    async def test_a_sensitive_body_in_the_wrong_shape_is_not_repeated_either(self, spec: dict[str, Any]) -> None:
        assert (await refusal(create({"sensitive": True, **spec}))).code in {"body_must_be_stored", "spec_invalid"}

    async def test_messages_may_have_so_many_bytes_as_json_and_no_more(self) -> None:
        frame = len(data_of({"text": "-"})) - 1
        (event,) = await when(
            create({"text": "ä" * ((LARGEST_INLINE - frame) // 2) + "x" * ((LARGEST_INLINE - frame) % 2)})
        )
        assert isinstance(event, resource.VersionCreated)
        refused = await refusal(create({"text": "x" * (LARGEST_INLINE - frame + 1)}))
        assert refused.code == "body_must_be_stored"
        assert f"{LARGEST_INLINE + 1} bytes" in refused.message

    @pytest.mark.parametrize("spec", ["[", "[]", '"text"', '{"text": "\\ud800"}', '{"text": NaN}', "[" * 5_000])
    async def test_what_is_no_spec_is_refused_as_such(self, spec: str) -> None:
        assert (await refusal(resource.CreateVersion(kind="Prompt", spec=spec))).code == "spec_invalid"


class TestStoredBodies:
    async def test_a_version_is_made_of_a_stored_body_and_holds_only_its_digest(self) -> None:
        assert await when(create(stored(SECRET)), store=Shelf(data_of(SECRET))) == [created(SECRET)]

    async def test_the_same_body_again_is_the_same_version(self) -> None:
        (event,) = await when(create(stored(SECRET)), created(SECRET), store=Shelf(data_of(SECRET)))
        assert isinstance(event, resource.VersionReused)

    @pytest.mark.parametrize("code", ["body_missing", "body_tampered", "body_refused"])
    async def test_a_body_that_can_not_be_used_is_refused_with_what_is_wrong(self, code: str) -> None:
        refused = await refusal(
            create(stored(SECRET)), store=Shelf(fault=BodyFault(code, "reading s3://b/k: it is so"))
        )
        assert (refused.code, refused.message) == (code, "reading s3://b/k: it is so")

    async def test_templates_in_a_stored_body_are_checked(self) -> None:
        spec = {"text": "Hello {{ nobody }}"}
        refused = await refusal(create(stored(spec)), store=Shelf(data_of(spec)))
        assert refused.code == "spec_invalid"
        assert "the variable nobody is not declared" in refused.message

    async def test_of_a_sensitive_one_path_and_code_are_said(self) -> None:
        spec = {"text": "{{ the_planted_marker }} {{ x }}", "sensitive": True, "variables": {"x": {}}}
        refused = await refusal(create(stored(spec)), store=Shelf(data_of(spec)))
        assert (refused.code, refused.message) == ("spec_invalid", "messages.0.template: undeclared_variable")

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"{", "body: it is not JSON that can be kept"),
            (b"[]", "body: the list of messages is empty"),
            (b'[ {"role":"user","template":"x"}]', "body: it is not canonical"),
            (b'[{"role":"user"}]', "body: 0.template: missing"),
            (b'[{"role":"user","template":"x","the-planted-marker":1}]', "body: 0.?: extra_forbidden"),
            (b'[{"role":"the-planted-marker","template":"x"}]', "body: 0.role: literal_error"),
        ],
    )
    async def test_a_body_that_holds_no_messages_is_refused_without_a_word_of_it(
        self, data: bytes, message: str
    ) -> None:
        body = {"sha256": digest_of(data.decode()), "size": max(2, len(data))}
        refused = await refusal(create({"body": body}), store=Shelf(data))
        assert refused.code == "spec_invalid"
        assert refused.message.startswith(message)

    @pytest.mark.parametrize(("name", "kind"), [("../x", "Prompt"), ("greeting", "Model")])
    async def test_the_store_is_not_asked_for_what_is_refused_anyway(self, name: str, kind: str) -> None:
        command = resource.CreateVersion(kind=kind, spec=json.dumps(stored(SECRET)))
        (event,) = await when(command, name=name, store=Shelf(fault=MISSING))
        assert isinstance(event, resource.ChangeRefused)
        assert event.code in {"name_invalid", "spec_invalid"}


class TestErasure:
    async def test_it_is_ordered_for_every_version_with_that_body(self) -> None:
        other = {**SECRET, "description": "the same words"}
        given = [created(SECRET), created({**SECRET, "text": "else"}, 2), created(other, 3)]
        (event,) = await when(resource.EraseBody(version=3, reason="asked to"), *given)
        assert event == resource.ErasureOrdered(at=NOW, versions=(1, 3), digest=sha_of(SECRET), reason="asked to")

    async def test_the_body_is_destroyed_after_the_order_is_in_the_log(self) -> None:
        store = Shelf(data_of(SECRET))
        await when(resource.EraseBody(version=1), created(SECRET), store=store)
        assert store.destroyed == []
        given = (created(SECRET), ordered(SECRET, 1))
        due = machine(store).due(state_of(*given))
        assert due is not None
        assert due > NOW
        assert await when(Tick(NOW), *given, store=store) == [erased(SECRET, 1)]
        assert store.destroyed == [sha_of(SECRET)]

    async def test_nothing_is_due_when_it_is_done(self) -> None:
        state = state_of(created(SECRET), ordered(SECRET, 1), erased(SECRET, 1))
        assert machine(Shelf()).due(state) is None
        assert state.versions[1].status == "erased"

    async def test_one_body_is_destroyed_after_the_other(self) -> None:
        other = {**SECRET, "text": "else"}
        given = (created(SECRET), created(other, 2), ordered(SECRET, 1), ordered(other, 2))
        store = Shelf()
        assert await when(Tick(NOW), *given, store=store) == [erased(SECRET, 1)]
        assert machine(store).due(state_of(*given, erased(SECRET, 1))) == NOW + 1
        assert await when(Tick(NOW), *given, erased(SECRET, 1), store=store) == [erased(other, 2)]

    async def test_a_restart_finds_what_was_ordered(self) -> None:
        given = (created(SECRET), ordered(SECRET, 1))
        state = state_of(*given)
        prompts = machine(Shelf())
        entries = {name: entry for event in given for name, entry in prompts.parts(state, state, event) if entry}
        restored = prompts.restore("greeting", entries)
        assert prompts.due(restored) == 0
        assert restored.versions == state.versions

    async def test_a_store_that_refuses_is_noted_and_tried_again_later(self) -> None:
        store = Shelf(fault=BodyFault("body_refused", "destroying s3://b/k: refused with AccessDenied"))
        given = (created(SECRET), ordered(SECRET, 1))
        (event,) = await when(Tick(NOW), *given, store=store)
        assert isinstance(event, resource.BodyUnusable)
        assert (event.version, event.code, event.run) == (1, "body_refused", "")
        assert machine(store).due(state_of(*given, event)) == NOW + RETRY_MS

    @pytest.mark.parametrize(
        ("version", "given", "code"),
        [
            (2, [created(SECRET)], "version_not_found"),
            (1, [], "version_not_found"),
            (1, [created(SECRET), moved(1)], "version_in_use"),
            (1, [created(SECRET), created({**SECRET, "description": "same"}, 2), moved(2)], "version_in_use"),
            (1, [created(SECRET), ordered(SECRET, 1)], "version_erasing"),
            (1, [created(SECRET), ordered(SECRET, 1), erased(SECRET, 1)], "version_erased"),
        ],
    )
    async def test_what_can_not_be_erased(self, version: int, given: list[Event], code: str) -> None:
        assert (await refusal(resource.EraseBody(version=version), *given)).code == code

    async def test_a_body_in_the_spec_can_not_be_erased(self) -> None:
        (inline,) = await when(create({"text": "Hello"}))
        assert (await refusal(resource.EraseBody(version=1), inline)).code == "not_stored"

    async def test_the_same_body_under_another_description_is_refused_and_destroyed_again(self) -> None:
        store = Shelf(data_of(SECRET))
        given = (created(SECRET), ordered(SECRET, 1), erased(SECRET, 1))
        refused, again = await when(create(stored({**SECRET, "description": "new"})), *given, store=store)
        assert isinstance(refused, resource.ChangeRefused)
        assert refused.code == "version_erased"
        assert again == msgspec.structs.replace(ordered(SECRET, 1), reason=STORED_AGAIN)
        assert await when(Tick(NOW), *given, again, store=store) == [erased(SECRET, 1)]
        assert store.bodies == {}

    @pytest.mark.parametrize(
        "unsound", [{"descriptoin": "x"}, {"parameters": 7}, {"sensitive": "yes"}, {"messages": []}, {"text": "x"}]
    )
    async def test_it_is_destroyed_again_however_unsound_the_rest_of_the_spec_is(self, unsound: dict[str, Any]) -> None:
        given = (created(SECRET), ordered(SECRET, 1), erased(SECRET, 1))
        refused, again = await when(create({**stored(SECRET), **unsound}), *given)
        assert isinstance(refused, resource.ChangeRefused)
        assert again == msgspec.structs.replace(ordered(SECRET, 1), reason=STORED_AGAIN)

    @pytest.mark.parametrize("body", [None, [], {}, {"sha256": ["x"]}, {"sha256": "x"}])
    async def test_what_names_no_erased_body_orders_nothing(self, body: Any) -> None:
        given = (created(SECRET), ordered(SECRET, 1), erased(SECRET, 1))
        await refusal(create({"body": body}), *given)

    async def test_one_that_can_not_be_destroyed_again_stays_due(self) -> None:
        given = (created(SECRET), ordered(SECRET, 1), erased(SECRET, 1))
        _, again = await when(create(stored(SECRET)), *given)
        (failed,) = await when(Tick(NOW), *given, again, store=Shelf(fault=AWAY))
        assert machine(Shelf()).due(state_of(*given, again, failed)) == NOW + AWAY_MS
        assert await when(Tick(NOW), *given, again, failed) == [erased(SECRET, 1)]

    async def test_while_it_is_to_be_destroyed_it_is_not_ordered_again(self) -> None:
        assert (await refusal(create(stored(SECRET)), created(SECRET), ordered(SECRET, 1))).code == "version_erasing"

    async def test_a_failure_stands_in_the_log_once_and_again_when_its_reason_changes(self) -> None:
        given = (created(SECRET), ordered(SECRET, 1))
        away, refused = Shelf(fault=AWAY), Shelf(fault=BodyFault("body_refused", "m"))
        (first,) = await when(Tick(NOW), *given, store=away)
        assert await when(Tick(NOW), *given, first, store=away) == []
        (second,) = await when(Tick(NOW), *given, first, store=refused)
        assert await when(Tick(NOW), *given, first, second, store=refused) == []
        assert [type(event) for event in await when(Tick(NOW), *given, first, second, store=away)] == [type(first)]

    async def test_the_failure_of_the_next_body_stands_in_the_log_too(self) -> None:
        other = {**SECRET, "text": "else"}
        given = (created(SECRET), created(other, 2), ordered(SECRET, 1), ordered(other, 2))
        (first,) = await when(Tick(NOW), *given, store=Shelf(fault=AWAY))
        (second,) = await when(Tick(NOW), *given, first, erased(SECRET, 1), store=Shelf(fault=AWAY))
        assert isinstance(second, resource.BodyUnusable)
        assert second.version == 2

    async def test_one_that_can_not_be_destroyed_holds_up_no_other(self) -> None:
        specs = [{**SECRET, "text": f"number {number}"} for number in range(1, 4)]
        log: list[Event] = [created(spec, number) for number, spec in enumerate(specs, 1)]
        log += [ordered(spec, number) for number, spec in enumerate(specs, 1)]
        store = Locked(sha_of(specs[0]))
        while (due := machine(store).due(state_of(*log))) and due < NOW + RETRY_MS:
            log += await when(Tick(NOW), *log, store=store)
        assert store.destroyed == [sha_of(spec) for spec in specs[1:]]
        assert [event.digest for event in log if isinstance(event, resource.BodyUnusable)] == [sha_of(specs[0])]

    async def test_those_that_can_not_be_destroyed_take_turns(self) -> None:
        specs = [{**SECRET, "text": f"number {number}"} for number in range(1, 4)]
        log: list[Event] = [created(spec, number) for number, spec in enumerate(specs, 1)]
        log += [ordered(spec, number) for number, spec in enumerate(specs, 1)]
        store, prompts = Locked(*map(sha_of, specs)), machine(Shelf())
        for _ in specs:
            log += await when(Tick(NOW), *log, store=store)
        store.asked.clear()
        now = NOW
        for _ in specs:
            due = prompts.again(state_of(*log), now)
            assert due
            now = due
            assert await when(Tick(now), *log, store=store) == []
        assert now <= NOW + RETRY_MS
        assert sorted(store.asked) == sorted(map(sha_of, specs))

    async def test_the_longer_the_store_is_away_the_longer_the_waits_up_to_a_limit(self) -> None:
        given = (created(SECRET), ordered(SECRET, 1))
        (failed,) = await when(Tick(NOW), *given, store=Shelf(fault=AWAY))
        state, now, waits = state_of(*given, failed), NOW, []
        for _ in range(7):
            next_try = machine(Shelf()).again(state, now)
            assert next_try
            waits.append(next_try - now)
            now = next_try
        assert waits == [AWAY_MS, AWAY_MS, 2 * AWAY_MS, 4 * AWAY_MS, 8 * AWAY_MS, 16 * AWAY_MS, RETRY_MS]


class Locked(Shelf):
    """A store that does not destroy these bodies."""

    def __init__(self, *locked: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.locked = locked

    async def destroy(self, prompt: str, sha256: str) -> None:
        self.asked.append(sha256)
        if sha256 in self.locked:
            raise BodyFault("body_refused", "destroying s3://b/k: refused with AccessDenied")
        await super().destroy(prompt, sha256)


class Hung(Shelf):
    """A store that never answers, until it does."""

    def __init__(self, *bodies: bytes) -> None:
        super().__init__(*bodies)
        self.asked = 0
        self.hangs = True

    async def get(self, prompt: str, body: StoredBody) -> bytes:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        return await super().get(prompt, body)


class TestAStoreThatHangs:
    async def test_it_is_waited_for_once_and_asked_again_after_a_rest(self) -> None:
        store, now = Hung(data_of(SECRET)), [0.0]
        preparation = BodyPreparation(store, longest_s=0.01, clock=lambda: now[0])
        for reason in ("does not answer within 0.01 s", "hung a moment ago"):
            prepared = await preparation.prepare(State("greeting"), create(stored(SECRET)))
            assert isinstance(prepared, StoreUnavailable)
            assert reason in str(prepared)
        assert store.asked == 1
        store.hangs = False
        now[0] = REST_S
        assert await preparation.prepare(State("greeting"), create(stored(SECRET))) == data_of(SECRET)


class TestFindings:
    FOUND = resource.BodyUnusable(
        at=1, version=1, digest=sha_of(SECRET), code="body_missing", message="m", run="r", node="n"
    )

    async def test_a_finding_is_noted_as_it_is(self) -> None:
        assert await when(self.FOUND, created(SECRET), topic="prompt.findings") == [self.FOUND]

    @pytest.mark.parametrize("other", [{"version": 2}, {"digest": "d"}, {"run": ""}])
    async def test_one_that_no_worker_can_have_found_is_not_noted(self, other: dict[str, Any]) -> None:
        forged = msgspec.structs.replace(self.FOUND, **other)
        assert await when(forged, created(SECRET), topic="prompt.findings") == []

    async def test_it_changes_nothing(self) -> None:
        given = (created(SECRET), ordered(SECRET, 1))
        assert state_of(*given, self.FOUND) == state_of(*given)

    async def test_one_that_can_not_be_read_is_no_refused_command(self) -> None:
        assert await when(Unreadable("no"), topic="prompt.findings") == []
        (refused,) = await when(Unreadable("no"))
        assert isinstance(refused, resource.ChangeRefused)
