// Opens report pages in a real browser and tries everything on them.
//
//   node check.mjs FOLDER SHOTS PAGE.html[=result.json]…
//
// FOLDER has node_modules with playwright-core and axe-core; SHOTS is where pictures are left.
import { createRequire } from "node:module";
import { readFileSync, mkdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { resolve, join } from "node:path";

const [folder, shots, ...pages] = process.argv.slice(2);
const require = createRequire(join(resolve(folder), "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const failures = [];
const check = (holds, text) => { if (!holds) failures.push(text); };
mkdirSync(shots, { recursive: true });

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });

async function opened(file, width, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: false });
  const page = await context.newPage();
  page.on("console", m => { if (["error", "warning"].includes(m.type())) failures.push(`${file}: console: ${m.text()}`); });
  page.on("pageerror", e => failures.push(`${file}: ${e}`));
  page.on("dialog", d => { failures.push(`${file}: a dialog opened`); d.dismiss(); });
  page.on("request", r => { if (!r.url().startsWith("file:")) failures.push(`${file}: request to ${r.url()}`); });
  let files = 0;
  page.on("request", () => { files += 1; });
  await page.goto(pathToFileURL(resolve(file)).href);
  check(files === 1, `${file}: ${files} requests`);
  return page;
}

// Runs axe through the debugger, which the page's policy does not bind.
async function accessible(page, what) {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { result } = await session.send("Runtime.evaluate", { expression: "axe.run(document,{resultTypes:['violations']}).then(r=>JSON.stringify(r.violations.map(v=>[v.id,v.nodes.length,v.nodes[0].html.slice(0,160),v.nodes[0].failureSummary])))", awaitPromise: true, returnByValue: true });
  for (const [id, n, html, why] of JSON.parse(result.value)) failures.push(`${what}: axe: ${id} (${n}): ${html} ${why}`);
}

async function controls(page, file) {
  const result = page.locator(".result").first();
  const panels = () => result.locator("[data-chart=volume] .panels > *").count();
  const policies = await result.locator(".toggle").count();
  check(await panels() === policies, `${file}: ${await panels()} panels`);
  const toggle = result.locator(".toggle").first();
  if (policies > 1) {
    await toggle.click();
    check(await panels() === policies - 1, `${file}: a policy that is switched off is still drawn`);
    check(await result.locator("[data-chart=spend] polyline").count() < policies, `${file}: its spend is still drawn`);
    check(await toggle.getAttribute("aria-pressed") === "false", `${file}: the switch does not say so`);
    await toggle.click();
    check(await panels() === policies, `${file}: it does not come back`);
  }
  const range = () => result.locator(".range").textContent();
  await result.locator("[data-zoom=in]").click();
  check((await range()) !== "", `${file}: zoom does nothing`);
  await result.locator("[data-zoom=reset]").click();
  check((await range()) === "", `${file}: the zoom is not reset`);
  const plot = result.locator("[data-chart=spend] svg");
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 80);
  check(await page.locator("#tip").isVisible(), `${file}: no values on hover`);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 90, { steps: 4 });
  await page.mouse.up();
  check((await range()) !== "", `${file}: dragging does not zoom`);
  await result.locator("[data-zoom=reset]").click();
  await plot.focus();
  await page.keyboard.press("ArrowRight");
  check(/\$/.test(await plot.getAttribute("aria-valuetext")), `${file}: no values on keyboard`);
  await page.keyboard.press("Escape");
  check(!(await page.locator("#tip").isVisible()), `${file}: Escape leaves the values`);
  const sort = result.locator(".comparison [data-sort='0']");
  const values = () => result.locator(".comparison tbody tr").evaluateAll(rows => rows.map(r => +r.cells[1].dataset.value));
  await sort.click();
  const up = await values();
  check(up.every((v, i) => i === 0 || v >= up[i - 1]), `${file}: not sorted: ${up}`);
  check(await result.locator(".comparison th[aria-sort=ascending]").count() === 1, `${file}: aria-sort`);
  await sort.click();
  const down = await values();
  check(down.every((v, i) => i === 0 || v <= down[i - 1]), `${file}: not sorted down: ${down}`);
}

async function sums(page, file, doc) {
  const result = page.locator(".result").first();
  const cards = await result.locator(".card").evaluateAll(cards => cards.map(c => ({
    parts: [...c.querySelectorAll("[data-usd]")].map(e => [+e.dataset.usd, e.textContent]),
    total: [+c.querySelector("[data-total]").dataset.total, c.querySelector("[data-total]").textContent] })));
  const spend = 0; // the first metric
  cards.forEach((card, i) => {
    const truth = doc.policies[i].metrics[spend].mean ?? 0;
    const sum = card.parts.reduce((s, [v]) => s + v, 0);
    check(Math.abs(sum - truth) <= 1e-9 * Math.max(1, truth), `${file}: parts ${sum}, spend ${truth}`);
    check(card.total[0] === truth, `${file}: total ${card.total[0]}, spend ${truth}`);
    const shown = card.parts.reduce((s, [, t]) => s + +t.slice(1), 0);
    check(Math.abs(shown - +card.total[1].slice(1)) < 1e-9, `${file}: shown parts ${shown}, shown total ${card.total[1]}`);
  });
  for (let base = 0; base < doc.policies.length; base++) {
    await result.locator(".baseline").selectOption(String(base));
    const cells = await result.locator(".comparison tbody tr").evaluateAll(rows => rows.map(r => [+r.dataset.policy, r.querySelector("td.vs").dataset.value]));
    for (const [i, text] of cells) {
      const truth = i === base ? null : doc.policies[i].metrics[spend].mean - doc.policies[base].metrics[spend].mean;
      check(truth === null ? text === "" : Math.abs(+text - truth) <= 1e-4 * Math.max(1, Math.abs(truth)), `${file}: ${i} against ${base}: ${text}, not ${truth}`);
    }
  }
  await result.locator(".baseline").selectOption("0");
}

for (const entry of pages) {
  const [file, json] = entry.split("=");
  const name = file.split("/").at(-2) || "page";
  for (const scheme of ["light", "dark"]) {
    for (const width of [390, 1024, 1600]) {
      const page = await opened(file, width, scheme);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      check(wide <= width, `${file}: ${wide} wide at ${width}`);
      await page.screenshot({ path: join(shots, `${name}-${width}-${scheme}.png`), fullPage: true });
      if (width !== 1600) await accessible(page, `${file} ${scheme} ${width}`);
      if (width === 1024 && scheme === "light") {
        await controls(page, file);
        if (json) await sums(page, file, JSON.parse(readFileSync(json, "utf8")));
        await page.pdf({ path: join(shots, `${name}-a4.pdf`), format: "A4", printBackground: true });
        await page.pdf({ path: join(shots, `${name}-letter.pdf`), format: "Letter", printBackground: true });
      }
      await page.context().close();
    }
  }
}
await browser.close();
for (const text of failures) console.error(text);
console.log(`${pages.length} pages, ${failures.length} failures`);
process.exit(failures.length ? 1 : 0);
