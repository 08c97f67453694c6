import {
  type Caller,
  Code,
  createLogger,
  dialPlain,
  SERVER_LIMITS,
  ServiceError,
  systemClock,
  systemRandom,
  VirtualClock,
} from "@infaas/runtime";
import { Wire } from "@infaas/wire";
import { BytesBody, PartsBody } from "../query/body";
import { until } from "../testing/house";
import { ScriptedExecutor } from "../testing/scripted-executor";
import type { ExecutorLink, LinkAnswer, LinkListener, LinkRefusal } from "./executor-link";
import { GrpcLink, type GrpcLinkOptions } from "./grpc-link";
import { NativeLink } from "./native-link";

class Recorder implements LinkListener {
  readonly answers: LinkAnswer[] = [];
  readonly refusals: LinkRefusal[] = [];
  readonly losses: ServiceError[] = [];
  answered(answer: LinkAnswer) {
    this.answers.push({ ...answer, body: new BytesBody(answer.body.bytes()) });
  }
  refused(refusal: LinkRefusal) {
    this.refusals.push({ ...refusal });
  }
  lost(fault: ServiceError) {
    this.losses.push(fault);
  }
  get settled(): number {
    return this.answers.length + this.refusals.length + this.losses.length;
  }
}

const QUERY = {
  timeoutMs: 0,
  lane: 1,
  trace: null,
  variant: "mlp@1",
  body: new BytesBody(new Uint8Array([1, 2, 3])),
};

const OVER = new ServiceError(Code.UNAVAILABLE, "test is over");

const kinds = [
  [
    "GrpcLink",
    (executor: ScriptedExecutor, _: Wire<Caller>, o: LinkWorld) =>
      new GrpcLink({ ...o, address: executor.address, frontend: "f1" }),
  ],
  [
    "NativeLink",
    (executor: ScriptedExecutor, wire: Wire<Caller>, o: LinkWorld) =>
      new NativeLink({ ...o, address: executor.linkAddress, wire, dial: dialPlain }),
  ],
] as const;

type LinkWorld = Pick<GrpcLinkOptions, "clock" | "random" | "logger" | "inFlightMax" | "events">;

