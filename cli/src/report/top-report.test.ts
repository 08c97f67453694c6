import { GetStatusResponseSchema, ListChangesResponseSchema } from "@infaas/api";
import stringWidth from "string-width";
import { recorded } from "../testing/recorded";
import { type TopView, topLines, topOffsetMax } from "./top-report";

const { changes } = recorded("changes", ListChangesResponseSchema);
const view: TopView = {
  address: "127.0.0.1:8001",
  now: recorded("status", GetStatusResponseSchema),
  changes,
  epochMs: (changes.at(-1)?.epochMs ?? 0) + 90_000,
  perSecond: { answered: 230.4, refused: 0 },
  lost: "",
};

describe("topLines", () => {
  it.each([
    [80, 24],
    [120, 40],
  ])("fills a terminal of %d by %d", (width, height) => {
    const lines = topLines(view, { width, height, offset: 0, colour: false });
    expect(`\n${lines.join("\n")}\n`).toMatchSnapshot();
  });

  it("is never wider or longer than the terminal, wherever it is scrolled to", () => {
    for (const height of [1, 5, 24, 60])
      for (const offset of [0, 3, 1_000]) {
        const lines = topLines(view, { width: 80, height, offset, colour: false });
        expect(lines).toHaveLength(height);
        expect(lines.filter((line) => stringWidth(line) > 80)).toEqual([]);
      }
  });

  it("shows the last instance when it is scrolled to its end", () => {
    const screen = { width: 80, height: 24, offset: 0, colour: false };
    const offset = topOffsetMax(view, screen);
    const last = view.now.instances.at(-1)?.variant.slice(-12) ?? "none";
    expect(offset).toBeGreaterThan(0);
    expect(topLines(view, screen).join("\n")).toContain("lines 1 to 20 of");
    expect(topLines(view, { ...screen, offset }).at(-2)).toContain(last);
  });

  it("tells in its head that the frontend does not answer", () => {
    const lost = "no answer for 2000 ms: nothing listens on 127.0.0.1:8001";
    expect(topLines({ ...view, lost }, { width: 80, height: 24, offset: 0, colour: false })[1]).toBe(lost);
  });
});
