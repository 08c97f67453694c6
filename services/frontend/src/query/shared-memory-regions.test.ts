import { rmSync, writeFileSync } from "node:fs";
import { Code, ServiceError, systemRandom } from "@infaas/runtime";
import { SharedMemoryRegions } from "./shared-memory-regions";

const key = `/infaas-tenants-${systemRandom.hex(8)}`;
const path = `/dev/shm${key}`;

function codeOf(act: () => unknown): Code | null {
  try {
    act();
    return null;
  } catch (error) {
    return ServiceError.from(error).code;
  }
}

describe("SharedMemoryRegions", () => {
  beforeAll(() => writeFileSync(path, Buffer.alloc(64)));
  afterAll(() => rmSync(path));
  const claim = (name: string, offset = 0) => ({ name, key, offset, byteSize: 64 - offset });

  it("keeps the regions of tenants apart, though they have the same name", () => {
    const regions = new SharedMemoryRegions();
    regions.of("vision").register(claim("r"));
    expect(regions.of("sound").find("r")).toMatchObject({ code: Code.NOT_FOUND });
    expect(regions.of("sound").all()).toEqual([]);
    regions.of("sound").register(claim("r", 32));
    expect(regions.of("vision").find("r")).toMatchObject({ offset: 0 });
    regions.of("sound").unregister("");
    expect(regions.of("sound").all()).toEqual([]);
    expect(regions.of("vision").all()).toHaveLength(1);
  });

  it("leaves room for others, however many one tenant registers", () => {
    const regions = new SharedMemoryRegions();
    const greedy = regions.of("greedy");
    let registered = 0;
    while (codeOf(() => greedy.register(claim(`r${registered}`))) === null) registered += 1;
    expect(registered).toBe(2_048);
    expect(codeOf(() => greedy.register(claim("one more")))).toBe(Code.RESOURCE_EXHAUSTED);
    expect(codeOf(() => regions.of("calm").register(claim("r")))).toBeNull();
    greedy.unregister("r0");
    greedy.unregister("r1");
    expect(codeOf(() => greedy.register(claim("r0")))).toBeNull();
  });
});
