"""What Qdrant does as a folder and as a server, beside what every vector store does."""

import asyncio
import re
import sys
import threading
from pathlib import Path

import pytest
from qdrant_client import models

from headrace.errors import NodeError
from tests.contract.vector_stores import EAST, NORTH, document, folder, opened, server
from tests.providers.qdrant import qdrant_server
from vector_search.adapters.qdrant import QdrantStore

KEY = "a-key-nobody-may-see"
OPEN = """
import asyncio, sys
from vector_search.adapters.qdrant import QdrantStore
from vector_search.settings import Settings
asyncio.run(QdrantStore.open(Settings(QDRANT_PATH=sys.argv[1])))
"""


class TestFolder:
    async def test_remembers(self, tmp_path: Path) -> None:
        # given
        async with opened(folder(tmp_path / "qdrant")) as store:
            await store.replace(document("a", "east"), [EAST])
            await store.mark_whole("a-model")

        # when
        async with opened(folder(tmp_path / "qdrant")) as store:
            found = await store.search("docs", EAST, 1)

            # then
            assert [one.text for one in found] == ["east"]
            assert await store.version("docs", "a") == "v1"
            assert await store.is_whole("a-model")

    async def test_only_one_process_may_have_it_open(self, tmp_path: Path) -> None:
        async with opened(folder(tmp_path / "qdrant")):
            other = await asyncio.create_subprocess_exec(
                sys.executable, "-c", OPEN, str(tmp_path / "qdrant"), stderr=asyncio.subprocess.PIPE
            )
            _, said = await other.communicate()
        assert other.returncode == 1
        assert re.search("StorageLocked: the Qdrant folder .* is open in another process.*QDRANT_URL", said.decode())

    async def test_many_may_ask_while_a_document_comes_and_one_thread_answers(self, tmp_path: Path) -> None:
        async with opened(folder(tmp_path / "qdrant")) as store:
            # given
            await store.replace(document("a", "north"), [NORTH])

            # when
            async with asyncio.TaskGroup() as group:
                group.create_task(store.replace(document("b", *("east" for _ in range(60))), [EAST] * 60))
                searches = [group.create_task(store.search("docs", NORTH, 1)) for _ in range(50)]

            # then
            assert {search.result()[0].text for search in searches} == {"north"}
            assert len([thread for thread in threading.enumerate() if thread.name.startswith("qdrant")]) == 1


class TestClient:
    async def test_its_import_builds_only_what_it_must(self) -> None:
        """Of memory: with all validators built, the service is 14 MB larger."""
        python = await asyncio.create_subprocess_exec(sys.executable, "-c", BUILT, stdout=asyncio.subprocess.PIPE)
        said, _ = await python.communicate()
        all_models, built = map(int, said.split())
        assert built < all_models / 2


BUILT = """
import vector_search.adapters.qdrant
from qdrant_client import models
every = [model for model in vars(models).values() if hasattr(model, "__pydantic_complete__")]
print(len(every), sum(model.__pydantic_complete__ for model in every))
"""


class TestServer:
    @pytest.mark.parametrize("status", [401, 429, 500, 503])
    async def test_a_fault_of_the_server_may_pass(self, status: int) -> None:
        async with qdrant_server() as qdrant, opened(server(qdrant.url)) as store:
            qdrant.faults = [status]
            with pytest.raises(NodeError) as raised:
                await store.search("docs", EAST, 1)
            assert (raised.value.code, raised.value.retryable) == ("store_unavailable", True)
            assert qdrant.url in str(raised.value)

    async def test_a_server_that_is_not_there_is_a_fault_that_may_pass(self) -> None:
        async with qdrant_server() as qdrant:
            settings = server(qdrant.url)
        async with opened(settings) as store:
            with pytest.raises(NodeError) as raised:
                await store.version("docs", "a")
            assert (raised.value.code, raised.value.retryable) == ("store_unavailable", True)

    async def test_is_sent_the_key(self) -> None:
        async with qdrant_server() as qdrant:
            with pytest.warns(UserWarning, match="insecure connection"):
                store = await QdrantStore.open(server(qdrant.url, QDRANT_API_KEY=KEY))
            assert not await store.is_whole("a-model")
            assert qdrant.headers[0]["api-key"] == KEY
            await store.close()

    async def test_points_of_somebody_else_are_told_apart(self) -> None:
        async with qdrant_server() as qdrant, opened(server(qdrant.url)) as store:
            # given
            await store.replace(document("a", "x"), [EAST])
            qdrant.storage.upsert("docs", [models.PointStruct(id=7, vector=[0.0, 1.0], payload={"page": 7})])

            # when
            with pytest.raises(NodeError) as raised:
                await store.search("docs", NORTH, 1)

            # then
            assert raised.value.code == "collection_foreign"
