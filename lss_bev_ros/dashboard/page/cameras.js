// The cameras: each picture with the predicted cells and the annotated boxes as its camera sees them.

const NEAR = 0.3; // metres in front of a camera at which shapes are cut off
export const SLOWEST = 0.5; // metres a second from which a thing has an arrow
const PIECES = 8; // that a lens bends an edge into
const EDGES = [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]];
const SPACING = 1; // metres between points of a line on the ground: a lens bends it
const rgb = (color, alpha = 1) => `rgb(${color.join(" ")} / ${alpha})`;

export const boxColor = (category, colors) => {
  const kind = category.split(".")[0];
  return kind === "vehicle" ? colors.truth : kind === "human" ? colors.person : colors.object;
};

const THINGS = { pedestrian: "person", motorcycle: "two_wheeler", bicycle: "two_wheeler", barrier: "", traffic_cone: "" };

/** Of a found thing, by its class in nuScenes' detection task: that of its layer. */
export const thingColor = (kind, colors) => colors.layers[THINGS[kind] ?? "vehicle"] ?? colors.object;

/** Cells of at least `threshold` percent, the least certain first: [i, j, percent]. */
export function likelyCells(frame, threshold) {
  if (!frame.occupancy) return [];
  const cells = [];
  const ny = frame.grid.shape[1];
  frame.occupancy.forEach((percent, k) => {
    if (percent >= threshold) cells.push([Math.floor(k / ny), k % ny, percent]);
  });
  return cells.sort((a, b) => a[2] - b[2]);
}

class Camera {
  constructor(name, parent) {
    this.name = name;
    this.element = document.createElement("figure");
    this.element.className = "camera";
    this.element.dataset.camera = name;
    this.canvas = document.createElement("canvas");
    this.canvas.width = 640;
    this.canvas.height = 360;
    this.tag = document.createElement("figcaption");
    this.tag.className = "tag";
    this.tag.textContent = `waiting for ${name}`;
    this.element.append(this.canvas, this.tag);
    this.element.onclick = () => {
      const focused = this.element.classList.toggle("focused");
      parent.classList.toggle("focus", focused);
    };
    parent.append(this.element);
    this.bitmap = null;
  }

  async load(jpeg) {
    const old = this.bitmap;
    this.bitmap = jpeg ? await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" })).catch(() => null) : null;
    old?.close();
  }

  draw(frame, cells, layers, colors, answers) {
    const pen = this.canvas.getContext("2d");
    const { bitmap, canvas } = this;
    this.element.classList.toggle("empty", !bitmap);
    const short = this.name.replace(/^cam_/, "").replaceAll("_", " ");
    const calibration = frame.cameras.find(camera => camera.name === this.name)?.calibration;
    this.tag.textContent = !bitmap ? `${short}: no image` : calibration ? short : `${short}: no calibration`;
    if (!bitmap) return pen.clearRect(0, 0, canvas.width, canvas.height);
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    pen.drawImage(bitmap, 0, 0);
    if (!calibration) return;
    this.calibration = calibration;
    this.scale = [canvas.width / calibration.width, canvas.height / calibration.height];
    if (layers.prediction) this.drawCells(pen, frame.grid, cells, colors);
    this.drawLines(pen, answers.lines);
    if (layers.truth && frame.boxes) this.drawBoxes(pen, frame, colors);
    this.drawObjects(pen, answers.objects, colors);
  }

  /** A point of base_link in the optical frame. */
  see(x, y, z) {
    const r = this.calibration.rotation, t = this.calibration.translation;
    return [r[0] * x + r[1] * y + r[2] * z + t[0], r[3] * x + r[4] * y + r[5] * z + t[1], r[6] * x + r[7] * y + r[8] * z + t[2]];
  }

  /** Where a point of the optical frame is in the picture; NaN where the lens sees nothing. */
  pixel([x, y, z]) {
    const { k, lens } = this.calibration;
    const [a, b] = lens ? distort(lens, x / z, y / z) : [x / z, y / z];
    return [(k[0] * a + k[1] * b + k[2]) * this.scale[0], (k[4] * b + k[5]) * this.scale[1]];
  }

  /** Pixels of a closed or open line of points; a lens bends each of its edges. */
  line(points, closed) {
    if (!this.calibration.lens) return points.map(point => this.pixel(point));
    const found = [];
    points.forEach((a, n) => {
      const b = points[n + 1] ?? (closed ? points[0] : null);
      for (let i = 0; i < (b ? PIECES : 1); i++) {
        found.push(this.pixel(b ? a.map((value, axis) => value + (i / PIECES) * (b[axis] - value)) : a));
      }
    });
    return found;
  }

  drawCells(pen, grid, cells, colors) {
    const { resolution: side, x_min, y_min } = grid;
    const { width, height } = this.canvas;
    for (const [i, j, percent] of cells) {
      const x = x_min + i * side, y = y_min + j * side;
      const corners = [this.see(x, y, 0), this.see(x + side, y, 0), this.see(x + side, y + side, 0), this.see(x, y + side, 0)];
      if (corners.some(corner => corner[2] < NEAR)) continue;
      const pixels = this.line(corners, true);
      if (pixels.some(([u]) => Number.isNaN(u))) continue;
      if (pixels.every(([u]) => u < 0) || pixels.every(([u]) => u > width) || pixels.every(([, v]) => v < 0 || v > height)) continue;
      pen.fillStyle = rgb(colors.probability[Math.min(percent, 100)], 0.25 + percent / 200);
      pen.beginPath();
      pixels.forEach(([u, v]) => pen.lineTo(u, v));
      pen.fill();
    }
  }

