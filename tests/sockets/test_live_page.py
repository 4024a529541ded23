"""The live page in a real browser: it loads, shows what is going on, and does what it is told to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.sockets.browser import CHROMIUM, Browser, chromium
from tests.sockets.callers import question
from tests.sockets.legible import FAINT
from tests.sockets.processes import GatewayProcess, running

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here (Debian's package of that name)"),
]

TOKEN = "the-operators-own-token"
SLOW = """
[providers.sandbox]
kind = "sandbox"
latency_ms = 30
tokens_per_s = 50
[providers.other]
kind = "sandbox"
latency_ms = 30
"""
BOARD = "document.body.dataset.view === 'board' && document.querySelectorAll('.card').length >= 6"
SCREENS = ((1440, 1000), (1024, 800), (768, 1000), (390, 844), (320, 640))
LONGEST = "provider-" + "n" * 47
LOCAL = '[providers.local]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
LET_OUT = "fetch('http://127.0.0.1:9/').then(() => 'answered', () => 'refused')"
STATES = """
import("/admin/page/model.js").then(({ Model }) => {
  const closed = { state: "closed", failures: 0, opens_in_s: 0 };
  const none = { used: 0, limit: 1 };
  const worker = (name, breakers) => ({
    worker: name, life: name, store: "memory", traffic: {}, requests: [], in_flight: 0,
    actors: [{ name: "some", kind: "provider", state: "running", restarts: 0, last_error: null, mailbox: null,
      detail: { breakers, keys: [], in_flight: [], waiting: 0, concurrency: none, memory: none } }],
  });
  const model = new Model();
  const workers = [worker("0", { "*": closed, constructor: closed }), worker("1", { "*": closed })];
  model.take({ at: 1, absent: [], workers });
  return model.providers()[0].breakers.map(({ state }) => state);
})
"""
"""The script that reads the breakers of two workers, of whom one was asked for a model called "constructor"."""
SANDBOX = "[data-provider=sandbox]"
PLACE = "document.querySelector('.card').getBoundingClientRect().y"
CARD = "document.querySelector('[data-provider=sandbox]')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One that asks nobody at this machine for a token."""
    slow = f'[providers.{LONGEST}]\nkind = "sandbox"\nlatency_ms = 400\n'
    with running(tmp_path_factory.mktemp("open"), settings=SLOW + LOCAL + slow) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    environ = {"LLM_GATEWAY_ADMIN_TOKEN": TOKEN}
    with running(tmp_path_factory.mktemp("locked"), settings=SLOW, environ=environ) as gateway:
        yield gateway


@contextmanager
def load(gateway: GatewayProcess, model: str = "sandbox/lorem") -> Iterator[None]:
    """One client after the other, until it is over."""
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=30) as client:
            while not over.wait(0.1):
                client.post(f"{gateway.url}/v1/chat/completions", json=question(model, stream=True))

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        yield
    finally:
        over.set()
        for caller in callers:
            caller.join()


def pill(provider: str, what: str = "textContent") -> str:
    """The script that reads a provider's state off its card."""
    return f"document.querySelector('[data-provider={provider}] .card-head .pill').{what}"


def fits(*selectors: str) -> str:
    """The script that tells whether nothing sticks out of the page, nor out of these."""
    whole = "document.documentElement.scrollWidth <= innerWidth"
    inner = f"[...document.querySelectorAll({', '.join(selectors)!r})].every((it) => it.scrollWidth <= it.clientWidth)"
    return f"{whole} && {inner}"


