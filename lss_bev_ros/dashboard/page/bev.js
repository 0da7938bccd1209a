// The bird's-eye view: x forward is up, y left is left.

import { SLOWEST, boxColor, thingColor } from "./cameras.js";
import { share } from "./layers.js";

const rgb = (color, alpha = 1) => `rgb(${color.join(" ")} / ${alpha})`;

/** The colour of a cell where layers lie on each other, vehicles on top. */
function mixed(k, percent, colors, maps) {
  let [r, g, b] = colors.panel;
  const blend = (color, part) => { r += part * (color[0] - r); g += part * (color[1] - g); b += part * (color[2] - b); };
  for (const { answer, color } of maps) blend(color, share(answer.cells[k]));
  blend(colors.probability[Math.min(percent, 100)], share(percent));
  return [r, g, b];
}

export class BirdsEyeView {
  constructor(canvas) {
    this.canvas = canvas;
    this.cells = document.createElement("canvas");
  }

  draw(frame, layers, colors, ego, answers) {
    const { canvas } = this;
    const pen = canvas.getContext("2d");
    const [nx, ny] = frame.grid.shape;
    this.cell = canvas.width / Math.max(nx, ny);
    this.frame = frame;
    pen.fillStyle = rgb(colors.panel);
    pen.fillRect(0, 0, canvas.width, canvas.height);
    if ((layers.prediction && frame.occupancy) || answers.maps.length) {
      this.paintCells(frame, layers.prediction ? frame.occupancy : null, colors, answers.maps);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(this.cells, 0, 0, ny * this.cell, nx * this.cell);
    }
    this.drawRings(pen);
    if (layers.lidar && frame.points) this.drawPoints(pen, frame.points, colors);
    if (layers.truth && frame.boxes) this.drawBoxes(pen, frame, colors);
    this.drawLines(pen, answers.lines);
    this.drawObjects(pen, answers.objects, colors);
    this.drawCar(pen, colors, ego);
  }

  place(x, y) {
    const { x_min, y_min, resolution, shape } = this.frame.grid;
    return [(y_min + shape[1] * resolution - y) / resolution * this.cell, (x_min + shape[0] * resolution - x) / resolution * this.cell];
  }

  paintCells(frame, occupancy, colors, maps) {
    const [nx, ny] = frame.grid.shape;
    this.cells.width = ny;
    this.cells.height = nx;
    const pen = this.cells.getContext("2d");
    const picture = pen.createImageData(ny, nx);
    const pixels = new Uint32Array(picture.data.buffer);
    const packed = ([r, g, b]) => (0xff << 24 | b << 16 | g << 8 | r) >>> 0;
    const palette = colors.probability.map(packed);
    const unknown = packed(colors.unknown), stripe = packed(colors.unknown_stripe);
    for (let i = 0; i < nx; i++) {
      const row = (nx - 1 - i) * ny;
      for (let j = 0; j < ny; j++) {
        const k = i * ny + j, column = ny - 1 - j;
        const percent = occupancy ? occupancy[k] : maps[0].answer.cells[k];
        if (percent < 0) pixels[row + column] = (i + j) % 5 < 2 ? stripe : unknown;
        else if (!maps.length) pixels[row + column] = palette[Math.min(percent, 100)];
        else pixels[row + column] = packed(mixed(k, occupancy ? percent : 0, colors, maps));
      }
    }
    pen.putImageData(picture, 0, 0);
  }

  drawLines(pen, lines) {
    pen.lineJoin = "round";
    for (const { line, color, width } of lines) {
      pen.strokeStyle = rgb(color);
      pen.lineWidth = width;
      pen.beginPath();
      line.forEach(point => pen.lineTo(...this.place(...point)));
      pen.stroke();
    }
  }

