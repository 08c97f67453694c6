import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceService, userMethodRole } from "@infaas/api";
import {
  Code,
  createLogger,
  createRpcClient,
  loadSecurity,
  readConfig,
  retryDelayMs,
  type Security,
  ServiceError,
  systemClock,
  tokenDigest,
} from "@infaas/runtime";
import { frontendOptions } from "../config";
import { type House, inferRequest, startHouse, TASK, until } from "../testing/house";
import type { Reply } from "../testing/scripted-executor";

jest.setTimeout(20_000);

const clusterToken = "c".repeat(40);
/** One row at a time, 1 ms each: two rows are given ahead, and as many for the hop. */
const WINDOW_ROWS = 4;
const entry = (tenant: string, more: object = {}) => ({
  sha256: tokenDigest(`${tenant}-token`),
  tenant,
  roles: ["query"],
  ...more,
});
const as = (tenant: string) => ({ metadata: { authorization: `Bearer ${tenant}-token` } });

describe("a frontend with tenants", () => {
  let folder: string;
  let house: House;
  let security: Security;
  const replies: Reply[] = [];
  /** Options of the frontend beside. */
  const args: string[] = [];

  async function start(latencyMs: number, ...tokens: object[]) {
    folder = mkdtempSync(join(tmpdir(), "infaas-tenants-"));
    writeFileSync(join(folder, "tokens"), JSON.stringify({ tokens }));
    writeFileSync(join(folder, "cluster"), clusterToken);
    const files = ["--tokens", join(folder, "tokens"), "--cluster-token-file", join(folder, "cluster")];
    const read = readConfig(frontendOptions, files, {});
    if (!read.ok) throw new Error(read.faults.join("; "));
    const logger = createLogger({ service: "tenants-test", level: "error" });
    const world = { clock: systemClock, logger, requirementOf: userMethodRole };
    security = await loadSecurity(read.config, world);
    house = await startHouse({ e1: ["mlp@1"] }, [{ name: "mlp@1", latencyMs }], args, security);
    replies.length = 0;
    house.executors[0]!.behaviour = (_frame, reply) => replies.push(reply);
  }
  afterEach(async () => {
    await house.stop();
    security.close();
    rmSync(folder, { recursive: true });
  });

  const ask = (tenant: string, o: { timeoutMs?: number } = {}) =>
    house.inference.modelInfer(inferRequest(TASK), { ...as(tenant), ...o }).then(
      () => "answered",
      (e: unknown) => ServiceError.from(e),
    );
  const received = () => house.executors[0]!.received;

  it("answers a query whose very like was refused to one whom nobody knows", async () => {
    await start(1, entry("calm"));
    expect(house.frontend.wire).not.toBeNull();
    expect(await ask("stranger")).toMatchObject({ code: Code.UNAUTHENTICATED });
    const asked = ask("calm");
    await until(() => replies.length === 1);
    replies[0]?.answer();
    expect(await asked).toBe("answered");
  });

  it("holds a storm back, and lets another tenant's query pass it at once", async () => {
    await start(1, entry("storm"), entry("calm"));
    const first = ask("calm");
    await until(() => received().length === 1);
    const storm = Array.from({ length: 20 }, () => ask("storm"));
    await until(() => received().length === WINDOW_ROWS);
    const second = ask("calm");
    await until(() => received().length === WINDOW_ROWS + 1);
    const lanes = received().map((frame) => frame.lane);
    expect(lanes).toEqual([1, 1, 1, 2, 1]);
    for (let answered = 0; answered < 22; answered++) {
      await until(() => replies.length > answered);
      replies[answered]!.answer();
    }
    expect(await Promise.all([first, second, ...storm])).toEqual(Array(22).fill("answered"));
  });

  it("refuses what of a storm would be late anyway, and says when to come again", async () => {
    await start(20, entry("storm"), entry("calm"));
    const calm = ask("calm");
    await until(() => received().length === 1);
    const storm = Array.from({ length: 20 }, () => ask("storm", { timeoutMs: 300 }));
    const refused = (await Promise.race(storm)) as ServiceError;
    expect(refused).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: expect.stringMatching(/^\d+ queries of 'storm' wait for its share of 'digit/),
    });
    expect(retryDelayMs(refused)).toBeGreaterThan(0);
    const waiting = Promise.all([calm, ...storm]);
    await until(() => replies.length >= 1);
    for (const reply of replies) reply.answer();
    await waiting;
  });

  it("lets those who waited go elsewhere or know, when what they waited for is gone", async () => {
    await start(1, entry("storm"), entry("calm"));
    const queries = [ask("calm"), ...Array.from({ length: 8 }, () => ask("storm"))];
    await until(() => received().length === WINDOW_ROWS);
    await house.executors[0]!.stop();
    const codes = (await Promise.all(queries)).map((outcome) => (outcome as ServiceError).code);
    expect(new Set(codes)).toEqual(new Set([Code.UNAVAILABLE]));
  });

  it("holds a tenant to the bounds of its token, on every face", async () => {
    await start(1, entry("small", { inFlightMax: 1 }), entry("slow", { queriesPerSecond: 0.001, burst: 1 }));
    const small = ask("small");
    await until(() => received().length === 1);
    expect(await ask("small")).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: "2 queries in flight, at most 1 are allowed for 'small'",
    });
    const typed = createRpcClient(InferenceService, house.frontend.address);
    const { inputs, rawInputContents } = inferRequest(TASK);
    await expect(typed.query({ target: TASK, inputs, rawInputContents }, as("small"))).rejects.toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
    });
    typed.close();
    replies[0]!.answer();
    expect(await small).toBe("answered");
    house.executors[0]!.behaviour = (_frame, reply) => reply.answer();
    expect(await ask("small")).toBe("answered");
    expect(await ask("slow")).toBe("answered");
    const tooFast = (await ask("slow")) as ServiceError;
    expect(tooFast.message).toMatch(/^queries come faster than the 0.001 per second allowed for 'slow'/);
    expect(retryDelayMs(tooFast)).toBeGreaterThan(900_000);
  });

  it("leaves room on the way to an executor for another, whatever it asks for", async () => {
    args.push("--in-flight-max", "8");
    await start(1, entry("storm"), entry("calm"));
    args.length = 0;
    const storm = Array.from({ length: 10 }, () => ask("storm"));
    const refused = (await Promise.race(storm)) as ServiceError;
    expect(refused).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: expect.stringContaining(
        "4 queries are in flight, 4 of them this caller's; at most 8 may be on a link",
      ),
    });
    const calm = ask("calm");
    await until(() => received().length === 5);
    for (const reply of replies) reply.answer();
    expect(await calm).toBe("answered");
    expect((await Promise.all(storm)).filter((outcome) => outcome === "answered")).toHaveLength(4);
    house.executors[0]!.behaviour = (_frame, reply) => reply.answer();
    expect(await ask("storm")).toBe("answered");
  });

  it("asks for a token, and for the role", async () => {
    await start(1, entry("ops", { roles: ["operate"] }));
    expect(await ask("nobody")).toMatchObject({ code: Code.UNAUTHENTICATED });
    expect(await ask("ops")).toMatchObject({
      code: Code.PERMISSION_DENIED,
      message: expect.stringContaining("needs the role query"),
    });
    await expect(house.inference.serverLive({})).resolves.toMatchObject({ live: true });
  });
});
