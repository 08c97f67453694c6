import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArtifactSource } from "@infaas/cluster";
import { Code, ServiceError, systemClock } from "@infaas/runtime";
import { DOWNLOAD_ATTEMPTS_MAX, MODEL_FILE_KEEP_MS, ModelStore } from "./model-store";

const content = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i % 251));
const hex = createHash("sha256").update(content).digest("hex");
const digest = `sha256:${hex}`;

/** Gives `content` in pieces; breaks off after `breakAfter[call]` bytes where that is a number. */
class PiecewiseSource implements ArtifactSource {
  readonly offsets: number[] = [];

  constructor(
    private readonly bytes: Buffer,
    private readonly breakAfter: readonly number[] = [],
  ) {}

  async *download(_: string, offset: number): AsyncIterable<Uint8Array> {
    const limit = this.breakAfter[this.offsets.length] ?? Number.POSITIVE_INFINITY;
    this.offsets.push(offset);
    let sent = 0;
    for (let at = offset; at < this.bytes.length; at += 1_000) {
      if (sent >= limit) throw new ServiceError(Code.UNAVAILABLE, "connection lost");
      yield this.bytes.subarray(at, at + 1_000);
      sent += 1_000;
    }
  }
}

/** Gives whole files by digest and notes which were asked for. */
class NamedSource implements ArtifactSource {
  readonly downloads: string[] = [];

  constructor(private readonly contents: ReadonlyMap<string, Buffer>) {}

  async *download(asked: string): AsyncIterable<Uint8Array> {
    this.downloads.push(asked);
    yield this.contents.get(asked) ?? Buffer.alloc(0);
  }
}

describe("ModelStore", () => {
  let folder = "";
  const storeOf = (source: ArtifactSource) =>
    new ModelStore({ folder, source, clock: systemClock, bytesMax: 1_000_000 });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "model-store-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("downloads a file once and hands out its verified copy", async () => {
    const source = new PiecewiseSource(content);
    const store = storeOf(source);
    const [path, same] = await Promise.all([store.file(digest), store.file(digest)]);
    expect(same).toBe(path);
    expect(await readFile(path)).toEqual(content);
    await storeOf(source).file(digest);
    expect(source.offsets).toEqual([0]);
  });

  it("goes on where a download broke off", async () => {
    const source = new PiecewiseSource(content, [3_000, 4_000]);
    const path = await storeOf(source).file(digest);
    expect(source.offsets).toEqual([0, 3_000, 7_000]);
    expect(await readFile(path)).toEqual(content);
  });

  it("goes on after a restart too", async () => {
    await writeFile(join(folder, `${hex}.part`), content.subarray(0, 5_000));
    const source = new PiecewiseSource(content);
    await storeOf(source).file(digest);
    expect(source.offsets).toEqual([5_000]);
  });

  it("gives up after some interruptions and keeps what it has", async () => {
    const source = new PiecewiseSource(content, [1_000, 1_000, 1_000]);
    await expect(storeOf(source).file(digest)).rejects.toMatchObject({
      code: Code.UNAVAILABLE,
    });
    expect(source.offsets).toHaveLength(DOWNLOAD_ATTEMPTS_MAX);
    expect(await readdir(folder)).toEqual([`${hex}.part`]);
  });

  it("refuses content of another digest and drops it", async () => {
    const store = storeOf(new PiecewiseSource(Buffer.from("something else")));
    await expect(store.file(digest)).rejects.toMatchObject({ code: Code.DATA_LOSS });
    expect(await readdir(folder)).toEqual([]);
  });

  it("replaces a local file that was damaged", async () => {
    await writeFile(join(folder, hex), content.subarray(1));
    const path = await storeOf(new PiecewiseSource(content)).file(digest);
    expect(await readFile(path)).toEqual(content);
  });

  describe("when its folder is full", () => {
    const digests = ["a", "b", "c"].map(
      (letter) => `sha256:${createHash("sha256").update(letter.repeat(1_000)).digest("hex")}`,
    );
    const contents = new Map(digests.map((key, i) => [key, Buffer.alloc(1_000, "abc"[i])]));
    const [a = "", b = "", c = ""] = digests;
    const setUp = () => {
      const source = new NamedSource(contents);
      let nowMs = 1_000_000;
      const clock = { ...systemClock, epochMs: () => nowMs };
      const pass = (ms: number) => {
        nowMs += ms;
      };
      return { source, pass, store: new ModelStore({ folder, source, clock, bytesMax: 2_500 }) };
    };

    it("removes the file unused for longest, and brings it again when it is asked for", async () => {
      const { source, pass, store } = setUp();
      for (const asked of [a, b, a, c]) {
        await store.file(asked);
        pass(2 * MODEL_FILE_KEEP_MS);
      }
      expect((await readdir(folder)).sort()).toEqual([a, c].map((key) => key.slice(7)).sort());
      await store.file(b);
      expect(source.downloads).toEqual([a, b, c, b]);
    });

    it("keeps what was handed out a moment ago", async () => {
      const { store } = setUp();
      await Promise.all(digests.map((asked) => store.file(asked)));
      expect(await readdir(folder)).toHaveLength(3);
    });
  });

  it.each(["", "sha256:", "md5:00", `sha256:${"g".repeat(64)}`, `sha256:../${"0".repeat(61)}`])(
    "refuses %j as a digest",
    async (wrong) => {
      const store = storeOf(new PiecewiseSource(content));
      await expect(store.file(wrong)).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    },
  );
});
