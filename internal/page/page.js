"use strict";

// page is what all reports draw with: elements, cards, charts. A report's own script comes behind it, with its numbers in data.
const page = (() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const dashes = [[], [6, 4], [2, 4], [10, 4, 2, 4]];
  const hidden = new Set(); // labels of series that are switched off
  const redraws = []; // one function a chart

  // A style is a colour, and once all have been used, dashes.
  const colour = (style, alpha) => {
    const list = dark.matches ? palette.dark : palette.light;
    return list[style % list.length] + (alpha || "");
  };
  const dash = (style) => dashes[Math.floor(style / palette.light.length) % dashes.length];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
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

  // element makes an element. Children that are strings become text, whatever is in them.
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
  // toggle is a button that says which of two or more ways a chart is drawn.
  const toggle = (label, text, change) => {
    const b = element("button", { class: "tool", type: "button", "aria-label": label }, text());
    b.addEventListener("click", () => { change(); b.textContent = text(); });
    b.refresh = () => { b.textContent = text(); };
    return b;
  };
  const card = (title, tools, wide) => element("section", { class: wide ? "card wide" : "card" },
    element("div", { class: "head" }, element("h3", {}, title), element("div", { class: "tools" }, ...tools)));
  const swatch = (shade) => {
    const i = element("i");
    i.style.background = shade;
    return i;
  };
  const scroll = (...children) => element("div", { class: "scroll" }, ...children);

  // chart draws curves into a box, again whenever its width, the colours or what is hidden change, and returns the function that does so.
  // make returns {x, series: [{label, style, y, low, high, fill, quiet, shade}], xLabel, readX} and as needed points, xLog, yLog, xRange, yRange,
  // xSplits, xTick, height, bars, marks: [{x, label}] and sync, the name of charts whose cursors move together. Every y is as long as x.
  const chart = (box, make) => {
    const plot = element("div"), readout = element("div", { class: "readout" });
    box.append(plot, readout);
    let u = null;
    const draw = () => {
      if (!plot.isConnected) return;
      if (u) u.destroy();
      const d = make();
      const shown = d.series.filter((s) => !hidden.has(s.label));
      const data = [d.x], series = [{}], bands = [];
      for (const s of shown) {
        const stroke = s.shade || colour(s.style, s.quiet ? "66" : "");
        data.push(s.y);
        series.push({ label: s.label, stroke, width: s.quiet ? 1 : 2, dash: dash(s.style || 0), fill: s.fill ? stroke + (s.fill === true ? "" : s.fill) : undefined,
          paths: d.bars ? uPlot.paths.bars({ size: [0.8, 60], align: 0 }) : undefined, points: { show: Boolean(d.points), size: 6, fill: stroke }, spanGaps: !d.gaps });
        if (s.low) {
          data.push(s.high, s.low);
          const edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
          bands.push({ series: [series.length, series.length + 1], fill: colour(s.style, "2e") });
          series.push(edge, edge);
        }
      }
      const axis = { stroke: css("--dim"), grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--line"), width: 1, size: 5 }, font: "12px system-ui, sans-serif" };
      const values = (f) => (self, splits) => splits.map((v) => v === null ? "" : f(v));
      const every = (self, splits) => splits;
      const marks = (self) => {
        const ctx = self.ctx, ratio = devicePixelRatio;
        ctx.save();
        ctx.strokeStyle = css("--dim");
        ctx.fillStyle = css("--dim");
        ctx.font = `${11 * ratio}px system-ui, sans-serif`;
        ctx.setLineDash([3 * ratio, 3 * ratio]);
        let free = -Infinity; // where the last label ends
        for (const m of d.marks) {
          const x = Math.round(self.valToPos(m.x, "x", true));
          if (x < self.bbox.left || x > self.bbox.left + self.bbox.width) continue;
          ctx.beginPath();
          ctx.moveTo(x, self.bbox.top);
          ctx.lineTo(x, self.bbox.top + self.bbox.height);
          ctx.stroke();
          if (x > free) {
            ctx.fillText(m.label, x + 4 * ratio, self.bbox.top + 11 * ratio);
            free = x + 8 * ratio + ctx.measureText(m.label).width;
          }
        }
        ctx.restore();
      };
      u = new uPlot({
        width: Math.max(240, plot.clientWidth), height: d.height || (plot.clientWidth < 420 ? 250 : 300), bands, series,
        legend: { show: false },
        cursor: { points: { size: 7, show: !d.bars }, drag: { x: true, y: false }, sync: d.sync ? { key: d.sync, setSeries: false } : undefined },
        scales: {
          x: { time: false, distr: d.xLog ? 3 : 1, range: d.xRange && (() => d.xRange) },
          y: { distr: d.yLog ? 3 : 1, range: d.yRange && (() => d.yRange) },
        },
        axes: [
          { ...axis, label: d.xLabel, labelFont: "12px system-ui, sans-serif", labelSize: d.xLabel ? 20 : 0, size: 34, values: values(d.xTick || tick), splits: d.xSplits || (d.xLog ? logSplits : undefined), filter: every },
          { ...axis, size: 56, values: values(d.yTick || tick), splits: d.yLog ? logSplits : undefined, filter: every },
        ],
        hooks: {
          drawClear: d.marks ? [marks] : [],
          setCursor: [(self) => {
            const i = self.cursor.idx;
            readout.replaceChildren();
            if (i === null || i === undefined) return;
            readout.append(element("span", {}, d.readX(i)));
            for (const s of shown) {
              if (s.quiet || s.y[i] === null || s.y[i] === undefined) continue;
              const v = s.read ? s.read[i] : s.y[i];
              const text = s.low && s.high[i] > s.low[i] ? ` ${number(v)} ± ${number((s.high[i] - s.low[i]) / 2)}` : ` ${number(v)}`;
              const b = element("b", {}, s.label);
              b.style.color = s.shade || colour(s.style);
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
    return draw;
  };

  // chips are the curves' names, to be switched on and off; which draws the legend of all charts.
  const chips = (curves) => {
    const box = element("div", { class: "chips", role: "group", "aria-label": "curves" });
    for (const { label, style } of curves) {
      const line = element("span", { class: "swatch" });
      const paint = () => { line.style.borderTopColor = colour(style); line.style.borderTopStyle = dash(style).length ? "dashed" : "solid"; };
      const chip = element("button", { class: "chip", type: "button", "aria-pressed": "true" }, line, label);
      chip.addEventListener("click", () => {
        hidden.has(label) ? hidden.delete(label) : hidden.add(label);
        chip.setAttribute("aria-pressed", String(!hidden.has(label)));
        redraws.forEach((f) => f());
      });
      redraws.push(paint);
      paint();
      box.append(chip);
    }
    return box;
  };

  dark.addEventListener("change", () => redraws.forEach((f) => f()));
  return { hidden, redraws, colour, dash, css, number, tick, element, select, toggle, card, swatch, scroll, chart, chips };
})();
