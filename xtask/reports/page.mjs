// Opens pages of reports in a browser: node page.mjs plain.html hostile.html
//
// Prints one line for each check that fails, and ends with 1 if there is one. CHROMIUM is the browser; SCREENSHOTS is a
// folder for pictures of the pages, if they are wanted.

import { mkdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import axe from "axe-core";
import { chromium } from "playwright-core";

const WIDTHS = [1280, 390];
const THEMES = ["light", "dark"];
const SERIOUS = ["serious", "critical"];

let checks = 0;
let failed = 0;

function check(what, holds, seen = "") {
  checks += 1;
  if (holds) return;
  failed += 1;
  console.log(`FAILED: ${what}${seen === "" ? "" : `: ${JSON.stringify(seen)}`}`);
}

/** Opens a page, and records what it must not do. */
async function open(browser, file, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const noise = [];
  const url = pathToFileURL(resolve(file)).href;
  page.on("console", message => {
    if (["error", "warning"].includes(message.type())) noise.push(message.text());
  });
  page.on("pageerror", error => noise.push(String(error)));
  page.on("dialog", dialog => { noise.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", request => {
    if (request.url().split("#")[0] !== url) noise.push(`a request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, noise, close: () => context.close() };
}

const shownCauses = page => page.locator(".cause:visible").count();

/** Each filter shows what it names, and clearing shows everything. */
async function filters(page, name) {
  const all = await page.locator(".cause").count();
  check(`${name}: there are findings`, all > 2, all);
  const rows = page.locator(".cause");
  const first = await rows.first().getAttribute("id");
  await page.fill("#text", first);
  const found = await shownCauses(page);
  check(`${name}: a clause is found by its id`, found >= 1 && found < all, found);
  check(`${name}: the number of findings is said`,
    (await page.textContent("#shown")) === `${found} of ${all} findings`, await page.textContent("#shown"));
  await page.fill("#text", "no such text anywhere");
  check(`${name}: nothing is found by another text`, (await shownCauses(page)) === 0);
  check(`${name}: a section without findings is hidden`, (await page.locator("section.causes:visible").count()) === 0);
  await page.click("button[type=reset]");
  await page.waitForFunction(count => document.querySelectorAll(".cause:not([hidden])").length === count, all);
  for (const [select, data] of [["verdict", "verdict"], ["level", "level"], ["phase", "phases"]]) {
    const values = await page.locator(`#${select} option`).evaluateAll(list => list.map(one => one.value));
    let sum = 0;
    for (const value of values.filter(value => value)) {
      await page.selectOption(`#${select}`, value);
      const matches = await page.locator(".cause:visible").evaluateAll(
        (list, [data, value]) => list.every(one => one.dataset[data].split(" ").includes(value) || one.dataset[data] === value),
        [data, value]);
      check(`${name}: the filter ${select}=${value} shows no other`, matches);
      sum += await shownCauses(page);
    }
    check(`${name}: each finding is in the filter ${select}`, sum >= all, { sum, all });
    await page.selectOption(`#${select}`, "");
  }
  check(`${name}: without a filter everything is shown`, (await shownCauses(page)) === all);
}

/** A link to a clause opens the table and shows the row. */
async function links(page, name) {
  await page.locator("#clauses summary").click();
  const link = page.locator(".clauses .id a").first();
  const target = (await link.getAttribute("href")).slice(1);
  await page.fill("#text", "no such text anywhere");
  await page.evaluate(id => { location.hash = id; }, target);
  const cause = page.locator(`.cause[id="${target}"]`);
  await cause.locator(".kind").first().waitFor({ state: "visible" });
  check(`${name}: a link shows what was filtered out`, await cause.evaluate(one => one.open));
}

/** The button changes the colours. */
async function theme(page, name) {
  const color = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await color();
  const label = await page.textContent("#theme");
  await page.click("#theme");
  check(`${name}: the button changes the colours`, (await color()) !== before, before);
  check(`${name}: the button says what comes next`, (await page.textContent("#theme")) !== label, label);
  await page.click("#theme");
  check(`${name}: the button changes them back`, (await color()) === before, before);
}

/** Everything can be reached by Tab, and a finding opens by Enter. */
async function keyboard(page, name) {
  await page.evaluate(() => scrollTo(0, 0));
  const seen = [];
  for (let count = 0; count < 40; count += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const one = document.activeElement;
      const box = one.getBoundingClientRect();
      const outline = getComputedStyle(one).outlineStyle !== "none";
      const visible = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.left >= 0;
      return { name: one.className || one.id || one.tagName, summary: one.matches(".cause > summary"), outline, visible };
    });
    seen.push(focused.name);
    check(`${name}: the focus is visible`, focused.visible && focused.outline, focused);
    if (focused.summary) break;
  }
  for (const stop of ["skip", "theme", "text", "verdict", "level", "phase", "open"]) {
    check(`${name}: Tab reaches ${stop}`, seen.includes(stop), seen);
  }
  const opened = () => page.evaluate(() => document.activeElement.parentElement.open);
  const before = await opened();
  await page.keyboard.press("Enter");
  check(`${name}: Enter opens a finding`, (await opened()) !== before, seen);
}

/** No text of the endpoint has become anything but text. */
async function inert(page, name) {
  check(`${name}: nothing was executed`, (await page.evaluate(() => window.owned)) === undefined);
  const strange = await page.evaluate(() => ({
    elements: [...document.querySelectorAll("img, svg, iframe, object, embed, link, base, body script ~ script, marquee")]
      .map(one => one.outerHTML.slice(0, 100)),
    handlers: [...document.querySelectorAll("*")].flatMap(one => [...one.attributes])
      .filter(one => one.name.startsWith("on") || one.name === "style").map(one => one.name),
    links: [...document.querySelectorAll("a")].map(one => one.getAttribute("href"))
      .filter(href => !/^(https?:\/\/|#)/.test(href)),
    hidden: (document.documentElement.textContent.match(/[\u202a-\u202e\u2066-\u2069\u200b]/g) || []).length,
  }));
  check(`${name}: there is no markup from outside`, strange.elements.length === 0, strange.elements);
  check(`${name}: there is no attribute that acts`, strange.handlers.length === 0, strange.handlers);
  check(`${name}: each link is an address of the web`, strange.links.length === 0, strange.links);
  check(`${name}: no character is hidden`, strange.hidden === 0, strange.hidden);
}

/** No horizontal scrolling, and nothing that axe-core calls serious, closed and open. */
async function looks(page, name, width, colors) {
  const at = `${name} at ${width} px, ${colors}`;
  for (const opened of [false, true]) {
    await page.evaluate(opened => {
      for (const one of document.querySelectorAll("details")) one.open = opened;
    }, opened);
    const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
    check(`${at}: it does not scroll sideways`, wide <= 0, wide);
    await picture(page, `${name}-${width}-${colors}${opened ? "-open" : ""}`);
  }
  // The page permits no script but its own; this one comes from outside of it.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  for (const violation of violations.filter(one => SERIOUS.includes(one.impact))) {
    check(`${at}: ${violation.id}: ${violation.help}`, false, violation.nodes.slice(0, 3).map(node => node.html));
  }
  checks += 1;
}

async function picture(page, name) {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** Without its script the page has everything; on paper it has no controls. */
async function plain(browser, file, name) {
  const { page, noise, close } = await open(browser, file, { javaScriptEnabled: false });
  check(`${name}: without a script there are no filters`, !(await page.isVisible("#filters")));
  await page.locator(".cause summary").first().click();
  check(`${name}: without a script a finding opens`, await page.locator(".cause .pair").first().isVisible());
  await page.emulateMedia({ media: "print" });
  check(`${name}: paper has no controls`, !(await page.isVisible("#theme")));
  check(`${name}: paper shows all findings`, await page.locator(".cause .pair").last().isVisible());
  check(`${name}: it is silent without a script`, noise.length === 0, noise);
  await close();
}

async function examine(browser, file) {
  const name = basename(file, ".html");
  const { page, noise, close } = await open(browser, file);
  await keyboard(page, name);
  await filters(page, name);
  await links(page, name);
  await theme(page, name);
  check(`${name}: a difference is marked`, (await page.locator(".observed mark").count()) > 0);
  await page.click("#open");
  check(`${name}: all findings open at once`, (await page.locator(".cause:not([open])").count()) === 0);
  await inert(page, name);
  check(`${name}: it is silent`, noise.length === 0, noise);
  await close();
  await plain(browser, file, name);
  for (const colors of THEMES) {
    for (const width of WIDTHS) {
      const { page, noise, close } = await open(browser, file, { viewport: { width, height: 900 }, colorScheme: colors });
      await looks(page, name, width, colors);
      check(`${name} at ${width} px, ${colors}: it is silent`, noise.length === 0, noise);
      await close();
    }
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  for (const file of process.argv.slice(2)) await examine(browser, file);
} finally {
  await browser.close();
}
console.log(`${checks} checks, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
