"""The web application: the page, its stream, MJPEG, scores, metrics, control."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import resources

from aiohttp import WSMsgType, web

from ..geometry.vehicle import RENAULT_ZOE
from ..visualization import palette
from ..visualization.layers import LAYER_COLORS, PLAN, PROMPT
from .access import Access
from .answers import LAYERS, AnswersControl, NoAnswers, asked_layers
from .guard import add_headers, guard, refuse
from .pictures import Pictures
from .prometheus import CONTENT_TYPE, prometheus_text
from .replay_control import COMMANDS, Answer, Playback, ReplayControl
from .scene import Frame, Scene
from .scores import ScoreTable, score_table
from .stream import Channel, Subscription, subscribed
from .vitals import Vitals

_SETTLING = 0.06
"""Seconds after a grid in which the annotations and the scan of its instant may still come."""

_STATE_PERIOD = 1.0

_FAILING = 3
"""Frames in a row that could not be drawn; from then on it is not the frame's fault."""

_STUCK = 10.0
"""Seconds after which a frame that is still being drawn counts as one that cannot be."""

_ANSWER_TIMEOUT = 10.0
_READ_ONLY = "this dashboard is read-only"
_BOUNDARY = "frame"

_MOST_ASKED = 16_384
"""Bytes of what a page may send at once: sixteen prompts of 200 characters fit."""
_PAGE_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


