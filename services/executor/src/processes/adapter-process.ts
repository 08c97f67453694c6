/**
 * Entry of an adapter process: started by `AdapterChild`, it turns pictures and texts of queries into rows of tensors. What
 * crashes, hangs or exhausts a decoder ends this process and no other (decision 0058).
 */
import { adaptElement, loadDecoders } from "@infaas/adapters";
import { confineProcess } from "@infaas/cuda-batcher";
import { ServiceError } from "@infaas/runtime";
import { writableBytes } from "../profiling/confinement/resident-memory";
import type { AdapterOrder, AdapterReport } from "./adapter-messages";

process.on("disconnect", () => process.exit(0));
process.on("message", (order: AdapterOrder) => void (order.kind === "start" ? start(order) : adapt(order)));

async function start({ parentPid, dataBytesMax }: Extract<AdapterOrder, { kind: "start" }>): Promise<void> {
  try {
    // Node maps more than it touches, and how much depends on its version.
    const ownBytes = (await writableBytes(process.pid)) ?? 0;
    confineProcess({ parentPid, dataBytesMax: ownBytes + dataBytesMax });
    await loadDecoders();
    report({ kind: "ready" });
  } catch (fault) {
    process.stderr.write(`${fault instanceof Error ? fault.message : String(fault)}\n`);
    process.exit(1);
  }
}

async function adapt(order: Extract<AdapterOrder, { kind: "adapt" }>): Promise<void> {
  const { element, adapter, datatype, bytes } = order;
  try {
    report({ kind: "adapted", element, row: await adaptElement(adapter, { bytes, datatype }) });
  } catch (fault) {
    const { code, message } = ServiceError.from(fault);
    report({ kind: "refused", element, code, message });
  }
}

function report(message: AdapterReport): void {
  process.send?.(message, undefined, undefined, () => undefined);
}
