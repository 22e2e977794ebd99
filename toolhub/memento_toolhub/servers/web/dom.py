"""What a page has become, read in a world of our own, where its scripts have changed nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import CDPSession

_TEXT_LENGTH = "document.body ? document.body.textContent.length : -1"
# Shadow trees are no part of the HTML; their content joins that of their hosts.
_HTML = """(() => {
  const roots = [];
  const walk = (tree) => {
    for (const element of tree.querySelectorAll('*')) {
      if (element.shadowRoot) { roots.push(element.shadowRoot); walk(element.shadowRoot); }
    }
  };
  walk(document);
  for (const root of roots.reverse()) {
    const content = document.createElement('div');
    content.append(...root.childNodes);
    root.host.append(content);
  }
  return '<!doctype html>' + document.documentElement.outerHTML.slice(0, %d);
})()"""


async def text_length(session: CDPSession) -> int:
    """How many characters of text the page has; -1 between two documents."""
    length = await _evaluate(session, _TEXT_LENGTH)
    return length if isinstance(length, int) else -1


async def html(session: CDPSession, most_chars: int) -> str:
    """The page's HTML, its beginning where it is longer; empty between two documents."""
    whole = await _evaluate(session, _HTML % most_chars)
    return whole if isinstance(whole, str) else ""


async def _evaluate(session: CDPSession, expression: str) -> object:
    """What an expression gives; None between two documents."""
    from playwright.async_api import Error

    try:
        tree = await session.send("Page.getFrameTree")
        world = await session.send("Page.createIsolatedWorld", {"frameId": tree["frameTree"]["frame"]["id"]})
        call = {"expression": expression, "contextId": world["executionContextId"], "returnByValue": True}
        answer = await session.send("Runtime.evaluate", call)
    except Error as error:
        if "closed" in str(error) or "crashed" in str(error):
            raise
        return None
    return answer["result"].get("value")
