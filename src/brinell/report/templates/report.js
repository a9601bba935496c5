// What the page does beside standing still: draws its charts with Observable Plot, filters the gallery, switches colours.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (path) => path.split(".").reduce((value, key) => value[key], data);
  const percent = d3.format(".1%");
  const whole = d3.format(",");
  // Cut ahead of the middle: names such as "Speed limit (60km/h)" differ at their ends.
  const short = (text, most) => {
    const tail = Math.floor(((most - 1) * 2) / 3);
    return text.length > most ? text.slice(0, Math.max(1, most - 1 - tail)) + "…" + text.slice(text.length - tail) : text;
  };
  const style = { fontSize: "12px", fontFamily: "inherit", color: "var(--quiet)" };
  const shares = { domain: [0, 1], ticks: 5, tickFormat: "%", label: null, grid: true };

  // Room for the words on the left: as much as they need, and no more than the screen can spare.
  function words(labels, width) {
    const longest = d3.max(labels, (label) => label.length) ?? 1;
    const room = Math.min(14 + 7.2 * longest, Math.max(52, 0.36 * width));
    return { marginLeft: room, tickFormat: (label) => short(label, Math.floor((room - 12) / 7)) };
  }

  const told = (rate) => `${percent(rate.value)} (${percent(rate.low)} to ${percent(rate.high)})`;
  const tip = (rows, options, title) =>
    Plot.tip(rows, Plot.pointerY({ ...options, title, fill: "var(--page)", stroke: "var(--line)" }));

  function interval(rows, key, pick, options) {
    const { colour, dy = 0, hollow = false, thick = 3 } = options;
    return [
      Plot.ruleY(rows, { y: key, x1: (row) => pick(row).low, x2: (row) => pick(row).high, stroke: colour, dy,
        strokeWidth: thick, strokeLinecap: "round", strokeOpacity: 0.55 }),
      Plot.dot(rows, { y: key, x: (row) => pick(row).value, r: 4.5, dy, stroke: colour, strokeWidth: 2,
        fill: hollow ? "var(--page)" : colour }),
    ];
  }

  function rates(rows, width) {
    return Plot.plot({
      width, height: 30 + 37 * rows.length, style, marginLeft: 58, marginRight: 22, marginTop: 6, marginBottom: 24, x: shares,
      y: { label: null, tickSize: 0, padding: 0.35, domain: rows.map((row) => row.name) },
      marks: [
        Plot.barX(rows, { y: "name", x1: 0, x2: 1, fill: "var(--track)", rx: 3 }),
        Plot.barX(rows.slice(0, 1), { y: "name", x: "value", fill: "var(--clean)", rx: 3 }),
        Plot.barX(rows.slice(1), { y: "name", x: "value", fill: "var(--accent)", rx: 3 }),
        Plot.ruleY(rows, { y: "name", x1: "low", x2: "high", stroke: "var(--text)", strokeWidth: 1.5 }),
        Plot.tickX(rows, { y: "name", x: "low", stroke: "var(--text)", inset: 8 }),
        Plot.tickX(rows, { y: "name", x: "high", stroke: "var(--text)", inset: 8 }),
      ],
    });
  }

  function curve(found, width) {
    const own = found.audit ? [found.audit] : [];
    return Plot.plot({
      width, height: 300, style, marginLeft: 46, marginBottom: 46, marginRight: 20,
      x: { label: "size of the attack (eps)", ticks: Math.max(3, Math.min(10, width / 90)), domain: [0, d3.max([...found.points, ...own], (point) => point.eps)] },
      y: { ...shares, label: "share that keeps its right answer" },
      marks: [
        Plot.areaY(found.points, { x: "eps", y1: "low", y2: "high", fill: "var(--accent)", fillOpacity: 0.16 }),
        Plot.lineY(found.points, { x: "eps", y: "value", stroke: "var(--accent)", strokeWidth: 2.5 }),
        Plot.dot(found.points, { x: "eps", y: "value", r: 4, fill: "var(--accent)" }),
        Plot.dot(own, { x: "eps", y: "value", r: 7, stroke: "var(--text)", strokeWidth: 2 }),
        Plot.tip(found.points, Plot.pointerX({ x: "eps", y: "value", fill: "var(--page)", stroke: "var(--line)",
          title: (point) => `eps ${point.eps}: ${told(point)}` })),
      ],
    });
  }

  function course(found, width) {
    const first = 0.8; // where an axis of powers has to begin: it knows no 0
    const most = Math.max(2, found.ends.at(-1) ?? 0);
    const place = (effort) => Math.max(first, effort);
    const points = found.points.map(([effort, standing, stage]) => ({ x: place(effort), y: standing / found.n, effort, standing, stage }));
    const bands = found.ends.map((end, i) => ({ x1: place(i ? found.ends[i - 1] : 0), x2: place(end), i }));
    const steps = d3.range(7).flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power)).filter((step) => step <= most);
    const ticks = steps.length * 42 > width ? steps.filter((step) => Number.isInteger(Math.log10(step))) : steps;
    return Plot.plot({
      width, height: 300, style, marginLeft: 46, marginBottom: 46, marginTop: 26, marginRight: 22,
      x: { type: "log", domain: [first, most], label: `${found.unit} given to an input so far`, ticks, tickFormat: "~s" },
      y: { ...shares, label: null },
      marks: [
        Plot.rect(bands.filter((band) => band.i % 2 === 1), { x1: "x1", x2: "x2", y1: 0, y2: 1, fill: "var(--track)", fillOpacity: 0.7 }),
        Plot.areaY(points, { x: "x", y: "y", curve: "step-after", fill: "var(--accent)", fillOpacity: 0.14 }),
        Plot.lineY(points, { x: "x", y: "y", curve: "step-after", stroke: "var(--accent)", strokeWidth: 2.5 }),
        Plot.text(bands.filter((band) => Math.log(band.x2 / band.x1) / Math.log(most / first) * width > 14),
          { x: (band) => Math.sqrt(band.x1 * band.x2), y: 1, dy: -12, text: (band) => `${band.i + 1}`, fill: "var(--text)", fontWeight: 600 }),
        Plot.tip(points, Plot.pointerX({ x: "x", y: "y", fill: "var(--page)", stroke: "var(--line)",
          title: (point) => `${whole(point.standing)} standing after ${whole(point.effort)} ${found.unit} (attack ${point.stage + 1})` })),
      ],
    });
  }

  function attacks(rows, width) {
    const named = rows.map((row, i) => ({ ...row, key: `${i + 1}. ${row.label}` }));
    const alone = named.filter((row) => row.alone);
    const { marginLeft, tickFormat } = words(named.map((row) => row.key), width);
    return Plot.plot({
      width, height: 40 + 30 * rows.length, style, marginLeft, marginRight: 22, marginTop: 8, x: shares,
      y: { label: null, tickSize: 0, tickFormat, domain: named.map((row) => row.key) },
      marks: [
        ...interval(alone, "key", (row) => row.alone, { colour: "var(--clean)", hollow: true, dy: -5 }),
        Plot.dot(named, { y: "key", x: "after", r: 5, dy: alone.length ? 5 : 0, fill: "var(--accent)" }),
        tip(named, { y: "key", x: "after" }, (row) =>
          `${row.label}\nafter it in the cascade ${percent(row.after)}${row.alone ? `\nalone it leaves ${told(row.alone)}` : ""}`),
      ],
    });
  }

  function fates(found, width) {
    const hits = found.outcomes.length - 2;
    const mix = (i) => `color-mix(in oklab, var(--hit-last), var(--hit-first) ${hits > 1 ? Math.round((100 * i) / (hits - 1)) : 0}%)`;
    const colours = found.outcomes.map((_, i) => (i === 0 ? "var(--accent)" : i > hits ? "var(--clean)" : mix(hits - i)));
    const cells = found.classes.flatMap((name, i) => {
      const all = d3.sum(found.counts[i]);
      return found.outcomes.map((outcome, j) => ({ name, outcome: j, rows: found.counts[i][j], share: found.counts[i][j] / all }));
    });
    const { marginLeft, tickFormat } = words(found.classes, width);
    return Plot.plot({
      width, height: 40 + 22 * found.classes.length, style, marginLeft, marginRight: 22, marginTop: 8, x: shares,
      y: { label: null, tickSize: 0, tickFormat, domain: found.classes, padding: 0.18 },
      color: { type: "ordinal", domain: found.outcomes.map((_, i) => i), range: colours },
      marks: [
        Plot.barX(cells, Plot.stackX({ y: "name", x: "share", fill: "outcome", order: "outcome", insetRight: 0.5 })),
        Plot.tip(cells.filter((cell) => cell.rows), Plot.pointer(Plot.stackX({ y: "name", x: "share", order: "outcome", fill: "var(--page)", stroke: "var(--line)",
          title: (cell) => `${cell.name}: ${whole(cell.rows)} (${percent(cell.share)})\n${found.outcomes[cell.outcome]}` }))),
      ],
    });
  }

  function groups(rows, width) {
    const keyed = rows.map((row) => ({ ...row, key: row.small ? `${row.group} *` : row.group }));
    const { marginLeft, tickFormat } = words(keyed.map((row) => row.key), width);
    return Plot.plot({
      width, height: 40 + 28 * rows.length, style, marginLeft, marginRight: 22, marginTop: 8, x: shares,
      y: { label: null, tickSize: 0, tickFormat, domain: keyed.map((row) => row.key) },
      marks: [
        ...interval(keyed, "key", (row) => row.clean, { colour: "var(--clean)", hollow: true, dy: -4, thick: 2 }),
        ...interval(keyed.filter((row) => !row.small), "key", (row) => row.robust, { colour: "var(--accent)", dy: 4 }),
        ...interval(keyed.filter((row) => row.small), "key", (row) => row.robust, { colour: "var(--accent)", dy: 4, hollow: true }),
        tip(keyed, { y: "key", x: (row) => row.robust.value }, (row) =>
          `${row.group}, n = ${whole(row.n)}${row.small ? ", few" : ""}\nclean ${told(row.clean)}\nrobust ${told(row.robust)}`),
      ],
    });
  }

  function confusion(found, width) {
    const cells = found.pairs.map(([from, to, rows]) => ({ from, to, rows }));
    const most = d3.max(cells, (cell) => cell.rows) ?? 1;
    const every = d3.cross(found.classes, found.classes).map(([from, to]) => ({ from, to }));
    const { marginLeft, tickFormat } = words(found.classes, width);
    const side = Math.min(40, (width - marginLeft - 10) / found.classes.length);
    const longest = Math.min(22, d3.max(found.classes, (name) => name.length));
    const slanted = longest * 7 > side;
    const deep = slanted ? 20 + longest * 7 : 34;
    const dark = (cell) => cell.rows / most > 0.45;
    const apart = Math.ceil(11 / side); // names that would lie on one another are left out
    const axis = { domain: found.classes, tickSize: 0, tickFormat, ticks: found.classes.filter((_, i) => i % apart === 0) };
    return Plot.plot({
      width: marginLeft + 10 + side * found.classes.length, height: 8 + deep + side * found.classes.length, style,
      marginLeft, marginRight: 10, marginTop: 8, marginBottom: deep, padding: 0.06,
      x: { ...axis, label: null, tickRotate: slanted ? -90 : 0, tickFormat: (name) => short(name, longest) }, y: { ...axis, label: null },
      opacity: { domain: [0, 1], range: [0, 1] },
      marks: [
        Plot.cell(every, { x: "to", y: "from", fill: (cell) => (cell.from === cell.to ? "var(--page)" : "var(--track)"), fillOpacity: 0.75 }),
        Plot.cell(cells, { x: "to", y: "from", fill: "var(--accent)", fillOpacity: (cell) => 0.14 + 0.86 * (cell.rows / most) }),
        side < 17 ? null : [
          Plot.text(cells.filter(dark), { x: "to", y: "from", text: "rows", fill: "var(--on-accent)" }),
          Plot.text(cells.filter((cell) => !dark(cell)), { x: "to", y: "from", text: "rows", fill: "var(--text)" }),
        ],
        Plot.tip(cells, Plot.pointer({ x: "to", y: "from", fill: "var(--page)", stroke: "var(--line)",
          title: (cell) => `${cell.from} taken for ${cell.to}: ${whole(cell.rows)}` })),
      ],
    });
  }

  function paired(rows, width) {
    const { marginLeft, tickFormat } = words(rows.map((row) => row.key), width);
    const far = Math.min(1, 1.05 * (d3.max(rows, (row) => Math.max(Math.abs(row.low), Math.abs(row.high))) || 0.1));
    const says = rows.filter((row) => row.says), open = rows.filter((row) => !row.says);
    return Plot.plot({
      width, height: 44 + 26 * rows.length, style, marginLeft, marginRight: 22, marginTop: 8,
      x: { domain: [-far, far], grid: true, ticks: Math.max(3, Math.min(9, width / 80)), label: null, tickFormat: (value) => d3.format("+.0f")(100 * value) },
      y: { label: null, tickSize: 0, tickFormat, domain: rows.map((row) => row.key) },
      marks: [
        Plot.ruleX([0], { stroke: "var(--text)" }),
        ...interval(says, "key", (row) => row, { colour: "var(--accent)" }),
        ...interval(open, "key", (row) => row, { colour: "var(--clean)", hollow: true }),
        tip(rows, { y: "key", x: "value" }, (row) => `${row.key}: ${d3.format("+.1f")(100 * row.value)} points (${d3.format("+.1f")(100 * row.low)} to ${d3.format("+.1f")(100 * row.high)})`),
      ],
    });
  }

  const makers = { rates, curve, course, attacks, fates, groups, confusion, paired };

  function draw(box) {
    const width = Math.floor(box.clientWidth);
    if (!width || box.dataset.width === String(width)) return;
    box.dataset.width = width;
    const picture = makers[box.dataset.chart](at(box.dataset.path), width);
    picture.setAttribute("aria-hidden", "true"); // its box says in words what it shows
    box.replaceChildren(picture);
  }

  const sizes = new ResizeObserver((entries) => requestAnimationFrame(() => entries.forEach((entry) => draw(entry.target))));
  for (const box of document.querySelectorAll("[data-chart]")) {
    draw(box);
    sizes.observe(box);
  }

  for (const form of document.querySelectorAll("form.filters")) {
    const all = [...document.getElementById(form.dataset.gallery).children];
    const more = document.getElementById(`more-${form.dataset.gallery}`);
    const printed = document.getElementById(`printed-${form.dataset.gallery}`);
    let most = 12; // at first: who wants to see all of them asks for more
    const sort = () => {
      const { label, attack, distance } = form.elements;
      const far = Number(distance.value) * (1 + 1e-6);
      const fits = (one) => (!label.value || one.dataset.label === label.value) && (!attack.value || one.dataset.attack === attack.value) && Number(one.dataset.distance) <= far;
      const found = all.filter(fits);
      const shown = new Set(found.slice(0, most));
      for (const one of all) one.hidden = !shown.has(one);
      form.querySelector(".found").textContent = `${shown.size} shown of ${found.length} that fit, ${all.length} in all`;
      form.querySelector(".far").textContent = d3.format(".4~g")(Number(distance.value));
      more.hidden = shown.size === found.length;
      more.textContent = `Show all ${found.length}`;
      printed.textContent = shown.size < all.length ? `On paper: ${shown.size} of these ${all.length} rows; on a screen the page shows all.` : "";
    };
    more.addEventListener("click", () => {
      most = Infinity;
      sort();
    });
    form.hidden = false;
    form.addEventListener("input", sort);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => requestAnimationFrame(sort));
    sort();
  }

  const root = document.documentElement;
  const toggle = document.getElementById("colours");
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefers.matches);
  const name = () => (toggle.textContent = isDark() ? "Light colours" : "Dark colours");
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  prefers.addEventListener("change", name);
  name();

  for (const button of document.querySelectorAll("button.copy")) {
    const code = document.getElementById(button.dataset.code);
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected: copy with the keyboard";
      }
    });
  }

  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
})();
