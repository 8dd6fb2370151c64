(() => {
  const { hidden, redraws, number, tick, element, select, toggle, card, swatch, scroll, chart, chips } = page;
  const main = document.getElementById("main");
  const styles = { measured: 3, ideal: 8, simulated: 9, p50: 4, p95: 2, p99: 1, rate: 0, lag: 5 };
  const ms = (v) => number(v) + " ms";
  const percent = (v) => +(100 * v).toPrecision(3) + " %";
  const whole = (v) => v.toLocaleString("en");
  const dim = (...text) => element("p", { class: "dim" }, ...text);
  const table = (head, rows, classOf) => element("table", {}, element("tr", {}, ...head.map((h) => element("th", {}, h))),
    ...rows.map((cells) => element("tr", { class: classOf ? classOf(cells) : "" }, ...cells.map((c, i) => element(i ? "td" : "th", {}, String(c))))));
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

  let run, others;

  // scaled is a button between a linear and a logarithmic axis, and whether it is logarithmic: at first where values spread.
  const scaled = (title, spread, again) => {
    let log = null;
    const isLog = () => (log === null ? spread() > 6 : log);
    const button = toggle("scale of " + title, () => (isLog() ? "logarithmic" : "linear"), () => { log = !isLog(); again(); });
    return { isLog, button };
  };
  const logRange = (series) => {
    const all = series.filter((s) => !hidden.has(s.label)).flatMap((s) => s.y).filter((v) => v > 0);
    return all.length ? [Math.min(...all) / 1.15, Math.max(...all) * 1.15] : undefined;
  };

  // overTime is a card with the response of each interval, and what else there was at that time.
  const overTime = () => {
    const t = run.timeline, x = t.map((i) => i.start_s);
    const of = (name) => t.map((i) => (i.p99 > 0 ? i[name] : null));
    const span = () => { const v = t.flatMap((i) => [i.p50, i.p99]).filter((y) => y > 0); return Math.max(...v) / Math.min(...v); };
    let draw = () => {}, drawBelow = () => {};
    const scale = scaled("response over time", span, () => draw());
    let below = "rate";
    const choice = select("below", [["rate", "with the rate"], ["in_flight", "with jobs in flight"], ["errors", "with errors"], ["lag_max", "with the lag"]], (v) => { below = v; drawBelow(); });
    const c = card("Response over time, ms", [choice, scale.button], true);
    const marks = (run.stages || []).map((s) => ({ x: s.start_s, label: s.load > 0 ? "load " + tick(s.load) : tick(s.rate) + "/s" }));
    const xRange = [0, x[x.length - 1] + t[t.length - 1].length_s];
    const quantiles = ["p50", "p95", "p99"];
    c.append(chips(quantiles.map((q) => ({ label: q, style: styles[q] }))));
    const readX = (i) => `${tick(x[i])} to ${tick(x[i] + t[i].length_s)} s`;
    draw = chart(c, () => {
      const series = quantiles.map((q) => ({ label: q, style: styles[q], y: of(q) }));
      return { x, series, xRange, readX, marks, sync: "time", gaps: true, points: x.length < 40, yLog: scale.isLog(), yRange: scale.isLog() ? logRange(series) : undefined };
    });
    drawBelow = chart(c, () => {
      const series = {
        rate: { label: "jobs/s", style: styles.rate, y: t.map((i) => i.jobs / i.length_s) },
        in_flight: { label: "most jobs in flight", style: styles.rate, y: t.map((i) => i.in_flight) },
        errors: { label: "jobs in error", style: styles.lag, y: t.map((i) => i.errors) },
        lag_max: { label: "most lag, ms", style: styles.lag, y: t.map((i) => i.lag_max) },
      }[below];
      return { x, series: [{ ...series, fill: "22" }], xRange, readX, sync: "time", height: 140, xLabel: "intended start, s", yRange: [0, Math.max(...series.y, 1e-3) * 1.1] };
    });
    return c;
  };

  // A percentile p stands at log₁₀(1/(1 − p)), so that each nine takes as much room as the one before.
  const place = (p, count) => (p >= 100 ? Math.log10(Math.max(count, 10)) : -Math.log10(1 - p / 100));
  const fraction = (x) => 100 * (1 - 10 ** -x);
  const percentile = (x) => String(+fraction(x).toFixed(Math.max(1, Math.ceil(x))));
  const nines = (self, axis, low, high) => [0, -Math.log10(0.5), 1, 2, 3, 4, 5, 6, 7, 8].filter((v) => v >= low - 1e-9 && v <= high + 1e-9);
  const nine = (v) => (v === 0 ? "0" : v < 1 ? "50" : "9".repeat(Math.min(v, 2)).padEnd(2, "0") + (v > 2 ? "." + "9".repeat(v - 2) : "")) + " %";

  // percentiles is a card with distributions along an axis of nines.
  const percentiles = (title, curves) => {
    const placed = curves.filter((c) => c.points && c.points.length > 1).map((c) => {
      const at = c.points.map((p) => [place(p.percentile, p.count), p.ms]);
      return { ...c, at: at.filter((p, i) => i === at.length - 1 || at[i + 1][0] > p[0]) };
    });
    if (!placed.length) return null;
    const end = Math.max(...placed.filter((c) => !c.quiet).map((c) => c.at[c.at.length - 1][0]));
    const n = 400, grid = Array.from({ length: n + 1 }, (_, i) => (end * i) / n);
    const series = placed.map((c) => {
      let k = 0;
      return { label: c.label, style: c.style, quiet: c.quiet, y: grid.map((x) => {
        while (k < c.at.length - 1 && c.at[k][0] < x) k++;
        const [x1, y1] = c.at[k], [x0, y0] = k ? c.at[k - 1] : c.at[0];
        return x > x1 + 1e-9 ? null : x1 > x0 && x > x0 ? y0 + ((y1 - y0) * (x - x0)) / (x1 - x0) : k ? y1 : y0;
      }) };
    });
    const span = () => { const v = series.flatMap((s) => s.y).filter((y) => y > 0); return Math.max(...v) / Math.min(...v); };
    let draw = () => {};
    const scale = scaled(title, span, () => draw());
    const c = card(title, [scale.button]);
    const named = series.filter((s) => !s.quiet);
    if (named.length > 1) c.append(chips(named));
    draw = chart(c, () => ({ x: grid, series, xRange: [0, end * 1.01], xSplits: nines, xTick: nine, xLabel: "percentile", yLog: scale.isLog(), yRange: scale.isLog() ? logRange(series) : undefined, readX: (i) => "p" + percentile(grid[i]) }));
    return c;
  };

  const quantities = ["mean", "p50", "p90", "p95", "p99"];

  // bound is a card that sets the run beside what the same jobs take elsewhere.
  const bound = () => {
    const b = run.bound;
    if (!b) return null;
    const c = card("Beside the bound", []);
    if (b.skipped) {
      c.append(dim("Not simulated: " + b.skipped + "."));
      return c;
    }
    const kinds = [["ideal", b.ideal, b.ratio_ideal], ["simulated", b.simulated, b.ratio_simulated]].filter((k) => k[1]);
    c.append(scroll(table(["response, ms", "measured", ...kinds.flatMap(([name]) => [name, "ratio"])],
      quantities.map((q) => [q, number(run.response_ms[q]), ...kinds.flatMap(([, r, ratio]) => [number(r.response_ms[q]), ratio[q] ? ratio[q].toFixed(3) : "–"])]))));
    const delays = b.delays, parts = [];
    if (b.ideal) parts.push(`Ideal is one queue that knows every slot and costs nothing. `);
    if (b.simulated) {
      parts.push(`Simulated is policy ${b.simulated.policy} with ${ms(delays.net_delay_ms)} between scheduler and worker, ${ms(delays.client_delay_ms)} between client and scheduler, each way, and ${ms(delays.task_overhead_ms)} a task (${delays.from}). `);
    }
    c.append(dim(...parts, "Both had the same arrivals and the service times as measured."));
    return c;
  };

  const shades = { lag: "#b3478f", wait: "#e0823d", service: "#4c8dd6", rest: "#8f8f9e" };
  const parts = [["service", "service"], ["wait", "wait"], ["rest", "messages and handling"], ["lag", "generator's lag"]];

  // breakdown is a card that says what the mean response consists of, as a whole and over time.
  const breakdown = () => {
    const b = run.breakdown_ms, total = parts.reduce((sum, [key]) => sum + b[key], 0);
    if (!(total > 0)) return null;
    const c = card("Where the mean response goes", []);
    const bar = element("div", { class: "bar" });
    for (const [key, name] of parts) {
      const i = element("i", { title: `${name} ${ms(b[key])}` });
      i.style.cssText = `width:${(100 * b[key]) / total}%;background:${shades[key]}`;
      bar.append(i);
    }
    c.append(element("div", { class: "bars" }, element("span", {}, "all jobs"), element("div", { class: "barline" }, bar, element("span", {}, ms(total)))),
      element("div", { class: "parts" }, ...parts.map(([key, name]) => element("span", {}, swatch(shades[key]), `${name} ${ms(b[key])} (${percent(b[key] / total)})`))));
    const t = run.timeline;
    if (t.length > 1) {
      const x = t.map((i) => i.start_s);
      const has = t.map((i) => i.service + i.wait + i.rest + i.lag > 0);
      let below = t.map(() => 0);
      const stacked = parts.map(([key, name]) => {
        below = below.map((v, i) => v + t[i][key]);
        return { label: name, shade: shades[key], fill: true, y: below.map((v, i) => (has[i] ? v : null)), read: t.map((i) => i[key]) };
      });
      chart(c, () => ({ x, series: [...stacked].reverse(), gaps: true, height: 200, xLabel: "intended start, s", yRange: [0, Math.max(...below) * 1.05 || 1], readX: (i) => `${tick(x[i])} s, ms:` }));
    }
    c.append(dim("Along the task whose outcome came last, so that the parts add up to the response of the job."));
    return c;
  };

  // times is a card with the distributions in numbers.
  const times = () => {
    const names = ["mean", "p50", "p90", "p95", "p99", "p999", "max"];
    const rows = [["response", run.response_ms], ["wait", run.wait_ms], ["service", run.service_ms], ["accept", run.accept_ms], ["lag", run.lag_ms]];
    const c = card("Times, ms", []);
    c.append(scroll(table(["", ...names.map((n) => (n === "p999" ? "p99.9" : n))], rows.map(([name, d]) => [name, ...names.map((n) => number(d[n]))]))));
    const limit = Math.max(2, 0.05 * run.response_ms.p50);
    c.append(dim(`Accept: how long schedulers took to accept a job. A run is valid if the lag’s p99 is at most ${ms(limit)}, which is 2 ms or 5 % of the response’s median.`));
    return c;
  };

  // workers is a card with a bar for each worker, the largest first.
  const workers = () => {
    const all = run.per_worker || [];
    if (!all.length) return null;
    const metrics = {
      utilization: ["utilisation, %", (w) => 100 * w.utilization], tasks: ["tasks", (w) => w.tasks], per_slot: ["tasks per slot", (w) => (w.slots ? w.tasks / w.slots : null)],
      failed: ["failed tasks", (w) => w.failed], wait_ms: ["mean wait, ms", (w) => w.wait_ms], service_ms: ["mean service, ms", (w) => w.service_ms],
    };
    let key = "utilization", draw = () => {};
    const c = card("Balance of workers", [select("metric of workers", Object.entries(metrics).map(([k, m]) => [k, m[0]]), (v) => { key = v; sum(); draw(); })]);
    const tiles = element("div", { class: "tiles" });
    const sorted = () => {
      const of = metrics[key][1];
      return all.map((w) => ({ w, v: of(w) })).filter((e) => e.v !== null).sort((a, b) => b.v - a.v);
    };
    const sum = () => {
      const values = sorted().map((e) => e.v), m = values.length ? mean(values) : 0;
      const deviation = Math.sqrt(values.length > 1 ? values.reduce((s, v) => s + (v - m) ** 2, 0) / (values.length - 1) : 0);
      const tile = (name, v) => element("span", {}, name + " ", element("b", {}, v));
      tiles.replaceChildren(tile("workers", whole(values.length)), tile("most", number(values[0])), tile("mean", number(m)), tile("least", number(values[values.length - 1])), tile("deviation", m > 0 ? percent(deviation / m) : "–"));
    };
    sum();
    draw = chart(c, () => {
      const e = sorted();
      return { x: e.map((_, i) => i), series: [{ label: metrics[key][0], style: styles.measured, y: e.map((v) => v.v), fill: "99" }], bars: true, height: 220, xRange: [-0.6, Math.max(e.length, 2) - 0.4],
        xSplits: () => [], yRange: [0, Math.max(...e.map((v) => v.v), 1e-9) * 1.08], readX: (i) => e[i].w.worker };
    });
    c.append(tiles, later(`all ${whole(all.length)} in numbers`, () => table(["worker", "slots", "tasks", "failed", "utilisation", "mean wait, ms", "mean service, ms"],
      all.map((w) => [w.worker, w.slots || "–", whole(w.tasks), whole(w.failed), percent(w.utilization), number(w.wait_ms), number(w.service_ms)]))));
    return c;
  };

  // later is a folded part that is made when it is opened.
  const later = (title, make) => {
    const d = element("details", {}, element("summary", {}, title));
    d.addEventListener("toggle", () => { if (d.open && d.children.length === 1) d.append(element("div", { class: "scroll tall" }, make())); });
    return d;
  };

  const users = () => {
    const all = run.users || [];
    if (!all.length || (all.length === 1 && !all[0].user)) return null;
    const c = card("Users", [], true);
    c.append(element("div", { class: "scroll tall" }, table(["user", "jobs", "tasks", "in error", "mean, ms", "p50", "p95", "p99", "max"],
      all.map((u) => [u.user || "(none)", whole(u.jobs), whole(u.tasks), whole(u.errors), ...["mean", "p50", "p95", "p99", "max"].map((q) => number(u.response_ms[q]))]))));
    return c;
  };

  const errors = () => {
    const all = Object.entries(run.errors || {}).sort((a, b) => b[1] - a[1]);
    const c = card("Errors", []);
    c.append(all.length ? scroll(table(["code", "jobs", "of all"], all.map(([code, n]) => [code, whole(n), percent(n / Math.max(run.jobs, 1))])))
      : dim(`None of ${whole(run.jobs)} jobs ended in error.`));
    if (run.failed_tasks) c.append(dim(`${whole(run.failed_tasks)} of ${whole(run.tasks)} tasks did not end ok.`));
    return c;
  };

  const stages = () => {
    const all = run.stages || [];
    if (!all.length) return null;
    const c = card("Stages", [], true);
    const sum = (e) => Object.values(e || {}).reduce((a, b) => a + b, 0);
    c.append(scroll(table(["from", "load", "jobs/s", "jobs", "in error", "utilisation", "mean, ms", "p50", "p95", "p99", "max", "wait p50", "lag p99"],
      all.map((s) => [tick(s.start_s) + " s", s.load ? tick(s.load) : "–", number(s.rate), whole(s.jobs), whole(sum(s.errors)), percent(s.utilization),
        ...["mean", "p50", "p95", "p99", "max"].map((q) => number(s.response_ms[q])), number(s.wait_ms.p50), number(s.lag_ms.p99)]))));
    return c;
  };

  const show = (i) => {
    run = data.runs[i];
    others = data.runs.filter((r) => r !== run);
    redraws.length = 0;
    const cards = element("div", { class: "cards" });
    const quiet = (field) => others.slice(0, 30).map((r) => ({ label: "measured", style: styles.measured, quiet: true, points: r[field] }));
    const beside = run.bound && !run.bound.skipped ? run.bound : {};
    const all = [
      run.timeline.length > 1 && overTime(),
      percentiles("Percentiles of the response, ms", [
        ...quiet("response_curve"),
        { label: "measured", style: styles.measured, points: run.response_curve },
        { label: "ideal", style: styles.ideal, points: beside.ideal && beside.ideal.response_curve },
        { label: "simulated", style: styles.simulated, points: beside.simulated && beside.simulated.response_curve },
      ]),
      bound(), breakdown(),
      percentiles("Percentiles of the wait of tasks, ms", [...quiet("wait_curve"), { label: "wait", style: styles.measured, points: run.wait_curve }]),
      workers(), times(), errors(), stages(), users(),
    ];
    cards.append(...all.filter(Boolean));
    box.replaceChildren(cards);
    redraws.forEach((f) => f());
  };

  const box = element("div");
  if (data.runs.length > 1) {
    main.append(element("div", { class: "pick" }, select("run", data.runs.map((r, i) => [String(i), `run ${r.repeat || i + 1}, seed ${r.seed}${r.valid ? "" : ", invalid"}`]), (v) => show(Number(v))),
      element("span", { class: "dim" }, " is shown below; the others are thin lines beside it.")));
  }
  main.append(box);
  show(0);
})();
