import { DeviceKind } from "@infaas/api";
import { Code } from "@infaas/runtime";
import { deviceEngineVersion, deviceFaults, deviceKindOf, hostTypeWith } from "./device";

describe("deviceFaults", () => {
  it.each([null, "host", "cuda:0", "cuda:17"])("takes %p", (device) => {
    expect(deviceFaults({ device })).toEqual([]);
  });

  it.each(["", "gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:1000", "host:0"])(
    "names %p, and what is allowed",
    (device) => {
      expect(deviceFaults({ device })).toEqual([
        `--device is ${device}, allowed are host and cuda: with a number`,
      ]);
    },
  );
});

describe("hostTypeWith", () => {
  it("tells of the host device, whose figures hold for no other host", () => {
    expect(hostTypeWith("local-cpu", "host")).toBe("local-cpu+host-device");
    expect([hostTypeWith("local-cpu", null), hostTypeWith("h200", "cuda:0")]).toEqual(["local-cpu", "h200"]);
    expect([deviceKindOf("host"), deviceKindOf("cuda:0")]).toEqual([DeviceKind.HOST, DeviceKind.CUDA]);
  });
});

describe("deviceEngineVersion", () => {
  it("names what runs variants, and on what", () => {
    expect(deviceEngineVersion("host")).toBe("kernel module 1 on host device");
  });

  it("refuses a device that is not there, with the reason", () => {
    expect(() => deviceEngineVersion("cuda:999")).toThrow(
      expect.objectContaining({
        code: Code.FAILED_PRECONDITION,
        message: expect.stringMatching(/^device cuda:999 cannot be opened: ./),
      }),
    );
  });
});
