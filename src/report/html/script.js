
"use strict";
(() => {
// Charts, drawn from the JSON beside them; and the controls. Names go into the page as text only.
const NS = "http://www.w3.org/2000/svg";
const dark = matchMedia("(prefers-color-scheme: dark)");
const tip = document.getElementById("tip");
let printing = false;
const DARK = {"#1f2430": "#dfe4ee", "#0072b2": "#3d9fe0", "#8c510a": "#c98d4f", "#4b3c8e": "#a596f0", "#3a3f4a": "#aeb6c4", "#7a828e": "#98a1af"};
const ink = c => dark.matches && !printing && DARK[c] || c;
const el = (tag, attrs, parent, text) => {
  const e = document.createElementNS(NS, tag);
  for (const k in attrs) e.setAttribute(k, attrs[k]);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.append(e);
  return e;
};
const html = (tag, cls, parent, text) => {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text !== undefined) e.textContent = text;
  if (parent) parent.append(e);
  return e;
};
const digits = v => v === 0 ? 2 : v < 9.995 ? Math.min(12, Math.max(2, 2 - Math.floor(Math.log10(v)))) : 2;
const money = v => v == null ? "–" : (v < 0 ? "-" : "") + "$" + Math.abs(v).toLocaleString("en-US", {minimumFractionDigits: digits(Math.abs(v)), maximumFractionDigits: digits(Math.abs(v))});
const count = v => v >= 100 ? Math.round(v).toLocaleString("en-US") : String(+v.toFixed(v < 1 ? 3 : 1));
const short = v => "$" + (v >= 1e6 ? +(v / 1e6).toPrecision(3) + "M" : v >= 1e4 ? +(v / 1e3).toPrecision(3) + "k" : +v.toPrecision(6));
const time = s => s < 60 ? +s.toFixed(s < 10 ? 2 : 1) + " s" : s < 3600 ? Math.floor(s / 60) + "m " + String(Math.floor(s % 60)).padStart(2, "0") + "s" : Math.floor(s / 3600) + "h " + String(Math.floor(s % 3600 / 60)).padStart(2, "0") + "m";
const ticks = (lo, hi, n) => {
  const raw = (hi - lo) / n || 1, p = 10 ** Math.floor(Math.log10(raw)), f = raw / p;
  const step = (f > 5 ? 10 : f > 2 ? 5 : f > 1 ? 2 : 1) * p, out = [];
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-6; i++) out.push(i * step);
  return out;
};
const timeTicks = (lo, hi, n) => {
  const step = [.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800].find(s => (hi - lo) / s <= n) || (hi - lo) / n, out = [];
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-6; i++) out.push(i * step);
  return out;
};
const showTip = (title, rows, x, y) => {
  tip.replaceChildren();
  html("b", "", tip, title);
  for (const [colour, name, value] of rows) {
    const row = html("div", "", tip), left = html("span", "", row);
    if (colour) html("i", "", left).style.background = ink(colour);
    html("bdi", "", left, name);
    html("span", "", row, value);
  }
  tip.hidden = false;
  const w = tip.offsetWidth, h = tip.offsetHeight;
  tip.style.left = Math.max(8, x + 16 + w > innerWidth ? x - w - 16 : x + 16) + "px";
  tip.style.top = Math.max(8, Math.min(innerHeight - h - 8, y + 12)) + "px";
};
const hideTip = () => { tip.hidden = true; };

