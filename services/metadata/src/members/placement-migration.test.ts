import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ExecutorPlacementSchema } from "@infaas/api";
import { createLogger, systemClock, systemRandom } from "@infaas/runtime";
import { openMetadata } from "../metadata";
import { putPlacement } from "../records/executor-placements";
import { encodeRecord } from "../records/records";
import { openEmbeddedStore } from "../store/embedded-store";
import { inMemory, placement } from "../testing/in-memory";
import { migratePlacements } from "./placement-migration";

const logger = createLogger({ service: "test", level: "error" });

/** The key that versions up to 0.1.0 gave a placement. */
const oldPut = (variant: string, executor: string) => ({
  kind: "put" as const,
  key: `infaas/v1/placement/mlp/${variant}/${executor}`,
  value: encodeRecord("placement", placement(variant, executor, "query")),
  leaseId: null,
});

describe("migratePlacements", () => {
  it("opens a store that version 0.1.0 wrote, once and for all", async () => {
    const folder = mkdtempSync(join(tmpdir(), "infaas-migration-"));
    mkdirSync(join(folder, "store"));
    copyFileSync(
      join(__dirname, "../testing/placements-of-0.1.0.bin"),
      join(folder, "store", "metadata.log"),
    );
    const open = async () => {
      const store = openEmbeddedStore(join(folder, "store"), { clock: systemClock, random: systemRandom });
      return openMetadata({ store, dataDir: folder, clock: systemClock, logger });
    };
    const first = await open();
    const held = () =>
      first.hub.view
        .of("executorPlacement")
        .map(({ executor, variants }) => [executor, ...variants.map((v) => `${v.variant} ${v.reason}`)]);
    expect(held().sort()).toEqual([
      ["one", "mlp-fp32 registration", "mlp-fp32-t2 query"],
      ["two", "mlp-fp32 operator"],
    ]);
    expect(first.hub.view.of("placement")).toEqual([]);
    expect(first.hub.view.of("variant").map(({ name }) => name)).toEqual(["mlp-fp32", "mlp-fp32-t2"]);
    await first.close();
    const second = await open();
    const { entries } = await second.store.list("infaas/v1/");
    expect(entries.filter(({ key }) => key.includes("placement")).map(({ key }) => key)).toEqual([
      "infaas/v1/executor-placement/one",
      "infaas/v1/executor-placement/two",
    ]);
    await second.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("goes on where a crash ended it, takes many in several writes, and keeps what is newer", async () => {
    const { store, hub, writer } = await inMemory();
    const variants = [{ variant: "v0", reason: "operator", priority: 5, generation: 9n }];
    const newer = putPlacement(create(ExecutorPlacementSchema, { executor: "e", variants, term: 3n }));
    await store.transaction({ compares: [], writes: [newer] });
    for (let i = 0; i < 130; i++) await store.transaction({ compares: [], writes: [oldPut(`v${i}`, "e")] });
    await Promise.all([migratePlacements(writer), migratePlacements(writer)]);
    const [only, ...others] = hub.view.of("executorPlacement");
    expect(others).toEqual([]);
    expect(only?.variants).toHaveLength(130);
    expect(only?.variants.find(({ variant }) => variant === "v0")).toMatchObject({
      reason: "operator",
      generation: 9n,
    });
    expect([only?.term, hub.view.of("placement")]).toEqual([3n, []]);
  });
});
