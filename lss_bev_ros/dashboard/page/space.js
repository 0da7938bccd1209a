// The voxels in three dimensions, with WebGL 2: a square a face that one sees, turned and zoomed by mouse, touch and keys.

const VERTEX = `#version 300 es
in uvec3 cell; in uint face; in vec3 color;
uniform mat4 camera; uniform vec3 low, size;
out vec3 shade;
void main() {
  // Corners of a square from the number of the vertex; each face is that square, laid on its side.
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1 & 1);
  vec3 at = face == 0u ? vec3(corner, 1) : face == 1u ? vec3(0, corner) : face == 2u ? vec3(1, corner)
    : face == 3u ? vec3(corner.x, 0, corner.y) : vec3(corner.x, 1, corner.y);
  float light = face == 0u ? 1.0 : face == 1u ? 0.8 : face == 2u ? 0.62 : 0.7;
  shade = color * light;
  gl_Position = camera * vec4(low + (vec3(cell) + at) * size, 1);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec3 shade; out vec4 color;
void main() { color = vec4(shade, 1); }`;
const START = { yaw: 0, pitch: 0.55, distance: 42, ahead: 8 };
const CAR_HEIGHT = 1.6; // metres
const STRIDE = 12; // bytes a face: x, y, z and which one as 16 bits, three of colour and one unused

export class Space {
  constructor(canvas) {
    this.canvas = canvas;
    this.view = { ...START };
    this.count = 0;
    this.gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
    if (this.gl) this.prepare();
    canvas.addEventListener("webglcontextlost", event => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => { this.prepare(); if (this.voxels) this.show(this.voxels); });
    canvas.addEventListener("pointermove", event => {
      if (!event.buttons) return;
      this.turn(-event.movementX / 200, event.movementY / 200, 1);
    });
    canvas.addEventListener("pointerdown", event => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("wheel", event => { event.preventDefault(); this.turn(0, 0, Math.exp(event.deltaY / 800)); }, { passive: false });
    canvas.addEventListener("dblclick", () => { this.view = { ...START }; this.draw(); });
    canvas.addEventListener("keydown", event => {
      const step = { ArrowLeft: [0.1, 0, 1], ArrowRight: [-0.1, 0, 1], ArrowUp: [0, 0.1, 1], ArrowDown: [0, -0.1, 1], "+": [0, 0, 0.9], "-": [0, 0, 1.1] }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation(); // the right arrow would step the replay
      this.turn(...step);
    });
  }

  get works() {
    return Boolean(this.gl);
  }

  turn(yaw, pitch, zoom) {
    const { view } = this;
    view.yaw += yaw;
    view.pitch = Math.min(1.55, Math.max(0.05, view.pitch + pitch));
    view.distance = Math.min(200, Math.max(5, view.distance * zoom));
    this.draw();
  }

  prepare() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    this.uniforms = Object.fromEntries(["camera", "low", "size"].map(name => [name, gl.getUniformLocation(program, name)]));
    const place = name => {
      const at = gl.getAttribLocation(program, name);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribDivisor(at, 1);
      return at;
    };
    const squares = () => {
      const array = gl.createVertexArray(), buffer = gl.createBuffer();
      gl.bindVertexArray(array);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.vertexAttribIPointer(place("cell"), 3, gl.UNSIGNED_SHORT, STRIDE, 0);
      gl.vertexAttribIPointer(place("face"), 1, gl.UNSIGNED_SHORT, STRIDE, 6);
      gl.vertexAttribPointer(place("color"), 3, gl.UNSIGNED_BYTE, true, STRIDE, 8);
      return { array, buffer };
    };
    this.world = squares();
    this.car = squares();
    gl.enable(gl.DEPTH_TEST);
  }

  /** Take voxels: one square for each bit of `faces`; and the car's outline, as it is drawn on the map. */
  show(voxels, ego = this.ego, color = this.color) {
    Object.assign(this, { voxels, ego, color });
    const { buffer, count } = squaresOf(voxels);
    this.count = count;
    this.canvas.dataset.faces = count;
    const { gl } = this;
    if (!gl) return;
    const car = squaresOf({ cells: [0, 0, 0], classes: [0], faces: [31], colors: [color] });
    for (const [{ array, buffer: place }, data] of [[this.world, buffer], [this.car, car.buffer]]) {
      gl.bindVertexArray(array);
      gl.bindBuffer(gl.ARRAY_BUFFER, place);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STREAM_DRAW);
    }
    this.draw();
  }

  draw() {
    const { gl, canvas, view, voxels } = this;
    if (!gl || !voxels) return;
    const width = Math.round(canvas.clientWidth * devicePixelRatio) || canvas.width, height = Math.round(canvas.clientHeight * devicePixelRatio) || canvas.height;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(14 / 255, 17 / 255, 23 / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(this.uniforms.camera, false, this.matrix(width / height));
    const [[front, half], [rear]] = this.ego;
    for (const [{ array }, low, size, count] of [
      [this.world, voxels.low, voxels.size, this.count],
      [this.car, [rear, -half, 0], [front - rear, 2 * half, CAR_HEIGHT], 5],
    ]) {
      gl.bindVertexArray(array);
      gl.uniform3fv(this.uniforms.low, low);
      gl.uniform3fv(this.uniforms.size, size);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
    }
  }

  /** What takes base_link (x ahead, y left, z up) to the screen, column by column. */
  matrix(aspect) {
    const { yaw, pitch, distance, ahead } = this.view;
    const forward = [Math.cos(pitch) * Math.cos(yaw), Math.cos(pitch) * Math.sin(yaw), -Math.sin(pitch)];
    const right = [Math.sin(yaw), -Math.cos(yaw), 0];
    const up = [Math.sin(pitch) * Math.cos(yaw), Math.sin(pitch) * Math.sin(yaw), Math.cos(pitch)];
    const eye = [ahead - distance * forward[0], -distance * forward[1], -distance * forward[2]];
    const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    const focal = 1.4, near = 0.5, far = 400;
    const rows = [
      [...right.map(value => value * focal / aspect), -dot(right, eye) * focal / aspect],
      [...up.map(value => value * focal), -dot(up, eye) * focal],
      [...forward.map(value => value * (far + near) / (far - near)), -dot(forward, eye) * (far + near) / (far - near) - 2 * far * near / (far - near)],
      [...forward, -dot(forward, eye)],
    ];
    return new Float32Array([0, 1, 2, 3].flatMap(column => rows.map(row => row[column])));
  }
}

/** A buffer with a square for each bit of `faces`, and their number; `cells` are all x, then all y, then all z. */
function squaresOf({ cells, classes, faces, colors }) {
  let count = 0;
  for (const mask of faces) for (let bit = mask; bit; bit &= bit - 1) count++;
  const buffer = new ArrayBuffer(count * STRIDE), shorts = new Uint16Array(buffer), bytes = new Uint8Array(buffer);
  let n = 0;
  for (let k = 0; k < faces.length; k++) {
    for (let face = 0; face < 5; face++) {
      if (!(faces[k] >> face & 1)) continue;
      for (let axis = 0; axis < 3; axis++) shorts[n * 6 + axis] = cells[axis * faces.length + k];
      shorts[n * 6 + 3] = face;
      bytes.set(colors[classes[k]], n * STRIDE + 8);
      n++;
    }
  }
  return { buffer, count };
}
