"""The Python SDK, version 1."""

import httpx
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from driver import CALLBACK, Browser, Storage, report, run, use_tools


async def client(url):
    browser = Browser()

    async def callback():
        return browser.callback()["code"], browser.callback()["state"]

    provider = OAuthClientProvider(
        server_url=url,
        # As in the SDK's documentation: without an authentication method.
        client_metadata=OAuthClientMetadata(client_name="matrix", redirect_uris=[CALLBACK]),
        storage=Storage(),
        redirect_handler=browser.redirect,
        callback_handler=callback,
    )
    async with httpx.AsyncClient(auth=provider, timeout=20) as http:
        async with streamable_http_client(url, http_client=http) as (reader, writer, _):
            async with ClientSession(reader, writer) as session:
                connected = await session.initialize()
                report("login", "yes", connected.serverInfo.name)

                async def list_tools():
                    return (await session.list_tools()).tools

                await use_tools(list_tools, session.call_tool)


run(client)
