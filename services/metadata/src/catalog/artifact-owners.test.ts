import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@infaas/runtime";
import type { ArtifactPiece } from "./artifact-upload";
import { Artifacts } from "./artifacts";

const content = Buffer.from("weights of one tenant");
const hex = createHash("sha256").update(content).digest("hex");
const digest = `sha256:${hex}`;

async function* whole(tenant = ""): AsyncGenerator<ArtifactPiece> {
  yield { digest, tenant, totalBytes: BigInt(content.length), offset: 0n, data: content };
}

async function* beginning(tenant: string): AsyncGenerator<ArtifactPiece> {
  yield { digest, tenant, totalBytes: BigInt(content.length), offset: 0n, data: content.subarray(0, 4) };
}

async function* end(tenant: string): AsyncGenerator<ArtifactPiece> {
  yield { digest, tenant, totalBytes: BigInt(content.length), offset: 4n, data: content.subarray(4) };
}

describe("Artifacts of tenants", () => {
  let folder: string;
  let artifacts: Artifacts;
  const isThereFor = async (tenant: string) => (await artifacts.stat(digest, tenant)).complete;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "infaas-owners-"));
    artifacts = await Artifacts.open(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("shows a file to its tenant and to members, and to no other tenant", async () => {
    await artifacts.upload(whole("vision"));
    expect(await Promise.all(["vision", "", "speech"].map(isThereFor))).toEqual([true, true, false]);
    await expect(artifacts.download(digest, 0n, "speech").next()).rejects.toMatchObject({
      code: Code.NOT_FOUND,
    });
    artifacts = await Artifacts.open(folder);
    expect(await Promise.all(["vision", "speech"].map(isThereFor))).toEqual([true, false]);
  });

  it("lets another tenant own it too that has all of it, at the price of one copy", async () => {
    await artifacts.upload(whole("vision"));
    await expect(artifacts.upload(end("speech"))).rejects.toMatchObject({ code: Code.OUT_OF_RANGE });
    expect(await isThereFor("speech")).toBe(false);
    await artifacts.upload(whole("speech"));
    expect(await isThereFor("speech")).toBe(true);
    expect(statSync(join(folder, hex)).nlink).toBe(3);
  });

  it("goes on with a tenant's own upload, and with nobody else's", async () => {
    await artifacts.upload(beginning("vision")).catch(() => undefined);
    expect((await artifacts.stat(digest, "vision")).receivedBytes).toBe(4);
    expect((await artifacts.stat(digest, "speech")).receivedBytes).toBe(0);
    await expect(artifacts.upload(end("speech"))).rejects.toMatchObject({ code: Code.OUT_OF_RANGE });
    expect(await artifacts.upload(end("vision"))).toBe(content.length);
  });

  it("leaves a file that no tenant brought to everybody", async () => {
    await artifacts.upload(whole());
    expect(await artifacts.upload(whole("vision"))).toBe(content.length);
    expect(await Promise.all(["vision", "speech", ""].map(isThereFor))).toEqual([true, true, true]);
  });

  it("takes one upload again that a crash left owned but not there", async () => {
    await artifacts.upload(whole("vision"));
    unlinkSync(join(folder, hex));
    expect(await isThereFor("vision")).toBe(false);
    await artifacts.upload(whole("vision"));
    expect(await Promise.all(["vision", "speech"].map(isThereFor))).toEqual([true, false]);
    expect(readdirSync(join(folder, "tenants", "vision"))).toEqual([hex]);
  });

  it.each(["..", "a/b", ".hidden", "x".repeat(65)])(
    "refuses the tenant %j, so that no path can be made of it",
    async (bad) => {
      await expect(artifacts.upload(whole(bad))).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    },
  );
});
