"""The web server as a browser, a scraper and a burglar see it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from importlib import resources

import aiohttp
import cv2
import numpy as np
import pytest

from lss_bev_ros.dashboard.guard import same_origin
from lss_bev_ros.dashboard.packing import pack, unpack

S = 1_000_000_000


def ask(dashboard, path, method="GET", headers=None):
    """Status, headers and body of a request."""

    async def go():
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, dashboard.address + path, headers=headers) as answer,
        ):
            return answer.status, answer.headers, await answer.read()

    return asyncio.run(go())


def watch(dashboard, path, count=1):
    """The first JPEGs of an MJPEG stream."""
    pictures = []

    async def go():
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60.0)) as session,
            session.get(dashboard.address + path) as answer,
        ):
            reader = aiohttp.MultipartReader.from_response(answer)
            while len(pictures) < count:
                pictures.append(bytes(await (await reader.next()).read()))

    asyncio.run(go())
    return pictures


async def frames(dashboard, count, seconds=60.0):
    """The first binary messages of the page's stream."""
    got = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{dashboard.address}/live", max_msg_size=0) as live,
    ):
        deadline = time.monotonic() + seconds
        while len(got) < count and time.monotonic() < deadline:
            message = await live.receive(timeout=seconds)
            if message.type == aiohttp.WSMsgType.BINARY:
                got.append(message.data)
    return got


# -- the page ----------------------------------------------------------------------------------------


