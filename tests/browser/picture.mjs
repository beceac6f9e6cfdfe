// Takes the picture at the top of the README: node picture.mjs FOLDER PAGE.html PICTURE.png
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { resolve, join } from "node:path";

const [folder, file, picture] = process.argv.slice(2);
const { chromium } = createRequire(join(resolve(folder), "x.js"))("playwright-core");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 1160 }, colorScheme: "light" });
await page.goto(pathToFileURL(resolve(file)).href);
await page.screenshot({ path: picture });
await browser.close();
