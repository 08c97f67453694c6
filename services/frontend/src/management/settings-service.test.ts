import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpenRcaService } from "@infaas/api";
import { Code, createRpcClient } from "@infaas/runtime";
import { type House, inferRequest, refusalOf, startHouse, TASK } from "../testing/house";

describe("a frontend with a file for traces", () => {
  it("writes exactly the traces that the settings ask for, of one model and of all", async () => {
    const folder = mkdtempSync(join(tmpdir(), "traces-"));
    const path = join(folder, "trace.json");
    const house = await startHouse({ e1: ["mlp@1"] }, [{ name: "mlp@1" }], ["--trace-file", path]);
    const { inference } = house;
    const ask = async (modelName: string, times: number) => {
      for (let i = 0; i < times; i++)
        await inference.modelInfer({ ...inferRequest(modelName), id: `q-${i}` });
    };
    const set = async (modelName: string, settings: Readonly<Record<string, string>>) => {
      const changes = Object.entries(settings).map(([name, value]) => [name, { value: [value] }]);
      const answer = await inference.traceSetting({ modelName, settings: Object.fromEntries(changes) });
      return answer.settings;
    };
    try {
      expect((await set("", { trace_level: "OFF" })).trace_file?.value).toEqual([path]);
      await ask("mlp", 3);
      await set("mlp", { trace_level: "TIMESTAMPS", trace_rate: "1", trace_count: "2" });
      await ask("mlp", 5);
      await ask(TASK, 5);
      expect((await set("mlp", {})).trace_count?.value).toEqual(["0"]);
      await set("", { trace_level: "TIMESTAMPS", trace_rate: "3" });
      await ask(TASK, 6);
    } finally {
      await house.stop();
    }
    const entries = JSON.parse(readFileSync(path, "utf8")) as { model_name?: string }[];
    const names = entries.flatMap((entry) => entry.model_name ?? []);
    expect(names).toEqual(["mlp", "mlp", TASK, TASK]);
    rmSync(folder, { recursive: true });
  });
});

describe("settings and reports of a frontend", () => {
  let house: House;
  beforeAll(async () => {
    house = await startHouse({ e1: ["mlp@1"] });
  });
  afterAll(() => house.stop());

  describe("TraceSetting", () => {
    it("answers all settings, of all and of any name", async () => {
      const { settings } = await house.inference.traceSetting({
        settings: { trace_count: { value: ["9"] } },
      });
      expect(settings).toMatchObject({ trace_level: { value: ["OFF"] }, trace_count: { value: ["9"] } });
      for (const modelName of [TASK, "digits-mlp", "mlp@1"]) {
        const shown = await house.inference.traceSetting({ modelName });
        expect(shown.settings.trace_count?.value).toEqual(["9"]);
      }
    });

    it("knows no settings of an unknown model", async () => {
      expect((await refusalOf(house.inference.traceSetting({ modelName: "cats" }))).code).toBe(
        Code.NOT_FOUND,
      );
    });
  });

  describe("LogSettings", () => {
    const flag = (value: boolean) => ({ parameterChoice: { case: "boolParam" as const, value } });
    const text = (value: string) => ({ parameterChoice: { case: "stringParam" as const, value } });
    const level = (value: number) => ({ parameterChoice: { case: "uint32Param" as const, value } });
    const shown = async (settings = {}) => {
      const answer = await house.inference.logSettings({ settings });
      return Object.fromEntries(
        Object.entries(answer.settings).map(([name, { parameterChoice }]) => [name, parameterChoice.value]),
      );
    };

    it("switches each level by itself, and shows all", async () => {
      expect(
        await shown({ log_info: flag(true), log_verbose_level: level(1), log_format: text("ISO8601") }),
      ).toEqual({
        log_file: "",
        log_format: "ISO8601",
        log_info: true,
        log_warning: false,
        log_error: true,
        log_verbose_level: 1,
      });
      expect(await shown({ log_info: flag(false), log_verbose_level: level(0) })).toMatchObject({
        log_info: false,
        log_verbose_level: 0,
      });
    });

    it.each<[string, object, Code]>([
      ["log_file", text("/tmp/x"), Code.UNIMPLEMENTED],
      ["log_mood", flag(true), Code.INVALID_ARGUMENT],
      ["log_info", level(1), Code.INVALID_ARGUMENT],
      ["log_format", text("default"), Code.INVALID_ARGUMENT],
    ])("refuses %s of %j and changes nothing", async (name, value, code) => {
      const before = await shown();
      expect((await refusalOf(shown({ log_warning: flag(true), [name]: value }))).code).toBe(code);
      expect(await shown()).toEqual(before);
    });
  });

  describe("StreamCoreMetrics", () => {
    it("reports at once and then at the interval, with the rates in between", async () => {
      const orca = createRpcClient(OpenRcaService, house.frontend.address);
      const reports = orca.streamCoreMetrics({ reportInterval: { nanos: 1 } })[Symbol.asyncIterator]();
      const first = (await reports.next()).value;
      expect(first).toMatchObject({ rpsFractional: 0, namedMetrics: { executors: 1, in_flight: 0 } });
      for (let i = 0; i < 3; i++) await house.inference.modelInfer(inferRequest(TASK));
      await refusalOf(house.inference.modelInfer(inferRequest("cats")));
      const second = (await reports.next()).value;
      expect(second?.rpsFractional).toBeGreaterThan(0);
      expect(second?.rpsFractional / second?.eps).toBeCloseTo(4);
      expect(second?.applicationUtilization).toBeCloseTo(0.25, 1);
      await reports.return?.(undefined);
      orca.close();
    });
  });
});