def test_an_operator_signs_in_watches_and_steers(browser: Browser, locked: GatewayProcess) -> None:
    gateway = locked
    browser.open(f"{gateway.url}/admin/")
    browser.wait_for("document.body.dataset.view === 'sign-in' && document.activeElement.id === 'token'")
    browser.type("not the token")
    browser.press("Enter")
    browser.wait_for("document.getElementById('token-mistake').textContent.includes('not the token')")
    # What the browser itself says of the two refusals is no complaint about the page.
    assert all("401" in complaint for complaint in browser.complaints), browser.complaints
    browser.complaints.clear()
    browser.type(TOKEN)
    browser.press("Enter")
    browser.wait_for(BOARD)
    assert browser.run("sessionStorage.length") == 1
    assert TOKEN not in browser.run("JSON.stringify(localStorage) + document.cookie + location.href")

    with load(gateway):
        # It lives: requests and their sparkline come without anybody asking.
        browser.wait_for(f"{CARD}.querySelector('.spark.accent .line').getAttribute('d').length > 30")
        browser.wait_for("document.querySelectorAll('#requests tr').length > 0")
        browser.wait_for(f"{CARD}.querySelectorAll('.chart-value')[1].textContent.includes('ms')")

        # Whatever the screen and the light, all of it is there: nothing sticks out, no button hides behind an edge.
        for width, height in SCREENS:
            browser.size(width, height)
            for dark in (True, False):
                browser.prefer(dark=dark)
                assert browser.run(fits(".card", ".panel", ".scroll", ".top")), (width, dark)
                assert browser.run(FAINT) == [], (width, dark)
        browser.size(*SCREENS[0])

        # A breaker is opened through the page, and the page sees it.
        browser.click("[data-provider=sandbox] .card-foot button:nth-child(3)")
        browser.wait_for("document.getElementById('dialog').open")
        browser.click("#dialog-confirm")
        browser.wait_for(f"!!{CARD}.querySelector('[data-breaker=\"* open\"]')")
        browser.wait_for("document.getElementById('activity').textContent.includes('Breaker of sandbox')")
        assert browser.run("document.getElementById('providers-open').textContent") == "1 with an open breaker"
        detail = httpx.get(f"{gateway.url}/admin/actors/sandbox", headers={"authorization": f"Bearer {TOKEN}"}).json()[
            "actors"
        ][0]["detail"]
        assert detail["breakers"]["*"]["state"] == "open"
        browser.click("[data-provider=sandbox] .card-foot button:nth-child(3)")
        browser.click("#dialog-confirm")
        browser.wait_for(f"!{CARD}.querySelector('[data-breaker=\"* open\"]')")

        # A provider is paused: its requests wait, one of them is cancelled, and it goes on.
        browser.click("[data-provider=sandbox] .card-foot button:nth-child(1)")
        browser.click("#dialog-confirm")
        browser.wait_for(f"{pill('sandbox')} === 'paused'")
        browser.wait_for("[...document.querySelectorAll('#requests .pill')].some((p) => p.textContent === 'waiting')")
        browser.click("#requests tr .button")
        browser.click("#dialog-confirm")
        browser.wait_for("document.getElementById('toasts').textContent.includes('has been cancelled')")
        browser.click("[data-provider=sandbox] .card-foot button:nth-child(1)")
        browser.click("#dialog-confirm")
        browser.wait_for(f"{pill('sandbox')} === 'running'")

        # Limits, by keyboard alone.
        browser.run("document.querySelector('[data-provider=sandbox] .card-foot button:nth-child(4)').focus()")
        browser.press("Enter")
        browser.wait_for("document.activeElement.name === 'requests_per_minute'")
        browser.type("6000")  # in place of what it was
        browser.press("Enter")
        browser.wait_for("!document.getElementById('dialog').open")
        browser.wait_for(f"!{CARD}.textContent.includes('Requests leftno limit')")

    orders = [line["what"]["order"] for line in gateway.logged("operator's order")]
    assert orders == ["breaker", "breaker", "intake", "cancel", "intake", "limits"]
    assert browser.complaints == []
    asked = {address.removeprefix(gateway.url) for address in browser.asked}
    assert all(address.startswith("/admin/") for address in asked), "it needs nobody but the gateway"
    assert {"/admin/events", "/admin/providers/sandbox/breaker"} < asked
    assert browser.run(LET_OUT) == "refused", "and its policy lets it ask nobody else"
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)


def test_the_page_survives_a_restart_of_the_gateway_and_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path, settings=SLOW) as gateway:
        port = gateway.address[1]
        browser.open(f"{gateway.url}/admin")
        browser.wait_for(BOARD)
        assert browser.run("location.pathname") == "/admin/"
        assert browser.complaints == []
        place = browser.run(PLACE)
    browser.wait_for("document.getElementById('link').dataset.link === 'lost'")
    assert "Not connected" in browser.text()
    assert browser.run(PLACE) == place, "nothing moves under a finger"
    browser.click(f"{SANDBOX} .card-foot button:nth-child(1)")
    browser.click("#dialog-confirm")
    browser.wait_for("document.getElementById('dialog-mistake').textContent.includes('cannot be reached')")
    browser.click("#dialog-cancel")
    browser.complaints.clear()  # the browser's own words about a server that is gone

    with running(tmp_path, settings=SLOW, environ={"LLM_GATEWAY_PORT": str(port)}):
        browser.wait_for("document.getElementById('link').dataset.link === 'live'")
        browser.wait_for("!document.body.hasAttribute('data-lost')")
        browser.size(390, 844)
        assert browser.run("document.documentElement.scrollWidth") == 390, "nothing sticks out to the side"
        for dark in (True, False):
            browser.prefer(dark=dark)
            colour = browser.run("getComputedStyle(document.body).backgroundColor")
            assert colour == ("rgb(12, 13, 15)" if dark else "rgb(247, 247, 248)")
        browser.click("#theme")
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(12, 13, 15)"
        browser.run("localStorage.clear()")


