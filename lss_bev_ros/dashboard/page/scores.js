// The evaluation table, on the live page and on a page of its own.

const shown = value => value === null ? "–" : value.toFixed(3);

function cell(text, kind) {
  const element = document.createElement("td");
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

const grade = passed => passed === null ? "" : passed ? "good" : "bad";

/** Fill the table; without `all` only the metrics that have a bound, and LiDAR's. */
export function showScores(table, all) {
  const rows = table.metrics.filter(row => all || row.threshold !== null || row.name.startsWith("lidar_"));
  const frames = document.getElementById("eval-frames");
  const verdict = table.passed === null ? "" : table.passed ? ", all bounds met" : ", below its bounds";
  frames.textContent = table.frames ? `${table.frames} frames${verdict}` : "nothing scored yet";
  document.getElementById("eval-rows").replaceChildren(...rows.map(row => {
    const line = document.createElement("tr");
    line.dataset.metric = row.name;
    const bound = row.threshold === null ? "" : `${row.bound === "max" ? "≤" : "≥"} ${row.threshold.toFixed(2)}`;
    line.append(cell(row.title), cell(shown(row.running), grade(row.passed)),
      cell(shown(row.last), grade(row.last_passed)), cell(bound, "dim"),
      cell(row.passed === null ? "" : row.passed ? "pass" : "fail", grade(row.passed)));
    return line;
  }));
}
