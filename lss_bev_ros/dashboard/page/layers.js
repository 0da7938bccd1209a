// The answers of a multi-sense network: which are looked at, and their colours on the map and in the cameras.

export const MAPS = ["drivable", "walkway", "crossing", "lane_boundary", "road_boundary", "two_wheeler", "person"];
const SHAPES = ["objects", "lanes", "plan", "voxels"];
const OFF = ["lane_boundary", "road_boundary", "cost"]; // until somebody switches them on: the lanes say the same
const STALE = 1.5; // seconds that an answer may be older or newer than the frame it is drawn on
const FAINT = 30, SURE = 70; // percent at which a layer begins to be seen and from which it covers what is below

const rgb = (color, alpha = 1) => `rgb(${color.join(" ")} / ${alpha})`;
const plain = name => name.replaceAll("_", " ");

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

const KINDS = { cells: Int8Array, boxes: Float32Array, corners: Float32Array, classes: Uint8Array, faces: Uint8Array };

/** An answer with its arrays; `message` is what `unpack` made of it. */
export async function opened(message) {
  const arrays = {};
  for (const name of Object.keys(message.blobs)) {
    const kind = name === "cells" && message.layer === "voxels" ? Uint16Array : KINDS[name];
    if (kind) arrays[name] = new kind(await inflate(message.blob(name)));
  }
  return { ...message, ...arrays };
}

export class Layers {
  constructor(parent, { onSwitch, onPrompts }) {
    this.parent = parent;
    this.onSwitch = onSwitch;
    this.answers = new Map(); // the last two of each layer: the newest may be of a frame that is still to come
    this.latest = new Map(); // stamps of what came last: opening takes longer for some than for others
    this.boxes = new Map();
    this.texts = [];
    this.places = parent.querySelector("#layer-list");
    this.form = parent.querySelector("#prompts");
    this.field = parent.querySelector("#prompt-text");
    this.message = parent.querySelector("#prompt-message");
    this.form.onsubmit = async event => {
      event.preventDefault();
      const texts = this.field.value.split(",").map(text => text.trim()).filter(Boolean);
      this.message.textContent = "";
      this.message.textContent = await onPrompts(texts);
      if (!this.message.textContent) this.field.blur();
    };
  }

  /** What there is: names of layers, texts of prompts, whether they can be set. */
  show({ layers, prompts, settable }, colors) {
    this.parent.hidden = !layers.length;
    this.form.hidden = !settable && !prompts.length;
    this.field.disabled = this.form.querySelector("button").disabled = !settable;
    const changed = prompts.join() !== this.texts.join();
    if (changed || !this.shown) {
      if (document.activeElement !== this.field) this.field.value = prompts.join(", ");
      for (const name of [...this.answers.keys()]) if (name.startsWith("prompt_")) this.answers.delete(name);
      this.texts = prompts;
      this.shown = true;
    }
    for (const [name, box] of this.boxes) {
      if (layers.includes(name)) continue;
      box.parentElement.remove();
      this.boxes.delete(name);
      this.answers.delete(name);
    }
    for (const name of layers) {
      if (!this.boxes.has(name)) this.add(name, colors);
      this.boxes.get(name).nextElementSibling.nextElementSibling.textContent = this.label(name);
    }
    this.onSwitch();
  }

  label(name) {
    return name.startsWith("prompt_") ? `“${this.texts[+name.slice(7)] ?? ""}”` : plain(name);
  }

  color(name, colors) {
    if (name.startsWith("prompt_")) return hue(+name.slice(7), colors.prompt);
    return colors.layers[name] ?? { plan: colors.plan, objects: colors.layers.vehicle, lanes: colors.layers.lane_boundary }[name] ?? colors.object;
  }

  add(name, colors) {
    const label = document.createElement("label"), box = document.createElement("input");
    const key = document.createElement("span"), text = document.createElement("span");
    box.type = "checkbox";
    box.id = `answer-${name}`;
    const kept = localStorage.getItem(box.id);
    box.checked = kept ? kept === "on" : !OFF.includes(name);
    box.onchange = () => {
      localStorage.setItem(box.id, box.checked ? "on" : "off");
      if (!box.checked) this.answers.delete(name);
      this.onSwitch();
    };
    key.className = "key";
    key.style.background = rgb(this.color(name, colors));
    label.append(box, key, text);
    const after = [...this.boxes.keys()].filter(other => order(other) < order(name)).length;
    this.places.insertBefore(label, this.places.children[after] ?? null);
    this.boxes.set(name, box);
  }