def test_names_that_clients_choose_are_text_on_the_page(browser: Browser, gateway: GatewayProcess) -> None:
    """A model's name, a request's id and an operator's name with markup in them."""
    markup = "<img src=x onerror=alert(1)>"
    browser.open(f"{gateway.url}/admin/")
    browser.wait_for(BOARD)
    operator = {"x-gateway-admin": "1", "x-gateway-operator": markup}
    httpx.post(f"{gateway.url}/admin/providers/local/pause", headers=operator)
    for model in (markup, "constructor"):
        body = {"action": "open", "model": model}
        httpx.post(f"{gateway.url}/admin/providers/other/breaker", json=body, headers=operator)
    headers = {"x-request-id": "script-alert-1"}
    waiting = threading.Thread(
        target=httpx.post,
        args=[f"{gateway.url}/v1/chat/completions"],
        kwargs={"json": question(f"local/{markup}"), "headers": headers, "timeout": 30},
    )
    waiting.start()
    browser.wait_for("document.getElementById('requests').textContent.includes('onerror')")
    browser.wait_for("document.getElementById('activity').textContent.includes('onerror')")
    assert browser.run("document.querySelectorAll('img').length") == 0
    named = "[...document.querySelectorAll('[data-provider=other] .chip .of')].map((of) => of.textContent)"
    browser.wait_for(f"{named}.length === 2")
    assert browser.run(named) == [markup, "constructor"]
    assert browser.complaints == []
    httpx.post(f"{gateway.url}/admin/providers/local/resume", headers=operator)
    waiting.join()
    assert browser.run(STATES) == ["closed", "closed"], "what every object has is no breaker of the other worker's"


def test_the_longest_names_stay_in_their_place_on_a_desk_and_on_a_phone(
    browser: Browser, gateway: GatewayProcess
) -> None:
    longest, model = LONGEST, "model-" + "m" * 90
    browser.open(f"{gateway.url}/admin/")
    browser.wait_for(BOARD)
    body = {"action": "open", "model": model}
    httpx.post(
        f"{gateway.url}/admin/providers/{longest}/breaker", json=body, headers={"x-gateway-admin": "1"}
    ).raise_for_status()
    card = f"[data-provider={longest}]"
    browser.wait_for(f"document.querySelector('{card}').textContent.includes('{model}')")
    with load(gateway, f"{longest}/lorem"):
        for width, height in ((1440, 1000), (390, 844)):
            browser.size(width, height)
            browser.wait_for("document.querySelectorAll('#requests tr').length > 0")
            assert browser.run("innerWidth") == width
            assert browser.run(fits(".card", ".panel:has(.actors)")), f"at {width}"
            browser.click(f"{card} .card-foot button:nth-child(3)")
            browser.wait_for("document.getElementById('dialog').open")
            left, right = browser.run(
                "(({left, right}) => [left, right])(document.getElementById('dialog').getBoundingClientRect())"
            )
            assert 0 < left < right < width, "all of the dialog is seen"
            browser.click("#dialog-cancel")
    assert browser.run(f"document.querySelector('{card} h3').title") == longest


def test_a_card_says_who_has_no_key_who_is_drained_and_which_breaker_probes_next(
    browser: Browser, gateway: GatewayProcess
) -> None:
    browser.open(f"{gateway.url}/admin/")
    browser.wait_for(BOARD)
    assert browser.wait_for(pill("anthropic")) == "no key"
    assert browser.run(pill("anthropic", "title")) == "Set ANTHROPIC_API_KEY"
    assert browser.run(pill("anthropic", "dataset.tone")) == "calm"
    assert browser.run(pill("sandbox")) == "running"

    at, operator = f"{gateway.url}/admin/providers", {"x-gateway-admin": "1"}
    httpx.post(f"{at}/sandbox/breaker", json={"action": "open", "for_s": 1}, headers=operator).raise_for_status()
    browser.wait_for(f"{CARD}.querySelector('.chips').textContent.includes('open, next call probes')")

    httpx.post(f"{at}/other/drain", headers=operator).raise_for_status()
    browser.wait_for(f"{pill('other')} === 'drained'")
    browser.wait_for("document.querySelector('[data-actor=other] .pill').textContent === 'drained'")
    browser.click("[data-provider=other] .card-foot button:nth-child(2)")
    browser.click("#dialog-confirm")
    browser.wait_for(f"{pill('other')} === 'running'")
    assert browser.complaints == []


def test_on_a_phone_requests_come_before_providers_and_signing_out_is_in_the_first_line(
    browser: Browser, locked: GatewayProcess
) -> None:
    browser.open(f"{locked.url}/admin/", width=390, height=844)
    browser.wait_for("document.activeElement.id === 'token'")
    browser.type(TOKEN)
    browser.press("Enter")
    browser.wait_for(BOARD)
    middles = {
        name: browser.run(f"(({{y, height}}) => y + height / 2)(document.{found}.getBoundingClientRect())")
        for name, found in {
            "brand": "querySelector('.brand')",
            "leave": "getElementById('leave')",
            "tiles": "getElementById('tiles')",
            "requests": "getElementById('requests-title')",
            "providers": "getElementById('providers-title')",
        }.items()
    }
    assert abs(middles["leave"] - middles["brand"]) < 4
    assert middles["tiles"] < middles["requests"] < middles["providers"]
    assert middles["requests"] < 844, "without scrolling"
