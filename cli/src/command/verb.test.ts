import { verbs } from "../verbs";
import { parseVerb, programHelp, type Verb, verbHelp } from "./verb";

const wide = { width: Number.POSITIVE_INFINITY, colour: false };

const verb: Verb = {
  name: "ask",
  usage: "TARGET",
  summary: "asks",
  options: {
    latency: { type: "number", doc: "milliseconds" },
    loud: { type: "boolean", doc: "shout" },
    objective: { type: "string", doc: "what for", default: "min-cost" },
  },
  run: async () => {},
};

describe("parseVerb", () => {
  it("reads positionals, numbers, flags and defaults", () => {
    const args = parseVerb(verb, ["digits", "--latency", "2.5", "--loud"]);
    expect(args.positionals).toEqual(["digits"]);
    expect(args.number("latency")).toBe(2.5);
    expect(args.flag("loud")).toBe(true);
    expect(args.text("objective")).toBe("min-cost");
  });

  it("names the option and the value when a number is none", () => {
    expect(() => parseVerb(verb, ["--latency", "fast"])).toThrow(
      "--latency takes a number, 'fast' was given",
    );
  });

  it("refuses an option that the verb does not have", () => {
    expect(() => parseVerb(verb, ["--colour", "red"])).toThrow("--colour");
  });
});

describe("verbHelp", () => {
  it.each(verbs.map((v) => [v.name, v] as const))("lists every option of %s with its meaning", (_, each) => {
    const help = verbHelp(each, wide).join("\n");
    for (const [name, option] of Object.entries(each.options)) {
      expect(help).toContain(`--${name}`);
      expect(help).toContain(option.doc);
    }
  });
});

describe("programHelp", () => {
  it("lists every verb once", () => {
    const lines = programHelp(verbs, wide);
    for (const each of verbs) expect(lines.filter((l) => l.startsWith(`  ${each.name} `))).toHaveLength(1);
  });
});

describe.each([80, 120])("help in %d columns", (width) => {
  const narrow = { width, colour: false };
  it.each(verbs.map((v) => [v.name, v] as const))("of %s is as wide", (_, each) => {
    const lines = verbHelp(each, narrow);
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    for (const { doc } of Object.values(each.options))
      expect(lines.join(" ").replace(/\s+/g, " ")).toContain(doc.split(" ").slice(0, 3).join(" "));
  });

  it("of the program is as wide", () => {
    expect(programHelp(verbs, narrow).filter((line) => line.length > width)).toEqual([]);
  });
});
