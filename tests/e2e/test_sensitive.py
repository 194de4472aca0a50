"""A sensitive prompt is used, fails, is tampered with and erased; no word of it comes out anywhere."""

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headrace.events import resource, run
from headrace.resource.body import LARGEST_INLINE, body_of, with_stored
from headrace.topics import DOMAINS
from tests.conftest import Stack
from tests.e2e.commands import Run, printed
from tests.e2e.installation import Installation
from tests.e2e.places import places_of
from tests.providers.behaviours import error
from tests.providers.loopback import Loopback, loopback
from tests.support.names import unique
from tests.support.object_store import s3_of
from tests.support.waiting import until_equal

LARGE = """
apiVersion: headrace/v1
kind: Prompt
metadata: {{ name: {name} }}
spec:
  uses: {{ rules: {name}-rules }}
  text: "{{{{ rules }}}} {padding}"
---
apiVersion: headrace/v1
kind: Prompt
metadata: {{ name: {name}-rules }}
spec:
  text: "Be brief."
"""

RESOURCES = """
apiVersion: headrace/v1
kind: Prompt
metadata: {{ name: {name} }}
spec:
  sensitive: true
  variables: {{ fail: {{ schema: {{ type: boolean }} }} }}
  text: "Never say {marker}. {{% if fail %}}{{{{ '{marker}' + 1 }}}}{{% endif %}}"
---
apiVersion: headrace/v1
kind: Model
metadata: {{ name: {name} }}
spec:
  provider: openai
  endpoint: {{ url: "{url}" }}
  model: loopback
  limits: {{ context_window: 4096, max_output_tokens: 100 }}
  costs: free
---
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  input: {{ type: object, properties: {{ fail: {{ type: boolean }} }}, required: [fail] }}
  nodes:
    answer:
      type: model_invoke
      config: {{ prompt: {name}@1, model: {name} }}
      input: {{ fail: input.fail }}
      retry: {{ attempts: 1 }}
  output: {{ text: nodes.answer.output.text }}
"""


@dataclass
class Secret:
    """A sensitive prompt in a workflow that shows it to a provider of ours."""

    stack: Stack
    installation: Installation
    headrace: Run
    provider: Loopback
    name: str
    marker: str
    file: Path

    def apply(self, *, changed: bool = False) -> Any:
        """The resources, with another prompt when it is to be a new version."""
        text = RESOURCES.format(name=self.name, marker=self.marker, url=self.provider.url)
        self.file.write_text(text.replace("Never say", "Never, never say") if changed else text, encoding="utf-8")
        return self.headrace("apply", "-f", str(self.file))

    async def run(self, *, fail: bool = False) -> run.RunCompleted | run.RunFailed | run.RunCancelled:
        result, _ = await self.installation.run(self.name, {"fail": fail})
        return result

    async def fault(self, **given: bool) -> str:
        """What a run that fails says."""
        result = await self.run(**given)
        assert isinstance(result, run.RunFailed), result
        return result.message

    def tamper(self) -> None:
        """Put something else into the place of every body of the prompt."""
        with s3_of(self.stack) as s3:
            bucket = self.stack.env["S3_BUCKET"]
            for one in s3.list_objects_v2(Bucket=bucket, Prefix=f"prompts/{self.name}/")["Contents"]:
                s3.put_object(Bucket=bucket, Key=one["Key"], Body=b"[]", ServerSideEncryption="aws:kms")

    async def unusable(self) -> list[str]:
        """Codes of what the prompt's audit trail says of bodies that could not be used."""
        seen = await self.installation.client.read_all(DOMAINS["prompt"].events, key=self.name)
        return [one.event.code for one in seen if isinstance(one.event, resource.BodyUnusable)]

    async def places(self) -> list[str]:
        return await places_of(self.stack, self.marker)


@pytest.fixture
async def secret(stack: Stack, installation: Installation, headrace: Run, tmp_path: Path) -> AsyncIterator[Secret]:
    async with loopback() as provider:
        marker = f"marker{uuid.uuid4().hex}"
        made = Secret(stack, installation, headrace, provider, unique("secret"), marker, tmp_path / "secret.yaml")
        assert made.apply().returncode == 0
        yield made


async def test_a_sensitive_prompt_comes_out_nowhere(secret: Secret, headrace: Run) -> None:
    # it is used, and shown to the model
    assert isinstance(await secret.run(), run.RunCompleted)
    assert secret.marker in json.dumps(secret.provider.bodies)
    # its template fails; a provider that repeats it fails
    assert "the prompt is sensitive, so no more is said" in await secret.fault(fail=True)
    secret.provider.behave(error(400, f"I was told: Never say {secret.marker}."), "loopback", times=1)
    await secret.fault()
    # it is tampered with: the run fails, and so does who applies it again
    secret.tamper()
    assert "has changed the object" in await secret.fault()
    await until_equal(secret.unusable, ["body_tampered"])
    assert "has changed the object" in secret.apply().stderr
    # it is erased
    assert secret.apply(changed=True).returncode == 0
    erased = printed(headrace("prompt", "erase", secret.name, "v1", "--reason", "asked to", "--json"))
    assert erased["versions"] == [1]
    assert "is erased, no new run may use it" in await secret.fault()
    assert await secret.places() == []


async def test_the_search_finds_what_comes_out(secret: Secret) -> None:
    open_spec = json.dumps({"text": f"Say {secret.marker}."})
    await secret.installation.client.send(
        DOMAINS["prompt"].commands, secret.name, resource.CreateVersion(kind="Prompt", spec=open_spec)
    )
    assert "prompt.commands" in await secret.places()


async def test_a_body_that_is_not_stored_is_refused_without_a_word_of_it(secret: Secret, headrace: Run) -> None:
    spec = {"text": f"Say {secret.marker}.", "sensitive": True}
    body = body_of(spec)
    assert body
    for given in (spec, with_stored(spec, body)):
        command = resource.CreateVersion(kind="Prompt", spec=json.dumps(given))
        await secret.installation.client.send(DOMAINS["prompt"].commands, secret.name, command)

    async def refused() -> list[str]:
        rows = printed(headrace("prompt", "history", secret.name, "--json"))
        return [row["code"] for row in rows if row["event"] == resource.ChangeRefused.NAME]

    await until_equal(refused, ["body_must_be_stored", "body_missing"])
    assert secret.marker not in headrace("prompt", "history", secret.name, "--json").stdout


def test_a_large_prompt_is_stored_and_shown_as_a_model_would_get_it(headrace: Run, tmp_path: Path) -> None:
    name, padding = unique("large"), "x" * LARGEST_INLINE
    file = tmp_path / "large.yaml"
    file.write_text(LARGE.format(name=name, padding=padding), encoding="utf-8")
    first = {one["name"]: one["outcome"] for one in printed(headrace("apply", "-f", str(file), "--json"))}
    again = {one["name"]: one["outcome"] for one in printed(headrace("apply", "-f", str(file), "--json"))}
    assert (set(first.values()), set(again.values())) == ({"created"}, {"unchanged"})
    (version,) = printed(headrace("get", "prompt", name, "--json"))["versions"]
    assert set(version["spec"]) == {"body", "uses"}
    (message,) = printed(headrace("prompt", "render", name, "--json"))["messages"]
    assert message == {"role": "user", "content": f"Be brief. {padding}", "images": []}