class DashboardServer:
    """Draws the newest frame while somebody watches and answers requests. Lives on one event loop."""

    def __init__(
        self,
        scene: Scene,
        vitals: Vitals,
        replay: ReplayControl,
        pictures: Pictures,
        max_rate: float = 5.0,
        max_clients: int = 100,
        allowed_hosts: Sequence[str] = (),
        patience: float = 10.0,
        answers: AnswersControl | None = None,
        read_only: bool = False,
        access: Access | None = None,
    ) -> None:
        """Prepare the application; call within the event loop that is to run it.

        Args:
            scene: what is drawn.
            vitals: what is told.
            replay: what is controlled.
            pictures: draws; used on a thread of its own.
            max_rate: frames a second, at most.
            max_clients: streams at once, at most.
            allowed_hosts: names by which the page may be opened, besides addresses and localhost.
            patience: seconds that a client may take to take a payload before it is cut off.
            answers: where the layers of a multi-sense network come from.
            read_only: control nothing, whoever asks.
            access: who is let in; None for everybody.
        """
        self._scene = scene
        self._vitals = vitals
        self._replay, self._playback = replay, Playback()
        self._pictures = pictures
        self._period = 1.0 / max_rate
        self._max_clients = max_clients
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._changes = 0
        self._drawn: dict[Channel, int] = {}
        self._problems: dict[str, str] = {}
        self._failures = 0
        self._drawing_since: float | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawing")
        self._page = Channel("page", self._wake.set)
        self._cam = Channel("cam", self._wake.set)
        self._bev = Channel("bev", self._wake.set)
        self._state = Channel("state", self._publish_state)
        self.channels = (self._page, self._cam, self._bev)
        self._answers = answers or NoAnswers()
        self._read_only = read_only
        self._layers = {name: Channel(name) for name in LAYERS}
        self._layers_waiting: dict[str, Callable[[], bytes]] = {}
        self._layers_came = asyncio.Event()
        self._layer_problems: dict[str, str] = {}
        self._tasks: list[asyncio.Task] = []
        self._streams: set[asyncio.Task] = set()
        self._files = _page_files()
        checks = [guard(allowed_hosts), (access or Access()).middleware]
        self.app = web.Application(middlewares=checks, client_max_size=_MOST_ASKED)
        self.app.on_response_prepare.append(add_headers)
        self._route()

    def start(self) -> None:
        """Begin to draw what changes."""
        self._tasks = [self._loop.create_task(work()) for work in (self._draw, self._tell, self._draw_layers)]
        self._scene.on_change = self._on_change

    async def stop(self) -> None:
        """Stop drawing and end all streams."""
        self._scene.on_change = lambda: None
        tasks = [*self._tasks, *self._streams]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False)

    @property
    def clients(self) -> int:
        """Streams that are open."""
        return sum(channel.clients for channel in self.channels)

    @property
    def problem(self) -> str:
        """Why something of the newest frame could not be drawn, one line; empty where all was."""
        if self._under_way > _STUCK:
            return f"drawing a frame has taken {self._under_way:.0f} s"
        return "; ".join([*self._problems.values(), *self._layer_problems.values()])

    @property
    def failing(self) -> bool:
        """Whether frame after frame could not be drawn."""
        return self._failures >= _FAILING or self._under_way > _STUCK

    @property
    def _under_way(self) -> float:
        """Seconds that the present frame takes so far."""
        return 0.0 if self._drawing_since is None else self._loop.time() - self._drawing_since

    def _route(self) -> None:
        router = self.app.router
        for path, name in (("/", "index.html"), ("/eval", "eval.html")):
            router.add_get(path, self._file_handler(name))
        for name in self._files:
            if not name.endswith(".html"):
                router.add_get(f"/{name}", self._file_handler(name))
        router.add_get("/live", self._live, allow_head=False)
        router.add_get("/cam", self._mjpeg_handler(self._cam), allow_head=False)
        router.add_get("/bev", self._mjpeg_handler(self._bev), allow_head=False)
        router.add_get("/eval.json", self._scores)
        router.add_get("/state.json", self._state_json)
        router.add_get("/metrics", self._metrics)
        router.add_get("/healthz", self._health)
        router.add_post("/replay/{command}", self._control)
        router.add_post("/prompts", self._set_prompts)

    # -- drawing ------------------------------------------------------------------------------------

    def _on_change(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._change)

    def _change(self) -> None:
        self._changes += 1
        self._wake.set()

    async def _draw(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(_SETTLING)
            self._wake.clear()
            started = self._loop.time()
            changes = self._changes
            wanted = [each for each in self.channels if each.clients and not self._is_drawn(each, changes)]
            try:
                frame = self._scene.compose() if wanted else None
            except Exception as error:  # whatever a message held: the next frame may be good
                self._problems, frame = {"frame": _reason("frame", error)}, None
                self._failures += 1
            if frame is None:
                continue
            self._drawing_since = started
            payloads = await self._loop.run_in_executor(self._thread, self._render, frame, wanted)
            self._drawing_since = None
            self._problems = {
                channel.name: _reason(channel.name, payload)
                for channel, payload in zip(wanted, payloads, strict=True)
                if isinstance(payload, Exception)
            }
            self._failures = self._failures + 1 if self._problems else 0
            for channel, payload in zip(wanted, payloads, strict=True):
                if channel.clients and not isinstance(payload, Exception):
                    channel.publish(payload)
                    self._drawn[channel] = changes
            await asyncio.sleep(max(0.0, self._period - (self._loop.time() - started)))

    def offer_layer(self, name: str, make: Callable[[], bytes]) -> None:
        """Take an answer; `make` packs it, on the drawing thread, if somebody looks at it.

        Of several that come faster than they are packed the newest counts. May be called from any thread.
        """
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._layer_came, name, make)

    def _layer_came(self, name: str, make: Callable[[], bytes]) -> None:
        if self._layers[name].clients:
            self._layers_waiting[name] = make
            self._layers_came.set()

    async def _draw_layers(self) -> None:
        while True:
            await self._layers_came.wait()
            self._layers_came.clear()
            started = self._loop.time()
            waiting, self._layers_waiting = self._layers_waiting, {}
            for name, make in waiting.items():
                try:
                    payload = await self._loop.run_in_executor(self._thread, make)
                except Exception as error:  # whatever a message held, the other layers go on
                    self._layer_problems[name] = _reason(name, error)
                    continue
                self._layer_problems.pop(name, None)
                if self._layers[name].clients:
                    self._layers[name].publish(payload)
            await asyncio.sleep(max(0.0, self._period - (self._loop.time() - started)))

    def _look_at(self, client: Subscription, now: frozenset[str], before: frozenset[str]) -> None:
        """Have a client get these layers in the place of those before."""
        for name in before - now:
            self._layers[name].leave(client)
            client.forget(name)
            if not self._layers[name].clients:
                self._layer_problems.pop(name, None)
        for name in now - before:
            self._layers[name].join(client)
        self._answers.watch([name for name, channel in self._layers.items() if channel.clients])

    def _is_drawn(self, channel: Channel, changes: int) -> bool:
        """Whether the channel's clients have this already, since they joined while it was drawn."""
        return channel.ready and self._drawn.get(channel) == changes

    def _render(self, frame: Frame, wanted: Sequence[Channel]) -> list[bytes | Exception]:
        """Each channel's payload, or why there is none: one that fails costs the others nothing."""
        make = {self._page: self._pictures.page, self._cam: self._pictures.cam, self._bev: self._pictures.bev}
        payloads: list[bytes | Exception] = []
        for channel in wanted:
            try:
                payloads.append(make[channel](frame))
            except Exception as error:  # such as a picture that no memory can hold
                payloads.append(error)
        return payloads

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_STATE_PERIOD)
            self._publish_state()

    def _publish_state(self) -> None:
        if self._state.clients:
            try:
                text = _json(self.state())
            except Exception as error:  # a value that no JSON can hold
                text = _json({"problem": _reason("state", error)})
            self._state.publish(text)

    def state(self) -> dict[str, object]:
        """What the page shows besides frames."""
        replay = self._vitals.values("replay: replay")
        return {
            "topics": self._vitals.topics(),
            "latencies": self._vitals.latencies(),
            "rates": self._vitals.rates(),
            "diagnostics": self._vitals.diagnostics(),
            "evaluation": self._table(),
            "replay": {
                "available": self._replay.available(),
                "paused": self._playback.paused(replay),
                "answers": self._playback.answers,
                "scene": replay.get("scene", ""),
            },
            "answers": {
                "layers": list(self._answers.layers()),
                "prompts": list(self._answers.prompts()),
                "settable": self._answers.settable() and not self._read_only,
            },
            "read_only": self._read_only,
            "problem": self.problem,
            "clients": self.clients,
            "uptime": round(self._vitals.uptime, 1),
        }

    def _table(self) -> ScoreTable:
        return score_table(
            self._vitals.values("evaluation: metrics"), self._vitals.values("evaluation: last frame")
        )

    # -- answers ------------------------------------------------------------------------------------

    def _file_handler(self, name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        kind = _PAGE_TYPES[name.rpartition(".")[2]]

        async def serve(_request: web.Request) -> web.Response:
            headers = {"Cache-Control": "no-cache"}
            return web.Response(body=self._files[name], content_type=kind, charset="utf-8", headers=headers)

        return serve

    async def _scores(self, _request: web.Request) -> web.Response:
        return _json_response(self._table())

    async def _state_json(self, _request: web.Request) -> web.Response:
        return _json_response(self.state())

    async def _metrics(self, _request: web.Request) -> web.Response:
        text = prometheus_text(self._vitals, self.channels)
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _health(self, _request: web.Request) -> web.Response:
        """Alive, since it answers; whether it can draw, and what the page waits for."""
        topics = self._vitals.topics()
        return _json_response(
            {
                "status": "cannot draw" if self.failing else "ok",
                "problem": self.problem,
                "uptime": round(self._vitals.uptime, 1),
                "clients": self.clients,
                "waiting": [row["name"] for row in topics if row["state"] == "waiting"],
                "silent": [row["name"] for row in topics if row["state"] == "silent"],
            },
            503 if self.failing else 200,
        )

    async def _control(self, request: web.Request) -> web.Response:
        command = request.match_info["command"]
        if command not in COMMANDS:
            raise web.HTTPNotFound
        if self._read_only:
            return refuse(403, _READ_ONLY)
        if not self._replay.available():
            return refuse(503, "there is no replay to control")
        return await self._answered(
            self._replay.request(command), "replay", lambda: self._playback.granted(command)
        )

    async def _set_prompts(self, request: web.Request) -> web.Response:
        """Other texts, of a JSON list."""
        if self._read_only:
            return refuse(403, _READ_ONLY)
        try:
            # As bytes: JSON is UTF-8, whatever the request calls it (RFC 8259, section 8.1).
            texts = json.loads(await request.read())
            json.dumps(texts, ensure_ascii=False).encode()  # half of a surrogate pair can go into no message
        except (ValueError, RecursionError):
            texts = None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return refuse(400, "prompts are a JSON list of texts")
        if not self._answers.settable():
            return refuse(503, "there is no network that takes prompts")
        return await self._answered(self._answers.set_prompts(texts), "network")

    async def _answered(
        self, request: Future[Answer], whom: str, granted: Callable[[], None] = lambda: None
    ) -> web.Response:
        """What became of a request; `granted` is called if it was done."""
        try:
            answer = await asyncio.wait_for(asyncio.wrap_future(request), _ANSWER_TIMEOUT)
        except asyncio.TimeoutError:
            return refuse(504, f"the {whom} did not answer within {_ANSWER_TIMEOUT:g} s")
        if answer.success:
            granted()
        body = {"success": answer.success, "message": answer.message, "answers": self._playback.answers}
        return _json_response(body, 200 if answer.success else 409)

    # -- streams ------------------------------------------------------------------------------------

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """WebSocket: frames as binary messages, the state as text."""
        if self.clients >= self._max_clients:
            return refuse(503, "too many clients")
        socket = web.WebSocketResponse(heartbeat=15.0, max_msg_size=1024, compress=False)
        await socket.prepare(request)
        with self._streaming(), subscribed((self._state, self._page)) as client:
            sender = self._loop.create_task(self._feed(socket, client, request))
            looks_at: frozenset[str] = frozenset()
            try:
                async for message in socket:  # this is also how one hears that it left
                    if message.type != WSMsgType.TEXT:
                        break
                    try:
                        asked = asked_layers(message.data)
                    except (ValueError, RecursionError):
                        break
                    self._look_at(client, asked, looks_at)
                    looks_at = asked
            finally:
                sender.cancel()
                self._look_at(client, frozenset(), looks_at)
        await socket.close()
        return socket

    async def _feed(self, socket: web.WebSocketResponse, client: Subscription, request: web.Request) -> None:
        await socket.send_str(_json(_hello()))
        while True:
            payload = await client.next()
            sent = socket.send_bytes(payload) if isinstance(payload, bytes) else socket.send_str(payload)
            if not await self._in_time(sent, request):
                return

    def _mjpeg_handler(self, channel: Channel) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def stream(request: web.Request) -> web.StreamResponse:
            if self.clients >= self._max_clients:
                return refuse(503, "too many clients")
            response = web.StreamResponse(
                headers={
                    "Content-Type": f"multipart/x-mixed-replace; boundary={_BOUNDARY}",
                    "Cache-Control": "no-store",
                }
            )
            response.force_close()
            await response.prepare(request)
            await response.write(f"--{_BOUNDARY}\r\n".encode())
            with self._streaming(), subscribed((channel,)) as client:
                while True:
                    try:
                        jpeg = await asyncio.wait_for(client.next(), _STATE_PERIOD)
                    except asyncio.TimeoutError:
                        if request.transport is None:  # it left while nothing changed
                            return response
                        continue
                    assert isinstance(jpeg, bytes), f"{channel.name} is a stream of pictures"
                    # The next boundary at once: browsers show a picture when they see its end.
                    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
                    part = head + jpeg + f"\r\n--{_BOUNDARY}\r\n".encode()
                    if not await self._in_time(response.write(part), request):
                        return response

        return stream

    @contextlib.contextmanager
    def _streaming(self) -> Iterator[None]:
        """Have a handler that goes on for ever ended by `stop`."""
        task = asyncio.current_task()
        assert task is not None, "handlers run in tasks"
        self._streams.add(task)
        try:
            yield
        finally:
            self._streams.discard(task)

    async def _in_time(self, sending: Awaitable[None], request: web.Request) -> bool:
        """Wait for a client to take what is sent; one that is gone or takes nothing is cut off, and False."""
        try:
            await asyncio.wait_for(sending, self._patience)
        except (asyncio.TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
            return False
        return True


def _reason(what: str, error: Exception) -> str:
    """One line on what could not be drawn."""
    words = " ".join(str(error).split()) or type(error).__name__
    return f"{what} cannot be drawn: {words[:200]}"


def _page_files() -> dict[str, bytes]:
    """The page's own files, read once: nothing else is ever served."""
    folder = resources.files(__package__) / "page"
    files = {entry.name: entry.read_bytes() for entry in folder.iterdir()}
    return {name: data for name, data in files.items() if name.rpartition(".")[2] in _PAGE_TYPES}


def _hello() -> dict[str, object]:
    """The pictures' colours and the car's outline, so that the page draws as they do."""
    names = ("PANEL", "UNKNOWN", "UNKNOWN_STRIPE", "OBSTACLE", "EGO", "PAGE", "TRUTH", "PERSON", "OBJECT")
    named = {name.lower(): getattr(palette, name) for name in names}
    colors = {**named, "probability": palette.probability_colors().tolist(), "layers": LAYER_COLORS}
    colors |= {"plan": PLAN, "prompt": PROMPT}
    return {"hello": True, "colors": colors, "ego": RENAULT_ZOE.outline.tolist()}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _json_response(value: object, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(text=_json(value), status=status, content_type="application/json", headers=headers)
