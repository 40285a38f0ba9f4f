"""FastMCP's client with `auth="oauth"`, which opens a browser and waits for it on a port of its own."""

import threading
import time
import urllib.error
import urllib.request
import webbrowser

from fastmcp import Client

from driver import redirected, report, run, use_tools


def browse(url):
    """The user's browser: it follows the redirect to the client's port, which may not be open yet."""

    def visit():
        location = redirected(url)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                return opener.open(location, timeout=10).read()
            except urllib.error.URLError:
                time.sleep(0.05)

    threading.Thread(target=visit, daemon=True).start()
    return True


async def client(url):
    webbrowser.open = browse
    async with Client(url, auth="oauth") as connected:
        report("login", "yes", connected.server_info.name)
        await use_tools(connected.list_tools, connected.call_tool)


run(client)
