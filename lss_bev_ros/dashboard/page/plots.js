// Latency and rates over the last two minutes.

const SPAN = 120; // seconds
const MARGIN = { left: 34, right: 6, top: 6, bottom: 16 };

/** A round number above the largest value. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-3)));
  return [1, 2, 2.5, 5, 10].map(step => step * power).find(top => top >= value * 1.05) ?? 20 * power;
}

/** Draw lines of [seconds ago, value], each with the CSS variable that colours it. */
export function plot(canvas, lines, unit) {
  const style = getComputedStyle(canvas);
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const values = lines.flatMap(line => line.points.map(point => point[1]));
  const top = ceiling(Math.max(...values, unit === "Hz" ? 1 : 10));
  const across = ago => MARGIN.left + (1 - ago / SPAN) * (width - MARGIN.left - MARGIN.right);
  const up = value => height - MARGIN.bottom - value / top * (height - MARGIN.top - MARGIN.bottom);
  pen.font = "10px ui-monospace, monospace";
  pen.fillStyle = style.getPropertyValue("--dim");
  pen.strokeStyle = style.getPropertyValue("--rule");
  pen.lineWidth = 1;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const value of [0, top / 2, top]) {
    pen.beginPath();
    pen.moveTo(MARGIN.left, Math.round(up(value)) + 0.5);
    pen.lineTo(width - MARGIN.right, Math.round(up(value)) + 0.5);
    pen.stroke();
    pen.fillText(`${+value.toPrecision(3)}`, MARGIN.left - 4, up(value));
  }
  pen.textBaseline = "alphabetic";
  for (const ago of [120, 60, 0]) {
    pen.textAlign = ago === 120 ? "left" : ago ? "center" : "right";
    pen.fillText(ago ? `-${ago} s` : `0 s`, across(ago), height - 4);
  }
  pen.textAlign = "left";
  pen.lineWidth = 1.5;
  pen.lineJoin = "round";
  for (const { points, color } of lines) {
    pen.strokeStyle = pen.fillStyle = style.getPropertyValue(color);
    pen.beginPath();
    for (const [ago, value] of points) pen.lineTo(across(ago), up(value));
    pen.stroke();
    if (points.length === 1) pen.fillRect(across(points[0][0]) - 1.5, up(points[0][1]) - 1.5, 3, 3);
  }
}