def test_the_page_is_small_and_needs_nothing_from_elsewhere(dashboard):
    folder = resources.files("lss_bev_ros.dashboard") / "page"
    files = {entry.name: entry.read_text() for entry in folder.iterdir()}
    assert sum(len(text.encode()) for text in files.values()) < 300_000
    for name, text in files.items():
        assert "http:" not in text.replace("http://www.w3.org/2000/svg", ""), name
        assert "https:" not in text, name
        path = {"index.html": "/", "eval.html": "/eval"}.get(name, f"/{name}")
        status, headers, body = ask(dashboard, path)
        assert (status, body.decode()) == (200, text)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_frame_reaches_the_page(dashboard):
    dashboard.publish(S)
    (message,) = asyncio.run(frames(dashboard, 1))
    header, blobs = unpack(message)
    assert header["stamp"] == 1.0
    assert header["latency_ms"] == 120.0
    assert [camera["name"] for camera in header["cameras"]] == ["cam_left", "cam_front", "cam_right"]
    assert [camera["calibration"] is not None for camera in header["cameras"]] == [False, True, False]
    picture = cv2.imdecode(np.frombuffer(blobs["cam_front"], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (180, 320, 3)
    assert header["categories"] == ["vehicle.car"]
    assert len(blobs["points"]) == 6


def test_a_damaged_image_costs_only_itself(dashboard):
    dashboard.publish(S)
    dashboard.scene.add_image("cam_left", S, b"no jpeg")
    dashboard.scene.add_image("cam_right", S, b"")
    (message,) = asyncio.run(frames(dashboard, 1))
    assert "cam_front" in unpack(message)[1]
    assert watch(dashboard, "/cam")


def break_drawing(dashboard, *names, error=None):
    """Have some of the drawings fail until the returned function is called."""
    whole = {name: getattr(dashboard.pictures, name) for name in names}

    def fail(_frame):
        raise error or MemoryError("no room for a picture\nof 65500 x 65500")

    for name in names:
        setattr(dashboard.pictures, name, fail)
    return lambda: [setattr(dashboard.pictures, name, draw) for name, draw in whole.items()]


def health(dashboard):
    status, _, body = ask(dashboard, "/healthz")
    return status, json.loads(body)


def test_a_frame_that_cannot_be_drawn_costs_only_itself(dashboard):
    """Whatever the reason; the next one is drawn, and other streams do not notice."""
    mend = break_drawing(dashboard, "page")

    async def go():
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{dashboard.address}/live") as live,
        ):
            assert (await live.receive_json(timeout=60.0))["hello"]
            dashboard.publish(S)
            problem = ""
            while not problem:
                problem = (await live.receive_json(timeout=60.0))["problem"]
            assert problem == "page cannot be drawn: no room for a picture of 65500 x 65500"
            await asyncio.to_thread(watch, dashboard, "/bev")
            mend()
            dashboard.publish(2 * S)
            while (message := await live.receive(timeout=60.0)).type != aiohttp.WSMsgType.BINARY:
                pass
            assert unpack(message.data)[0]["stamp"] == 2.0
            while (await live.receive_json(timeout=60.0))["problem"]:
                pass

    asyncio.run(go())
    assert health(dashboard)[0] == 200


def test_health_tells_when_frame_after_frame_cannot_be_drawn(dashboard):
    mend = break_drawing(dashboard, "bev", error=ValueError())

    async def go():
        async with aiohttp.ClientSession() as session, session.get(f"{dashboard.address}/bev") as answer:
            reader = aiohttp.MultipartReader.from_response(answer)
            stamp = 0
            while (told := await asyncio.to_thread(health, dashboard))[0] == 200:
                stamp += S
                dashboard.publish(stamp)
                await asyncio.sleep(0.05)
            assert told[0] == 503
            assert told[1]["status"] == "cannot draw"
            assert told[1]["problem"] == "bev cannot be drawn: ValueError"
            mend()
            dashboard.publish(stamp + S)
            assert await (await reader.next()).read()

    asyncio.run(go())
    status, told = health(dashboard)
    assert (status, told["status"], told["problem"]) == (200, "ok", "")


def test_a_scene_that_cannot_be_composed_does_not_end_the_drawing(dashboard):
    rig = dashboard.scene.rig
    dashboard.scene.rig = lambda: 1 / 0
    dashboard.publish(S)
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(asyncio.wait_for(frames(dashboard, 1), 1.0))
    assert health(dashboard)[1]["problem"] == "frame cannot be drawn: division by zero"
    dashboard.scene.rig = rig
    dashboard.publish(2 * S)
    assert asyncio.run(frames(dashboard, 1))


@pytest.mark.parametrize("path", ["/cam", "/bev"])
def test_mjpeg_shows_each_frame(dashboard, path):
    dashboard.publish(S)
    (jpeg,) = watch(dashboard, path)
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[:2] == ((800, 800) if path == "/bev" else (372, 1944))


def test_cells_and_boxes_are_drawn_into_the_cameras(dashboard):
    dashboard.publish(S, occupancy=np.zeros((200, 200), np.int8))
    plain = dashboard.pictures.cam(dashboard.scene.compose())
    dashboard.publish(2 * S)
    drawn = dashboard.pictures.cam(dashboard.scene.compose())
    a, b = (
        cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int) for jpeg in (plain, drawn)
    )
    differs = np.abs(a - b).max(axis=2) > 40
    assert differs[:, 652:1292].any()
    assert not differs[:, :640].any()


# -- many clients ------------------------------------------------------------------------------------


def test_nothing_is_drawn_while_nobody_watches(dashboard):
    for k in range(5):
        dashboard.publish(k * S)
        time.sleep(0.1)
    assert ask(dashboard, "/metrics")[0] == 200
    assert dashboard.pictures.drawn == []


def test_a_frame_is_encoded_once_however_many_watch(dashboard):
    async def go():
        return await asyncio.gather(*(frames(dashboard, 1) for _ in range(30)))

    dashboard.publish(S)
    got = asyncio.run(go())
    assert len({messages[0] for messages in got}) == 1
    assert dashboard.pictures.drawn.count("page") == 1


def test_a_client_that_stops_reading_is_cut_off_and_the_others_go_on(make_dashboard):
    dashboard = make_dashboard(patience=1.0)
    cam = next(channel for channel in dashboard.serving.server.channels if channel.name == "cam")
    stopped = socket.socket()
    stopped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stopped.connect(("127.0.0.1", dashboard.port))
    stopped.sendall(b"GET /cam HTTP/1.1\r\nHost: localhost\r\n\r\n")
    dashboard.wait(lambda: cam.clients == 1)

    async def go():
        async with aiohttp.ClientSession() as session, session.get(f"{dashboard.address}/cam") as answer:
            reader = aiohttp.MultipartReader.from_response(answer)
            deadline = time.monotonic() + 60.0
            while cam.clients != 1:
                assert time.monotonic() < deadline, "the client that stopped reading is still there"
                dashboard.in_loop(cam.publish, b"x" * 1_000_000)
                assert len(await (await reader.next()).read()) == 1_000_000

    asyncio.run(go())
    stopped.close()
    dashboard.wait(lambda: cam.clients == 0)