function chartsOf(root) {
  const data = JSON.parse(root.querySelector("script.data").textContent);
  const P = data.policies, off = new Set();
  let ownScale = false, cursor = 0;
  const on = () => P.map((p, i) => [p, i]).filter(([, i]) => !off.has(i));
  const lengths = P.map(p => Math.max(p.spend.length && p.outcomes.reduce((m, r) => Math.max(m, r.length), 0), 1));
  const end = Math.max(...lengths) * data.width;
  let zoom = [0, end];
  const width = box => printing ? 680 : Math.max(280, box.clientWidth);
  const outcomeColour = name => {
    const g = {"circuit_open": "refused", "rejected": "refused", "budget_exceeded": "refused", "open": "still", "context_overflow": "permanent"}[name] || name.replace("_", " ");
    return (data.groups.find(([n]) => n.startsWith(g)) || data.groups[0])[1];
  };
  // A plot with a time axis: outages shaded, dragging zooms, a cursor that arrow keys move.
  const timePlot = (box, label, W, H, pad, describe) => {
    const svg = el("svg", {width: W, height: H, viewBox: `0 0 ${W} ${H}`, tabindex: 0, role: "slider", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": +end.toFixed(2), "aria-valuenow": +(zoom[0]).toFixed(2), "aria-valuetext": "Arrow keys move through time"}, box);
    const x = t => pad.l + (t - zoom[0]) / (zoom[1] - zoom[0]) * (W - pad.l - pad.r);
    const t = px => zoom[0] + (px - pad.l) / (W - pad.l - pad.r) * (zoom[1] - zoom[0]);
    const clip = "c" + Math.random().toString(36).slice(2);
    const defs = el("clipPath", {id: clip}, el("defs", {}, svg));
    el("rect", {x: pad.l, y: 0, width: W - pad.l - pad.r, height: H}, defs);
    for (const [from, until] of data.outages) if (until > zoom[0] && from < zoom[1])
      el("rect", {class: "outage", x: Math.max(x(from), pad.l), y: pad.t, width: Math.max(1, Math.min(x(until), W - pad.r) - Math.max(x(from), pad.l)), height: H - pad.t - pad.b}, svg);
    for (const v of timeTicks(zoom[0], zoom[1], Math.max(2, Math.floor(W / 110)))) {
      el("line", {class: "axis", x1: x(v), x2: x(v), y1: H - pad.b, y2: H - pad.b + 4}, svg);
      const near = x(v) > W - pad.r - 16;
      el("text", {x: x(v), y: H - pad.b + 17, "text-anchor": near ? "end" : v === zoom[0] ? "start" : "middle"}, svg, time(v));
    }
    el("line", {class: "axis", x1: pad.l, x2: W - pad.r, y1: H - pad.b, y2: H - pad.b}, svg);
    const area = el("g", {"clip-path": `url(#${clip})`}, svg);
    const line = el("line", {class: "cursor", y1: pad.t, y2: H - pad.b, visibility: "hidden"}, svg);
    const drag = el("rect", {class: "drag", y: pad.t, height: H - pad.t - pad.b, visibility: "hidden"}, svg);
    const put = (at, px, py) => {
      at = Math.min(zoom[1], Math.max(zoom[0], at));
      cursor = at;
      line.setAttribute("x1", x(at)); line.setAttribute("x2", x(at)); line.setAttribute("visibility", "visible");
      const rows = describe(at);
      svg.setAttribute("aria-valuenow", +at.toFixed(2));
      svg.setAttribute("aria-valuetext", time(at) + ": " + rows.map(r => r[1] + " " + r[2]).join(", "));
      const r = svg.getBoundingClientRect();
      showTip(time(at), rows, px ?? r.left + x(at), py ?? r.top + pad.t);
    };
    const leave = () => { line.setAttribute("visibility", "hidden"); hideTip(); };
    let from = null;
    const local = e => Math.min(W - pad.r, Math.max(pad.l, (e.clientX - svg.getBoundingClientRect().left) * W / svg.getBoundingClientRect().width));
    svg.addEventListener("pointermove", e => {
      if (from !== null) {
        const to = local(e);
        drag.setAttribute("x", Math.min(from, to)); drag.setAttribute("width", Math.abs(to - from)); drag.setAttribute("visibility", "visible");
      }
      put(t(local(e)), e.clientX, e.clientY);
    });
    svg.addEventListener("pointerdown", e => { if (e.button === 0) { from = local(e); if (e.pointerType === "mouse") svg.setPointerCapture(e.pointerId); } });
    svg.addEventListener("pointerup", e => {
      const to = local(e), a = from; from = null;
      drag.setAttribute("visibility", "hidden");
      if (a !== null && Math.abs(to - a) > 8) setZoom(t(Math.min(a, to)), t(Math.max(a, to)));
    });
    svg.addEventListener("pointercancel", () => { from = null; drag.setAttribute("visibility", "hidden"); });
    svg.addEventListener("pointerleave", () => { if (from === null) leave(); });
    svg.addEventListener("focus", () => { if (svg.matches(":focus-visible")) put(Math.min(zoom[1], Math.max(zoom[0], cursor))); });
    svg.addEventListener("blur", leave);
    svg.addEventListener("keydown", e => {
      const step = Math.max(data.width, (zoom[1] - zoom[0]) / 60);
      const to = {ArrowRight: cursor + step, ArrowUp: cursor + step, ArrowLeft: cursor - step, ArrowDown: cursor - step, Home: zoom[0], End: zoom[1], PageUp: cursor + 6 * step, PageDown: cursor - 6 * step}[e.key];
      if (to !== undefined) { e.preventDefault(); put(to); } else if (e.key === "Escape") leave();
    });
    return {svg, area, x};
  };
  const yAxis = (svg, W, H, pad, max, n, text) => {
    const y = v => H - pad.b - v / (max || 1) * (H - pad.t - pad.b);
    for (const v of ticks(0, max || 1, n)) {
      el("line", {class: "gridline", x1: pad.l, x2: W - pad.r, y1: y(v), y2: y(v)}, svg);
      el("text", {x: pad.l - 7, y: y(v) + 4, "text-anchor": "end"}, svg, text(v));
    }
    return y;
  };
  const bucket = t => Math.max(0, Math.floor(t / data.width - 1e-9));
  const at = (row, t) => row.length ? row[Math.min(row.length - 1, bucket(t))] : 0;

  const draw = {
    spend(box) {
      const W = width(box), H = Math.min(430, Math.max(260, W * .42)), pad = {l: 62, r: W > 700 ? 150 : 12, t: 14, b: 30};
      const shown = on();
      const lo = bucket(zoom[0]), hi = bucket(zoom[1]);
      const top = Math.max(...shown.map(([p]) => Math.max(at(p.p95, zoom[1]), at(p.spend, zoom[1]))), 0);
      const plot = timePlot(box, "Cumulative spend over time", W, H, pad, t => shown.map(([p]) => [p.colour, p.name, money(at(p.spend, t)) + " (" + money(at(p.p5, t)) + " to " + money(at(p.p95, t)) + ")"]));
      const y = yAxis(plot.area.parentNode.insertBefore(el("g"), plot.area), W, H, pad, top * 1.04, 5, short);
      const points = row => {
        const out = [[plot.x(lo * data.width), y(lo ? row[Math.min(row.length, lo) - 1] || 0 : 0)]];
        for (let b = lo; b <= Math.min(hi, row.length - 1); b++) out.push([plot.x((b + 1) * data.width), y(row[b])]);
        if (row.length && hi >= row.length) out.push([plot.x(zoom[1]), y(row[row.length - 1])]);
        return out;
      };
      const path = list => list.map(([a, b]) => a.toFixed(1) + "," + b.toFixed(1)).join(" ");
      const labels = [];
      for (const [p] of shown) {
        if (!p.spend.length) continue;
        el("polygon", {points: path([...points(p.p95), ...points(p.p5).reverse()]), fill: ink(p.colour), opacity: .14}, plot.area);
        el("polyline", {points: path(points(p.spend)), fill: "none", stroke: ink(p.colour), "stroke-width": 2.4, "stroke-dasharray": p.dash.join(" ")}, plot.area);
        labels.push([y(at(p.spend, zoom[1])), p]);
      }
      if (pad.r > 100) {
        labels.sort((a, b) => a[0] - b[0]);
        let low = H - pad.b + 6;
        for (let i = labels.length - 1; i >= 0; i--) { labels[i][0] = Math.min(labels[i][0], low); low = labels[i][0] - 15; }
        let high = 12;
        for (const l of labels) { l[0] = Math.max(l[0], high); high = l[0] + 15; }
        for (const [py, p] of labels) el("text", {x: W - pad.r + 8, y: py + 4, style: "fill:" + ink(p.colour) + ";font-weight:600"}, plot.svg, p.name.length > 20 ? p.name.slice(0, 19) + "…" : p.name);
      }
    },
    volume(box) {
      const shown = on(), W0 = width(box), columns = W0 > 820 && P.length > 3 ? 2 : 1, W = (W0 - (columns - 1) * 28) / columns;
      const used = data.groups.map((g, i) => P.some(p => p.outcomes[i].length));
      const keys = html("div", "key-row", box);
      data.groups.forEach(([name, colour], i) => { if (used[i]) { const k = html("span", "", keys); html("i", "", k).style.background = ink(colour); k.append(name); } });
      const flip = html("button", "switch", keys, ownScale ? "Same scale in every panel" : "Own scale for each panel");
      flip.type = "button";
      flip.addEventListener("click", () => { ownScale = !ownScale; redraw("volume"); root.querySelector(".switch").focus(); });
      const pad = {l: 46, r: 8, t: 36, b: 26}, H = 168;
      const per = Math.max(1, Math.ceil(2.2 * (zoom[1] - zoom[0]) / data.width / (W - pad.l - pad.r)));
      const lo = bucket(zoom[0]), hi = bucket(zoom[1]);
      const stacks = shown.map(([p]) => {
        const levels = [];
        for (let b = lo - lo % per; b <= hi; b += per) {
          let sum = 0; const one = [];
          for (const row of p.outcomes) { let n = 0; for (let k = b; k < b + per; k++) n += row[k] || 0; sum += n / per / data.width; one.push(sum); }
          levels.push([b, one]);
        }
        return levels;
      });
      const peaks = stacks.map(s => Math.max(...s.map(([, l]) => l[l.length - 1]), 0));
      const all = Math.max(...peaks, 0), grid = html("div", "panels", box);
      grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
      shown.forEach(([p], n) => {
        const holder = html("div", "", grid);
        const plot = timePlot(holder, "Attempts per second under " + p.name, W, H, pad, t => {
          const rows = data.groups.map(([name, colour], g) => [colour, name, p.outcomes[g][bucket(t)] || 0]).filter(r => r[2] > 0).map(([c, name, v]) => [c, name, count(v / data.width) + "/s"]);
          return rows.length ? rows : [["", "no attempts", ""]];
        });
        const y = yAxis(plot.area.parentNode.insertBefore(el("g"), plot.area), W, H, pad, (ownScale ? peaks[n] : all) * 1.06, 3, v => count(v));
        const name = p.name.length > W / 11 ? p.name.slice(0, Math.floor(W / 11)) + "…" : p.name;
        el("line", {x1: 0, x2: 24, y1: 9, y2: 9, stroke: ink(p.colour), "stroke-width": 4, "stroke-dasharray": p.dash.join(" ")}, plot.svg);
        el("text", {class: "strong", x: 32, y: 13}, plot.svg, name);
        el("text", {x: W - pad.r, y: 13, "text-anchor": "end"}, plot.svg, "peak " + count(peaks[n]) + "/s");
        data.groups.forEach(([, colour], g) => {
          let d = "";
          for (const [b, levels] of stacks[n]) {
            const low = g ? levels[g - 1] : 0, high = levels[g];
            if (high <= low) continue;
            const x1 = plot.x(b * data.width), x2 = plot.x((b + per) * data.width), y1 = Math.min(y(high), y(low) - .6);
            d += `M${x1.toFixed(1)},${y(low).toFixed(1)}V${y1.toFixed(1)}H${x2.toFixed(1)}V${y(low).toFixed(1)}z`;
          }
          if (d) el("path", {d, fill: ink(colour)}, plot.area);
        });
        const strip = (prefix, css, py) => {
          const g = data.groups.findIndex(([n]) => n.startsWith(prefix));
          for (const [b] of stacks[n]) {
            let n = 0; for (let k = b; k < b + per; k++) n += p.outcomes[g][k] || 0;
            if (n > 0) el("rect", {x: plot.x(b * data.width), y: py, width: plot.x((b + per) * data.width) - plot.x(b * data.width) + .3, height: 4, style: `fill:var(${css})`}, plot.area);
          }
        };
        strip("rate limited", "--limit", 23); strip("refused", "--break", 28);
      });
    },
    distribution(box) {
      const shown = on(), W = width(box), name = W > 640 ? 190 : 12, row = W > 640 ? 40 : 56, pad = {l: name, r: 90, t: 8, b: 34}, H = pad.t + pad.b + row * shown.length;
      const values = shown.flatMap(([p]) => p.samples), min = Math.min(...values), max = Math.max(...values, 0);
      const log = min > 0 && max / min > 30;
      const f = v => log ? Math.log10(v) : v, a = log ? Math.log10(min) - .08 : 0, b = log ? Math.log10(max) + .08 : (max || 1) * 1.04;
      const x = v => pad.l + (f(v) - a) / (b - a) * (W - pad.l - pad.r);
      const svg = el("svg", {width: W, height: H, viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": "Spend of each replication" + (log ? ", logarithmic axis" : "")}, box);
      let marks = log ? [1, 3].flatMap(m => Array.from({length: 30}, (_, i) => m * 10 ** (i - 12))).filter(v => f(v) >= a && f(v) <= b).sort((p, q) => p - q) : ticks(0, b, W > 640 ? 6 : 3);
      if (log && marks.length > 7) marks = marks.filter(v => String(v)[0] !== "3" && !/^3e/.test(String(v)) && !/^0\.0*3/.test(String(v)));
      for (const v of marks) { el("line", {class: "gridline", x1: x(v), x2: x(v), y1: pad.t, y2: H - pad.b}, svg); el("text", {x: x(v), y: H - pad.b + 16, "text-anchor": "middle"}, svg, short(v)); }
      if (log) el("text", {x: W - pad.r, y: H - 2, "text-anchor": "end"}, svg, "logarithmic");
      shown.forEach(([p], n) => {
        const y = pad.t + row * n + (W > 640 ? row / 2 : row - 18), [p50, p95, worst] = p.summary;
        const text = p.name + ": median " + money(p50) + ", p95 " + money(p95) + ", worst " + money(worst) + ", " + p.samples.length + " replications";
        const g = el("g", {tabindex: 0, role: "img", "aria-label": text}, svg);
        el("rect", {x: 0, y: pad.t + row * n, width: W, height: row, fill: "transparent"}, g);
        const most = W > 640 ? 24 : 44;
        el("text", {class: "strong", x: 0, y: W > 640 ? y + 4 : y - 14}, g, p.name.length > most ? p.name.slice(0, most - 1) + "…" : p.name);
        p.samples.forEach((v, i) => { if (v > 0 || !log) el("circle", {cx: x(v), cy: y + ((i * .618034) % 1 - .5) * 15, r: 2.6, fill: ink(p.colour), opacity: .5}, g); });
        if (p50 != null && (p50 > 0 || !log)) {
          el("line", {x1: x(p50), x2: x(p50), y1: y - 11, y2: y + 11, stroke: ink(p.colour), "stroke-width": 3}, g);
          el("rect", {x: x(p95) - 2, y: y - 8, width: 4, height: 16, fill: ink(p.colour)}, g);
          el("circle", {cx: x(worst), cy: y, r: 6, fill: "none", stroke: "currentColor", "stroke-width": 1.5}, g);
          el("text", {x: x(worst) + 12, y: y + 4}, g, money(worst));
        }
        const tell = e => { const r = g.getBoundingClientRect(); showTip(p.name, [["", "median", money(p50)], ["", "p95", money(p95)], ["", "worst", money(worst)], ["", "mean", money(p.summary[3])]], e.clientX ?? r.left + r.width / 2, e.clientY ?? r.top); };
        g.addEventListener("pointermove", tell); g.addEventListener("focus", tell);
        g.addEventListener("pointerleave", hideTip); g.addEventListener("blur", hideTip);
      });
    },
    life(box) {
      const shown = on().filter(([p]) => p.life), W = width(box), wide = W > 640, row = wide ? 38 : 54, pad = {l: wide ? 190 : 8, r: wide ? 110 : 30, t: 4, b: 30}, H = pad.t + pad.b + row * shown.length;
      if (!shown.length) return;
      const used = new Set(shown.flatMap(([p]) => p.life.spans.map(s => s[3]))), keys = html("div", "key-row", box);
      for (const o of used) { const k = html("span", "", keys); html("i", "", k).style.background = ink(outcomeColour(o)); k.append(o.replaceAll("_", " ")); }
      const tell = s => [["", "target", s[2] == null ? "–" : data.targets[s[2]]], [outcomeColour(s[3]), "ended", s[3].replaceAll("_", " ")], ["", "took", time(s[1] - s[0])], ["", "asked for by", s[4] || "the plan"], ["", "tokens", count(s[5])], ["", "cost", money(s[6])]];
      const plot = timePlot(box, "One task's attempts over time", W, H, pad, t => shown.map(([p]) => {
        const n = p.life.spans.filter(s => s[0] <= t).length, now = p.life.spans.find(s => s[0] <= t && t < s[1]);
        return [p.colour, p.name, now ? n + ". attempt, " + now[3].replaceAll("_", " ") : p.life.end != null && p.life.end <= t ? "ended: " + p.life.outcome.replaceAll("_", " ") : "waits after " + n];
      }));
      shown.forEach(([p], n) => {
        const y = pad.t + row * n + (wide ? row / 2 : row - 16), life = p.life;
        const most = wide ? 24 : 44, last = life.end ?? (life.spans.length ? life.spans[life.spans.length - 1][1] : 0);
        el("text", {class: "strong", x: 0, y: wide ? y + 4 : y - 16}, plot.svg, p.name.length > most ? p.name.slice(0, most - 1) + "…" : p.name);
        const stop = life.end ?? end;
        el("line", {x1: plot.x(life.ready ?? 0), x2: plot.x(stop), y1: y, y2: y, stroke: ink(p.colour), "stroke-width": 1.5, "stroke-dasharray": p.dash.join(" "), opacity: .8}, plot.area);
        for (const s of life.spans) {
          const a = plot.x(s[0]), w = Math.max(2.5, plot.x(s[1]) - a), fine = s[3] === "ok";
          const mark = el("rect", {x: a, y: y - (fine ? 10 : 7), width: w, height: fine ? 20 : 14, rx: Math.min(2, w / 3), fill: ink(outcomeColour(s[3]))}, plot.area);
          mark.addEventListener("pointermove", e => { e.stopPropagation(); showTip(time(s[0]), tell(s), e.clientX, e.clientY); });
        }
        if (life.left) {
          const from = life.spans[life.spans.length - 1][1], mid = (plot.x(Math.max(from, zoom[0])) + plot.x(Math.min(stop, zoom[1]))) / 2;
          if (from < zoom[1]) el("text", {x: mid, y: y - 6, "text-anchor": "middle"}, plot.area, count(life.left) + " more attempts not drawn");
        }
        const word = life.end == null ? "… unfinished" : life.outcome === "ok" ? "✓ " + time(life.end) : "✗ " + time(life.end);
        const ex = plot.x(last), inside = ex >= pad.l && ex <= W - pad.r;
        const tx = life.end == null || ex > W - pad.r ? W - pad.r + 6 : Math.max(pad.l, ex) + 6;
        if (wide || inside) el("text", {class: "strong", x: wide ? tx : Math.min(tx, W - 70), y: wide ? y + 4 : y - 16}, plot.svg, word);
        else el("text", {class: "strong", x: W, y: y - 16, "text-anchor": "end"}, plot.svg, word);
      });
    },
  };
  const redraw = only => {
    hideTip();
    for (const box of root.querySelectorAll("[data-chart]")) {
      const kind = box.dataset.chart;
      if (only && kind !== only) continue;
      const focused = box.contains(document.activeElement) && document.activeElement.matches("svg");
      box.replaceChildren();
      if (on().length) draw[kind](box); else html("p", "note", box, "All policies are switched off.");
      if (focused) box.querySelector("svg")?.focus();
    }
    const range = root.querySelector(".range");
    if (range) range.textContent = zoom[0] === 0 && zoom[1] === end ? "" : time(zoom[0]) + " to " + time(zoom[1]);
    for (const line of root.querySelectorAll("[data-ink]")) line.setAttribute("stroke", ink(line.dataset.ink));
  };
  const setZoom = (a, b) => {
    const least = Math.min(end, data.width * 4), size = Math.min(end, Math.max(least, b - a));
    a = Math.max(0, Math.min(end - size, a));
    zoom = [a, a + size];
    redraw();
  };
  for (const b of root.querySelectorAll("[data-zoom]")) b.addEventListener("click", () => {
    const [a, z] = zoom, s = z - a, m = (a + z) / 2;
    ({in: () => a === 0 ? setZoom(0, s / 2) : setZoom(m - s / 4, m + s / 4), out: () => setZoom(m - s, m + s), left: () => setZoom(a - s / 2, z - s / 2), right: () => setZoom(a + s / 2, z + s / 2), reset: () => setZoom(0, end)})[b.dataset.zoom]();
  });
  for (const b of root.querySelectorAll(".toggle")) b.addEventListener("click", () => {
    const i = +b.dataset.policy;
    off.has(i) ? off.delete(i) : off.add(i);
    b.setAttribute("aria-pressed", String(!off.has(i)));
    for (const e of root.querySelectorAll(`tr[data-policy="${i}"], .card[data-policy="${i}"]`)) e.classList.toggle("off", off.has(i));
    redraw();
  });
  const table = root.querySelector(".comparison"), body = table.tBodies[0], rows = () => [...body.rows];
  const baseline = root.querySelector(".baseline");
  const versus = () => {
    const base = +baseline.value;
    for (const tr of rows()) {
      const cell = tr.querySelector("td.vs"), [value, text, spread] = P[+tr.dataset.policy].versus[base];
      cell.replaceChildren(text);
      cell.dataset.value = value ?? "";
      if (spread) { cell.append(" "); html("small", "", cell, spread); }
    }
  };
  baseline.addEventListener("change", () => { versus(); });
  versus();
  for (const button of table.querySelectorAll("[data-sort]")) button.addEventListener("click", () => {
    const th = button.parentNode, column = th.cellIndex, down = th.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = tr => column ? tr.cells[column].dataset.value : tr.cells[0].textContent.trim();
    const order = (a, b) => {
      const p = key(a), q = key(b);
      if (column && (p === "" || q === "")) return (p === "") - (q === "");
      const c = column ? p - q : p < q ? -1 : +(p > q);
      return down ? -c : c;
    };
    body.append(...rows().sort(order));
  });
  return redraw;
}
document.documentElement.classList.add("js");
const all = [...document.querySelectorAll(".result")].map(chartsOf);
const redraw = () => all.forEach(r => r());
redraw();
let last = innerWidth;
addEventListener("resize", () => { if (innerWidth !== last && !printing) { last = innerWidth; redraw(); } });
dark.addEventListener("change", redraw);
addEventListener("beforeprint", () => { printing = true; redraw(); });
addEventListener("afterprint", () => { printing = false; redraw(); });
addEventListener("keydown", e => { if (e.key === "Escape") hideTip(); });
})();
