import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verbs } from "../verbs";
import { argumentOf, bashCompletion, isPlainName } from "./completion";

const program = join(__dirname, "..", "..", "bin", "infaas.js");

describe("bashCompletion", () => {
  const folder = mkdtempSync(join(tmpdir(), "completion-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "completion.bash"), bashCompletion(verbs));
  writeFileSync(join(folder, "model.onnx"), "");

  /** What a real bash offers for the last of the words; nothing listens at the address. */
  function offered(...words: string[]): string[] {
    const script = `
      source completion.bash
      infaas() { ${JSON.stringify(process.execPath)} ${JSON.stringify(program)} "$@"; }
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      _infaas
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", script, "bash", "infaas", ...words], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, INFAAS_ADDRESS: "127.0.0.1:1" },
    });
    expect(stderr).toBe("");
    return stdout.split("\n").filter((line) => line !== "");
  }

  it("completes verbs", () => {
    expect(offered("dr")).toEqual(["drain"]);
    expect(offered("")).toEqual([...verbs.map(({ name }) => name), "help", "--version"]);
    expect(offered("help", "une")).toEqual([]);
    expect(offered("help", "und")).toEqual(["undrain"]);
  });

  it("completes options of the verb and those of all", () => {
    expect(offered("query", "digits", "--acc")).toEqual(["--accuracy"]);
    expect(offered("models", "--tls-c")).toEqual(["--tls-ca", "--tls-cert"]);
    expect(offered("models", "--acc")).toEqual([]);
  });

  it("completes files where a file is meant", () => {
    expect(offered("check", "mod")).toEqual(["model.onnx"]);
    expect(offered("query", "digits", "--tensor", "mod")).toEqual(["model.onnx"]);
  });

  it("is silent where nothing runs", () => {
    expect(offered("query", "")).toEqual([]);
    expect(offered("drain", "")).toEqual([]);
  });
});

describe("argumentOf", () => {
  it("knows what each verb takes", () => {
    const kinds = Object.fromEntries(verbs.map((verb) => [verb.name, argumentOf(verb)]));
    expect(kinds).toMatchObject({
      up: "none",
      check: "files",
      register: "files",
      query: "names",
      models: "names",
      why: "names",
      delete: "names",
      drain: "hosts",
      undrain: "hosts",
      demo: "none",
    });
  });
});

describe("isPlainName", () => {
  it.each(["$(reboot)", "`reboot`", "a b", "-rf", "", "a;b", "a*"])("leaves out %j", (name) => {
    expect(isPlainName(name)).toBe(false);
  });

  it.each(["digit-classification/uci-digits", "m.v1.onnxruntime-cpu-int8-t1-b64"])("takes %s", (name) => {
    expect(isPlainName(name)).toBe(true);
  });
});
