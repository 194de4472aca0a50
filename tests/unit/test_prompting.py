"""A prompt and values become messages: uses, images, and what a sensitive prompt says when it fails."""

from typing import Any

import pytest

from headrace.bodies import Bodies, BodyStore
from headrace.errors import NodeError
from headrace.object_store.settings import StoreSettings
from headrace.prompting import MOST_IMAGES, ChatMessage, PinnedPrompt, render_prompt

PICTURE = "https://pictures.example/cat.png"
MARKER = "the-planted-marker"


def pinned(name: str = "answer", uses: dict[str, PinnedPrompt] | None = None, **spec: Any) -> PinnedPrompt:
    """A pinned prompt; `uses` is referred to under the same names."""
    used = uses or {}
    refs = {"uses": {key: f"{one.name}@{one.version}" for key, one in used.items()}} if used else {}
    return PinnedPrompt.model_validate({"name": name, "version": 3, "spec": {**refs, **spec}, "uses": used})


async def rendered(prompt: PinnedPrompt, **given: Any) -> tuple[ChatMessage, ...]:
    bodies = Bodies(BodyStore(StoreSettings()))
    return render_prompt(await bodies.load(prompt), given)


async def refused(prompt: PinnedPrompt, **given: Any) -> NodeError:
    with pytest.raises(NodeError) as caught:
        await rendered(prompt, **given)
    assert not caught.value.retryable
    return caught.value


def of(*names: str, **fields: Any) -> dict[str, Any]:
    return {name: {"schema": {"type": "string"}, **fields} for name in names}


def showing(*names: str) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "template": "Look.", "images": list(names)}],
        "variables": {name: {"required": False} for name in names},
    }


TONE = pinned("tone", text="Be {{ mood }}.", variables=of("mood"))


class TestUses:
    async def test_a_used_prompt_is_seen_under_its_name(self) -> None:
        prompt = pinned(uses={"tone": TONE}, text="{{ tone }} Say {{ what }}.", variables=of("mood", "what"))
        (message,) = await rendered(prompt, mood="kind", what="hello")
        assert message == ChatMessage("user", "Be kind. Say hello.")

    async def test_its_messages_are_joined_by_a_blank_line(self) -> None:
        rules = pinned("rules", messages=[{"role": "system", "template": "One."}, {"role": "user", "template": "Two."}])
        (message,) = await rendered(pinned(uses={"rules": rules}, text="{{ rules }}"))
        assert message.content == "One.\n\nTwo."

    async def test_a_used_prompt_may_use_others(self) -> None:
        house = pinned("house", uses={"tone": TONE}, text="House: {{ tone }}", variables=of("mood"))
        (message,) = await rendered(pinned(uses={"house": house}, text="{{ house }}", variables=of("mood")), mood="dry")
        assert message.content == "House: Be dry."

    async def test_a_default_of_the_using_prompt_reaches_the_used_one(self) -> None:
        prompt = pinned(uses={"tone": TONE}, text="{{ tone }}", variables=of("mood", default="calm"))
        (message,) = await rendered(prompt)
        assert message.content == "Be calm."

    async def test_what_is_left_out_has_the_used_prompts_own_default(self) -> None:
        tone = pinned("tone", text="Be {{ mood }}.", variables=of("mood", default="brief"))
        prompt = pinned(uses={"tone": tone}, text="{{ tone }}", variables=of("mood", required=False))
        (message,) = await rendered(prompt)
        assert message.content == "Be brief."

    async def test_a_prompt_and_those_that_it_uses_share_what_they_may_cost(self) -> None:
        costly = "{{ range(5000) | map('string') | list | length }}"
        uses = {f"u{number}": pinned(f"u{number}", text=costly) for number in range(50)}
        (message,) = await rendered(pinned(text=costly))
        assert message.content == "5000"
        fault = await refused(pinned(uses=uses, text="Hi"))
        assert (fault.code, "this takes too much work" in str(fault)) == ("template_failed", True)

    async def test_a_variable_that_the_using_prompt_lacks_names_both(self) -> None:
        fault = await refused(pinned(uses={"tone": TONE}, text="{{ tone }}"))
        assert fault.code == "uses_invalid"
        assert str(fault) == "answer@3 uses tone@3, which needs the variable mood; declare it in answer@3"

    async def test_a_mistyped_value_names_both(self) -> None:
        prompt = pinned(uses={"tone": TONE}, text="{{ tone }}", variables={"mood": {}})
        fault = await refused(prompt, mood=7)
        assert fault.code == "variables_invalid"
        assert str(fault).startswith("tone@3, which answer@3 uses: variable mood:")

    async def test_a_prompt_that_shows_images_can_not_be_used(self) -> None:
        fault = await refused(pinned(uses={"look": pinned("look", **showing("cat"))}, text="{{ look }}"))
        assert fault.code == "uses_invalid"
        assert "look@3, which shows images" in str(fault)

    async def test_a_used_prompt_that_the_run_is_not_bound_to_is_a_fault(self) -> None:
        fault = await refused(pinned(text="{{ tone }}").model_copy(update={"spec": _using_tone()}))
        assert str(fault) == "answer@3 uses tone@1 as tone, which the run is not bound to"


