"""The WebSockets of the demo's page in a browser, driven through its debugging port.

    with_chromium.py CHROMIUM URL [FOLDER FOR SCREENSHOTS]
"""
import asyncio
import base64
import itertools
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from websockets.asyncio.client import connect

# `q` finds what belongs to the article of a path; `until` waits for something to become true.
TOOLS = """
window.q = (path, name) => [...document.querySelectorAll('#live article')]
  .find(a => a.querySelector('.path').innerText.split(/[ ?]/)[1].trim() === path).querySelector(name);
window.until = async look => { for (let i = 0; i < 500; i++) { if (look()) return true; await new Promise(r => setTimeout(r, 20)); } throw new Error('in vain: ' + look); };
window.open_it = async path => { q(path, '.row button').click(); await until(() => q(path, '.sum').innerText.startsWith('open')); };
window.say = (path, text) => { q(path, '.say input').value = text; q(path, '.say button').click(); };
window.heard = path => q(path, 'pre').innerText;
"""


async def main(chromium, url, folder):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
             f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            for line in browser.stderr:
                if found := re.search(r"DevTools listening on (ws://\S+)", line):
                    break
            async with connect(found[1], max_size=None) as socket:
                await asyncio.wait_for(drive(Browser(socket), url, folder), 120)
        finally:
            browser.terminate()
            browser.wait(20)


class Browser:
    def __init__(self, socket):
        self.socket, self.ids = socket, itertools.count(1)

    async def call(self, method, session=None, **params):
        message = {"id": next(self.ids), "method": method, "params": params}
        if session:
            message["sessionId"] = session
        await self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(await self.socket.recv())
            if answer.get("id") == message["id"]:
                assert "error" not in answer, answer
                return answer["result"]

    async def tab(self, url):
        target = (await self.call("Target.createTarget", url=url))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        while await self.run(session, "document.readyState + location.protocol") != "completehttp:":
            await asyncio.sleep(0.05)
        await self.run(session, TOOLS + "0")
        return session

    async def run(self, session, script):
        answer = await self.call("Runtime.evaluate", session, expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def screenshot(self, session, path):
        whole = await self.call("Page.captureScreenshot", session, captureBeyondViewport=True)
        pathlib.Path(path).write_bytes(base64.b64decode(whole["data"]))


async def drive(browser, url, folder):
    first, second = await browser.tab(url), await browser.tab(url)
    await browser.run(first, "open_it('/ws')")
    assert "compressed" in await browser.run(first, "q('/ws', '.sum').innerText")
    text = "Grüße " * 50
    await browser.run(first, f"say('/ws', {json.dumps(text)})")
    await browser.run(first, f"until(() => heard('/ws').includes('< ' + {json.dumps(text.strip())}))")
    for tab in first, second:
        await browser.run(tab, "open_it('/ws/chat')")
    await browser.run(second, "say('/ws/chat', 'hello from the second tab')")
    for tab in first, second:
        await browser.run(tab, "until(() => heard('/ws/chat').includes('anna 2: hello from the second tab'))")
    if folder:
        await browser.call("Emulation.setDeviceMetricsOverride", first, width=900, height=1700, deviceScaleFactor=1, mobile=False)
        for scheme in "light", "dark":
            media = [{"name": "prefers-color-scheme", "value": scheme}]
            await browser.call("Emulation.setEmulatedMedia", first, features=media)
            await browser.screenshot(first, f"{folder}/{scheme}.png")
        await browser.call("Emulation.setDeviceMetricsOverride", first, width=360, height=2300, deviceScaleFactor=1, mobile=True)
        await browser.screenshot(first, f"{folder}/narrow.png")
        await browser.call("Emulation.clearDeviceMetricsOverride", first)
    await browser.run(second, "q('/ws/chat', '.row button').click()")
    await browser.run(second, "until(() => q('/ws/chat', '.sum').innerText.includes('closed'))")
    await browser.run(first, "until(() => heard('/ws/chat').includes('* anna 2 left, 1 here'))")


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
