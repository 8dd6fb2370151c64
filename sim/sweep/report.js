(() => {
  const report = data;
  const { hidden, redraws, number, tick, element, select, toggle, card, swatch, scroll, chart, chips } = page;
  const metric = Object.fromEntries(report.metrics.map((m, i) => [m.name, i]));
  for (const c of report.panels.flatMap((p) => p.curves)) c.label ||= "all runs";
  const style = new Map(report.panels.flatMap((p) => p.curves.map((c) => [c.label, c.style])));
  const xTitle = (report.x || "point") + (report.x_unit ? ", " + report.x_unit : "");

  // along returns the curves of one metric along x.
  const along = (panel, name, yLog) => {
    const x = [...new Set(panel.curves.flatMap((c) => c.points.map((p) => p.x)))].sort((a, b) => a - b);
    const positive = (v) => yLog && v <= 0 ? null : v;
    const series = panel.curves.map((c) => {
      const at = new Map(c.points.map((p) => [p.x, p.values[metric[name]]]));
      const pick = (f) => x.map((v) => (at.has(v) ? positive(f(at.get(v))) : null));
      const least = Math.min(...c.points.map((p) => p.values[metric[name]].mean).filter((v) => v > 0));
      return { label: c.label, style: c.style, y: pick((e) => e.mean), low: pick((e) => (yLog ? Math.max(e.low, least / 2) : e.low)), high: pick((e) => e.high) };
    });
    return { x, series };
  };

  const spread = (panel, name) => {
    const all = panel.curves.flatMap((c) => c.points.map((p) => p.values[metric[name]].mean)).filter((v) => v > 0);
    return Math.max(...all) / Math.min(...all) > 6;
  };

  // lines is a card with one metric along x, and the others to choose from.
  const lines = (panel, title, options) => {
    let name = options[0][0], log = null;
    const isLog = () => (log === null ? spread(panel, name) : log);
    let draw = () => {};
    const button = toggle("scale of " + title, () => (isLog() ? "logarithmic" : "linear"), () => { log = !isLog(); draw(); });
    const choice = options.length > 1 ? [select(title, options, (v) => { name = v; button.refresh(); draw(); })] : [];
    const c = card(title, [...choice, button]);
    draw = chart(c, () => {
      const d = along(panel, name, isLog());
      const pad = (d.x[d.x.length - 1] - d.x[0]) * 0.02 || 0.5;
      const all = d.series.filter((s) => !hidden.has(s.label)).flatMap((s) => [...s.y, ...s.high]).filter((v) => v > 0);
      const yRange = isLog() && all.length ? [Math.min(...all) / 1.15, Math.max(...all) * 1.15] : undefined;
      return { ...d, points: true, yRange, yLog: isLog(), xLabel: xTitle, xRange: [d.x[0] - pad, d.x[d.x.length - 1] + pad], readX: (i) => `${report.x || "point"} ${tick(d.x[i])}` };
    });
    return c;
  };

  // fractionBelow interpolates a distribution function between quantiles.
  const fractionBelow = (quantiles, v) => {
    if (v < quantiles[0]) return null;
    const n = quantiles.length;
    if (v >= quantiles[n - 1]) return 1;
    let low = 0, high = n - 1;
    while (high - low > 1) { const m = (low + high) >> 1; quantiles[m] <= v ? (low = m) : (high = m); }
    const width = quantiles[high] - quantiles[low];
    return report.ranks[low] + (width > 0 ? (v - quantiles[low]) / width : 1) * (report.ranks[high] - report.ranks[low]);
  };

  const points = (panel) => [...new Map(panel.curves.flatMap((c) => c.points.map((p) => [p.x, p.x_text]))).entries()].sort((a, b) => a[0] - b[0]);
  const pointAt = (curve, x) => curve.points.find((p) => p.x === x);
  const pointSelect = (panel, label, change) => {
    const all = points(panel);
    const start = all[Math.max(0, all.findIndex(([, t]) => t === "0.9"))][0];
    const chosen = all.some(([, t]) => t === "0.9") ? start : all[all.length - 1][0];
    const s = select(label, all.map(([x, text]) => [String(x), `${report.x} ${text}`]), (v) => change(Number(v)));
    s.value = String(chosen);
    return { chosen, tools: all.length > 1 ? [s] : [] };
  };

  // distribution is a card with the distribution functions at one x.
  const distribution = (panel, title, field, unit) => {
    let draw = () => {};
    const point = pointSelect(panel, "point of " + title, (v) => { x = v; draw(); });
    let x = point.chosen, tail = false;
    const button = toggle("part of " + title, () => (tail ? "tail" : "whole"), () => { tail = !tail; draw(); });
    const c = card(title, [...point.tools, button]);
    draw = chart(c, () => {
      const curves = panel.curves.map((k) => ({ label: k.label, style: k.style, q: pointAt(k, x)?.[field] })).filter((k) => k.q);
      const positive = curves.flatMap((k) => k.q).filter((v) => v > 0);
      const low = Math.max(Math.min(...positive), Math.max(...positive) / 1e4), high = Math.max(...positive);
      const n = 400, grid = Array.from({ length: n + 1 }, (_, i) => low * (high / low) ** (i / n));
      const shape = (f) => (f === null ? null : tail ? (f < 1 ? 1 - f : null) : f);
      const series = curves.map((k) => ({ label: k.label, style: k.style, y: grid.map((v) => shape(fractionBelow(k.q, v))) }));
      return { x: grid, series, points: false, xLog: high / low > 3, xRange: [low, high], yLog: tail, xLabel: unit + (tail ? " — fraction above" : " — fraction at or below"),
        yRange: tail ? [1e-4, 1] : [0, 1], readX: (i) => `${number(grid[i])} ms` };
    });
    return c;
  };

  // breakdown is a card that says what the mean response consists of at one x.
  const breakdown = (panel) => {
    const parts = [["service", "#4c8dd6"], ["wait", "#e0823d"], ["network and the last task", "#8f8f9e"]];
    let draw = () => {};
    const point = pointSelect(panel, "point of the breakdown", (v) => { x = v; draw(); });
    let x = point.chosen;
    const c = card("Where the mean response goes", point.tools, true);
    const bars = element("div", { class: "bars" });
    c.append(bars, element("div", { class: "parts" }, ...parts.map(([name, shade]) => element("span", {}, swatch(shade), name))), element("p", { class: "dim" }, "Service and wait are means over tasks. A job ends with its last task, so the rest is what that one takes beyond the mean task, and the hops to and from the worker."));
    draw = () => {
      const rows = panel.curves.filter((k) => !hidden.has(k.label)).map((k) => ({ k, p: pointAt(k, x) })).filter((r) => r.p).map(({ k, p }) => {
        const get = (name) => p.values[metric[name]].mean;
        const total = get("response_mean_ms"), service = get("service_mean_ms"), wait = get("wait_mean_ms");
        return { k, total, sizes: [service, wait, Math.max(0, total - service - wait)] };
      });
      const most = Math.max(...rows.map((r) => r.total));
      bars.replaceChildren(...rows.flatMap((r) => {
        const bar = element("div", { class: "bar" });
        r.sizes.forEach((s, i) => {
          const e = element("i", { title: `${parts[i][0]} ${number(s)} ms` });
          e.style.cssText = `width:${(100 * s) / most}%;background:${parts[i][1]}`;
          bar.append(e);
        });
        return [element("span", {}, r.k.label), element("div", { class: "barline" }, bar, element("span", {}, number(r.total) + " ms"))];
      }));
    };
    redraws.push(draw);
    draw();
    return c;
  };

  // ratios is a card with the table of ratios to policy ideal.
  const ratios = (panel) => {
    const all = points(panel);
    const curves = panel.curves.filter((k) => k.points.some((p) => p.to_ideal));
    if (!curves.length) return null;
    let which = 0;
    const c = card("Ratio to ideal", [select("ratio of", [["0", "mean response"], ["1", "p50 response"], ["2", "p99 response"]], (v) => { which = Number(v); draw(); })], true);
    const box = scroll();
    const draw = () => {
      const head = element("tr", {}, element("th", {}, report.x || ""), ...curves.map((k) => element("th", {}, k.label)));
      const rows = all.map(([x, text]) => element("tr", {}, element("td", {}, text || "–"), ...curves.map((k) => {
        const e = pointAt(k, x)?.to_ideal?.[which];
        const cell = element("td", {}, e ? e.mean.toFixed(3) : "–");
        if (e && e.high > e.low) cell.append(element("small", {}, ` ± ${((e.high - e.low) / 2).toFixed(3)}`));
        return cell;
      })));
      box.replaceChildren(element("table", {}, head, ...rows));
    };
    draw();
    c.append(box, element("p", { class: "dim" }, "Seed by seed on the same jobs, then averaged. Ideal is one first-in, first-out queue that knows every slot: what a fleet that does not know service times can hope for."));
    return c;
  };

  // table is a card with the numbers, for one metric.
  const table = (panel) => {
    const all = points(panel);
    let name = report.metrics[0].name;
    const c = card("Numbers", [select("metric", report.metrics.map((m) => [m.name, m.name]), (v) => { name = v; draw(); })], true);
    const box = scroll();
    const draw = () => {
      const head = element("tr", {}, element("th", {}, report.x || ""), ...panel.curves.map((k) => element("th", {}, k.label)));
      const rows = all.map(([x, text]) => element("tr", {}, element("td", {}, text || "–"), ...panel.curves.map((k) => {
        const e = pointAt(k, x)?.values[metric[name]];
        const cell = element("td", {}, e ? number(e.mean) : "–");
        if (e && e.high > e.low) cell.append(element("small", {}, ` ± ${number((e.high - e.low) / 2)}`));
        return cell;
      })));
      box.replaceChildren(element("table", {}, head, ...rows));
    };
    draw();
    c.append(box);
    return c;
  };

  const quantities = (kind, list) => list.map((q) => [`${kind}_${q}_ms`, q === "p999" ? "p99.9" : q]);
  const main = document.getElementById("main");
  if (style.size > 1) main.append(chips([...style].map(([label, style]) => ({ label, style }))));
  for (const panel of report.panels) {
    if (panel.label) main.append(element("h2", {}, panel.label));
    const cards = element("div", { class: "cards" });
    main.append(cards);
    if (points(panel).length > 1) {
      cards.append(
        lines(panel, "Response of jobs, ms", quantities("response", ["mean", "p50", "p90", "p95", "p99", "p999", "max"])),
        lines(panel, "Wait of tasks, ms", quantities("wait", ["mean", "p50", "p95", "p99", "p999"])),
      );
    }
    cards.append(distribution(panel, "Distribution of response", "response_ms", "response, ms"), distribution(panel, "Distribution of wait", "wait_ms", "wait, ms"));
    if (points(panel).length > 1) {
      cards.append(
        lines(panel, "Messages per task", [["messages_per_task", "messages"]]),
        lines(panel, "Utilisation", [["utilization", "utilisation"]]),
      );
    }
    cards.append(breakdown(panel));
    const r = ratios(panel);
    if (r) cards.append(r);
    cards.append(table(panel));
  }
})();
