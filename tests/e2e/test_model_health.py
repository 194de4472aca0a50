"""`headrace model health` against the real stack: what workers have seen of models."""

import time
import uuid

from headrace.announcer import Announcer
from headrace.events.model import ModelHealthChanged
from headrace.topics import MODEL_HEALTH
from tests.conftest import Stack
from tests.e2e.commands import Run, printed
from tests.support.topics import registered

REASON = "7 of 10 calls within 30 s failed, the last with provider_timeout"


async def seen(stack: Stack, model: str, *changes: ModelHealthChanged) -> None:
    """Let a worker have seen this."""
    async with registered(stack.registry_url, [MODEL_HEALTH]) as codec:
        announcer = Announcer("test", [MODEL_HEALTH], codec, stack.kafka)
        await announcer.start()
        for change in changes:
            announcer.tell(model, change)
        await announcer.stop()


def changed(state: str, reason: str, retry_in_ms: int | None = None) -> ModelHealthChanged:
    now = time.time_ns() // 1_000_000
    retry_at = None if retry_in_ms is None else now + retry_in_ms
    return ModelHealthChanged(at=now, state=state, reason=reason, retry_at=retry_at, instance="worker-7")


async def test_it_shows_the_newest_state_why_since_when_and_who_saw_it(stack: Stack, headrace: Run) -> None:
    name = f"sick-{uuid.uuid4().hex[:8]}"
    await seen(stack, f"{name}@1", changed("half_open", "one probe is under way"), changed("open", REASON, 60_000))
    await seen(stack, f"{name}@2", changed("closed", "the probe was answered"))

    shown = headrace("model", "health", name).stdout
    sick, well = printed(headrace("model", "health", name, "--json"))

    assert (sick["model"], sick["state"], sick["reason"]) == (f"{name}@1", "open", REASON)
    assert sick["retry_at"] == sick["at"] + 60_000
    assert sick["instance"] == "worker-7"
    assert (well["model"], well["state"]) == (f"{name}@2", "closed")
    assert all(text in shown for text in (f"{name}@1", "open", REASON, f"{name}@2", "closed"))
    assert [one["model"] for one in printed(headrace("model", "health", f"{name}@2", "--json"))] == [f"{name}@2"]


async def test_a_probe_that_is_due_is_said_to_be(stack: Stack, headrace: Run) -> None:
    name = f"due-{uuid.uuid4().hex[:8]}"
    await seen(stack, f"{name}@1", changed("open", REASON, -1_000))

    assert "(due)" in headrace("model", "health", name).stdout


def test_a_model_that_never_failed_is_called_as_always(headrace: Run) -> None:
    done = headrace("model", "health", "never-seen")

    assert (done.returncode, done.stdout) == (0, "never-seen: closed, as always; calls are made\n")
    assert printed(headrace("model", "health", "never-seen", "--json")) == []
