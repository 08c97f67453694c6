import { spawn } from "node:child_process";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { root } from "../cluster";

const ENTER = "\u001b[?1049h";
const LEAVE = "\u001b[?1049l";
/** What ends each frame. */
const CLEAR_BELOW = "\u001b[J";

/**
 * Runs `infaas top` on a pseudoterminal (script of util-linux), quits it after its first frame, and returns that frame's lines, and the
 * exit status and line mode of the terminal after it.
 */
export function topOnTerminal(
  address: string,
): Promise<{ frame: readonly string[]; after: readonly string[] }> {
  const top = `${process.execPath} ${join(root, "cli", "bin", "infaas.js")} top --address ${address}`;
  const shell = `stty cols 80 rows 24; ${top}; echo $?; stty -a | grep -o -e '-*icanon'`;
  const env = { ...process.env, TERM: "xterm", COLUMNS: "" };
  return new Promise((done, failed) => {
    const child = spawn("script", ["--quiet", "--return", "--command", shell, "/dev/null"], { env });
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      if (printed.includes(CLEAR_BELOW) && child.stdin.writable) child.stdin.end("q");
    });
    child.once("error", failed);
    child.once("close", () => {
      const [frames = "", after = ""] = printed.slice(printed.indexOf(ENTER)).split(LEAVE);
      const [first = ""] = frames.split(CLEAR_BELOW);
      done({ frame: linesOf(first), after: linesOf(after.trim()) });
    });
  });
}

function linesOf(text: string): readonly string[] {
  return stripVTControlCharacters(text)
    .split("\n")
    .map((line) => line.replaceAll("\r", ""));
}
