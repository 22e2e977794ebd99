"""The OpenAI model against a scripted server: what is asked and what comes back; the SDK is the real one."""

from __future__ import annotations

import json
import subprocess
import sys
from random import Random

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_planner.models.chat import Message, Reply, Request, Role, Stop, ToolUse, Usage
from memento_planner.models.openai import OpenAIModel
from memento_planner.models.openai_reply import Lines, Thinking
from planner.openai_talk import (
    ASK_TOOL,
    HI,
    KEY,
    LOOK,
    asking,
    call,
    chunk,
    said,
    stream,
    talk,
    usage,
)
from planner.wire_server import Answer, WireServer, events


def test_a_request_becomes_a_chat_completion_and_its_stream_a_reply() -> None:
    heard: list[str] = []
    with WireServer([stream(chunk(role="assistant", content=None), chunk(content="Hel"), chunk(content="lo"),
                            chunk(finish="stop"), usage(9, 2, prompt_tokens_details={"cached_tokens": 4}), "[DONE]")]
                    ).running() as server:  # fmt: skip
        model = OpenAIModel("m:3b", key=KEY, base_url=f"{server.url}/v1/")
        reply = asking(model, lambda model: model.complete(HI, heard.append))
        [(path, headers, body)] = server.requests
    assert reply == Reply("Hello", (), Stop.END, Usage(9, 2, cached=4))
    assert heard == ["Hel", "lo"]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "m:3b",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 2048,
    }
    assert model.name.startswith("openai:m:3b@127.0.0.1:")


def test_a_conversation_with_calls_keeps_every_result_with_its_call() -> None:
    uses = (ToolUse("a", "look", {"q": "x"}, '{"q": "x"}'), ToolUse("b", "look", None, "{q:"))
    messages = (
        Message(Role.USER, "Look"),
        Message(Role.ASSISTANT, "", uses),
        Message(Role.TOOL, "found", tool_use_id="a"),
        Message(Role.TOOL, "no JSON", tool_use_id="b", is_error=True),
    )
    request = Request("", messages, (LOOK,), tool_choice="look", temperature=0.2, max_tokens=50)
    _, _, [body] = talk([said()], request)
    made = body["messages"]
    assert [message["role"] for message in made] == ["user", "assistant", "tool", "tool"]
    assert made[1]["content"] is None
    assert [(made_call["id"], made_call["function"]["arguments"]) for made_call in made[1]["tool_calls"]] == [
        ("a", '{"q": "x"}'),
        ("b", "{}"),  # several endpoints fail on arguments that are no JSON
    ]
    assert made[2] == {"role": "tool", "tool_call_id": "a", "content": "found"}
    assert made[3]["content"] == "The call failed: no JSON"
    assert body["tools"][0]["function"]["parameters"] == LOOK.input_schema
    assert body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert (body["temperature"], body["max_tokens"]) == (0.2, 50)


def test_parallel_calls_are_put_together_from_interleaved_pieces() -> None:
    answer = stream(
        chunk(content="Looking.", tool_calls=[call(0, id="a", name="look", arguments="")]),
        chunk(tool_calls=[call(1, id="b", name="look", arguments='{"q":'), call(0, arguments='{"q": "on')]),
        chunk(tool_calls=[call(0, arguments='e"}'), call(1, arguments='"two"}')]),
        chunk(finish="tool_calls"),
        "[DONE]",
    )
    [reply], _, _ = talk([answer], ASK_TOOL)
    assert reply.text == "Looking."
    assert reply.stop is Stop.TOOL_USE
    assert reply.tool_uses == (
        ToolUse("a", "look", {"q": "one"}, '{"q": "one"}'),
        ToolUse("b", "look", {"q": "two"}, '{"q":"two"}'),
    )


