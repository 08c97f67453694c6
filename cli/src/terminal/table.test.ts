import fc from "fast-check";
import { type Column, tableLines, textLines } from "./table";

const columns: readonly Column[] = [
  { head: "name" },
  { head: "size MiB", rank: 1, figures: true },
  { head: "place", rank: 2 },
  { head: "because", prose: true },
];
const because = "it was asked for by many who would not wait any longer";
const rows = [
  ["one", "1.5", "here", because],
  ["another", "120.0", "there", "nobody knows"],
];
const lines = (width: number) => tableLines(columns, rows, { width, colour: false });

describe("tableLines", () => {
  it("draws each row on one line where nothing limits it", () => {
    expect(lines(Number.POSITIVE_INFINITY)).toEqual([
      "name     size MiB  place  because",
      `one           1.5  here   ${because}`,
      "another     120.0  there  nobody knows",
    ]);
  });

  it("wraps sentences first", () => {
    expect(lines(60)).toEqual([
      "name     size MiB  place  because",
      "one           1.5  here   it was asked for by many who would",
      "                          not wait any longer",
      "another     120.0  there  nobody knows",
    ]);
  });

  it("then puts them below their rows", () => {
    expect(lines(40)).toEqual([
      "name     size MiB  place",
      "one           1.5  here",
      "    it was asked for by many who would",
      "    not wait any longer",
      "another     120.0  there",
      "    nobody knows",
    ]);
  });

  it("then leaves columns out, those of the highest rank first, and says which", () => {
    expect(lines(20)).toEqual([
      "name     size MiB",
      "one           1.5",
      "    it was asked for",
      "    by many who",
      "    would not wait",
      "    any longer",
      "another     120.0",
      "    nobody knows",
      "not shown: place; a",
      "wider terminal or",
      "--json shows them",
    ]);
  });

  it("shows each word of each cell, or says which column it leaves out", () => {
    const word = fc.stringMatching(/^[a-z]{1,12}$/);
    const cell = fc.array(word, { maxLength: 8 }).map((words) => words.join(" "));
    const column = fc.record({ head: word, rank: fc.nat(3), prose: fc.boolean(), figures: fc.boolean() });
    const tables = fc
      .array(column, { minLength: 1, maxLength: 6 })
      .chain((some) =>
        fc.tuple(
          fc.constant(some),
          fc.array(fc.array(cell, { minLength: some.length, maxLength: some.length }), { maxLength: 4 }),
        ),
      );
    fc.assert(
      fc.property(tables, fc.integer({ min: 20, max: 200 }), ([some, cells], width) => {
        const text = tableLines(some, cells, { width, colour: false }).join(" ");
        const [, missing = ""] = /not shown: (.*); a/.exec(text.replace(/\s+/g, " ")) ?? [];
        const shown = new Set(text.split(/\s+/));
        some.forEach(({ head }, index) => {
          if (missing.split(", ").includes(head)) return;
          for (const one of cells.flatMap((row) => (row[index] ?? "").match(/\S+/g) ?? []))
            expect(shown).toContain(one);
        });
      }),
    );
  });
});

describe("textLines", () => {
  it("breaks between words, and is as wide as the longest word where that is wider", () => {
    expect(textLines("a verylongword that stays", 8)).toEqual(["a", "verylongword", "that stays"]);
  });
});
