"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const metric = Object.fromEntries(report.metrics.map((m, i) => [m.name, i]));
  const labels = [...new Set(report.panels.flatMap((p) => p.curves.map((c) => c.label)))];
  const style = new Map(report.panels.flatMap((p) => p.curves.map((c) => [c.label, c.style])));
  const dashes = [[], [6, 4], [2, 4], [10, 4, 2, 4]];
  const hidden = new Set();
  const redraws = []; // one function a chart
  const colour = (label, alpha) => {
    const list = dark.matches ? palette.dark : palette.light;
    return list[style.get(label) % list.length] + (alpha || "");
  };
  const dash = (label) => dashes[Math.floor(style.get(label) / palette.light.length) % dashes.length];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const named = (c) => c.label || "all runs";
  const xTitle = (report.x || "point") + (report.x_unit ? ", " + report.x_unit : "");
  const number = (v) => v === null || v === undefined ? "–" : v === 0 ? "0" : Math.abs(v) >= 1000 ? Math.round(v).toLocaleString("en") :
    Math.abs(v) < 0.001 ? v.toExponential(1) : String(+v.toPrecision(4));
  const tick = (v) => v >= 1e6 ? v.toExponential(0) : String(+v.toPrecision(6));

  // logSplits are round numbers between the ends of a logarithmic axis: the more, the fewer powers of ten it spans.
  const logSplits = (self, axis, low, high) => {
    const span = high / low;
    const leads = span > 1e4 ? [1] : span > 12 ? [1, 2, 5] : span > 4 ? [1, 2, 3, 5, 7] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
    const splits = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) {
      for (const lead of leads) {
        const v = +(lead * 10 ** e).toPrecision(3);
        if (v >= low && v <= high) splits.push(v);
      }
    }
    return splits;
  };

  const element = (tag, attributes, ...children) => {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(attributes || {})) k === "class" ? (e.className = v) : e.setAttribute(k, v);
    e.append(...children);
    return e;
  };
  const select = (label, options, change) => {
    const s = element("select", { "aria-label": label }, ...options.map(([value, text]) => element("option", { value }, text)));
    s.addEventListener("change", () => change(s.value));
    return s;
  };
  const card = (title, tools, wide) => {
    const bar = element("div", { class: "tools" }, ...tools);
    const c = element("section", { class: wide ? "card wide" : "card" }, element("div", { class: "head" }, element("h3", {}, title), bar));
    return c;
  };

  // chart draws curves into a box, again whenever its width, the colours or what is hidden change. make returns
  // {x, series: [{label, y, low, high}], xLog, yLog, xLabel, unit, step, range}, with every y as long as x.
  const chart = (box, make) => {
    const plot = element("div"), readout = element("div", { class: "readout" });
    box.append(plot, readout);
    let u = null;
    const draw = () => {
      if (u) u.destroy();
      const d = make();
      const shown = d.series.filter((s) => !hidden.has(s.label));
      const data = [d.x], series = [{}], bands = [];
      for (const s of shown) {
        const stroke = colour(s.label);
        data.push(s.y);
        series.push({ label: named(s), stroke, width: 2, dash: dash(s.label), points: { show: d.points, size: 6, fill: stroke }, spanGaps: true });
        if (s.low) {
          data.push(s.high, s.low);
          const edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
          bands.push({ series: [series.length, series.length + 1], fill: colour(s.label, "2e") });
          series.push(edge, edge);
        }
      }
      const axis = { stroke: css("--dim"), grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--line"), width: 1, size: 5 }, font: "12px system-ui, sans-serif" };
      const values = (self, splits) => splits.map((v) => v === null ? "" : tick(v));
      u = new uPlot({
        width: Math.max(240, plot.clientWidth), height: plot.clientWidth < 420 ? 250 : 300, bands, series,
        legend: { show: false },
        cursor: { points: { size: 7 }, drag: { x: true, y: false } },
        scales: {
          x: { time: false, distr: d.xLog ? 3 : 1, range: d.xRange && (() => d.xRange) },
          y: { distr: d.yLog ? 3 : 1, range: d.yRange && (() => d.yRange) },
        },
        axes: [
          { ...axis, label: d.xLabel, labelFont: "12px system-ui, sans-serif", labelSize: 20, size: 34, values, splits: d.xLog ? logSplits : undefined, filter: (self, splits) => splits },
          { ...axis, size: 56, values, splits: d.yLog ? logSplits : undefined, filter: (self, splits) => splits },
        ],
        hooks: {
          setCursor: [(self) => {
            const i = self.cursor.idx;
            readout.replaceChildren();
            if (i === null || i === undefined) return;
            readout.append(element("span", {}, d.readX(i)));
            for (const s of shown) {
              if (s.y[i] === null || s.y[i] === undefined) continue;
              const text = s.low && s.high[i] > s.low[i] ? ` ${number(s.y[i])} ± ${number((s.high[i] - s.low[i]) / 2)}` : ` ${number(s.y[i])}`;
              const b = element("b", {}, named(s));
              b.style.color = colour(s.label);
              readout.append(element("span", {}, b, text));
            }
          }],
        },
      }, data, plot);
    };
    redraws.push(draw);
    let width = 0;
    new ResizeObserver(() => {
      if (Math.abs(plot.clientWidth - width) < 2) return;
      width = plot.clientWidth;
      requestAnimationFrame(draw);
    }).observe(plot);
  };

  // along returns the curves of one metric along x.
  const along = (panel, name, yLog) => {
    const x = [...new Set(panel.curves.flatMap((c) => c.points.map((p) => p.x)))].sort((a, b) => a - b);
    const positive = (v) => yLog && v <= 0 ? null : v;
    const series = panel.curves.map((c) => {
      const at = new Map(c.points.map((p) => [p.x, p.values[metric[name]]]));
      const pick = (f) => x.map((v) => (at.has(v) ? positive(f(at.get(v))) : null));
      const least = Math.min(...c.points.map((p) => p.values[metric[name]].mean).filter((v) => v > 0));
      return { label: c.label, y: pick((e) => e.mean), low: pick((e) => (yLog ? Math.max(e.low, least / 2) : e.low)), high: pick((e) => e.high) };
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
    const again = () => { button.textContent = isLog() ? "logarithmic" : "linear"; draw(); };
    const tools = [];
    if (options.length > 1) tools.push(select(title, options, (v) => { name = v; again(); }));
    const button = element("button", { class: "tool", type: "button", "aria-label": "scale of " + title }, isLog() ? "logarithmic" : "linear");
    button.addEventListener("click", () => { log = !isLog(); again(); });
    tools.push(button);
    const c = card(title, tools);
    chart(c, () => {
      const d = along(panel, name, isLog());
      const pad = (d.x[d.x.length - 1] - d.x[0]) * 0.02 || 0.5;
      const all = d.series.filter((s) => !hidden.has(s.label)).flatMap((s) => [...s.y, ...s.high]).filter((v) => v > 0);
      const yRange = isLog() && all.length ? [Math.min(...all) / 1.15, Math.max(...all) * 1.15] : undefined;
      return { ...d, points: true, yRange, yLog: isLog(), xLabel: xTitle, xRange: [d.x[0] - pad, d.x[d.x.length - 1] + pad], readX: (i) => `${report.x || "point"} ${tick(d.x[i])}` };
    });
    const draw = redraws[redraws.length - 1];
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
    const button = element("button", { class: "tool", type: "button" }, "whole");
    button.addEventListener("click", () => { tail = !tail; button.textContent = tail ? "tail" : "whole"; draw(); });
    const c = card(title, [...point.tools, button]);
    chart(c, () => {
      const curves = panel.curves.map((k) => ({ label: k.label, q: pointAt(k, x)?.[field] })).filter((k) => k.q);
      const positive = curves.flatMap((k) => k.q).filter((v) => v > 0);
      const low = Math.max(Math.min(...positive), Math.max(...positive) / 1e4), high = Math.max(...positive);
      const n = 400, grid = Array.from({ length: n + 1 }, (_, i) => low * (high / low) ** (i / n));
      const shape = (f) => (f === null ? null : tail ? (f < 1 ? 1 - f : null) : f);
      const series = curves.map((k) => ({ label: k.label, y: grid.map((v) => shape(fractionBelow(k.q, v))) }));
      return { x: grid, series, points: false, xLog: high / low > 3, xRange: [low, high], yLog: tail, xLabel: unit + (tail ? " — fraction above" : " — fraction at or below"),
        yRange: tail ? [1e-4, 1] : [0, 1], readX: (i) => `${number(grid[i])} ms` };
    });
    draw = redraws[redraws.length - 1];
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
    c.append(bars, element("div", { class: "parts" }, ...parts.map(([name, shade]) => {
      const i = element("i");
      i.style.background = shade;
      return element("span", {}, i, name);
    })), element("p", { class: "dim" }, "Service and wait are means over tasks. A job ends with its last task, so the rest is what that one takes beyond the mean task, and the hops to and from the worker."));
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
        return [element("span", {}, named(r.k)), element("div", { class: "barline" }, bar, element("span", {}, number(r.total) + " ms"))];
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
    const box = element("div", { class: "scroll" });
    const draw = () => {
      const head = element("tr", {}, element("th", {}, report.x || ""), ...curves.map((k) => element("th", {}, named(k))));
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
    const box = element("div", { class: "scroll" });
    const draw = () => {
      const head = element("tr", {}, element("th", {}, report.x || ""), ...panel.curves.map((k) => element("th", {}, named(k))));
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
  const main = document.getElementById("panels");
  if (labels.length > 1) {
    const chips = element("div", { class: "chips", role: "group", "aria-label": "curves" });
    for (const label of labels) {
      const swatch = element("span", { class: "swatch" });
      const paint = () => { swatch.style.borderTopColor = colour(label); swatch.style.borderTopStyle = dash(label).length ? "dashed" : "solid"; };
      const chip = element("button", { class: "chip", type: "button", "aria-pressed": "true" }, swatch, label);
      chip.addEventListener("click", () => {
        hidden.has(label) ? hidden.delete(label) : hidden.add(label);
        chip.setAttribute("aria-pressed", String(!hidden.has(label)));
        redraws.forEach((f) => f());
      });
      redraws.push(paint);
      paint();
      chips.append(chip);
    }
    main.append(chips);
  }
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
  dark.addEventListener("change", () => redraws.forEach((f) => f()));
})();
