"""Pages that need JavaScript, in a real headless browser; and pages that try to get out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from bundled.parts import needs
from bundled.web.browsing import BROWSERS, SANDBOX, SHORT, Trap, document, processes_of, renderer, trap
from bundled.web.site import Answer, page, redirect, site
from integration.processes import until
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.web.browser import find_program
from memento_toolhub.servers.web.cache import PageCache
from memento_toolhub.servers.web.rendering import Rendered, RenderLimits

in_browser = needs(*BROWSERS)

HOSTILE = """<!doctype html><html><head>
<link rel="preconnect" href="http://127.0.0.1:PORT/"><link rel="prefetch" href="http://127.0.0.1:PORT/p">
<script type="speculationrules">{"prefetch": [{"source": "list", "urls": ["http://127.0.0.1:PORT/s"]}]}</script>
</head><body><iframe src="file:///etc/passwd"></iframe><iframe src="http://127.0.0.1:PORT/frame"></iframe>
<img src="http://127.0.0.1:PORT/image"><p id="log">begun</p><script>
const log = (what) => { document.getElementById('log').textContent += ' | ' + what; };
const attempt = (what) => { try { what(); } catch (error) { log(error); } };
const at = (path) => 'http://127.0.0.1:PORT/' + path;
const script = (text) => URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
for (const url of [at('fetch'), 'http://169.254.169.254/latest/meta-data/', 'file:///etc/passwd']) {
  fetch(url).then((r) => r.text()).then((t) => log('GOT ' + t)).catch(() => log('refused ' + url));
  fetch(url, {mode: 'no-cors'}).catch(() => {});
}
attempt(() => { new WebSocket('ws://127.0.0.1:PORT/').onopen = () => log('GOT a socket'); });
attempt(() => { new WebTransport('https://127.0.0.1:PORT/').ready.catch(() => {}); });
attempt(() => new EventSource(at('events')));
attempt(() => navigator.sendBeacon(at('beacon'), 'x'));
attempt(() => new Worker(script(`fetch('${at('w')}').catch(() => {}); new WebSocket('ws://127.0.0.1:PORT/');`)));
attempt(() => new SharedWorker(script(`fetch('${at('sw')}').catch(() => {}); new WebSocket('ws://127.0.0.1:PORT/');`)));
attempt(() => {
  const servers = [{urls: 'stun:127.0.0.1:PORT'},
    {urls: 'turn:127.0.0.1:PORT?transport=tcp', username: 'a', credential: 'b'}];
  const peer = new RTCPeerConnection({iceServers: servers});
  peer.createDataChannel('x');
  peer.createOffer().then((offer) => peer.setLocalDescription(offer));
  peer.onicecandidate = (event) => log('candidate ' + (event.candidate ? event.candidate.candidate : 'none'));
});
attempt(() => window.open(at('popup')));
attempt(() => navigator.serviceWorker.register('/worker.js'));
setTimeout(() => { location.href = at('away'); }, 1000);
alert('look here');
</script></body></html>"""


# Of a page that shows next to nothing, more is awaited.
FILLER = f"<p>{'What a page has to say. ' * 10}</p>"


async def render(tmp_path: Path, html: str, *allowed: str, limits: RenderLimits = SHORT) -> Rendered:
    return await renderer(tmp_path, *allowed, limits=limits).render(document(html))


@in_browser
def test_a_page_is_read_as_its_scripts_leave_it(tmp_path: Path) -> None:
    made = (
        f"""{FILLER}<p id="one"></p><div id="two"></div><article id="three"></article><script src="/app.js"></script>"""
    )
    app = """one.textContent = 'made by a script';
      two.attachShadow({mode: 'open'}).innerHTML = '<p>in the shadow</p>';
      fetch('/data.json').then((r) => r.json()).then((d) => { three.textContent = d.said; });"""
    with site({"/app.js": Answer(app, media_type="text/javascript")}) as here:
        here.routes["/data.json"] = Answer(json.dumps({"said": "fetched by a script"}), media_type="application/json")
        made_page = anyio.run(renderer(tmp_path, here.host).render, document(made, here.url("/app")))
    text = made_page.page.body.decode()
    assert all(said in text for said in ("made by a script", "in the shadow", "fetched by a script"))
    assert made_page.page.url == here.url("/app")
    assert made_page.notes == ()
    assert here.paths() == ["/app.js", "/data.json"]
    assert all("Chrome" not in asked.headers["user-agent"] for asked in here.asked)


@in_browser
def test_a_hostile_page_reaches_nothing(tmp_path: Path) -> None:
    with trap() as set_up:
        rendered = anyio.run(render, tmp_path, HOSTILE.replace("PORT", str(set_up.port)))
        anyio.run(anyio.sleep, 0.5)
        assert set_up.visitors == []
    text = rendered.page.body.decode().partition('id="log">')[2].partition("</p>")[0]
    assert text.startswith("begun | ")
    assert "GOT" not in text
    assert "root:" not in text
    assert f"refused http://127.0.0.1:{set_up.port}/fetch" in text
    assert "refused http://169.254.169.254" in text
    assert "candidate 1" not in text
    assert rendered.page.url == "https://site.example/"
    assert "were refused" in rendered.notes[0]


def test_the_trap_of_these_tests_notices_visitors() -> None:
    import socket

    def visit(set_up: Trap) -> None:
        with socket.create_connection(("127.0.0.1", set_up.port)), socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.sendto(b"x", ("127.0.0.1", set_up.port))

    with trap() as set_up:
        visit(set_up)
        until(lambda: sorted(set_up.visitors) == ["tcp", "udp"], "both visitors")


@in_browser
def test_a_page_of_the_open_web_does_not_reach_an_allowed_private_host(tmp_path: Path) -> None:
    with site({"/secret": Answer("inside", headers={"access-control-allow-origin": "*"})}) as here:
        html = f"{FILLER}<p id=a></p><script>fetch('{here.url('/secret')}').then((r) => r.text()).then((t) => "
        rendered = anyio.run(
            render, tmp_path, html + "{a.textContent = t}).catch(() => {a.textContent = 'no'})</script>", here.host
        )
    assert here.asked == []
    assert b'<p id="a">no</p>' in rendered.page.body


@in_browser
def test_a_page_of_the_open_web_does_not_lead_to_an_allowed_private_host(tmp_path: Path) -> None:
    with site({"/secret": page("Secret", "inside")}) as here:
        html = f"{FILLER}<script>onload = () => {{ location.href = '{here.url('/secret')}' }}</script>"
        rendered = anyio.run(render, tmp_path, html, here.host)
    assert here.asked == []
    assert rendered.page.url == "https://site.example/"
    assert "does not lead to a private host" in rendered.notes[0]


@in_browser
def test_a_page_reached_from_an_allowed_host_gains_nothing_by_it(tmp_path: Path) -> None:
    with site({"/secret": Answer("inside", headers={"access-control-allow-origin": "*"})}) as here:
        script = f"fetch('{here.url('/secret')}').then((r) => r.text()).then((t) => document.body.append('GOT'))"
        outside = document(FILLER + f"<script>{script}</script>", "http://site.example/")
        lasting = replace(outside, headers={**outside.headers, "cache-control": "max-age=3600"})
        PageCache(tmp_path / "web").keep(lasting.url, lasting)
        leading = document(f"<script>location.href = '{lasting.url}'</script>", here.url("/"))
        rendered = anyio.run(renderer(tmp_path, here.host).render, leading)
    assert rendered.page.url == "http://site.example/"
    assert b"<p>What a page has to say." in rendered.page.body
    assert here.asked == []


@in_browser
def test_where_a_script_leads_is_followed_by_get_and_as_robots_txt_asks(tmp_path: Path) -> None:
    post = "fetch('/buy', {method: 'POST', body: 'one'}).catch(() => {})"
    with site({"/robots.txt": Answer("User-agent: *\nDisallow: /closed/", media_type="text/plain")}) as here:
        here.routes["/moved"] = redirect("/new/place")
        here.routes["/new/place"] = page("New", FILLER, head="<script>document.title = location.pathname</script>")
        html = "<script>location.replace('/moved')</script>"
        arrived = anyio.run(renderer(tmp_path, here.host).render, document(html, here.url("/")))
        closed = f"{FILLER}<script>{post}; onload = () => {{ location.replace('/closed/page') }}</script>"
        stayed = anyio.run(renderer(tmp_path, here.host).render, document(closed, here.url("/")))
    assert arrived.page.url == here.url("/new/place")
    assert b"<title>/new/place</title>" in arrived.page.body
    assert FILLER.encode() in stayed.page.body
    assert here.paths() == ["/robots.txt", "/moved", "/new/place", "/robots.txt"]
    assert "2 requests" in stayed.notes[0]
    assert "POST is not made" in stayed.notes[0]


@in_browser
@pytest.mark.parametrize("script", ["while (true) alert(1)", "location.reload()"])
def test_a_page_without_an_end_is_stopped_and_nothing_of_its_browser_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    limits = RenderLimits(seconds=3, settle_seconds=2)
    with pytest.raises(CallError, match=r"took more than 3 s|led on again"):
        anyio.run(lambda: render(tmp_path, f"<p>x</p><script>{script}</script>", limits=limits))
    until(lambda: processes_of(tmp_path) == [], "the end of the browser's processes")
    assert list(tmp_path.glob("memento-browser-*")) == []


@in_browser
def test_a_page_that_eats_memory_is_stopped(tmp_path: Path) -> None:
    eater = "const kept = []; setInterval(() => { const b = new Uint8Array(5e7); b.fill(1); kept.push(b); }, 20)"
    limits = RenderLimits(seconds=30, settle_seconds=25, memory_mb=900)
    with pytest.raises(CallError, match="900 MB of memory"):
        anyio.run(lambda: render(tmp_path, f"<p>x</p><script>{eater}</script>", limits=limits))


@in_browser
def test_a_cancelled_rendering_leaves_no_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def cancelled() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(render, tmp_path, "<p>x</p><script>while (true) {}</script>")
            while not processes_of(tmp_path):
                await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()

    anyio.run(cancelled)
    until(lambda: processes_of(tmp_path) == [], "the end of the browser's processes")


KILLED = """
import sys, anyio
from pathlib import Path
from bundled.web.browsing import document, renderer
html = "<p>x</p><script>while (true) {}</script>"
anyio.run(renderer(Path(sys.argv[1])).render, document(html))
"""


@in_browser
@pytest.mark.skipif(os.name == "nt", reason="there are no signals")
def test_a_server_that_is_killed_leaves_no_browser(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "scratch")], env=environment) as server:
        until(lambda: len(processes_of(tmp_path)) > 1 or server.poll() is not None, "a browser")
        assert server.poll() is None
        server.kill()
    until(lambda: processes_of(tmp_path) == [], "the end of the browser's processes")


@pytest.mark.skipif(os.name == "nt", reason="the program is a Unix one")
def test_a_program_that_is_no_browser_is_named(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"render: /bin/false does not start"):
        anyio.run(renderer(tmp_path, MEMENTO_BROWSER="/bin/false").render, document("<p>x</p>"))


def test_the_program_the_settings_name_is_the_one_used(tmp_path: Path) -> None:
    program = tmp_path / "browser"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = find_program({**SANDBOX, "MEMENTO_BROWSER": str(program)})
    assert (found.path, found.problem) == (program, "")
    assert "switched off" in find_program({"MEMENTO_BROWSER": "none"}).problem
    assert "is no program" in find_program({**SANDBOX, "MEMENTO_BROWSER": str(tmp_path)}).problem


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there is no root")
def test_root_has_to_say_that_it_does_without_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    named = {"MEMENTO_BROWSER": sys.executable}
    assert "MEMENTO_BROWSER_SANDBOX=off" in find_program(named).problem
    assert find_program({**named, "MEMENTO_BROWSER_SANDBOX": "off"}).problem == ""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert find_program(named).sandbox
