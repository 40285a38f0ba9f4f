"""What the Python clients have in common: the user's browser, and the lines that the matrix reads."""

import asyncio
import json
import sys
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

CALLBACK = "http://127.0.0.1:9/callback"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def redirected(url):
    """Where the user's browser is sent by the authorization server; the user agrees to everything."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        opener.open(url, timeout=10)
    except urllib.error.HTTPError as answer:
        location = answer.headers["location"]
        if answer.code != 302 or not location:
            raise RuntimeError(f"the authorization server answers {answer.code}") from answer
        return location
    raise RuntimeError("the authorization server does not redirect")


class Browser:
    """The user's browser, for SDKs that hand over a link and ask for the parameters of the callback."""

    def __init__(self):
        self._callback = {}

    async def redirect(self, url):
        location = await asyncio.to_thread(redirected, url)
        parameters = parse_qs(urlsplit(location).query)
        self._callback = {name: values[0] for name, values in parameters.items()}

    def callback(self):
        return self._callback


class Storage:
    """What the client remembers between requests."""

    def __init__(self):
        self._tokens = None
        self._client_info = None

    async def get_tokens(self):
        return self._tokens

    async def set_tokens(self, tokens):
        self._tokens = tokens

    async def get_client_info(self):
        return self._client_info

    async def set_client_info(self, client_info):
        self._client_info = client_info


def report(step, outcome, detail):
    print("@" + json.dumps({"step": step, "outcome": outcome, "detail": str(detail)}), flush=True)


def text_of(result):
    if getattr(result, "isError", False) or getattr(result, "is_error", False):
        raise RuntimeError(result.content[0].text)
    return result.content[0].text


async def use_tools(list_tools, call_tool):
    """The steps behind the login. Both arguments are coroutines of the client at hand."""
    try:
        names = sorted(tool.name for tool in await list_tools())
        report("list", "yes", " ".join(names))
        report("whoami", "yes", text_of(await call_tool("whoami", {})))
    except Exception as error:
        report("whoami", "no", leaf(error))
    # Note 2 needs more scope by the rule for the tool. For note 1, the tool itself requires more scope.
    for step, note in [("delete_note", 2), ("delete_rules", 1)]:
        try:
            report(step, "yes", text_of(await call_tool("delete_note", {"id": note})))
        except Exception as error:
            report(step, "no", leaf(error))


def leaf(error):
    """The first error inside the exception groups that anyio makes."""
    while isinstance(error, BaseException) and getattr(error, "exceptions", None):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def run(client):
    """Runs `client(url)`, which reports the steps that it gets to."""
    try:
        asyncio.run(client(sys.argv[1]))
    except Exception as error:
        report("login", "no", leaf(error))
