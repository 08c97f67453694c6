import { spawn } from "node:child_process";
import { once } from "node:events";
import { quietestHalf, watchForeignLoad } from "./foreign-load";

describe("watchForeignLoad", () => {
  it("sees another process at work", async () => {
    const foreignCores = watchForeignLoad();
    const busy = "const end = performance.now() + 500; while (performance.now() < end);";
    await once(spawn(process.execPath, ["-e", busy]), "exit");
    expect(foreignCores()).toBeGreaterThan(0.2);
  });
});

describe("quietestHalf", () => {
  it("keeps the larger half of an odd number", () => {
    const windows = [0.9, 0.1, 0.5].map((foreignCores) => ({ foreignCores }));
    expect(quietestHalf(windows)).toEqual([{ foreignCores: 0.1 }, { foreignCores: 0.5 }]);
  });
});
