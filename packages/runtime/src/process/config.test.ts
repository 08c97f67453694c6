import { describeOptions, type OptionTable, readConfig } from "./config";

const table = {
  listen: { type: "string", default: "127.0.0.1:8001", doc: "Address to listen on." },
  dataFolder: { type: "string", default: null, doc: "Where state lives; none keeps it in memory." },
  logLevel: {
    type: "string",
    default: "info",
    choices: ["debug", "info", "warn"],
    doc: "Least urgent line written.",
  },
  maxBatch: { type: "number", default: 8, min: 1, max: 64, unit: "rows", doc: "Rows of one batch." },
  drain: { type: "boolean", default: true, doc: "Answer what is queued before stopping." },
  peers: { type: "list", default: [], doc: "Other frontends." },
} as const satisfies OptionTable;

describe("readConfig", () => {
  it("gives defaults, with types as the table says", () => {
    const read = readConfig(table, [], {});
    if (!read.ok) throw new Error(read.faults.join());
    const level: "debug" | "info" | "warn" = read.config.logLevel;
    const folder: string | null = read.config.dataFolder;
    expect([level, folder, read.config.maxBatch, read.config.peers]).toEqual(["info", null, 8, []]);
  });

  it("reads flags in every form, and lets them win over the environment", () => {
    const argv = ["--max-batch=16", "--listen", "0.0.0.0:9", "--no-drain", "--peers", "a:1, b:2"];
    const env = { INFAAS_MAX_BATCH: "32", INFAAS_DATA_FOLDER: "/data", INFAAS_OTHER: "ignored" };
    expect(readConfig(table, argv, env)).toEqual({
      ok: true,
      config: {
        listen: "0.0.0.0:9",
        dataFolder: "/data",
        logLevel: "info",
        maxBatch: 16,
        drain: false,
        peers: ["a:1", "b:2"],
      },
    });
  });

  it("lists every fault at once, each with what came and what is allowed", () => {
    const argv = ["--max-batch", "99", "--log-level=loud", "--unknown", "--listen"];
    expect(readConfig(table, argv, { INFAAS_DRAIN: "maybe" })).toEqual({
      ok: false,
      faults: [
        "--unknown is not an option",
        "--listen needs a value",
        "--log-level is 'loud'; allowed: debug, info, warn",
        "--max-batch is '99'; allowed: 1 to 64 rows",
        "INFAAS_DRAIN is 'maybe'; allowed: true, false",
      ],
    });
  });

  it.each(["", "four", "NaN", "1e9"])("refuses the number '%s'", (text) => {
    expect(readConfig(table, ["--max-batch", text], {}).ok).toBe(false);
  });
});

describe("describeOptions", () => {
  it("tells flag, variable, bounds, default and meaning of each", () => {
    const text = describeOptions(table);
    expect(text).toContain(
      "--max-batch (INFAAS_MAX_BATCH), 1 to 64 rows, default 8\n      Rows of one batch.",
    );
    expect(text).toContain("--log-level (INFAAS_LOG_LEVEL), one of debug, info, warn, default info");
    expect(text).toContain("--data-folder (INFAAS_DATA_FOLDER), default none");
  });
});