def test_there_is_a_limit_to_clients(make_dashboard):
    dashboard = make_dashboard(max_clients=2)

    async def go():
        async with aiohttp.ClientSession() as session:
            held = [await session.ws_connect(f"{dashboard.address}/live") for _ in range(2)]
            async with session.get(f"{dashboard.address}/bev") as answer:
                refused = answer.status
            for each in held:
                await each.close()
            dashboard.wait(lambda: dashboard.serving.server.clients == 0)
            return refused

    assert asyncio.run(go()) == 503
    dashboard.publish(S)
    assert watch(dashboard, "/bev")


# -- what is told ------------------------------------------------------------------------------------


def test_scores_state_metrics_and_health(dashboard):
    dashboard.vitals.tick("bev/occupancy")
    dashboard.vitals.add_diagnostic(
        "evaluation: metrics", 1, "", {"frames": "3", "iou": "0.4", "min_iou": "0.45"}
    )
    dashboard.vitals.add_diagnostic("replay: replay", 0, "", {"paused": "True", "scene": "scene-0001"})
    table = json.loads(ask(dashboard, "/eval.json")[2])
    assert table["frames"] == 3
    assert table["metrics"][0]["passed"] is False
    state = json.loads(ask(dashboard, "/state.json")[2])
    assert state["replay"] == {"available": True, "paused": True, "answers": 0, "scene": "scene-0001"}
    _, headers, text = ask(dashboard, "/metrics")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b'lss_bev_score{metric="iou",frames="all"} 0.4' in text
    health = json.loads(ask(dashboard, "/healthz")[2])
    assert health["status"] == "ok"
    assert health["waiting"] == ["cam_front/image_raw/compressed", "/diagnostics"]


# -- control -----------------------------------------------------------------------------------------


def post(dashboard, command, **headers):
    return ask(dashboard, f"/replay/{command}", "POST", {"Origin": dashboard.address, **headers})


def test_a_state_knows_what_the_replay_was_asked_although_diagnostics_are_late(dashboard):
    def told(paused, switches):
        values = {"paused": str(paused), "switches": str(switches)}
        dashboard.vitals.add_diagnostic("replay: replay", 0, "", values)
        replay = json.loads(ask(dashboard, "/state.json")[2])["replay"]
        return replay["paused"], replay["answers"]

    assert told(True, 0) == (True, 0)
    assert json.loads(post(dashboard, "resume")[2])["answers"] == 1
    assert told(True, 0) == (False, 1)
    assert json.loads(post(dashboard, "pause")[2])["answers"] == 2
    assert told(True, 0) == (True, 2)
    assert told(False, 1) == (True, 2)
    assert told(True, 2) == (True, 2)


def test_the_page_controls_the_replay(dashboard):
    assert post(dashboard, "step")[0] == 409
    assert [post(dashboard, command)[0] for command in ("pause", "step", "resume")] == [200, 200, 200]
    assert dashboard.replay.asked == ["step", "pause", "step", "resume"]
    assert post(dashboard, "format")[0] == 404
    dashboard.replay.there = False
    assert post(dashboard, "pause")[0] == 503


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://evil.example:8080", "Host": "evil.example:8080"}, 421),
        ({"Origin": "http://127.0.0.1.evil.example", "Host": "127.0.0.1.evil.example"}, 421),
    ],
)
def test_control_is_refused_to_anyone_else(dashboard, headers, status):
    assert ask(dashboard, "/replay/pause", "POST", headers)[0] == status
    assert ask(dashboard, "/replay/pause", "GET")[0] == 405
    assert dashboard.replay.asked == []


