"""The official SDK of the protocol as a client: arguments are the address of a server, its key, the era ("legacy" or "auto"),
and, to go over standard input and output, the program. Prints what it saw as one line of JSON."""

import asyncio
import json
import sys

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


def shown(result):
    return {"error": bool(result.is_error), "data": result.structured_content}


async def main():
    url, key, era = sys.argv[1:4]
    if len(sys.argv) > 4:
        environment = {"AGENTPHONE_URL": url, "AGENTPHONE_KEY": key}
        server = StdioServerParameters(command=sys.argv[4], args=["mcp"], env=environment)
    else:
        http = httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}, trust_env=False)
        server = streamable_http_client(f"{url}/mcp", http_client=http)
    seen = {}
    async with Client(server, mode=era) as client:
        tools = await client.list_tools()
        seen["tools"] = [tool.name for tool in tools.tools]
        seen["described"] = all(tool.description and tool.annotations for tool in tools.tools)
        seen["account"] = shown(await client.call_tool("get_account", {}))
        call = {"to_phone_number": "+14155551234", "objective": "Book a table", "scenario": "books"}
        call["idempotency_key"] = f"{era} {len(sys.argv)}"
        seen["placed"] = shown(await client.call_tool("place_call", call))
        seen["placed_again"] = shown(await client.call_tool("place_call", call))
        call_id = seen["placed"]["data"]["data"]["call_id"]
        told = []

        async def progress(progress, total, message):
            told.append(message)

        wait = {"call_id": call_id, "wait_seconds": 20}
        seen["waited"] = shown(await client.call_tool("wait_for_call", wait, progress_callback=progress))
        seen["told"] = told
        call = {"to_phone_number": "+14155551234", "objective": f"Ring {era} {len(sys.argv)}", "scenario": "never_answers"}
        ringing = (await client.call_tool("place_call", call)).structured_content["data"]["call_id"]
        wait = {"call_id": ringing, "wait_seconds": 1}
        seen["still_ringing"] = shown(await client.call_tool("wait_for_call", wait))
        seen["canceled"] = shown(await client.call_tool("cancel_call", {"call_id": ringing}))
        seen["listed"] = shown(await client.call_tool("list_calls", {"limit": 1}))
        seen["bad_number"] = shown(
            await client.call_tool("place_call", {"to_phone_number": "911", "objective": "x"})
        )
        seen["bad_argument"] = shown(await client.call_tool("get_call", {"call_id": "../keys"}))
        seen["unknown_call"] = shown(await client.call_tool("get_call", {"call_id": "cl_unknown"}))
        try:
            await client.call_tool("dial", {})
        except MCPError as error:
            seen["unknown_tool"] = str(error)
    print(json.dumps(seen))


asyncio.run(main())
