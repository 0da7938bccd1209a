// Stages, diagnostics and topics as rows of text. Everything is put in as text, never as markup.

function row(...cells) {
  const element = document.createElement("div");
  element.className = "row";
  for (const [text, kind] of cells) {
    const part = document.createElement("span");
    part.textContent = text;
    if (kind) part.className = kind;
    element.append(part);
  }
  return element;
}

/** Durations of the network's stages, with bars on one scale. */
export function showStages(parent, diagnostics) {
  const values = diagnostics.find(status => status.name.endsWith("inference: network"))?.values ?? {};
  const stages = Object.keys(values).filter(key => key.endsWith("_ms") && !key.endsWith("_p95_ms")).map(key => {
    const name = key.slice(0, -3);
    return { name, median: +values[key], late: +values[`${name}_p95_ms`] };
  }).filter(stage => Number.isFinite(stage.median));
  const longest = Math.max(...stages.map(stage => stage.late || stage.median), 1);
  parent.replaceChildren(...stages.map(stage => {
    const line = row([stage.name.replaceAll("_", " ")], [stage.median.toFixed(1), "number"],
      [Number.isFinite(stage.late) ? stage.late.toFixed(1) : "", "number dim"]);
    const bar = document.createElement("meter");
    bar.max = longest;
    bar.value = stage.median;
    line.append(bar);
    return line;
  }));
  if (!stages.length) parent.replaceChildren(row(["no diagnostics from the inference node yet", "dim"]));
  else parent.append(row([`${values.backend ?? ""}  ${values.weights ?? ""}`, "dim wide"]));
}

export function showDiagnostics(parent, diagnostics) {
  const open = new Set([...parent.querySelectorAll("details[open]")].map(element => element.dataset.name));
  parent.replaceChildren(...diagnostics.map(status => {
    const element = document.createElement("details");
    element.dataset.name = status.name;
    element.open = open.has(status.name);
    const summary = document.createElement("summary");
    const level = document.createElement("span");
    level.className = `level ${status.level.toLowerCase()}`;
    level.textContent = status.level;
    const name = document.createElement("b");
    name.textContent = status.name;
    summary.append(level, name, ` ${status.message}`);
    element.append(summary, ...Object.entries(status.values).map(([key, value]) => row([key, "dim"], [value])));
    return element;
  }));
  if (!diagnostics.length) parent.replaceChildren(row(["no messages on /diagnostics yet", "dim"]));
}

export function showTopics(parent, topics) {
  parent.replaceChildren(...topics.map(topic => row(
    [topic.name, topic.state === "live" ? "" : "dim"],
    [topic.state === "waiting" ? "no messages" : topic.rate.toFixed(1), topic.state === "live" ? "number" : "number warn"],
    [topic.age === null ? "" : topic.age.toFixed(1), "number dim"])));
}