def test_a_page_of_another_site_can_neither_see_nor_be_mistaken_for_ours(dashboard):
    """Such as one whose name was made to point at this machine (DNS rebinding)."""
    for path in ("/", "/live", "/bev", "/eval.json", "/metrics"):
        assert ask(dashboard, path, headers={"Host": "evil.example:8080"})[0] == 421
        assert ask(dashboard, path, headers={"Origin": "http://evil.example"})[0] == 403


@pytest.mark.parametrize(
    ("origin", "host", "is_same"),
    [
        ("https://localhost", "localhost:443", True),
        ("https://localhost:443", "localhost", True),
        ("http://robot", "robot:80", True),
        ("http://robot:80", "robot", True),
        ("wss://robot", "robot:443", True),
        ("ws://robot", "robot:80", True),
        ("https://robot", "robot", True),
        ("HTTPS://Robot", "ROBOT:443", True),
        ("https://[::1]", "[::1]:443", True),
        ("http://robot:8080", "robot:8080", True),
        ("http://robot", "robot:443", False),
        ("https://robot", "robot:80", False),
        ("https://robot:8443", "robot", False),
        ("http://robot", "robot:8080", False),
        ("http://robot:8080", "robot:80", False),
        ("http://robot.evil.example", "robot", False),
        ("http://robot@evil.example", "robot", False),
        ("http://evil.example", "robot@evil.example", False),
        ("http://robot/", "robot", False),
        ("http://robot:x", "robot", False),
        ("http://robot:99999", "robot:99999", False),
        ("ftp://robot", "robot", False),
        ("file://", "", False),
        ("null", "null", False),
        ("", "", False),
        (None, "robot", False),
        ("http://robot", None, False),
    ],
)
def test_an_origin_is_that_of_a_host_with_the_default_port_or_without(origin, host, is_same):
    """As a reverse proxy makes of it what the browser sent."""
    assert same_origin(origin, host) is is_same


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:443", "Origin": "https://localhost"}, 200),
        ({"Host": "localhost", "Origin": "https://localhost"}, 200),
        ({"X-Forwarded-Host": "car.local", "Origin": "https://car.local"}, 200),
        ({"X-Forwarded-Host": "car.local:443, proxy", "Origin": "https://car.local"}, 200),
        ({"Host": "car.local", "X-Forwarded-Port": "8443", "Origin": "https://car.local:8443"}, 200),
        ({"Host": "car.local", "Origin": "https://car.local:8443"}, 403),
        ({"Host": "car.local", "X-Forwarded-Port": "8443", "Origin": "https://car.local:9999"}, 403),
        ({"X-Forwarded-Host": "car.local", "Origin": "https://evil.example"}, 403),
        ({"X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"}, 421),
        ({"Host": "evil.example", "X-Forwarded-Host": "car.local", "Origin": "https://car.local"}, 421),
        ({"Host": "evil@car.local", "Origin": "https://car.local"}, 421),
    ],
)
def test_behind_a_reverse_proxy_the_page_is_its_own_and_no_other_is(make_dashboard, headers, status):
    dashboard = make_dashboard(allowed_hosts=["car.local"])
    assert ask(dashboard, "/state.json", headers=headers)[0] == status
    assert ask(dashboard, "/replay/pause", "POST", headers)[0] == status


def test_names_can_be_allowed(make_dashboard):
    dashboard = make_dashboard(allowed_hosts=["car.local"])
    assert ask(dashboard, "/", headers={"Host": "car.local:8080"})[0] == 200
    assert ask(dashboard, "/", headers={"Host": "[::1]:8080"})[0] == 200
    assert ask(dashboard, "/", headers={"Host": "van.local:8080"})[0] == 421


# -- bad requests ------------------------------------------------------------------------------------

