import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@infaas/runtime";
import type { ArtifactPiece } from "./artifact-upload";
import { ARTIFACT_MAX_BYTES, Artifacts } from "./artifacts";

const content = Buffer.from("ten bytes!");
const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
const hex = digest.slice("sha256:".length);

describe("Artifacts", () => {
  let folder: string;
  let artifacts: Artifacts;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "infaas-artifacts-"));
    artifacts = await Artifacts.open(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("takes a file in pieces and gives it back from any offset", async () => {
    expect(await artifacts.upload(pieces([0, 4], [4, 9], [9, 10]))).toBe(10);
    expect(await artifacts.stat(digest)).toEqual({ complete: true, receivedBytes: 10 });
    expect(await read(artifacts, 0n)).toBe("ten bytes!");
    expect(await read(artifacts, 4n)).toBe("bytes!");
    expect(await read(artifacts, 10n)).toBe("");
    expect(readdirSync(folder)).toEqual([hex]);
  });

  it("does not need the rest of a file it has already", async () => {
    await artifacts.upload(pieces([0, 10]));
    expect(await artifacts.upload(pieces([0, 2]))).toBe(10);
  });

  describe("when an upload broke off", () => {
    it("goes on from what was received, also after a restart", async () => {
      const broken = artifacts.upload(broke(new Error("the line went dead"), [0, 4]));
      await expect(broken).rejects.toThrow("the line went dead");
      const restarted = await Artifacts.open(folder);
      expect(await restarted.stat(digest)).toEqual({ complete: false, receivedBytes: 4 });
      expect(await restarted.upload(pieces([4, 10]))).toBe(10);
      expect(await read(restarted, 0n)).toBe("ten bytes!");
    });

    it("keeps what a stream that just ends has brought, and says where to go on", async () => {
      const ended = artifacts.upload(pieces([0, 4]));
      await expect(ended).rejects.toThrow("upload ended after 4 of 10 bytes; go on from offset 4");
      expect((await artifacts.stat(digest)).receivedBytes).toBe(4);
    });

    it("refuses a piece that belongs elsewhere, and loses nothing by it", async () => {
      await artifacts.upload(pieces([0, 4])).catch(() => undefined);
      const misplaced = artifacts.upload(pieces([0, 10]));
      await expect(misplaced).rejects.toMatchObject({ code: Code.OUT_OF_RANGE });
      await expect(misplaced).rejects.toThrow("piece is for offset 0, 4 bytes were received");
      expect(await artifacts.upload(pieces([4, 10]))).toBe(10);
    });

    it("is not served before it is whole", async () => {
      await artifacts.upload(pieces([0, 4])).catch(() => undefined);
      await expect(read(artifacts, 0n)).rejects.toMatchObject({ code: Code.NOT_FOUND });
    });
  });

  describe("when the content is not what the digest says", () => {
    it("answers DATA_LOSS with both digests and drops all of it", async () => {
      const wrong = artifacts.upload(
        (async function* () {
          yield { digest, totalBytes: 10n, offset: 0n, data: Buffer.from("TEN BYTES!") };
        })(),
      );
      await expect(wrong).rejects.toMatchObject({ code: Code.DATA_LOSS });
      await expect(wrong).rejects.toThrow(digest);
      expect(await artifacts.stat(digest)).toEqual({ complete: false, receivedBytes: 0 });
      expect(await artifacts.upload(pieces([0, 10]))).toBe(10);
    });

    it("verifies what lay on the disk too, not only what came now", async () => {
      writeFileSync(join(folder, `${hex}.part`), "TEN ");
      await expect(artifacts.upload(pieces([4, 10]))).rejects.toMatchObject({ code: Code.DATA_LOSS });
    });
  });

  it("starts over when more lies there than the file has", async () => {
    writeFileSync(join(folder, `${hex}.part`), "more than ten bytes");
    expect(await artifacts.upload(pieces([0, 10]))).toBe(10);
  });

  it("takes one upload of a file at a time", async () => {
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    let began = () => {};
    const underWay = new Promise<void>((resolve) => {
      began = resolve;
    });
    const first = artifacts.upload(
      (async function* () {
        yield piece(0, 4);
        began();
        await held;
        yield piece(4, 10);
      })(),
    );
    await underWay;
    await expect(artifacts.upload(pieces([0, 10]))).rejects.toMatchObject({ code: Code.ABORTED });
    go();
    expect(await first).toBe(10);
  });

  it.each([
    "",
    "sha256:",
    "sha256:../../../../etc/passwd",
    `sha256:${"a".repeat(63)}/`,
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(64)}\n`,
    `md5:${"a".repeat(64)}`,
  ])("refuses the digest %j everywhere, so that no path can be made of it", async (bad) => {
    const refused = { code: Code.INVALID_ARGUMENT };
    await expect(artifacts.stat(bad)).rejects.toMatchObject(refused);
    await expect(artifacts.download(bad, 0n).next()).rejects.toMatchObject(refused);
    const upload = (async function* () {
      yield { ...piece(0, 10), digest: bad };
    })();
    await expect(artifacts.upload(upload)).rejects.toMatchObject(refused);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([0n, -1n, BigInt(ARTIFACT_MAX_BYTES) + 1n])("refuses a file of %d bytes", async (totalBytes) => {
    const upload = (async function* () {
      yield { ...piece(0, 10), totalBytes };
    })();
    await expect(artifacts.upload(upload)).rejects.toThrow(`file of ${totalBytes} bytes is outside 1 to`);
  });

  it("refuses more than was announced, an upload of nothing, and an offset outside the file", async () => {
    const more = (async function* () {
      yield { ...piece(0, 10), totalBytes: 5n };
    })();
    await expect(artifacts.upload(more)).rejects.toThrow("upload of 10 bytes exceeds the 5 announced");
    await expect(artifacts.upload(pieces())).rejects.toThrow("upload has no message");
    await artifacts.upload(pieces([0, 10]));
    await expect(read(artifacts, 11n)).rejects.toMatchObject({ code: Code.OUT_OF_RANGE });
    await expect(read(artifacts, -1n)).rejects.toMatchObject({ code: Code.OUT_OF_RANGE });
  });
});

function piece(from: number, to: number): ArtifactPiece {
  return { digest, totalBytes: 10n, offset: BigInt(from), data: content.subarray(from, to) };
}

async function* pieces(...ranges: readonly [number, number][]): AsyncGenerator<ArtifactPiece> {
  for (const [from, to] of ranges) yield piece(from, to);
}

async function* broke(error: Error, ...ranges: readonly [number, number][]): AsyncGenerator<ArtifactPiece> {
  yield* pieces(...ranges);
  throw error;
}

async function read(artifacts: Artifacts, offset: bigint): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const { data } of artifacts.download(digest, offset)) parts.push(data);
  return Buffer.concat(parts).toString();
}
