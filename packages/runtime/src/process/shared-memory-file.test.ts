import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ServiceError } from "../errors";
import { systemRandom } from "./random";
import { SharedMemoryFile } from "./shared-memory-file";

const name = `infaas-test-${systemRandom.hex(8)}`;
const path = join("/dev/shm", name);

function faultOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    const { code, message } = ServiceError.from(error);
    expect(code).toBe(Code.INVALID_ARGUMENT);
    return message;
  }
  throw new Error("did not fail");
}

describe("SharedMemoryFile", () => {
  let file: SharedMemoryFile;
  beforeEach(() => {
    writeFileSync(path, Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]));
    file = SharedMemoryFile.open(`/${name}`);
  });
  afterEach(() => {
    file.close();
    rmSync(path, { force: true });
  });

  it("reads what another process wrote, and writes what it will read", () => {
    expect([...file.read(2, 3)]).toEqual([3, 4, 5]);
    file.write(6, Uint8Array.of(70, 80));
    const other = SharedMemoryFile.open(name, "read");
    expect([...other.read(5, 3)]).toEqual([6, 70, 80]);
    expect(other.identity).toBe(file.identity);
    other.close();
  });

  it("refuses what goes beyond its end, also after it has shrunk, and never grows it", () => {
    expect(faultOf(() => file.read(6, 3))).toContain("has 8 bytes, 3 at 6 were asked for");
    truncateSync(path, 4);
    expect(faultOf(() => file.read(0, 8))).toContain("has 4 bytes, 8 at 0");
    expect(faultOf(() => file.write(4, Uint8Array.of(1)))).toContain("has 4 bytes, 1 at 4");
    expect(file.size()).toBe(4);
  });

  it("says of one that was unlinked that it is gone, and tells a new one of its name from it", () => {
    rmSync(path);
    expect(file.size()).toBeNull();
    expect(faultOf(() => file.read(0, 1))).toContain("was unlinked");
    writeFileSync(path, "new");
    const fresh = SharedMemoryFile.open(name);
    expect(fresh.identity).not.toBe(file.identity);
    fresh.close();
  });

  it.each(["", "/", "..", "/..", "a/b", "/../etc/passwd", "x".repeat(256)])("refuses the key '%s'", (key) => {
    expect(faultOf(() => SharedMemoryFile.open(key))).toContain("one name without slashes");
  });

  it("refuses a key that nothing has", () => {
    expect(faultOf(() => SharedMemoryFile.open("/infaas-no-such-thing"))).toContain(
      "unable to open shared memory region: '/infaas-no-such-thing' (ENOENT)",
    );
  });
});