@pytest.mark.parametrize("raw", ['{"q": ', "[1]", '"x"', "look it up", "[" * 100_000])
def test_arguments_that_are_no_json_object_stay_raw(raw: str) -> None:
    answer = stream(chunk(tool_calls=[call(0, id="a", name="look", arguments=raw)]), chunk(finish="tool_calls"))
    [reply], _, _ = talk([answer], ASK_TOOL)
    assert reply.tool_uses == (ToolUse("a", "look", None, raw),)


def test_calls_without_ids_numbers_or_text_arguments_are_calls_all_the_same() -> None:
    answer = stream(
        chunk(tool_calls=[call(None, name="look", arguments={"q": "one"}), call(None, name="look", arguments=None)]),
        chunk(finish="stop"),
        "[DONE]",
    )
    [reply], _, _ = talk([answer], ASK_TOOL)
    assert [use.arguments for use in reply.tool_uses] == [{"q": "one"}, {}]
    assert all(use.id for use in reply.tool_uses)
    assert len({use.id for use in reply.tool_uses}) == 2
    assert reply.stop is Stop.TOOL_USE


def test_calls_that_share_a_number_are_told_apart_by_their_ids() -> None:
    answer = stream(
        chunk(tool_calls=[call(0, id="a", name="look", arguments='{"q": "one"}')]),
        chunk(tool_calls=[call(0, id="b", name="look", arguments='{"q": "two"}')]),
        chunk(finish="tool_calls"),
    )
    [reply], _, _ = talk([answer], ASK_TOOL)
    assert [(use.id, use.arguments) for use in reply.tool_uses] == [("a", {"q": "one"}), ("b", {"q": "two"})]


@pytest.mark.parametrize(
    ("finish", "stop"),
    [("stop", Stop.END), ("length", Stop.LENGTH), ("content_filter", Stop.REFUSAL), ("eos", Stop.END)],
)
def test_the_reason_for_ending_is_told(finish: str, stop: Stop) -> None:
    [reply], _, _ = talk([stream(chunk(content="So"), chunk(finish=finish), "[DONE]")], HI)
    assert (reply.text, reply.stop) == ("So", stop)


def test_a_refusal_is_one_and_says_why() -> None:
    [reply], _, _ = talk([stream(chunk(refusal="I can"), chunk(refusal="not."), chunk(finish="stop"), "[DONE]")], HI)
    assert (reply.text, reply.stop) == ("I cannot.", Stop.REFUSAL)


def test_thinking_is_left_out_wherever_it_stands() -> None:
    heard: list[str] = []
    answer = stream(
        chunk(reasoning_content="Hmm."),
        chunk(content="<thi"),
        chunk(content="nk>Let me see"),
        chunk(content="</think>\n\nYes"),
        chunk(content=" <think> is a tag"),
        chunk(finish="stop"),
        "[DONE]",
    )
    [reply], _, _ = talk([answer], HI, on_text=heard.append)
    assert reply.text == "Yes <think> is a tag"
    assert "".join(heard) == reply.text


def test_text_that_only_begins_like_thinking_is_shown() -> None:
    heard: list[str] = []
    [reply], _, _ = talk([stream(chunk(content="<th"), chunk(finish="stop"))], HI, on_text=heard.append)
    assert (reply.text, heard) == ("<th", ["<th"])


def test_content_in_parts_keeps_its_text() -> None:
    parts = [{"type": "thinking", "thinking": "Hmm"}, {"type": "text", "text": "Yes"}]
    [reply], _, _ = talk([stream(chunk(content=parts), chunk(finish="stop"))], HI)
    assert reply.text == "Yes"


def test_unusual_line_breaks_inside_the_text_do_not_break_the_stream() -> None:
    text = "a\u2028b\x85c\x0bd"
    raw = [f"data: {json.dumps(chunk(content=text), ensure_ascii=False)}\r\n\r\n", ": still here\n\n"]
    [reply], _, _ = talk([Answer([*raw, *events(chunk(finish="stop"), "[DONE]")])], HI)
    assert reply.text == text


