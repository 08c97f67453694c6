/** Codes of a disk that does not take what is written, and of what is written until Node has noticed. */
const LOST: readonly unknown[] = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "ERR_STREAM_DESTROYED"];

let lostLines = 0;

/**
 * Lets the process go on when its standard output or error is a file that a full or broken disk does not take: what was to
 * be written is lost. A pipe that nobody reads any more ends the process as before.
 */
export function surviveLostOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (!LOST.includes(error.code)) throw error;
    });
  }
}

/** Writes a line of a log to standard error; says how many were lost before it once there is room again. */
export function writeLogLine(line: string): void {
  process.stderr.write(line, (error) => {
    if (error) lostLines += 1;
    else if (lostLines > 0) tellLost();
  });
}

function tellLost(): void {
  const count = lostLines;
  lostLines = 0;
  const message = `${count} lines of log were lost: standard error did not take them`;
  process.stderr.write(`${JSON.stringify({ level: "warn", message })}\n`, (error) => {
    if (error) lostLines += count;
  });
}