def _using_tone() -> Any:
    return pinned(text="{{ tone }}", uses={}).spec.model_copy(update={"uses": {"tone": "tone@1"}})


class TestImages:
    async def test_one_or_a_list_of_urls_is_shown_in_order(self) -> None:
        data = "data:image/png;base64,iVBORw0KGgo="
        (message,) = await rendered(pinned(**showing("one", "more")), one=PICTURE, more=[data, PICTURE])
        assert message.images == (PICTURE, data, PICTURE)

    async def test_an_optional_image_that_is_not_given_is_none(self) -> None:
        (message,) = await rendered(pinned(**showing("one")))
        assert message.images == ()

    @pytest.mark.parametrize(
        "url", ["http://pictures.example/cat.png", "https://", "file:///etc/passwd", "data:text/html,x", 7, [["x"]], {}]
    )
    async def test_anything_else_is_refused_by_name(self, url: Any) -> None:
        fault = await refused(pinned(**showing("cat")), cat=url)
        assert fault.code == "variables_invalid"
        assert str(fault).startswith("variable cat is not an image's https:// URL or data:image/ URL")

    async def test_so_many_are_shown_and_no_more(self) -> None:
        prompt = pinned(**showing("cats"))
        (message,) = await rendered(prompt, cats=[PICTURE] * MOST_IMAGES)
        assert len(message.images) == MOST_IMAGES
        fault = await refused(prompt, cats=[PICTURE] * (MOST_IMAGES + 1))
        assert str(fault) == f"{MOST_IMAGES + 1} images in cats; a message shows at most {MOST_IMAGES}"


class TestSensitive:
    async def test_a_failing_template_names_the_message_and_nothing_else(self) -> None:
        prompt = pinned(text=f"{{{{ '{MARKER}' + 1 }}}}", sensitive=True)
        fault = await refused(prompt)
        assert fault.code == "template_failed"
        assert str(fault) == "message 0 (user): the template failed; the prompt is sensitive, so no more is said"

    async def test_no_cause_leads_to_a_word_of_it(self) -> None:
        fault = await refused(pinned(text=f"{{{{ '{MARKER}' + 1 }}}}", sensitive=True))
        assert fault.__cause__ is None
        assert fault.__context__ is None

    async def test_a_prompt_that_uses_a_sensitive_one_says_as_little(self) -> None:
        secret = pinned("secret", text=MARKER, sensitive=True)
        fault = await refused(pinned(uses={"secret": secret}, text="{{ {}[secret] }}"))
        assert fault.code == "template_failed"
        assert MARKER not in str(fault)

    async def test_other_prompts_say_what_failed(self) -> None:
        fault = await refused(pinned(text="{{ 'a' + 1 }}"))
        assert "can only concatenate str" in str(fault)
