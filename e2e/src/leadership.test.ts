import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClusterService, JobState, type JobStatus } from "@infaas/api";
import { createInfaasClient, type InfaasClient } from "@infaas/client";
import { createRpcClient, seededRandom, sleep, systemClock } from "@infaas/runtime";
import { Cluster, eventually } from "./cluster";
import { ExtraFrontend } from "./extra-frontend";
import { elementTypes, onnxFile, tensor } from "./onnx-file";

/** Leaders killed, each at a random moment of a registration; LEADER_KILLS=20 is the long form. */
const kills = Number(process.env.LEADER_KILLS ?? 1);
const seed = Number(process.env.SEED ?? 1);
jest.setTimeout(120_000 + 40_000 * kills);

const { FP32: FLOAT } = elementTypes;
const leaseMs = 2_000;
/** Longest that a registration of these models is away from its writes. */
const killWithinMs = 3_000;
const env = { INFAAS_LEASE_TTL_MS: String(leaseMs) };

/** `y = x + addend`, each a file of its own. */
const adding = (addend: number) =>
  onnxFile({
    name: "adding",
    node: [{ opType: "Add", input: ["x", "addend"], output: ["y"] }],
    initializer: [
      {
        name: "addend",
        dims: [1n],
        dataType: FLOAT,
        rawData: new Uint8Array(Float32Array.of(addend).buffer),
      },
    ],
    input: [tensor("x", FLOAT, ["n", 1])],
    output: [tensor("y", FLOAT, ["n", 1])],
  });

/** What metadata told of leaders and of what executors should hold, in the order of its revisions. */
class Told {
  readonly leaders: { readonly member: string; readonly term: bigint }[] = [];
  /** Writes of a term that had ended by then. */
  readonly stale: string[] = [];
  /** Variants that an executor should hold twice. */
  readonly doubled: string[] = [];
  private readonly ended = new AbortController();
  private readonly client;

  constructor(metadata: string) {
    this.client = createRpcClient(ClusterService, metadata);
    void this.follow().catch(() => undefined);
  }

  get term(): bigint {
    return this.leaders.at(-1)?.term ?? 0n;
  }

  stop(): void {
    this.ended.abort();
    this.client.close();
  }

  private async follow(): Promise<void> {
    let isSnapshot = true;
    for await (const { puts, snapshotComplete } of this.client.watch({}, { signal: this.ended.signal })) {
      for (const { value } of puts) {
        if (value.case === "leadership" && value.value.term > this.term) this.leaders.push(value.value);
        if (value.case !== "executorPlacement") continue;
        const { executor, variants, term } = value.value;
        // A snapshot tells what was written before.
        if (!isSnapshot && term < this.term) this.stale.push(`${executor}: term ${term} after ${this.term}`);
        const names = variants.map(({ variant }) => variant);
        if (new Set(names).size < names.length) this.doubled.push(`${executor}: ${names.join()}`);
      }
      if (snapshotComplete) isSnapshot = false;
    }
  }
}