HOST = b"Host: localhost\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"GET /../setup.py HTTP/1.1\r\n" + HOST + b"\r\n", b"404"),
        (b"GET /../../../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", b"404"),
        (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", b"404"),
        (b"GET /..%2fserver.py HTTP/1.1\r\n" + HOST + b"\r\n", b"404"),
        (b"GET //etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", b"404"),
        (b"GET /server.py HTTP/1.1\r\n" + HOST + b"\r\n", b"404"),
        (b"GET / HTTP/1.1\r\n\r\n", b"4"),
        (b"GET / HTTP/1.0\r\n\r\n", b"421"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x00\xff\x16\x03\x01\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", b"4"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 100_000 + b"\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", b"4"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X%d: a\r\n" % n for n in range(5000)) + b"\r\n", b"4"),
        (b"GET /live HTTP/1.1\r\n" + HOST + b"\r\n", b"400"),
        (b"POST /replay/pause HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n", b"400"),
        (b"DELETE / HTTP/1.1\r\n" + HOST + b"\r\n", b"405"),
    ],
)
def test_a_bad_request_is_refused_and_the_server_goes_on(dashboard, request_, answer):
    got = dashboard.raw(request_, timeout=1.0)
    assert got.startswith((b"HTTP/1.1 " + answer, b"HTTP/1.0 " + answer)), got[:200]
    assert b"root:" not in got
    assert b"Traceback" not in got
    assert ask(dashboard, "/healthz")[0] == 200


@pytest.mark.parametrize(
    "start", [b"", b"GET / HTTP/1.1\r\nHost: loc", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET"]
)
def test_who_asks_for_nothing_is_disconnected(make_dashboard, start):
    dashboard = make_dashboard(patience=0.3)
    with socket.create_connection(("127.0.0.1", dashboard.port), timeout=5.0) as connection:
        connection.sendall(start)
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass


def test_a_client_that_talks_into_the_stream_is_disconnected(dashboard):
    async def go():
        async with aiohttp.ClientSession() as session:
            live = await session.ws_connect(f"{dashboard.address}/live")
            await live.send_str("x" * 100)
            while not live.closed:
                await live.receive(timeout=5.0)

    asyncio.run(go())


# -- the port ----------------------------------------------------------------------------------------


def test_a_taken_port_is_said_once_and_taken_when_it_is_free(make_dashboard):
    from lss_bev_ros.dashboard.serving import Serving

    first, lines = make_dashboard(), []
    make = lambda: first.serving.server.__class__(  # noqa: E731
        first.scene, first.vitals, first.replay, first.pictures
    )
    second = Serving(make, "127.0.0.1", first.port, lambda line, good: lines.append((line, good)))
    try:
        first.wait(lambda: lines)
        ((line, good),) = lines
        assert not good
        assert line.startswith(f"no page: cannot listen on 127.0.0.1:{first.port}")
        assert second.problem == line
        assert second.address == ""
        first.close()
        first.wait(lambda: second.address)
        assert second.problem == ""
        assert lines[-1] == (f"open {second.address}", True)
    finally:
        second.close()


def test_it_says_when_it_listens_beyond_this_machine(make_dashboard):
    from lss_bev_ros.dashboard.serving import Serving

    first, lines = make_dashboard(), []
    make = lambda: first.serving.server.__class__(  # noqa: E731
        first.scene, first.vitals, first.replay, first.pictures
    )
    second = Serving(make, "0.0.0.0", 0, lambda line, good: lines.append(line))
    first.wait(lambda: lines)
    second.close()
    assert "listening on 0.0.0.0" in lines[0]
    assert lines[0].startswith("open http://127.0.0.1:")


# -- the answers of a multi-sense network --------------------------------------------------------------


async def layers_of(dashboard, asked, send, count=1):
    """The first layers that come to a page that asks for these."""
    got = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{dashboard.address}/live", max_msg_size=0) as live,
    ):
        await live.send_str(json.dumps({"layers": asked}))
        while not dashboard.answers.watched:
            await asyncio.sleep(0.01)
        send()
        while len(got) < count:
            message = await live.receive(timeout=60)
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
            if message.type == aiohttp.WSMsgType.BINARY:
                header, blobs = unpack(message.data)
                if "layer" in header:
                    got.append((header, blobs))
        return got, dashboard.serving.server.problem


def test_a_layer_goes_to_who_looks_at_it_and_no_other_is_packed(dashboard):
    packed = []

    def offer(name):
        def make():
            packed.append(name)
            return pack({"layer": name}, {})

        dashboard.serving.server.offer_layer(name, make)

    def send():
        offer("voxels")
        offer("drivable")

    ((header, _),), problem = asyncio.run(layers_of(dashboard, ["drivable", "nothing of the kind"], send))
    assert not problem
    assert header["layer"] == "drivable"
    assert packed == ["drivable"]
    dashboard.wait(lambda: dashboard.answers.watched[-1] == [])
    assert ["drivable"] in dashboard.answers.watched


