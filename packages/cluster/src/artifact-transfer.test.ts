import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArtifactService } from "@infaas/api";
import {
  Code,
  createLogger,
  createRpcClient,
  createRpcServer,
  implementService,
  Lifecycle,
  ServiceError,
} from "@infaas/runtime";
import { ArtifactClient, digestOfBytes } from "./artifact-transfer";

const logger = createLogger({ service: "test", write: () => undefined });
/** More than two messages of an upload, each byte of which says where it stands. */
const content = Buffer.alloc(2_500_000);
for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at);
const digest = digestOfBytes(content);

describe("ArtifactClient", () => {
  const life = new Lifecycle();
  const folder = mkdtempSync(join(tmpdir(), "artifacts-"));
  const path = join(folder, "model.onnx");
  writeFileSync(path, content);
  afterAll(async () => {
    await life.stop();
    rmSync(folder, { recursive: true });
  });

  /**
   * A store of one artifact behind a real gRPC server; an upload breaks once it holds more than
   * `breakAtBytes`.
   */
  async function setUp({ breakAtBytes = Number.POSITIVE_INFINITY } = {}) {
    const held: { bytes: Buffer; messages: number[]; breakAtBytes: number } = {
      bytes: Buffer.alloc(0),
      messages: [],
      breakAtBytes,
    };
    const server = createRpcServer({ logger });
    server.add(
      implementService(ArtifactService, {
        statArtifact: async () => ({
          complete: held.bytes.length === content.length,
          receivedBytes: BigInt(held.bytes.length),
        }),
        uploadArtifact: async (messages) => {
          for await (const message of messages) {
            expect(message).toMatchObject({ digest, totalBytes: BigInt(content.length) });
            expect(message.offset).toBe(BigInt(held.bytes.length));
            held.messages.push(message.data.length);
            held.bytes = Buffer.concat([held.bytes, message.data]);
            if (held.bytes.length > held.breakAtBytes) throw new ServiceError(Code.UNAVAILABLE, "broken");
          }
          return { totalBytes: BigInt(held.bytes.length) };
        },
        downloadArtifact: async function* ({ offset }) {
          yield { data: held.bytes.subarray(Number(offset)) };
        },
      }),
    );
    const client = createRpcClient(ArtifactService, `127.0.0.1:${await server.listen("127.0.0.1:0")}`);
    life.onStop("server", () => server.stop(100));
    life.onStop("client", () => client.close());
    return { held, artifacts: new ArtifactClient(client) };
  }

  it.each([
    ["a file", (artifacts: ArtifactClient) => artifacts.uploadFile(path)],
    ["bytes", (artifacts: ArtifactClient) => artifacts.uploadBytes(content)],
  ])("uploads %s once, in messages of at most a megabyte", async (_what, upload) => {
    const { held, artifacts } = await setUp();
    expect(await upload(artifacts)).toBe(digest);
    expect(held.bytes.equals(content)).toBe(true);
    expect(held.messages).toEqual([0, 1_048_576, 1_048_576, 402_848]);
    expect(await upload(artifacts)).toBe(digest);
    expect(held.messages).toHaveLength(4);
  });

  it.each([
    ["a file", (artifacts: ArtifactClient) => artifacts.uploadFile(path)],
    ["bytes", (artifacts: ArtifactClient) => artifacts.uploadBytes(content)],
  ])("goes on with %s where an upload was cut off", async (_what, upload) => {
    const { held, artifacts } = await setUp({ breakAtBytes: 1_000_000 });
    await expect(upload(artifacts)).rejects.toThrow("broken");
    expect(held.bytes.length).toBe(1_048_576);
    held.breakAtBytes = Number.POSITIVE_INFINITY;
    await upload(artifacts);
    expect(held.bytes.equals(content)).toBe(true);
    expect(held.messages).toEqual([0, 1_048_576, 0, 1_048_576, 402_848]);
  });

  it("stops an upload that is cancelled", async () => {
    const { artifacts } = await setUp();
    await expect(artifacts.uploadBytes(content, AbortSignal.abort())).rejects.toMatchObject({
      code: Code.CANCELLED,
    });
  });

  it("downloads from an offset on", async () => {
    const { artifacts } = await setUp();
    await artifacts.uploadBytes(content);
    const chunks: Uint8Array[] = [];
    for await (const chunk of artifacts.download(digest, 2_000_000)) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(content.subarray(2_000_000))).toBe(true);
  });
});
