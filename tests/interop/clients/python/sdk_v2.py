"""The Python SDK, version 2."""

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

from driver import CALLBACK, Browser, Storage, report, run, use_tools


async def client(url):
    browser = Browser()

    async def callback():
        return AuthorizationCodeResult(**browser.callback())

    provider = OAuthClientProvider(
        server_url=url,
        # As in the SDK's documentation: without an authentication method.
        client_metadata=OAuthClientMetadata(client_name="matrix", redirect_uris=[CALLBACK]),
        storage=Storage(),
        redirect_handler=browser.redirect,
        callback_handler=callback,
    )
    async with httpx2.AsyncClient(auth=provider, timeout=20) as http:
        async with Client(streamable_http_client(url, http_client=http)) as connected:
            report("login", "yes", connected.server_info.name)

            async def list_tools():
                return (await connected.list_tools()).tools

            await use_tools(list_tools, connected.call_tool)


run(client)
