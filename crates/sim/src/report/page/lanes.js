
// Draws the lanes of nodes, a screenful at a time. Names come from a scenario file: they are set as text, never as markup.
(() => {
  const SCREENFUL = 40;
  const find = (id) => document.getElementById(id);
  const source = find("lanes-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const end = Math.max(1, data.end_ms);
  const texts = data.texts.map((text) => text.toLowerCase());
  const nodes = data.nodes.map(([id, place, spare, failures, recoveries, replaced, moods, marks]) => {
    const words = `${id} ${place}`.toLowerCase();
    let first = Infinity;
    for (let at = 0; at < marks.length; at += 3) if (marks[at + 1] < 2) { first = marks[at]; break; }
    return { id, place, spare, failures, recoveries, replaced, moods, marks, words, first };
  });
  const keeps = {
    all: () => true,
    failed: (node) => node.failures > 0,
    replaced: (node) => node.replaced > 0,
    unwell: (node) => data.moods[node.moods.at(-1) ?? 0] !== "healthy",
    spare: (node) => node.spare === 1,
  };
  const orders = {
    failures: (a, b) => b.failures - a.failures || b.marks.length - a.marks.length || (a.id < b.id ? -1 : 1),
    name: (a, b) => (a.id < b.id ? -1 : 1),
    first: (a, b) => a.first - b.first || (a.id < b.id ? -1 : 1),
  };
  let wanted = nodes;
  let from = 0;

  const clock = (ms) => {
    const s = Math.floor(ms / 1000);
    const two = (number) => String(number).padStart(2, "0");
    const minutes = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
    return s < 3600 ? minutes : `${Math.floor(s / 3600)}:${minutes}`;
  };
  const make = (tag, classes, text) => {
    const made = document.createElement(tag);
    made.className = classes;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const share = (ms) => `${(100 * Math.min(ms, end)) / end}%`;

  function lane(node) {
    const drawn = make("span", "lane");
    for (let at = 0; at < node.moods.length; at += 2) {
      const [since, mood] = [node.moods[at], data.moods[node.moods[at + 1]]];
      const until = node.moods[at + 2] ?? end;
      if (mood === "absent") continue;
      const span = make("i", `mood ${mood}`);
      span.style.left = share(since);
      span.style.width = share(until - since);
      span.title = `${mood}, ${clock(since)} to ${clock(until)}`;
      drawn.append(span);
    }
    for (let at = 0; at < node.marks.length; at += 3) {
      const [ms, sort, text] = [node.marks[at], data.sorts[node.marks[at + 1]], data.texts[node.marks[at + 2]]];
      if (sort === "other") continue;
      const mark = make("i", `mark ${sort}`);
      mark.style.left = share(ms);
      mark.title = `${clock(ms)} ${text}`;
      drawn.append(mark);
    }
    return drawn;
  }

  function history(node) {
    const list = make("ol", "history");
    list.append(make("li", "soft", node.place));
    for (let at = 0; at < node.marks.length; at += 3) {
      const item = make("li", "");
      item.append(make("b", "", clock(node.marks[at])), ` `, make("i", `mark ${data.sorts[node.marks[at + 1]]}`), ` ${data.texts[node.marks[at + 2]]}`);
      list.append(item);
    }
    return list;
  }

  function row(node) {
    const drawn = make("details", "node");
    const head = make("summary", "");
    const name = make("span", "id", node.id);
    name.title = node.id;
    const counts = node.failures ? `${node.failures} failed, ${node.recoveries} mended` : "";
    head.append(name, lane(node), make("small", "", counts));
    drawn.append(head);
    drawn.addEventListener("toggle", () => { if (drawn.open && drawn.children.length === 1) drawn.append(history(node)); });
    return drawn;
  }

  function axis() {
    const drawn = make("div", "lanes-axis");
    const scale = make("span", "scale");
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      const tick = make("i", part === 1 ? "last" : "", clock(end * part));
      tick.style.left = share(end * part);
      scale.append(tick);
    }
    drawn.append(make("span", "id"), scale, make("small", ""));
    return drawn;
  }

  function draw() {
    const until = Math.min(from + SCREENFUL, wanted.length);
    find("lanes").replaceChildren(axis(), ...wanted.slice(from, until).map(row));
    find("lanes-where").textContent = wanted.length ? `${from + 1} to ${until} of ${wanted.length}` : "none";
    find("lanes-back").disabled = from === 0;
    find("lanes-on").disabled = until >= wanted.length;
  }

  function choose() {
    const words = find("lanes-search").value.trim().toLowerCase();
    const told = new Set();
    texts.forEach((text, number) => { if (text.includes(words)) told.add(number); });
    const says = (node) => {
      if (node.words.includes(words)) return true;
      for (let at = 2; at < node.marks.length; at += 3) if (told.has(node.marks[at])) return true;
      return false;
    };
    const keep = keeps[find("lanes-filter").value];
    wanted = nodes.filter((node) => keep(node) && (!words || says(node))).sort(orders[find("lanes-sort").value]);
    from = 0;
    draw();
  }

  function turn(by) {
    from = Math.max(0, from + by * SCREENFUL);
    draw();
    find("nodes").scrollIntoView();
  }

  const controls = find("lanes-controls");
  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("input", choose);
  find("lanes-back").addEventListener("click", () => turn(-1));
  find("lanes-on").addEventListener("click", () => turn(1));
  choose();
})();