def test_a_layer_that_cannot_be_packed_is_named_and_the_others_go_on(dashboard):
    def broken():
        raise ValueError("no such cloud")

    def send():
        dashboard.serving.server.offer_layer("voxels", broken)
        dashboard.serving.server.offer_layer("plan", lambda: pack({"layer": "plan"}, {}))

    ((header, _),), problem = asyncio.run(layers_of(dashboard, ["voxels", "plan"], send))
    assert (header["layer"], problem) == ("plan", "voxels cannot be drawn: no such cloud")
    dashboard.wait(lambda: not dashboard.serving.server.problem)


@pytest.mark.parametrize("text", ["[1]", '{"layers": 3}', "not json", '{"layers": [[]]}', "[" * 1000])
def test_a_page_that_asks_for_nonsense_does_no_harm(dashboard, text):
    async def go():
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{dashboard.address}/live", max_msg_size=0) as live,
        ):
            await live.send_str(text)
            await asyncio.sleep(0.1)

    asyncio.run(go())
    assert health(dashboard)[0] == 200
    assert all(names == [] for names in dashboard.answers.watched)


def prompt(dashboard, body, **headers):
    async def go():
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"{dashboard.address}/prompts", data=body, headers={"Origin": dashboard.address, **headers}
            ) as answer,
        ):
            return answer.status, await answer.text()

    return asyncio.run(go())


def test_prompts_are_set_from_the_page(dashboard):
    assert prompt(dashboard, '["someone on foot", "M\u00fcllwagen"]')[0] == 200
    assert dashboard.answers.texts == ["someone on foot", "M\u00fcllwagen"]
    state = json.loads(ask(dashboard, "/state.json")[2])["answers"]
    assert state == {"layers": [], "prompts": ["someone on foot", "M\u00fcllwagen"], "settable": True}
    status, text = prompt(dashboard, '[""]')
    assert (status, json.loads(text)["message"]) == (409, "a prompt is empty")
    for body in ("", "{}", "[1]", "[" * 5000, '["\\ud800"]', b"\xff"):
        assert prompt(dashboard, body)[0] == 400
    assert dashboard.answers.texts == ["someone on foot", "M\u00fcllwagen"]
    assert prompt(dashboard, json.dumps(["x" * 20_000]))[0] == 413
    assert prompt(dashboard, "[]", Origin="http://elsewhere")[0] == 403
    dashboard.answers.can_set = False
    assert prompt(dashboard, '["a"]')[0] == 503


def test_json_is_read_as_utf_8_whatever_the_request_calls_it(dashboard):
    for charset in ("latin-1", "none-such"):
        kind = {"Content-Type": f"application/json; charset={charset}"}
        assert prompt(dashboard, '["M\u00fcll"]'.encode(), **kind)[0] == 200
        assert dashboard.answers.texts == ["M\u00fcll"]


def test_a_read_only_dashboard_controls_nothing(make_dashboard):
    dashboard = make_dashboard(read_only=True)
    assert prompt(dashboard, '["a"]') == (403, "this dashboard is read-only\n")
    assert post(dashboard, "pause")[0] == 403
    assert dashboard.replay.asked == []
    assert dashboard.answers.texts == ["zebra crossing"]
    assert not json.loads(ask(dashboard, "/state.json")[2])["answers"]["settable"]


def test_requests_that_are_none_are_a_line_and_not_a_traceback_each(dashboard, capfd):
    for number in range(20):
        answer = dashboard.raw(b"GET / HTTP/1.1\r\nContent-Length: -%d\r\n\r\n" % (number + 1))
        assert answer.startswith(b"HTTP/1.0 400")
    said = [line for line, good in dashboard.lines if not good]
    assert len(said) == 1
    assert "could not be answered (1 so far)" in said[0]
    assert "\n" not in said[0]
    assert capfd.readouterr().err == ""
