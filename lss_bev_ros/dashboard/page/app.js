import { BirdsEyeView } from "./bev.js";
import { Cameras } from "./cameras.js";
import { Layers } from "./layers.js";
import { connect } from "./link.js";
import { showDiagnostics, showStages, showTopics } from "./panels.js";
import { plot } from "./plots.js";
import { showScores } from "./scores.js";
import { Space } from "./space.js";

const find = id => document.getElementById(id);
const cameras = new Cameras(find("cameras"));
const bev = new BirdsEyeView(find("bev").querySelector("canvas"));
const space = new Space(find("space").querySelector("canvas"));
const answers = new Layers(find("answers"), { onSwitch: look, onPrompts: prompt });
const LEAST_SCORE = 0.3; // of objects that are shown
const LAYERS = ["prediction", "truth", "lidar"];
let colors, ego, frame, state, linked = false, inView = true, voxels;
let loading = false, newest, answered = 0; // requests that the replay granted

// -- frames ----------------------------------------------------------------------------------------

async function take(next) {
  newest = next;
  if (loading || document.hidden) return;
  loading = true;
  while (newest) {
    const current = newest;
    newest = null;
    await cameras.load(current);
    frame = current;
    requestAnimationFrame(draw);
  }
  loading = false;
}

function draw() {
  if (!frame || !colors) return;
  const layers = Object.fromEntries(LAYERS.map(name => [name, find(`layer-${name}`).checked]));
  const things = answers.objects(frame, LEAST_SCORE);
  const shown = { maps: answers.maps(frame, colors), lines: answers.lines(frame, colors, ego), objects: things };
  cameras.draw(frame, layers, +find("threshold").value, colors, shown);
  bev.draw(frame, layers, colors, ego, shown);
  answers.list(find("object-rows"), things);
  find("objects").hidden = !answers.on("objects");
  const occupied = answers.of("voxels", frame);
  if (occupied && occupied !== voxels) space.show(voxels = occupied, ego, colors.ego);
  find("space-tag").textContent = !space.works ? "this browser has no WebGL 2, which the voxels need" : occupied ? `${occupied.count} voxels` : "waiting for voxels";
  const time = new Date(frame.stamp * 1000).toISOString().slice(11, 23);
  find("bev-tag").textContent = frame.occupancy ? time : "no grid yet on bev/occupancy";
  const there = { prediction: frame.occupancy, truth: frame.boxes, lidar: frame.points };
  for (const name of LAYERS) find(`layer-${name}`).parentElement.classList.toggle("absent", !there[name]);
  document.body.dataset.stamp = frame.stamp;
}

document.addEventListener("visibilitychange", () => {
  look();
  if (!document.hidden && newest) take(newest);
});

// -- answers ---------------------------------------------------------------------------------------

/** Ask for what is looked at, and for nothing else. */
function look() {
  find("space").hidden = !answers.on("voxels");
  const names = answers.wanted().filter(name => name !== "voxels" || (inView && space.works));
  askLayers(document.hidden ? [] : names);
  requestAnimationFrame(draw);
}

new IntersectionObserver(([entry]) => { inView = entry.isIntersecting || find("space").hidden; look(); }).observe(find("space"));

async function prompt(texts) {
  const answer = await fetch("prompts", { method: "POST", body: JSON.stringify(texts) }).catch(() => null);
  if (!answer) return "No answer from the node.";
  if (answer.ok) return "";
  const text = (await answer.text()).trim();
  return text.startsWith("{") ? JSON.parse(text).message : text;
}

// -- state -----------------------------------------------------------------------------------------

function show(next) {
  if (!next.topics) { // the node could not say more than this
    find("notice").textContent = next.problem;
    find("notice").hidden = false;
    return;
  }
  if (next.replay.answers < answered) next.replay.paused = state.replay.paused; // made before the last of them
  state = next;
  const { replay, topics, diagnostics, latencies, rates } = state;
  const suffix = /\/image_raw(\/compressed)?$/;
  cameras.expect(topics.filter(topic => suffix.test(topic.name)).map(topic => topic.name.replace(suffix, "")));
  find("scene").textContent = replay.available ? `${replay.scene}${replay.paused ? ", paused" : ""}` : "live";
  find("pause").textContent = replay.paused ? "Resume" : "Pause";
  find("pause").disabled = !replay.available || state.read_only;
  find("step").disabled = !replay.available || !replay.paused || state.read_only;
  if (colors && state.answers) answers.show(state.answers, colors);
  showScores(state.evaluation, false);
  showStages(find("stage-rows"), diagnostics);
  showDiagnostics(find("diagnostic-rows"), diagnostics);
  showTopics(find("topic-rows"), topics);
  const sorted = latencies.map(point => point[1]).sort((a, b) => a - b);
  const quantile = share => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(0);
  find("latency-now").textContent = sorted.length ? `${latencies.at(-1)[1].toFixed(0)} ms` : "–";
  find("latency-more").textContent = sorted.length ? `median ${quantile(0.5)}, 95th percentile ${quantile(0.95)}` : "image to grid";
  for (const name of ["grid", "cameras", "lidar"]) {
    find(`rate-${name}`).textContent = rates.length ? `${rates.at(-1)[name].toFixed(1)} Hz` : "–";
  }
  const senses = diagnostics.find(row => row.name.endsWith("inference: senses"))?.values.used?.match(/\w+/g);
  find("answer-senses").textContent = senses ? `by ${senses.join(", ")}` : "";
  drawPlots();
  notice();
}

