import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, VirtualClock } from "@infaas/runtime";
import { LOAD_REST_MS, LoadJournal } from "./load-journal";
import type { VariantSpec } from "./variant-spec";

const spec = {
  name: "net",
  modelDigest: "sha256:net",
  externalData: [],
  threads: 1,
  concurrency: 1,
  maxBatch: 1,
};
const variant = { ...spec, unbatched: false, measuredAtMs: 0 } as unknown as VariantSpec;

describe("LoadJournal", () => {
  let folder = "";
  let clock: VirtualClock;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "journal-"));
    clock = new VirtualClock();
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A process that begins to load and is never heard of again. */
  async function dieLoading(): Promise<void> {
    const journal = await LoadJournal.open(folder, clock);
    await new Promise<void>((begun) => {
      void journal.during(variant, () => {
        begun();
        return new Promise(() => undefined);
      });
    });
  }
  const load = async (loaded = variant) => {
    const journal = await LoadJournal.open(folder, clock);
    return await journal.during(loaded, async () => "loaded");
  };

  it("keeps a note only while a load runs, however it ends", async () => {
    const journal = await LoadJournal.open(folder, clock);
    await journal.during(variant, async () => expect(await readdir(folder)).toHaveLength(1));
    const failing = journal.during(variant, () => Promise.reject(new Error("no such file")));
    await expect(failing).rejects.toThrow("no such file");
    expect(await readdir(folder)).toEqual([]);
  });

  it("allows one death, which may have been an accident, and forgets it after a load that ends", async () => {
    await dieLoading();
    expect(await load()).toBe("loaded");
    await dieLoading();
    expect(await load()).toBe("loaded");
  });

  it("refuses what was the end of two processes, for a while", async () => {
    await dieLoading();
    await dieLoading();
    await clock.advance(1_000);
    await expect(load()).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message:
        "this executor died 2 times while it loaded net, allowed are 1; it is tried again in 3599 s, or once registered with retry",
    });
    expect(await load({ ...variant, name: "other" })).toBe("loaded");
    await clock.advance(LOAD_REST_MS);
    expect(await load()).toBe("loaded");
  });

  it("loads what was measured anew since", async () => {
    await dieLoading();
    await dieLoading();
    expect(await load({ ...variant, measuredAtMs: clock.epochMs() + 1 })).toBe("loaded");
  });

  it("forgets a note that cannot be read", async () => {
    await writeFile(join(folder, "scrap"), "{");
    expect(await load()).toBe("loaded");
  });
});