describe("a leader that is lost", () => {
  const folder = mkdtempSync(join(tmpdir(), "infaas-leadership-"));
  const random = seededRandom(seed);
  let cluster: Cluster;
  let told: Told;
  let extras: ExtraFrontend[] = [];

  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "none", env });
    const [host, port] = cluster.address.split(":");
    told = new Told(`${host}:${Number(port) + 100}`);
    extras = await Promise.all(
      ["frontend-2", "frontend-3"].map((name) => ExtraFrontend.start(cluster, name, env)),
    );
  });
  afterAll(async () => {
    told?.stop();
    await Promise.all(extras.map((one) => one.stop()));
    await cluster?.stop();
    rmSync(folder, { recursive: true });
  });

  const leaderNow = () => told.leaders.at(-1)!;
  const pidOf = (member: string) =>
    extras.find(({ name }) => name === member)?.pid ?? cluster.pidOf("frontend");
  /** A frontend that does not lead. */
  const follower = (): string =>
    leaderNow().member === "frontend-2" ? extras[1]!.address : extras[0]!.address;
  const write = (name: string, addend: number) => {
    const path = join(folder, `${name}.onnx`);
    writeFileSync(path, adding(addend));
    return path;
  };
  const ask = async (client: InfaasClient, model: string) => {
    const bytes = Buffer.from(Float32Array.of(1).buffer);
    const input = { name: "x", datatype: "FP32", shape: [1, 1], bytes } as const;
    const { outputs } = await client.query(model, [input], {}, { timeoutMs: 20_000 });
    return new Float32Array(Uint8Array.from(outputs[0]!.bytes).buffer)[0];
  };
  const anotherLeads = (before: bigint) =>
    eventually("another leads", 3 * leaseMs + 10_000, async () => told.term > before);

  it.each([...Array(kills).keys()])(
    "by SIGKILL is followed by another, which places what was registered meanwhile (kill %i)",
    async (kill) => {
      await eventually("somebody leads", 10_000, async () => told.term > 0n);
      const { member, term } = leaderNow();
      const client = createInfaasClient(follower());
      try {
        const registered = client.register({ path: write(`killed-${kill}`, kill + 1) });
        await sleep(systemClock, random.next() * killWithinMs);
        process.kill(pidOf(member), "SIGKILL");
        await anotherLeads(term);
        expect(leaderNow().member).not.toBe(member);
        await registered;
        expect(await ask(client, `killed-${kill}`)).toBe(kill + 2);
      } finally {
        client.close();
        const lost = extras.findIndex(({ name }) => name === member);
        if (lost >= 0) extras[lost] = await ExtraFrontend.start(cluster, member, env);
      }
      expect([told.stale, told.doubled]).toEqual([[], []]);
    },
  );

  it("by SIGSTOP for three leases writes nothing when it wakes up, and follows the other", async () => {
    const { member, term } = leaderNow();
    const pid = pidOf(member);
    const client = createInfaasClient(follower());
    try {
      process.kill(pid, "SIGSTOP");
      await anotherLeads(term);
      await client.register({ path: write("stopped", 10) });
      await sleep(systemClock, 3 * leaseMs);
      process.kill(pid, "SIGCONT");
      await client.register({ path: write("woken", 20) });
      for (const [model, answer] of [
        ["stopped", 11],
        ["woken", 21],
      ] as const)
        expect(await ask(client, model)).toBe(answer);
      const joined = async () => {
        const { frontends } = await client.status();
        return frontends.some((one) => one.name === member);
      };
      await eventually("it is a member again", 15_000, joined);
    } finally {
      process.kill(pid, "SIGCONT");
      client.close();
    }
    expect([told.stale, told.doubled]).toEqual([[], []]);
  });

  it("by SIGKILL in the middle of a job is followed by another, and every row has its line once, in order", async () => {
    const rows = 2_000;
    await eventually("somebody leads", 10_000, async () => told.term > 0n);
    const { member, term } = leaderNow();
    const client = createInfaasClient(follower());
    try {
      await client.register({ path: write("killed-0", 1) });
      const input = (x: number) =>
        ({
          name: "x",
          datatype: "FP32",
          shape: [1, 1],
          bytes: Buffer.from(Float32Array.of(x).buffer),
        }) as const;
      const given = Array.from({ length: rows }, (_, x) => ({ id: `row-${x}`, inputs: [input(x)] }));
      const { name } = await client.jobs.submit({ target: "killed-0", rows: given });
      const lines: [string, number | undefined][] = [];
      let ended: JobStatus | undefined;
      let isKilled = false;
      for await (const { status, parts } of client.jobs.watch(name)) {
        ended = status;
        for (const part of parts)
          for (const line of await client.jobs.lines(part)) {
            if (line.kind === "failure") throw new Error(line.message);
            const { id, outputs } = line.answer;
            lines.push([id, new Float32Array(Uint8Array.from(outputs[0]!.bytes).buffer)[0]]);
          }
        if (isKilled || lines.length === 0) continue;
        expect(lines.length).toBeLessThan(rows);
        process.kill(pidOf(member), "SIGKILL");
        isKilled = true;
      }
      expect(leaderNow().term).toBeGreaterThan(term);
      expect(ended).toMatchObject({ state: JobState.SUCCEEDED, doneRows: rows, failedRows: 0 });
      expect(lines).toEqual(given.map(({ id }, x) => [id, x + 1]));
    } finally {
      client.close();
      const lost = extras.findIndex((one) => one.name === member);
      if (lost >= 0) extras[lost] = await ExtraFrontend.start(cluster, member, env);
    }
  });
});
