import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArtifactService, CatalogService, GRPCInferenceService } from "@infaas/api";
import { createInfaasClient, type InfaasClient } from "@infaas/client";
import { Code, createRpcClient, dialWith } from "@infaas/runtime";
import { Cluster, infaas } from "./cluster";
import { elementTypes, onnxFile, tensor } from "./onnx-file";

jest.setTimeout(120_000);

/** `y = x * factor`, of one row of two. */
const scale = (factor: number) =>
  onnxFile({
    name: "scale",
    node: [{ opType: "Mul", input: ["x", "factor"], output: ["y"] }],
    initializer: [{ name: "factor", dataType: elementTypes.FP32, floatData: [factor] }],
    input: [tensor("x", elementTypes.FP32, [1, 2])],
    output: [tensor("y", elementTypes.FP32, [1, 2])],
  });
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const denied = { code: Code.PERMISSION_DENIED };

/** One tenant with every way in: gRPC, HTTP and the command line. */
class Tenant {
  readonly client: InfaasClient;
  readonly inference;
  readonly artifacts;
  readonly catalog;
  private readonly tokenFile: string;

  constructor(
    private readonly cluster: Cluster,
    folder: string,
    private readonly token: string,
  ) {
    const dial = dialWith({ token });
    this.client = createInfaasClient(cluster.address, { token });
    this.inference = createRpcClient(GRPCInferenceService, cluster.address, { dial });
    this.artifacts = createRpcClient(ArtifactService, cluster.address, { dial });
    this.catalog = createRpcClient(CatalogService, cluster.address, { dial });
    this.tokenFile = join(folder, `${token}.txt`);
    writeFileSync(this.tokenFile, token);
  }

  close(): void {
    for (const client of [this.client, this.inference, this.artifacts, this.catalog]) client.close();
  }

  /** Status of a POST with a JSON body, and its answer. */
  async post(path: string, body: object = {}): Promise<{ readonly status: number; readonly text: string }> {
    const headers = { authorization: `Bearer ${this.token}`, "content-type": "application/json" };
    const url = `http://${this.cluster.httpAddress}${path}`;
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, text: await answer.text() };
  }

  cli(...words: string[]) {
    return infaas(this.cluster, ...words, "--token-file", this.tokenFile);
  }

  /** What `scale` answers to 1 and -2. */
  async scaled(): Promise<number[]> {
    const bytes = floats(1, -2);
    const { outputs } = await this.client.query("scale", [
      { name: "x", datatype: "FP32", shape: [1, 2], bytes },
    ]);
    return [...new Float32Array(Uint8Array.from(outputs[0]!.bytes).buffer)];
  }

  /** What `scale` answers to what lies in a region of shared memory. */
  async scaledFrom(region: string): Promise<number[]> {
    const parameters = {
      shared_memory_region: { parameterChoice: { case: "stringParam" as const, value: region } },
      shared_memory_byte_size: { parameterChoice: { case: "int64Param" as const, value: 8n } },
    };
    const inputs = [{ name: "x", datatype: "FP32", shape: [1n, 2n], parameters }];
    const { rawOutputContents } = await this.inference.modelInfer({ modelName: "scale", inputs });
    return [...new Float32Array(Uint8Array.from(rawOutputContents[0]!).buffer)];
  }

  async regions(): Promise<string[]> {
    return Object.keys((await this.inference.systemSharedMemoryStatus({})).regions);
  }
}

