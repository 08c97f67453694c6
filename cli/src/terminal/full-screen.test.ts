import { EventEmitter } from "node:events";
import { FullScreen, type Key, keyOf } from "./full-screen";

/** A terminal in memory. */
class MemoryTerminal extends EventEmitter {
  raw = false;
  written = "";
  setRawMode(raw: boolean): void {
    this.raw = raw;
  }
  resume(): void {}
  pause(): void {}
  write(text: string): void {
    this.written += text;
  }
}

describe("FullScreen", () => {
  it("takes the terminal, tells of keys, and leaves it as it was, once", () => {
    const terminal = new MemoryTerminal();
    const pressed: Key[] = [];
    const screen = new FullScreen(terminal, terminal, (key) => pressed.push(key));
    expect([terminal.raw, terminal.written]).toEqual([true, "\u001b[?1049h\u001b[?25l"]);
    for (const sent of ["\u001b[B", "x", "q"]) terminal.emit("data", Buffer.from(sent));
    expect(pressed).toEqual(["down", "quit"]);
    screen.draw(["one", "two"]);
    screen.close();
    screen.close();
    screen.draw(["late"]);
    expect([terminal.raw, terminal.listenerCount("data")]).toEqual([false, 0]);
    expect(terminal.written.endsWith("two\u001b[K\u001b[J\u001b[?25h\u001b[?1049l")).toBe(true);
  });

  it("is left by the end of the process, too", () => {
    const terminal = new MemoryTerminal();
    const before = process.listenerCount("exit");
    const screen = new FullScreen(terminal, terminal, () => {});
    expect(process.listenerCount("exit")).toBe(before + 1);
    screen.close();
    expect(process.listenerCount("exit")).toBe(before);
  });
});

describe("keyOf", () => {
  it.each([
    ["\u0003", "quit"],
    ["\u001b[A", "up"],
    ["\u001b[6~", "page-down"],
    ["?", null],
    ["toString", null],
  ])("of %j is %s", (sent, key) => {
    expect(keyOf(sent)).toBe(key);
  });
});