function drawPlots() {
  if (!state) return;
  plot(find("latency-plot"), [{ points: state.latencies, color: "--accent" }], "ms");
  plot(find("rate-plot"), ["cameras", "lidar", "grid"].map(name => ({
    points: state.rates.map(point => [point.ago, point[name]]), color: `--line-${name}`,
  })), "Hz");
}

function notice() {
  const needed = topic => /image_raw|camera_info|bev\/occupancy/.test(topic.name);
  const waiting = state ? state.topics.filter(topic => needed(topic) && topic.state === "waiting").map(topic => topic.name) : [];
  const silent = state && !state.replay.paused ? state.topics.filter(topic => needed(topic) && topic.state === "silent").map(topic => topic.name) : [];
  const list = names => names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
  const text = !linked ? "Not connected to the node; retrying."
    : waiting.length && state.uptime > 3 ? `No messages yet on ${list(waiting)}.`
    : silent.length ? `Silent: ${list(silent)}.`
    : state?.problem ? `${state.problem}.` : "";
  find("notice").textContent = text;
  find("notice").hidden = !text;
}

// -- control ---------------------------------------------------------------------------------------

async function ask(command) {
  const answer = await fetch(`replay/${command}`, { method: "POST" }).catch(() => null);
  if (answer?.ok && state) {
    answered = (await answer.json()).answers;
    if (command !== "step") state.replay.paused = command === "pause";
    show({ ...state, replay: { ...state.replay, answers: answered } });
  } else {
    find("notice").textContent = answer ? (await answer.text()).trim() : "No answer from the node.";
    find("notice").hidden = false;
  }
}

find("pause").onclick = () => ask(state.replay.paused ? "resume" : "pause");
find("step").onclick = () => ask("step");
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, button, a, summary")) return;
  const button = { " ": find("pause"), ArrowRight: find("step") }[event.key];
  if (!button) return;
  event.preventDefault();
  if (!button.disabled) button.click();
});
// After a click the keys are for the page again, not for what was clicked.
addEventListener("click", event => { if (event.detail) event.target.closest("label, button, summary") && document.activeElement.blur(); });

const remember = (name, value) => localStorage.setItem(name, value);
for (const name of LAYERS) {
  const box = find(`layer-${name}`);
  box.checked = localStorage.getItem(`layer-${name}`) !== "off";
  box.onchange = () => { remember(box.id, box.checked ? "on" : "off"); draw(); };
}
find("threshold").oninput = () => { find("threshold-text").textContent = `${find("threshold").value} %`; draw(); };

const THEMES = ["auto", "light", "dark"];
const root = document.documentElement;
const showTheme = () => { find("theme").textContent = root.dataset.theme[0].toUpperCase() + root.dataset.theme.slice(1); drawPlots(); };
find("theme").onclick = () => {
  root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % 3];
  remember("theme", root.dataset.theme);
  showTheme();
};
showTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawPlots);
addEventListener("resize", () => { drawPlots(); space.draw(); });

const askLayers = connect({
  onHello: hello => {
    ({ colors, ego } = hello);
    const pen = find("scale").getContext("2d");
    colors.probability.forEach((color, percent) => { pen.fillStyle = `rgb(${color.join(" ")})`; pen.fillRect(percent, 0, 1, 1); });
    for (const name of ["truth", "obstacle"]) root.style.setProperty(`--${name}`, `rgb(${colors[name].join(" ")})`);
  },
  onFrame: take,
  onLayer: async message => { if (await answers.take(message)) requestAnimationFrame(draw); },
  onState: show,
  onLink: up => {
    linked = up;
    answered = 0; // another server counts anew
    find("link").classList.toggle("on", up);
    find("link").title = up ? "connected" : "not connected";
    notice();
  },
});