describe("what one tenant made, to another with the same roles", () => {
  const folder = mkdtempSync(join(tmpdir(), "infaas-owners-"));
  const file = (name: string, bytes: Uint8Array | string) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const [own, theirs] = [file("own.onnx", scale(3)), file("theirs.onnx", scale(5))];
  const shm = (name: string) => `infaas-owners-${process.pid}-${name}`;
  let cluster: Cluster;
  let vision: Tenant;
  let speech: Tenant;
  let platform: Tenant;
  const tenants = () => [vision, speech, platform];
  const variants = async () => (await vision.client.listModels()).variants;

  beforeAll(async () => {
    const roles = ["query", "register", "operate"];
    const of = (tenant: string, more: string[] = []) => ({
      sha256: createHash("sha256").update(tenant).digest("hex"),
      tenant,
      roles: [...roles, ...more],
    });
    const tokens = { tokens: [of("vision"), of("speech"), of("platform", ["share"])] };
    const path = file("tokens.json", JSON.stringify(tokens));
    cluster = await Cluster.start({ zoo: "none", args: ["--tokens", path] });
    [vision, speech, platform] = ["vision", "speech", "platform"].map(
      (tenant) => new Tenant(cluster, folder, tenant),
    ) as [Tenant, Tenant, Tenant];
    await vision.client.putTask({ name: "toy/scale", metric: "accuracy", labels: ["a", "b"] });
    await vision.client.register({ name: "scale", path: own, task: "toy/scale" });
    writeFileSync(join("/dev/shm", shm("vision")), floats(10, 6));
    writeFileSync(join("/dev/shm", shm("speech")), floats(20, 7));
  });
  afterAll(async () => {
    for (const tenant of tenants()) tenant?.close();
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
    for (const name of ["vision", "speech"]) rmSync(join("/dev/shm", shm(name)), { force: true });
  });

  it("answers: queries and listings are everybody's with the role query", async () => {
    for (const tenant of tenants()) expect(await tenant.scaled()).toEqual([3, -6]);
    expect((await speech.cli("models")).stdout).toContain("scale");
    expect((await speech.cli("completion", "names")).stdout.split("\n")).toContain("scale");
  });

  it("is not overwritten, by gRPC, by HTTP and by the command line", async () => {
    const before = await variants();
    await expect(speech.client.register({ name: "scale", path: theirs })).rejects.toMatchObject(denied);
    const bytes = Buffer.from(scale(7)).toString("base64");
    const brought = await speech.post("/v2/repository/models/scale/load", {
      parameters: { "file:1/model.onnx": bytes },
    });
    expect(brought).toEqual({ status: 403, text: expect.stringContaining("belongs to tenant 'vision'") });
    const { status, stderr } = await speech.cli("register", theirs, "--name", "scale");
    expect([status === 0, stderr]).toEqual([false, expect.stringContaining("PERMISSION_DENIED")]);
    expect(await variants()).toEqual(before);
    expect(await speech.scaled()).toEqual([3, -6]);
  });

  it("is neither unloaded nor loaded, and nothing is registered into its task, nor is that changed", async () => {
    const before = (await vision.client.listModels()).tasks;
    await expect(speech.inference.repositoryModelUnload({ modelName: "scale" })).rejects.toMatchObject(
      denied,
    );
    await expect(speech.inference.repositoryModelLoad({ modelName: "scale" })).rejects.toMatchObject(denied);
    for (const verb of ["unload", "load"])
      expect((await speech.post(`/v2/repository/models/scale/${verb}`)).status).toBe(403);
    const own = { name: "toy/scale", metric: "accuracy", labels: ["c"] };
    await expect(speech.client.putTask(own)).rejects.toMatchObject(denied);
    const into = { name: "louder", path: theirs, task: "toy/scale" };
    await expect(speech.client.register(into)).rejects.toMatchObject(denied);
    const { status, stderr } = await speech.cli("task", "toy/scale", "--description", "mine");
    expect([status === 0, stderr]).toEqual([false, expect.stringContaining("PERMISSION_DENIED")]);
    expect((await vision.client.listModels()).tasks).toEqual(before);
    expect(await vision.scaled()).toEqual([3, -6]);
  });

  it("is not deleted, by gRPC and by the command line", async () => {
    const before = await vision.client.listModels();
    await expect(speech.client.delete("scale")).rejects.toMatchObject(denied);
    await expect(speech.client.delete("toy/scale", { withModels: true })).rejects.toMatchObject(denied);
    const { status, stderr } = await speech.cli("delete", "scale");
    expect([status === 0, stderr]).toEqual([false, expect.stringContaining("PERMISSION_DENIED")]);
    const { tasks, architectures, variants } = await vision.client.listModels();
    expect({ tasks, architectures, variants }).toEqual({
      tasks: before.tasks,
      architectures: before.architectures,
      variants: before.variants,
    });
    expect(await speech.scaled()).toEqual([3, -6]);
  });

  it("is a file that is not there: not told of, not given out, not registered by its digest", async () => {
    const digest = digestOf(scale(3));
    expect((await vision.artifacts.statArtifact({ digest })).complete).toBe(true);
    expect((await speech.artifacts.statArtifact({ digest })).complete).toBe(false);
    const download = async () => {
      for await (const _ of speech.artifacts.downloadArtifact({ digest })) expect("bytes").toBe("none");
    };
    await expect(download()).rejects.toMatchObject({ code: Code.NOT_FOUND });
    const byDigest = async () => {
      for await (const { event } of speech.catalog.registerModel({ name: "copied", modelDigest: digest }))
        expect(event.case).not.toBe("result");
    };
    await expect(byDigest()).rejects.toMatchObject({ code: expect.any(Number) });
    expect((await variants()).filter(({ architecture }) => architecture === "copied")).toEqual([]);
    await speech.client.upload(own);
    expect((await speech.artifacts.statArtifact({ digest })).complete).toBe(true);
  });

  it("is a region of shared memory of which only its own tenant knows the name", async () => {
    const register = (tenant: Tenant, key: string) =>
      tenant.inference.systemSharedMemoryRegister({
        name: "r",
        key: `/${shm(key)}`,
        offset: 0n,
        byteSize: 8n,
      });
    await register(vision, "vision");
    await expect(speech.scaledFrom("r")).rejects.toMatchObject({ code: Code.NOT_FOUND });
    expect(await speech.regions()).toEqual([]);
    await register(speech, "speech");
    expect([await vision.scaledFrom("r"), await speech.scaledFrom("r")]).toEqual([
      [30, 18],
      [60, 21],
    ]);
    writeFileSync(join("/dev/shm", shm("vision")), floats(1, 2));
    expect([await vision.scaledFrom("r"), await speech.scaledFrom("r")]).toEqual([
      [3, 6],
      [60, 21],
    ]);
    expect((await speech.post("/v2/systemsharedmemory/unregister")).status).toBe(200);
    expect([await vision.regions(), await speech.regions()]).toEqual([["r"], []]);
    expect(await vision.scaledFrom("r")).toEqual([3, 6]);
  });

  it("is changed by its owner, and by a token that shares as far as its roles go", async () => {
    await platform.inference.repositoryModelUnload({ modelName: "scale" });
    await expect(vision.scaled()).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    expect((await vision.post("/v2/repository/models/scale/load")).status).toBe(200);
    expect(await speech.scaled()).toEqual([3, -6]);
    expect((await platform.cli("register", theirs, "--name", "scale", "--task", "toy/scale")).status).toBe(0);
    expect(await vision.scaled()).toEqual([5, -10]);
    const { architectures } = await vision.client.listModels();
    expect(architectures.filter(({ name }) => name === "scale").map(({ owner }) => owner)).toEqual(
      architectures.filter(({ name }) => name === "scale").map(() => "vision"),
    );
    await vision.client.register({ name: "scale", path: own, task: "toy/scale" });
    expect(await speech.scaled()).toEqual([3, -6]);
  });

  it("is deleted by its owner, and its name is free for another then", async () => {
    expect((await vision.cli("delete", "scale")).status).toBe(0);
    await expect(speech.scaled()).rejects.toMatchObject({ code: Code.NOT_FOUND });
    await speech.client.register({ name: "scale", path: theirs });
    expect(await speech.scaled()).toEqual([5, -10]);
    await expect(vision.client.delete("scale")).rejects.toMatchObject(denied);
  });
});
