import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { Cluster, root } from "./cluster";

/** Debian's package chromium. */
const executablePath = "/usr/bin/chromium";
const hasBrowser = existsSync(executablePath);
/** To be looked at. */
const screenshots = join(root, ".cache", "console");
/** Longest wait for something to show, in milliseconds, on a loaded machine. */
const SHOWN_MAX_MS = 30_000;

jest.setTimeout(240_000);

describe("the console in a browser", () => {
  if (!hasBrowser) {
    it(`is SKIPPED here: ${executablePath} was not found`, () => expect(hasBrowser).toBe(false));
    return;
  }
  let cluster: Cluster;
  let browser: Browser;
  let page: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "digits-logreg,digits-cnn-s,langid-pairs" });
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(SHOWN_MAX_MS);
    page.on("console", (message) => {
      // A refusal is an answer with status 400, which the browser writes down as well.
      if (message.type() === "error" && !message.text().includes("Failed to load resource"))
        faults.push(message.text());
    });
    page.on("pageerror", (fault) => faults.push(String(fault)));
  });
  afterAll(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  const address = () => /http:\/\/\S+\/console\//.exec(cluster.output)?.[0] ?? "";
  const variant = () => page.getByTestId("variant").textContent();
  const slider = (name: string) => page.getByRole("slider", { name });

  it("is where `infaas up` says", async () => {
    await page.goto(address());
    expect(await page.title()).toBe("INFaaS console");
    await page.getByLabel("Task").selectOption("digit-classification/uci-digits");
    await page.getByText("every change of it").waitFor();
  });

  it("answers an uploaded picture, with the variant, its stages and why", async () => {
    await page.getByLabel("or a file").setInputFiles(join(root, "zoo/examples/seven.png"));
    await page.getByTestId("label").getByText("7", { exact: true }).waitFor();
    expect(await variant()).toContain("digits-");
    for (const stage of ["select", "network", "queue", "compute"])
      expect(await page.getByRole("meter", { name: stage }).isVisible()).toBe(true);
    expect(await page.getByRole("row").count()).toBeGreaterThan(1);
  });

  it("answers a digit that is drawn", async () => {
    await page.getByRole("button", { name: "Clear" }).click();
    await page.getByText("every change of it").waitFor();
    const box = await page.getByRole("img").boundingBox();
    if (box === null) throw new Error("there is no pad");
    const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const;
    await page.mouse.move(...at(0.5, 0.1));
    await page.mouse.down();
    await page.mouse.move(...at(0.5, 0.9), { steps: 8 });
    await page.mouse.up();
    await page.getByTestId("label").getByText("1", { exact: true }).waitFor();
  });

  it("refuses what cannot be had, and takes an offer at a click", async () => {
    await page.getByRole("checkbox", { name: "Accuracy, at least" }).check();
    await slider("Accuracy, at least").fill("1");
    const offer = page.getByRole("button", { name: /^Take less accuracy: / });
    await offer.waitFor();
    expect(await page.getByRole("alert").textContent()).toContain("failed precondition");
    const offered = (await offer.textContent())?.replace("Take less accuracy: ", "");
    await offer.click();
    await page.getByTestId("variant").waitFor();
    expect(await variant()).toBe(offered);
    expect(Number(await slider("Accuracy, at least").inputValue())).toBeLessThan(1);
  });

  it("asks again when a slider moves, and another variant answers", async () => {
    await slider("Accuracy, at least").fill("0.9");
    await page.getByTestId("variant").filter({ hasText: "digits-logreg" }).waitFor();
  });

  it("reads texts for tasks that take them", async () => {
    await page.getByRole("checkbox", { name: "Accuracy, at least" }).uncheck();
    await page.getByLabel("Task").selectOption({ index: 1 });
    await page.getByLabel("Text").fill("the quick brown fox jumps over the lazy dog and runs away");
    await page.getByTestId("label").waitFor();
    expect(await page.getByTestId("label").textContent()).not.toBe("");
  });

  it.each([390, 1280, 2560])("needs no scrolling sideways at %s pixels", async (width) => {
    await page.setViewportSize({ width, height: 900 });
    const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    expect(overflow).toBeLessThanOrEqual(0);
  });

  it.each(["light", "dark"] as const)("can be read and used by everybody, %s", async (colorScheme) => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ colorScheme });
    await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
    const found = (await page.evaluate("axe.run()")) as AxeResults;
    const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    for (const width of [390, 1280, 2560]) {
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: join(screenshots, `${colorScheme}-${width}.png`), fullPage: true });
    }
  });

  it("wrote no error into the browser's console", () => {
    expect(faults).toEqual([]);
  });
});
