import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const program = join(__dirname, "..", "bin", "infaas.js");

describe("the program", () => {
  it("ends in silence when nobody reads what it prints", async () => {
    const child = spawn(process.execPath, [program, "help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let told = "";
    child.stderr.on("data", (chunk) => {
      told += chunk;
    });
    const [status] = await once(child, "close");
    expect([status, told]).toEqual([0, ""]);
  });

  it("ends with the status of what it ran", async () => {
    const child = spawn(process.execPath, [program, "qeury"], { stdio: "ignore" });
    expect(await once(child, "close")).toEqual([2, null]);
  });
});