  /** Lines on the ground, [x, y] each. */
  drawLines(pen, lines) {
    for (const { line, color, width } of lines) {
      const points = [];
      line.forEach(([x, y], n) => {
        const [a, b] = line[n + 1] ?? [x, y];
        const steps = Math.max(1, Math.ceil(Math.hypot(a - x, b - y) / SPACING));
        for (let i = 0; i < steps; i++) points.push(this.see(x + (i / steps) * (a - x), y + (i / steps) * (b - y), 0));
      });
      pen.strokeStyle = rgb(color);
      pen.lineWidth = width;
      pen.beginPath();
      for (let n = 0; n + 1 < points.length; n++) this.edge(pen, points[n], points[n + 1]);
      pen.stroke();
    }
  }

  drawBoxes(pen, frame, colors) {
    pen.lineWidth = 1.25;
    frame.categories.forEach((category, n) => {
      const corners = [];
      for (let c = 0; c < 8; c++) corners.push(frame.boxes.subarray(n * 24 + c * 3, n * 24 + c * 3 + 3));
      this.drawBox(pen, corners, rgb(boxColor(category, colors), 0.9));
    });
  }

  drawObjects(pen, things, colors) {
    pen.font = "11px ui-monospace, monospace";
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    pen.lineWidth = 1.75;
    for (const { kind, corners, speed } of things) {
      const color = rgb(thingColor(kind, colors));
      this.drawBox(pen, corners, color);
      const top = this.see(...[0, 1, 2].map(axis => corners.slice(4).reduce((sum, corner) => sum + corner[axis], 0) / 4));
      if (top[2] < NEAR) continue;
      const [u, v] = this.pixel(top);
      if (!(u >= 0 && u < this.canvas.width && v >= 0 && v < this.canvas.height)) continue;
      const text = kind.replaceAll("_", " ") + (speed >= SLOWEST ? ` ${speed.toFixed(1)} m/s` : "");
      pen.fillStyle = "rgb(14 17 23 / 0.6)";
      pen.fillRect(u - 2, v - 14, pen.measureText(text).width + 4, 13);
      pen.fillStyle = color;
      pen.fillText(text, u, v - 2);
    }
  }

  /** A box by its corners in base_link. */
  drawBox(pen, places, color) {
    const corners = places.map(place => this.see(...place));
    if (corners.every(corner => corner[2] < NEAR)) return;
    const middle = (...which) => [0, 1, 2].map(axis => which.reduce((sum, c) => sum + corners[c][axis], 0) / which.length);
    pen.strokeStyle = color;
    pen.beginPath();
    for (const [a, b] of EDGES) this.edge(pen, corners[a], corners[b]);
    this.edge(pen, middle(0, 1, 2, 3), middle(0, 3)); // where it heads, on the ground
    pen.stroke();
  }

  /** A straight edge of the optical frame. */
  edge(pen, a, b) {
    const line = clip(a, b);
    if (!line) return;
    let drawing = false;
    for (const [u, v] of this.line(line, false)) {
      // Beyond the lens there is nothing to draw to.
      if (!Number.isNaN(u)) drawing ? pen.lineTo(u, v) : pen.moveTo(u, v);
      drawing = !Number.isNaN(u);
    }
  }
}

/** What a lens does to a ray, as geometry/lens.py has it; NaN beyond its reach. */
export function distort({ model, d, reach }, x, y) {
  const r2 = x * x + y * y, r = Math.sqrt(r2);
  if (reach !== null && r > reach) return [NaN, NaN];
  if (model === "equidistant") {
    const angle = Math.atan(r), t = angle * angle;
    const bent = angle * (1 + t * (d[0] + t * (d[1] + t * (d[2] + t * d[3]))));
    const ratio = r > 1e-9 ? bent / r : 1;
    return [x * ratio, y * ratio];
  }
  const [k1, k2, p1, p2, k3 = 0, k4 = 0, k5 = 0, k6 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0] = d;
  const ratio = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)));
  return [
    x * ratio + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + s2 * r2),
    y * ratio + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + r2 * (s3 + s4 * r2),
  ];
}

/** The part of a line that lies in front of the camera. */
function clip(a, b) {
  if (a[2] < NEAR && b[2] < NEAR) return null;
  const cut = (behind, front) => {
    const share = (NEAR - behind[2]) / (front[2] - behind[2]);
    return behind.map((value, axis) => value + share * (front[axis] - value));
  };
  return [a[2] < NEAR ? cut(a, b) : a, b[2] < NEAR ? cut(b, a) : b];
}

export class Cameras {
  constructor(parent) {
    this.parent = parent;
    this.cameras = new Map();
  }

  /** Make a place for each camera, in their order. */
  expect(names) {
    for (const name of names) if (!this.cameras.has(name)) this.cameras.set(name, new Camera(name, this.parent));
  }

  async load(frame) {
    this.expect(frame.cameras.map(camera => camera.name));
    await Promise.all([...this.cameras.values()].map(camera => camera.load(frame.jpeg(camera.name))));
  }

  draw(frame, layers, threshold, colors, answers) {
    const cells = layers.prediction ? likelyCells(frame, threshold) : [];
    for (const camera of this.cameras.values()) camera.draw(frame, cells, layers, colors, answers);
  }
}
