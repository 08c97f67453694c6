import { verbs } from "../verbs";
import { parseVerb, programHelp, type Verb, verbHelp } from "./verb";

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
    const help = verbHelp(each);
    for (const [name, option] of Object.entries(each.options)) {
      expect(help).toContain(`--${name}`);
      expect(help).toContain(option.doc);
    }
  });
});

describe("programHelp", () => {
  it("lists every verb once", () => {
    const lines = programHelp(verbs).split("\n");
    for (const each of verbs) expect(lines.filter((l) => l.startsWith(`  ${each.name} `))).toHaveLength(1);
  });
});