  on(name) {
    return this.boxes.get(name)?.checked ?? false;
  }

  /** Names of the layers that are looked at. */
  wanted() {
    return [...this.boxes.keys()].filter(name => this.on(name));
  }

  async take(message) {
    this.latest.set(message.layer, message.stamp);
    const answer = await opened(message).catch(() => null);
    if (!answer || !this.on(answer.layer) || this.latest.get(answer.layer) !== answer.stamp) return false;
    this.answers.set(answer.layer, [answer, ...(this.answers.get(answer.layer) ?? [])].slice(0, 2));
    return true;
  }

  /** A layer's answer, where it is looked at and belongs to the frame. */
  of(name, frame) {
    const away = answer => Math.abs(answer.stamp - frame.stamp);
    const answer = this.answers.get(name)?.reduce((best, other) => (away(other) < away(best) ? other : best));
    return answer && this.on(name) && away(answer) <= STALE ? answer : null;
  }

  /** Maps and prompts to stack on a grid, from the lowest, each with its colour. */
  maps(frame, colors) {
    const names = ["cost", ...MAPS, ...this.texts.map((_, index) => `prompt_${index}`)];
    const same = ({ shape, x_min, y_min, resolution }) => {
      const grid = frame.grid;
      return shape[0] === grid.shape[0] && shape[1] === grid.shape[1] && x_min === grid.x_min && y_min === grid.y_min && resolution === grid.resolution;
    };
    return names.map(name => ({ name, answer: this.of(name, frame), color: this.color(name, colors) }))
      .filter(({ answer }) => answer && same(answer.grid));
  }

  /** Lines on the ground: corners [x, y] and a colour each. */
  lines(frame, colors, ego) {
    const found = [];
    for (const name of ["lanes", "plan"]) {
      const answer = this.of(name, frame);
      let at = 0;
      answer?.counts.forEach((count, n) => {
        const line = [];
        for (let k = 0; k < count; k++, at++) line.push([answer.corners[2 * at], answer.corners[2 * at + 1]]);
        if (name === "plan") { // from the car's nose on
          const front = ego[0][0];
          found.push({ line: [[front, 0], ...line.filter(([x]) => x > front)], color: colors.plan, width: 3 });
        } else {
          found.push({ line, color: colors.layers[answer.kinds[n]] ?? colors.prompt, width: 1.5 });
        }
      });
    }
    return found;
  }

  /** Things, the surest first: class, score, speed and corners. */
  objects(frame, threshold) {
    const answer = this.of("objects", frame);
    if (!answer) return [];
    return answer.classes.map((kind, n) => ({
      kind, score: answer.scores[n] ?? 1, velocity: answer.velocities[n], speed: Math.hypot(...answer.velocities[n]),
      corners: Array.from({ length: 8 }, (_, c) => [...answer.boxes.subarray(n * 24 + c * 3, n * 24 + c * 3 + 3)]),
    })).filter(thing => thing.score >= threshold).sort((a, b) => b.score - a.score);
  }

  list(parent, things) {
    const rows = things.slice(0, 40).map(thing => {
      const row = document.createElement("tr");
      const middle = [0, 1].map(axis => thing.corners.reduce((sum, corner) => sum + corner[axis], 0) / 8);
      const texts = [plain(thing.kind), thing.score.toFixed(2), Math.hypot(...middle).toFixed(0), thing.speed.toFixed(1)];
      row.append(...texts.map(text => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    });
    parent.replaceChildren(...rows);
  }
}

const order = name => [...MAPS, "cost", ...SHAPES].indexOf(name) + 1 || 100 + +name.slice(7);

/** Colours of prompts: the first is given, the others go around the wheel from it. */
function hue(index, first) {
  const wheel = [first, [255, 120, 200], [255, 170, 60], [150, 140, 255], [190, 255, 90], [90, 210, 255]];
  return wheel[index % wheel.length];
}

/** How much of a layer is seen at so many percent. */
export const share = percent => Math.min(1, Math.max(0, (percent - FAINT) / (SURE - FAINT)));