def test_a_character_in_two_pieces_is_one_and_half_a_character_is_none() -> None:
    [reply], _, _ = talk([stream(chunk(content="\ud83d"), chunk(content="\ude00 \ud83d"), chunk(finish="stop"))], HI)
    assert reply.text == "\U0001f600 \ufffd"


def test_usage_may_be_missing() -> None:
    [reply], _, _ = talk([stream(chunk(content="So"), chunk(finish="stop"), "[DONE]")], HI)
    assert reply.usage == Usage()


def test_an_endpoint_that_does_not_stream_is_understood() -> None:
    whole = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Whole"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    [reply], _, _ = talk([Answer(whole)], HI)
    assert reply == Reply("Whole", (), Stop.END, Usage(3, 1))


def test_other_endpoints_get_no_organization_and_need_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-private")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with WireServer([said()]).running() as server:
        asking(OpenAIModel("m", key="", base_url=server.url), lambda model: model.complete(HI))
        sent = str(server.requests[0][1])
    assert "private" not in sent
    assert KEY not in sent


def test_a_request_can_be_cancelled_in_the_middle_and_the_model_used_again() -> None:
    slow = stream(*[chunk(content="word ")] * 200, pause_s=0.05)
    heard: list[str] = []
    with WireServer([slow, said()]).running() as server:
        model = OpenAIModel("m", key=KEY, base_url=server.url)

        async def use(model: OpenAIModel) -> Reply:
            with anyio.CancelScope() as scope:

                def hear(piece: str) -> None:
                    heard.append(piece)
                    scope.cancel()

                await model.complete(HI, hear)
            assert scope.cancelled_caught
            return await model.complete(HI)

        assert asking(model, use).text == "Hello"
        assert len(server.requests) == 2
        assert server.hung_up.wait(10)
    assert heard == ["word "]


def test_requests_at_the_same_time_do_not_mix() -> None:
    answers = [said(word) for word in ("one", "two", "three", "four")]
    with WireServer(answers).running() as server:

        async def use(model: OpenAIModel) -> list[str]:
            texts: list[str] = []

            async def one() -> None:
                texts.append((await model.complete(HI)).text)

            async with anyio.create_task_group() as tasks:
                for _ in answers:
                    tasks.start_soon(one)
            return texts

        texts = asking(OpenAIModel("m", key=KEY, base_url=server.url), use)
        assert len(server.requests) == 4
    assert set(texts) <= {"one", "two", "three", "four"}


def test_an_error_of_the_listener_reaches_the_caller() -> None:
    def broken(piece: str) -> None:
        raise ValueError("listener")

    with pytest.raises(ValueError, match="listener"):
        talk([said()], HI, on_text=broken)


def test_the_sdk_is_imported_only_when_the_model_is_used() -> None:
    code = (
        "import sys; from memento_planner.models.openai import OpenAIModel; OpenAIModel('m', key='k');"
        "print([name for name in ('openai', 'httpx2') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@given(st.lists(st.text(), max_size=5), st.randoms(use_true_random=False))
def test_events_are_the_same_however_the_bytes_arrive(texts: list[str], random: Random) -> None:
    raw = "".join(f"data: {json.dumps(text, ensure_ascii=False)}\r\n\n" for text in texts).encode(errors="replace")
    lines, data = Lines(), []
    while raw:
        cut = random.randint(1, len(raw))
        data += lines.feed(raw[:cut])
        raw = raw[cut:]
    data += lines.feed(b"")
    assert [json.loads(each) for each in data] == [text.encode(errors="replace").decode() for text in texts]


@given(st.text("a \n") | st.text("a <>/think").map("<think>{}</think> a".format), st.randoms(use_true_random=False))
def test_thinking_is_the_same_however_the_text_arrives(text: str, random: Random) -> None:
    whole, parts = Thinking(), Thinking()
    expected = whole.feed(text) + whole.end()
    said = ""
    while text:
        cut = random.randint(1, len(text))
        said += parts.feed(text[:cut])
        text = text[cut:]
    assert said + parts.end() == expected
