"""A vendor's own package as referee: talks to a stand-in and tells what it understood.

One JSON question on standard input, one JSON answer on standard output.
"""

import json
import sys


def openai(question):
    import openai as package

    client = package.OpenAI(base_url=question["base_url"], api_key=question["key"], max_retries=0, timeout=10)
    heard = {"text": "", "tools": [], "finish": None}
    tools = {}
    try:
        stream = client.chat.completions.create(**question["request"], stream=True)
        for chunk in stream:
            for choice in chunk.choices:
                heard["text"] += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    tool = tools.setdefault(call.index, {"name": "", "arguments": ""})
                    tool["name"] += call.function.name or ""
                    tool["arguments"] += call.function.arguments or ""
                heard["finish"] = choice.finish_reason or heard["finish"]
    except Exception as error:  # The referee tells whatever the package raises.
        heard["error"] = type(error).__name__
    heard["tools"] = [tools[index] for index in sorted(tools)]
    return heard


def anthropic(question):
    import anthropic as package

    client = package.Anthropic(base_url=question["base_url"], api_key=question["key"], max_retries=0, timeout=10)
    heard = {"text": "", "tools": [], "finish": None}
    try:
        with client.messages.stream(**question["request"]) as stream:
            for piece in stream.text_stream:
                heard["text"] += piece
            message = stream.get_final_message()
        heard["finish"] = message.stop_reason
        heard["tools"] = [
            {"name": block.name, "arguments": json.dumps(block.input)}
            for block in message.content
            if block.type == "tool_use"
        ]
    except Exception as error:  # The referee tells whatever the package raises.
        heard["error"] = type(error).__name__
    return heard


question = json.loads(sys.stdin.read())
print(json.dumps({"openai": openai, "anthropic": anthropic}[question["vendor"]](question)))
