import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, systemClock, systemRandom } from "@infaas/runtime";
import { mountSmallDisk } from "@infaas/runtime/testing/small-disk";
import { openEmbeddedStore } from "../store/embedded-store";
import { ARTIFACT_LIMITS } from "./artifact-space";
import type { ArtifactPiece } from "./artifact-upload";
import { Artifacts } from "./artifacts";

const MIB = 1024 ** 2;
const disk = mountSmallDisk(16 * MIB);
const onSmallDisk = disk === null ? describe.skip : describe;
afterAll(() => disk?.unmount());

const fileOf = (bytes: number) => Buffer.alloc(bytes, "m");
const digestOf = (content: Buffer) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

/** Uploads a file in pieces; before each `between` is called. */
async function* pieces(content: Buffer, between = () => {}, tenant = ""): AsyncGenerator<ArtifactPiece> {
  for (let offset = 0; offset < content.length; offset += MIB) {
    if (offset > 0) between();
    const data = content.subarray(offset, offset + MIB);
    const totalBytes = BigInt(content.length);
    yield { digest: digestOf(content), tenant, totalBytes, offset: BigInt(offset), data };
  }
}

describe("Artifacts whose bytes are bounded", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "infaas-quota-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("refuses the file that goes beyond, with both sizes, and keeps nothing of it", async () => {
    const artifacts = await Artifacts.open(folder, {
      ...ARTIFACT_LIMITS,
      bytesMax: 3 * MIB,
      reserveBytes: 0,
    });
    await artifacts.upload(pieces(fileOf(2 * MIB)));
    await expect(artifacts.upload(pieces(fileOf(2 * MIB + 1)))).rejects.toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: "2097153 bytes of a file are to come, files hold 2097152 of 3145728",
    });
    expect(readdirSync(folder)).toHaveLength(1);
    expect(await artifacts.upload(pieces(fileOf(MIB)))).toBe(MIB);
  });

  it("lets idle uploads give way, and no others", async () => {
    const artifacts = await Artifacts.open(folder, {
      ...ARTIFACT_LIMITS,
      bytesMax: 3 * MIB,
      reserveBytes: 0,
    });
    const [idle, recent] = ["a", "b"].map((letter) => join(folder, `${letter.repeat(64)}.part`));
    for (const path of [idle!, recent!]) writeFileSync(path, fileOf(MIB));
    const longAgo = new Date(systemClock.epochMs() - 11 * 60_000);
    utimesSync(idle!, longAgo, longAgo);
    expect(await artifacts.upload(pieces(fileOf(2 * MIB)))).toBe(2 * MIB);
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([`${"b".repeat(64)}.part`]);
  });

  it("refuses the file that goes beyond its tenant's share, and takes another tenant's", async () => {
    const limits = { ...ARTIFACT_LIMITS, tenantBytesMax: 2 * MIB, reserveBytes: 0 };
    const artifacts = await Artifacts.open(folder, limits);
    const of = (tenant: string, content: Buffer) => pieces(content, () => {}, tenant);
    await artifacts.upload(of("vision", fileOf(2 * MIB)));
    const more = Buffer.alloc(MIB, "o");
    await expect(artifacts.upload(of("vision", more))).rejects.toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: "1048576 bytes of a file are to come, files of tenant 'vision' hold 2097152 of 2097152",
    });
    expect(await artifacts.upload(of("speech", more))).toBe(MIB);
    const restarted = await Artifacts.open(folder, limits);
    await expect(restarted.upload(of("vision", fileOf(2 * MIB + 1)))).rejects.toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
    });
    const two = [MIB + 1, MIB + 2].map((bytes) => restarted.upload(of("text", fileOf(bytes))));
    const ends = await Promise.allSettled(two);
    expect(ends.map(({ status }) => status)).toContain("rejected");
  });
});

onSmallDisk("a disk that is full", () => {
  const small = disk!;
  const put = (key: string, bytes: number) => ({
    compares: [],
    writes: [{ kind: "put", key, value: fileOf(bytes), leaseId: null } as const],
  });
  const folder = (name: string) => join(small.folder, name);
  afterEach(() => small.empty());

  it("refuses a file larger than it is before any of it is kept, and one that no longer fits while it comes", async () => {
    const artifacts = await Artifacts.open(folder("artifacts"), { ...ARTIFACT_LIMITS, reserveBytes: MIB });
    const full = {
      code: Code.RESOURCE_EXHAUSTED,
      message: expect.stringMatching(/the disk has \d+ besides/),
    };
    await expect(artifacts.upload(pieces(fileOf(64 * MIB)))).rejects.toMatchObject(full);
    expect(readdirSync(folder("artifacts"))).toEqual([]);
    const fills = pieces(fileOf(4 * MIB), () => small.fill(MIB));
    await expect(artifacts.upload(fills)).rejects.toMatchObject(full);
    small.empty();
    const [rest] = [fileOf(4 * MIB)];
    const { receivedBytes } = await artifacts.stat(digestOf(rest));
    expect(receivedBytes).toBe(MIB);
    const goesOn = (async function* () {
      for await (const piece of pieces(rest)) if (piece.offset >= MIB) yield piece;
    })();
    expect(await artifacts.upload(goesOn)).toBe(4 * MIB);
  });

  it("tells an upload that found it full so, where nothing is kept free", async () => {
    const artifacts = await Artifacts.open(folder("unreserved"), { ...ARTIFACT_LIMITS, reserveBytes: 0 });
    small.fill(0);
    await expect(artifacts.upload(pieces(fileOf(MIB)))).rejects.toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
    });
  });

  it("refuses what the store would write, serves what is there, and takes the next once there is room", async () => {
    const unheard: unknown[] = [];
    const hear = (reason: unknown) => void unheard.push(reason);
    process.on("unhandledRejection", hear);
    const store = openEmbeddedStore(folder("store"), { clock: systemClock, random: systemRandom });
    await store.transaction(put("before", 1_000));
    small.fill(4_096);
    for (let i = 0; i < 3; i++) {
      await expect(store.transaction(put(`large-${i}`, 200_000))).rejects.toMatchObject({
        code: Code.RESOURCE_EXHAUSTED,
        message: expect.stringMatching(
          /asked to write \d+ bytes, found its disk full \(ENOSPC\); \d+ bytes are free/,
        ),
      });
    }
    expect((await store.list("")).entries.map(({ key }) => key)).toEqual(["before"]);
    small.empty();
    expect(await store.transaction(put("after", 200_000))).toMatchObject({ kind: "committed" });
    await store.close();
    const again = openEmbeddedStore(folder("store"), { clock: systemClock, random: systemRandom });
    expect((await again.list("")).entries.map(({ key }) => key)).toEqual(["after", "before"]);
    await again.close();
    process.off("unhandledRejection", hear);
    expect(unheard).toEqual([]);
  });
});
