import { installPerfAnalyzer, perfAnalyzer, perfAnalyzerMissing, perfModes } from "./perf-analyzer";

/**
 * `npm run perf -w e2e -- ADDRESS NAME [WORDS...]`: drives a running frontend with perf_analyzer in each of
 * its ways, asking for NAME (a task, an architecture or a variant); WORDS go to every run, for example
 * `--request-parameter slo_latency_ms:20:int`.
 */
async function main([address, name, ...words]: readonly string[]): Promise<void> {
  if (address === undefined || name === undefined) throw new Error("usage: ADDRESS NAME [WORDS...]");
  const missing = perfAnalyzerMissing();
  if (missing !== null) throw new Error(`perf_analyzer cannot be had here: ${missing}`);
  await installPerfAnalyzer();
  const shown = ["-m", name, "-i", "grpc", "-u", address, ...words];
  for (const mode of Object.values(perfModes)) {
    const line = [...shown, ...mode];
    process.stdout.write(`$ perf_analyzer ${line.join(" ")}\n`);
    const { status, output } = await perfAnalyzer(line);
    process.stdout.write(`${output}\n`);
    if (status !== 0) process.exitCode = 1;
  }
}

main(process.argv.slice(2)).catch((fault: unknown) => {
  process.stderr.write(`${fault instanceof Error ? fault.message : String(fault)}\n`);
  process.exitCode = 2;
});
