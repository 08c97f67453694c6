import { execFile, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { ModelInferRequestSchema, OrcaLoadReportSchema } from "@infaas/api";
import { Cluster, root } from "./cluster";

const run = promisify(execFile);
const task = "digit-classification/uci-digits";
const folder = join(root, ".cache", "grpcurl");
const grpcurl = join(folder, "grpcurl");
const grpcurlModule = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3";
const installTimeoutMs = 300_000;
const hasGo = existsSync(grpcurl) || spawnSync("go", ["version"]).status === 0;

const row = readFileSync(join(root, "zoo", task, "inputs.bin")).subarray(0, 8 * 8 * 4);
const bytesOf = (bytes: Buffer) => bytes;

/** Trailing metadata of one ModelInfer: C-core keeps the load report from its callers, grpc-js does not. */
function trailersOf(address: string): Promise<Map<string, unknown>> {
  const client = new Client(address, credentials.createInsecure());
  const inputs = [{ name: "image", datatype: "FP32", shape: [1n, 1n, 8n, 8n] }];
  const message = create(ModelInferRequestSchema, {
    modelName: task,
    inputs,
    rawInputContents: [new Uint8Array(row)],
  });
  const request = Buffer.from(toBinary(ModelInferRequestSchema, message));
  return new Promise((resolve, reject) => {
    const path = "/inference.GRPCInferenceService/ModelInfer";
    const call = client.makeUnaryRequest(path, bytesOf, bytesOf, request, (error) => {
      if (error !== null) reject(error);
    });
    call.on("status", ({ metadata }) => {
      client.close();
      resolve(new Map(Object.entries(metadata.getMap())));
    });
  });
}

describe("tools of gRPC against whole processes", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "digits-logreg" });
  }, 240_000);
  afterAll(async () => {
    await cluster.stop();
  });

  it("find a load report in the trailers of an answer", async () => {
    const trailer = (await trailersOf(cluster.address)).get("endpoint-load-metrics-bin");
    const report = fromBinary(OrcaLoadReportSchema, trailer as Buffer);
    expect(report.applicationUtilization).toBeGreaterThanOrEqual(0);
    expect(report.requestCost.usd).toBeGreaterThan(0);
    expect(Object.keys(report.namedMetrics).sort()).toEqual(["batch_fill", "memory_free_bytes", "queue_ms"]);
  });

  describe("grpcurl", () => {
    if (!hasGo) {
      it("is SKIPPED here: go was not found", () => expect(hasGo).toBe(false));
      return;
    }
    const ask = async (...words: string[]) => {
      const { stdout } = await run(grpcurl, ["-plaintext", ...words]).catch((fault: unknown) => {
        const { stdout, stderr } = fault as { stdout: string; stderr: string };
        return { stdout: stdout + stderr };
      });
      return stdout;
    };
    beforeAll(async () => {
      if (existsSync(grpcurl)) return;
      const env = { ...process.env, GOBIN: folder, GOFLAGS: "-mod=mod" };
      await run("go", ["install", grpcurlModule], { env, timeout: installTimeoutMs });
    }, installTimeoutMs);

    it("lists every service and describes one, by reflection", async () => {
      const services = (await ask(cluster.address, "list")).split("\n");
      expect(services).toEqual(
        expect.arrayContaining([
          "grpc.health.v1.Health",
          "inference.GRPCInferenceService",
          "infaas.v1.InferenceService",
          "xds.service.orca.v3.OpenRcaService",
        ]),
      );
      const described = await ask(cluster.address, "describe", "inference.GRPCInferenceService");
      expect(described.match(/ {2}rpc /g)).toHaveLength(20);
    });

    it("calls a method whose messages it knows by reflection alone", async () => {
      const config = await ask(
        "-d",
        JSON.stringify({ name: task }),
        cluster.address,
        "inference.GRPCInferenceService/ModelMetadata",
      );
      expect(JSON.parse(config)).toMatchObject({ name: task, versions: ["1"] });
    });

    it("checks the health of every name in the repository", async () => {
      const index = await ask(cluster.address, "inference.GRPCInferenceService/RepositoryIndex");
      const { models } = JSON.parse(index) as { models: readonly { name: string }[] };
      expect(models.length).toBeGreaterThan(3);
      for (const { name: service } of models) {
        const asked = JSON.stringify({ service });
        const health = await ask("-d", asked, cluster.address, "grpc.health.v1.Health/Check");
        expect(health).toContain("SERVING");
      }
    });

    it.each([
      ["", "SERVING"],
      [task, "SERVING"],
      ["digit-classification", "SERVING"],
      ["digits-logreg", "SERVING"],
      ["cats", "NotFound"],
    ])("checks the health of '%s': %s", async (service, said) => {
      const health = await ask(
        "-d",
        JSON.stringify({ service }),
        cluster.address,
        "grpc.health.v1.Health/Check",
      );
      expect(health).toContain(said);
    });
  });
});
