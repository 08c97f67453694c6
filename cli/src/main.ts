import { runCommand } from "./run-command";
import { createTerminal } from "./terminal/terminal";

/** A pipe that nobody reads any more, as behind `| head -1`, ends the command in silence. */
function endWithReader(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    // Where another listener decides (surviveLostOutput of `infaas up`), it does.
    if (stream.listenerCount("error") === 1) throw error;
  });
}

for (const stream of [process.stdout, process.stderr]) endWithReader(stream);
const words = process.argv.slice(2);
runCommand(words, createTerminal({ json: words.includes("--json") })).then((status) => {
  process.exitCode = status;
});