describe.each(kinds)("%s", (_, open) => {
  let executor: ScriptedExecutor;
  let wire: Wire<Caller>;
  let link: ExecutorLink;
  const changes: boolean[] = [];
  let drained = 0;
  const world: LinkWorld = {
    clock: systemClock,
    random: systemRandom,
    logger: createLogger({ service: "link", level: "error" }),
    inFlightMax: 64,
    events: { changed: (up: boolean) => changes.push(up), draining: () => drained++ },
  };

  beforeEach(async () => {
    executor = new ScriptedExecutor("e1");
    wire = new Wire<Caller>(SERVER_LIMITS);
    await executor.start();
    changes.length = 0;
    drained = 0;
    link = open(executor, wire, world);
    await until(() => link.up);
  });

  afterEach(async () => {
    link.close(OVER);
    wire.close();
    await executor.stop();
  });

  it("carries many queries at once and gives each its own answer", async () => {
    const recorders = Array.from({ length: 32 }, () => new Recorder());
    for (const recorder of recorders) link.send(QUERY, recorder);
    await until(() => recorders.every((r) => r.answers.length === 1));
    expect(executor.received.map((f) => [f.variant, f.lane, [...f.body]])).toEqual(
      recorders.map(() => ["mlp@1", 1, [1, 2, 3]]),
    );
    expect(link.inFlight).toBe(0);
  });

  it("carries bodies in parts, large ones among them, while others are on their way", async () => {
    const parts = [3, 2_000_000, 0, 9, 80_000].map((length, i) => Buffer.alloc(length, i + 1));
    const recorders = Array.from({ length: 6 }, () => new Recorder());
    for (const [i, recorder] of recorders.entries())
      link.send(i % 2 === 0 ? { ...QUERY, body: new PartsBody(parts) } : QUERY, recorder);
    await until(() => recorders.every((r) => r.answers.length === 1));
    const whole = Buffer.concat(parts);
    for (const [i, { body }] of executor.received.entries()) expect(whole.equals(body)).toBe(i % 2 === 0);
  });

  it("passes a refusal on with its code and sentence", async () => {
    executor.behaviour = (_frame, reply) => reply.refuse(Code.RESOURCE_EXHAUSTED, "queue of 8 is full");
    const recorder = new Recorder();
    link.send(QUERY, recorder);
    await until(() => recorder.settled === 1);
    expect(recorder.refusals[0]).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: "queue of 8 is full",
    });
  });

  it("tells the executor of a cancelled query and calls nobody back", async () => {
    executor.behaviour = () => undefined;
    const recorder = new Recorder();
    const id = link.send(QUERY, recorder);
    await until(() => executor.received.length === 1);
    link.cancel(id);
    await until(() => executor.cancelled.length === 1);
    expect([executor.cancelled, recorder.settled, link.inFlight]).toEqual([[id], 0, 0]);
  });

  it("passes on that the executor is draining", async () => {
    executor.announceDraining();
    await until(() => drained > 0);
    expect(drained).toBe(1);
  });

  describe("when the stream breaks", () => {
    it("gives every pending query back with UNAVAILABLE and comes up again by itself", async () => {
      executor.behaviour = (_frame, reply) => {
        if (executor.received.length === 8) reply.breakLink();
      };
      const recorders = Array.from({ length: 8 }, () => new Recorder());
      for (const recorder of recorders) link.send(QUERY, recorder);
      await until(() => recorders.every((r) => r.settled === 1));
      expect(recorders.map((r) => r.losses[0]?.code)).toEqual(recorders.map(() => Code.UNAVAILABLE));
      executor.behaviour = (_frame, reply) => reply.answer();
      await until(() => link.up);
      expect(changes).toEqual([true, false, true]);
      const again = new Recorder();
      link.send(QUERY, again);
      await until(() => again.answers.length === 1);
    });
  });

  describe("when requests together are larger than a message may be", () => {
    it("sends them in several messages, a huge one in pieces, and every one arrives whole", async () => {
      const sizes = [40, 40, 10, 10].map((mib) => mib * 1024 * 1024);
      const recorders = sizes.map(() => new Recorder());
      for (const [i, size] of sizes.entries()) {
        link.send({ ...QUERY, body: new BytesBody(new Uint8Array(size).fill(i + 1)) }, recorders[i]!);
      }
      await until(() => recorders.every((r) => r.settled === 1));
      expect(recorders.map((r) => r.answers.length)).toEqual([1, 1, 1, 1]);
      expect(executor.received.map(({ body }) => [body.byteLength, body.at(0), body.at(-1)])).toEqual(
        sizes.map((size, i) => [size, i + 1, i + 1]),
      );
    }, 20_000);
  });

  describe("when the executor is reached and does not greet", () => {
    it("is not up, and tries anew after a bounded wait", async () => {
      const silent = new ScriptedExecutor("e2");
      silent.greets = false;
      await silent.start();
      const clock = new VirtualClock();
      const ups: boolean[] = [];
      const events = { changed: (up: boolean) => ups.push(up), draining: () => undefined };
      const waiting = open(silent, wire, { ...world, clock, events });
      await until(() => silent.openLinks === 1);
      expect(waiting.up).toBe(false);
      await clock.advance(5_000);
      await until(() => silent.openLinks === 0);
      silent.greets = true;
      while (!waiting.up) await clock.advance(100);
      expect(ups).toEqual([true]);
      waiting.close(OVER);
      await silent.stop();
    });
  });

  describe("when the executor is gone and comes back", () => {
    it("stays down while it is gone and comes up when it is back", async () => {
      await executor.stop();
      await until(() => !link.up);
      await executor.start();
      await until(() => link.up);
      expect(changes).toEqual([true, false, true]);
    });
  });
});
