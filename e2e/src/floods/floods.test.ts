import { connect, type Socket } from "node:net";
import { addressOf } from "@infaas/runtime";
import { untilStill } from "../cluster";
import { LoneFrontend } from "../lone-frontend";
import { type Flood, floods } from "./floods";

jest.setTimeout(180_000);

const MIB = 1024 ** 2;
/** What the metric may miss beside the factor: less is no flood. */
const SLACK_BYTES = 4 * MIB;
/** What the metric may be away from the truth. */
const FACTOR = 2;
/** A server that takes nothing for so long takes no more. */
const STALLED_MS = 1_000;
/** Until what is held, or taken, stands still; what is held for so long. */
const SETTLED_MS_MAX = 60_000;
const STILL_MS = 200;
/** Floods at a time, each on a frontend of its own: most of each is waiting. */
const AT_ONCE = 2;
/** An allocator that gives back what is freed, so that what is resident is what somebody holds. */
const returningAllocator = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_TRIM_THRESHOLD_: "0",
  MALLOC_MMAP_THRESHOLD_: "65536",
  MALLOC_TOP_PAD_: "0",
};

/** Sends a flood on one connection, reads nothing, and resolves when all is sent or nothing more is taken. */
async function pour(address: string, { part }: Flood): Promise<Socket> {
  const socket = connect(addressOf(address));
  let taken = 0;
  const ended = new Promise<void>((done) => {
    socket.on("error", () => undefined);
    socket.once("close", done);
    const go = (index: number): void => {
      taken = index;
      const bytes = part(index);
      if (bytes === null) done();
      else socket.write(bytes, () => go(index + 1));
    };
    socket.once("connect", () => go(0));
  });
  const bounds = { withinMs: SETTLED_MS_MAX, stillMs: STALLED_MS };
  await Promise.race([ended, untilStill("what the server takes", bounds, async () => taken)]);
  return socket;
}

/** What a flood made a frontend of its own hold, bytes. */
interface Measured {
  /** More resident than before. */
  readonly grown: number;
  /** More told by the metric. */
  readonly held: number;
  /** Still told once the callers are gone. */
  readonly left: number;
}

async function measure(flood: Flood): Promise<Measured> {
  const frontend = await LoneFrontend.start({ ...returningAllocator, INFAAS_INGRESS: "native" });
  const told = new RegExp(`infaas_frontend_held_bytes\\{face="${flood.face}"\\} (\\d+)`);
  const heldBytes = async () => Number(told.exec(await frontend.metrics())?.[1] ?? Number.NaN);
  const settled = async () => ({
    held: await untilStill("what is held", { withinMs: SETTLED_MS_MAX, stillMs: STILL_MS }, heldBytes),
    resident: await frontend.residentBytes(),
  });
  const run = async (connections: number): Promise<Measured> => {
    const address = flood.face === "grpc" ? frontend.address : frontend.httpAddress;
    const before = await settled();
    const sockets = await Promise.all(Array.from({ length: connections }, () => pour(address, flood)));
    const during = await settled();
    for (const socket of sockets) socket.destroy();
    const after = await settled();
    return {
      grown: during.resident - before.resident,
      held: during.held - before.held,
      left: after.held - before.held,
    };
  };
  try {
    await run(Math.ceil(flood.connections / 8));
    return await run(flood.connections);
  } finally {
    await frontend.stop();
  }
}

/** Measures all floods, `AT_ONCE` at a time; each by its name. */
function measureAll(): ReadonlyMap<string, Promise<Measured>> {
  const measured = new Map<string, Promise<Measured>>();
  const lanes = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  for (const [i, flood] of floods.entries()) {
    const result = lanes[i % AT_ONCE]!.then(() => measure(flood));
    measured.set(flood.name, result);
    lanes[i % AT_ONCE] = result.then(
      () => undefined,
      () => undefined,
    );
  }
  return measured;
}

describe("what callers make a frontend hold", () => {
  let measured: ReturnType<typeof measureAll>;
  beforeAll(() => {
    measured = measureAll();
  });

  it.each(floods)("is told by the ledger: $name", async ({ name }) => {
    const { grown, held, left } = await measured.get(name)!;
    process.stdout.write(
      `${name}: ${(grown / MIB).toFixed(1)} MiB resident, ${(held / MIB).toFixed(1)} MiB told, ${(grown / held).toFixed(2)}\n`,
    );
    expect(left).toBeLessThan(MIB);
    expect(held).toBeGreaterThan(grown / FACTOR - SLACK_BYTES);
    expect(held).toBeLessThan(grown * FACTOR + SLACK_BYTES);
  });
});
