import { connect, type Socket } from "node:net";
import { addressOf } from "@infaas/runtime";
import { eventually } from "../cluster";
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
/** Until what is held stands still, and for so long it has to. */
const SETTLED_MS_MAX = 20_000;
const STILL_MS = 200;
/** An allocator that gives back what is freed, so that what is resident is what somebody holds. */
const returningAllocator = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_TRIM_THRESHOLD_: "0",
  MALLOC_MMAP_THRESHOLD_: "65536",
  MALLOC_TOP_PAD_: "0",
};

/** Sends a flood on one connection, reads nothing, and resolves when all is sent or nothing more is taken. */
function pour(address: string, { part }: Flood): Promise<Socket> {
  const socket = connect(addressOf(address));
  socket.on("error", () => undefined);
  return new Promise((resolve) => {
    let stalled: NodeJS.Timeout | undefined;
    const done = () => {
      clearTimeout(stalled);
      resolve(socket);
    };
    const go = (index: number): void => {
      clearTimeout(stalled);
      const bytes = part(index);
      stalled = setTimeout(done, STALLED_MS);
      if (bytes === null) done();
      else socket.write(bytes, () => go(index + 1));
    };
    socket.once("close", done);
    socket.once("connect", () => go(0));
  });
}

describe("what callers make a frontend hold", () => {
  let frontend: LoneFrontend;
  beforeEach(async () => {
    frontend = await LoneFrontend.start({ ...returningAllocator, INFAAS_INGRESS: "native" });
  });
  afterEach(() => frontend?.stop());

  const heldBytes = async (face: Flood["face"]) => {
    const held = new RegExp(`infaas_frontend_held_bytes\\{face="${face}"\\} (\\d+)`);
    return Number(held.exec(await frontend.metrics())?.[1] ?? Number.NaN);
  };
  /** Resolves once what is held has stood still for a while. */
  const settled = async (face: Flood["face"]) => {
    let held = await heldBytes(face);
    await eventually("what is held stands still", SETTLED_MS_MAX, async () => {
      const before = held;
      await new Promise((next) => setTimeout(next, STILL_MS));
      held = await heldBytes(face);
      return held === before;
    });
    return { held, resident: await frontend.residentBytes() };
  };
  const run = async (flood: Flood) => {
    const address = flood.face === "grpc" ? frontend.address : frontend.httpAddress;
    const before = await settled(flood.face);
    const sockets = await Promise.all(Array.from({ length: flood.connections }, () => pour(address, flood)));
    const during = await settled(flood.face);
    for (const socket of sockets) socket.destroy();
    const after = await settled(flood.face);
    return {
      grown: during.resident - before.resident,
      held: during.held - before.held,
      left: after.held - before.held,
    };
  };

  it.each(floods)("is told by the ledger: $name", async (flood) => {
    await run({ ...flood, connections: Math.ceil(flood.connections / 8) });
    const { grown, held, left } = await run(flood);
    process.stdout.write(
      `${flood.name}: ${(grown / MIB).toFixed(1)} MiB resident, ${(held / MIB).toFixed(1)} MiB told, ${(grown / held).toFixed(2)}\n`,
    );
    expect(left).toBeLessThan(MIB);
    expect(held).toBeGreaterThan(grown / FACTOR - SLACK_BYTES);
    expect(held).toBeLessThan(grown * FACTOR + SLACK_BYTES);
  });
});
