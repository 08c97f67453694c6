import { readConfig } from "@infaas/runtime";
import { executorOptions } from "../config";
import { sizedFor } from "./sized-config";

const GIB = 2 ** 30;
const host = { cores: 1.5, memoryBytes: GIB };

function options(...argv: string[]) {
  const read = readConfig(executorOptions, argv, {});
  if (!read.ok) throw new Error(read.faults.join());
  return read.config;
}

describe("sizedFor", () => {
  it("takes all cores of the host and half of its memory where no sizes are told", () => {
    expect(sizedFor(options(), host)).toMatchObject({ cores: 1.5, memoryBytes: GIB / 2 });
  });

  it("keeps sizes that are told, also larger ones: whoever starts the process knows why", () => {
    const told = options("--cores", "4", "--memory-bytes", String(2 * GIB));
    expect(sizedFor(told, host)).toMatchObject({ cores: 4, memoryBytes: 2 * GIB });
  });

  it("lets a registration have three quarters of the host's memory at the most", () => {
    const of = (bytes: number) =>
      sizedFor(options("--profile-memory-bytes-max", String(bytes)), host).profileMemoryBytesMax;
    expect([of(4 * GIB), of(GIB / 2)]).toEqual([0.75 * GIB, GIB / 2]);
  });
});