  drawObjects(pen, things, colors) {
    pen.font = "13px ui-monospace, monospace";
    pen.textAlign = "left";
    pen.textBaseline = "top";
    for (const { kind, corners, velocity, speed } of things) {
      const color = rgb(thingColor(kind, colors));
      const middle = [0, 1].map(axis => corners.reduce((sum, corner) => sum + corner[axis], 0) / 8);
      const front = [0, 1].map(axis => (corners[0][axis] + corners[3][axis]) / 2);
      pen.beginPath();
      for (const c of [0, 1, 2, 3]) pen.lineTo(...this.place(...corners[c]));
      pen.closePath();
      pen.moveTo(...this.place(...middle));
      pen.lineTo(...this.place(...front));
      pen.fillStyle = rgb(thingColor(kind, colors), 0.3);
      pen.fill();
      pen.strokeStyle = color;
      pen.lineWidth = 1.5;
      pen.stroke();
      if (speed < SLOWEST) continue;
      const [u, v] = this.place(middle[0] + velocity[0], middle[1] + velocity[1]); // the way of one second
      pen.strokeStyle = pen.fillStyle = rgb(colors.obstacle);
      pen.beginPath();
      pen.moveTo(...this.place(...middle));
      pen.lineTo(u, v);
      pen.stroke();
      pen.fillText(`${speed.toFixed(1)} m/s`, u + 4, v + 4);
    }
  }

  drawRings(pen) {
    const [u, v] = this.place(0, 0);
    const metre = this.cell / this.frame.grid.resolution;
    pen.lineWidth = 1;
    pen.font = "15px ui-monospace, monospace";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (let radius = 10; radius * metre < this.canvas.width * 0.71; radius += 10) {
      pen.strokeStyle = "rgb(255 255 255 / 0.16)";
      pen.beginPath();
      pen.arc(u, v, radius * metre, 0, 2 * Math.PI);
      pen.stroke();
      pen.fillStyle = "rgb(255 255 255 / 0.6)";
      const along = radius * metre * Math.SQRT1_2; // labels on the diagonal, off the road
      if (along < v - 20) pen.fillText(`${radius} m`, u + along, v - along);
    }
  }

  drawPoints(pen, points, colors) {
    const high = rgb(colors.obstacle, 0.85), low = rgb(colors.obstacle, 0.28);
    for (const [style, above] of [[low, false], [high, true]]) {
      pen.fillStyle = style;
      for (let k = 0; k < points.length; k += 3) {
        if ((points[k + 2] > 30) !== above) continue; // centimetres: returns from the road are dim
        const [u, v] = this.place(points[k] / 100, points[k + 1] / 100);
        pen.fillRect(u - 0.75, v - 0.75, 1.5, 1.5);
      }
    }
  }

  drawBoxes(pen, frame, colors) {
    frame.categories.forEach((category, n) => {
      const corner = c => [frame.boxes[n * 24 + c * 3], frame.boxes[n * 24 + c * 3 + 1]];
      const between = (...which) => [0, 1].map(axis => which.reduce((sum, c) => sum + corner(c)[axis], 0) / which.length);
      pen.beginPath();
      for (const c of [0, 1, 2, 3]) pen.lineTo(...this.place(...corner(c)));
      pen.closePath();
      pen.moveTo(...this.place(...between(0, 1, 2, 3)));
      pen.lineTo(...this.place(...between(0, 3)));
      for (const [color, width] of [[colors.page, 4.5], [boxColor(category, colors), 2]]) { // to stand out on bright cells
        pen.strokeStyle = rgb(color);
        pen.lineWidth = width;
        pen.stroke();
      }
    });
  }

  drawCar(pen, colors, ego) {
    const [[front, half], [rear]] = ego;
    const shape = (corners, color) => {
      pen.fillStyle = rgb(color);
      pen.beginPath();
      corners.forEach(([x, y]) => pen.lineTo(...this.place(x, y)));
      pen.fill();
    };
    shape([[front, half], [rear, half], [rear, -half], [front, -half]], colors.ego);
    const glass = [[0.72, 0.7], [0.72, -0.7], [0.48, -0.85], [0.48, 0.85]];
    shape(glass.map(([x, y]) => [x * front, y * half]), colors.page);
  }
}
