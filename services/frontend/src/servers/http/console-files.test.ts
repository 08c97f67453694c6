import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@infaas/runtime";
import { type House, startHouse } from "../../testing/house";
import { HttpCaller } from "../../testing/http-client";
import { consoleFiles } from "./console-files";

const folder = mkdtempSync(join(tmpdir(), "infaas-console-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("says which file is missing", async () => {
  await expect(consoleFiles(folder)).rejects.toMatchObject({
    code: Code.FAILED_PRECONDITION,
    message: expect.stringContaining(`the console's index.html cannot be read in ${folder}`),
  });
});

describe("a frontend with a console", () => {
  let house: House;
  let http: HttpCaller;
  beforeAll(async () => {
    for (const name of ["index.html", "console.js", "style.css"])
      writeFileSync(join(folder, name), `the ${name}`);
    house = await startHouse({ e1: ["mlp@1"] }, undefined, ["--console", folder]);
    http = new HttpCaller(house);
  });
  afterAll(() => house.stop());

  it.each([
    ["/console/", "text/html", "the index.html"],
    ["/console/console.js", "text/javascript", "the console.js"],
    ["/console/style.css", "text/css", "the style.css"],
  ])("shows %s to anybody, and lets it load nothing from elsewhere", async (path, type, text) => {
    const { status, headers, body } = await http.ask(path);
    expect(status).toBe(200);
    expect(headers["content-type"]).toContain(type);
    expect(headers["content-security-policy"]).toContain("default-src 'self'");
    expect(body.toString()).toBe(text);
  });

  it.each(["/", "/console"])("leads from %s to the page", async (path) => {
    expect(await http.ask(path)).toMatchObject({ status: 308, headers: { location: "/console/" } });
  });

  it("has no other files", async () => {
    for (const path of ["/console/../config", "/console/package.json"])
      expect((await http.ask(path)).status).toBe(404);
  });
});
