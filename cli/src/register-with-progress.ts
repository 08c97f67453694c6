import type { InfaasClient, Registration } from "@infaas/client";
import type { Terminal } from "./terminal/terminal";

/** Registers one model under a progress bar. */
export async function registerWithProgress(
  client: InfaasClient,
  registration: Registration & { readonly name: string },
  terminal: Terminal,
) {
  const progress = terminal.progress(registration.name);
  let succeeded = false;
  try {
    const result = await client.register(registration, (p) =>
      progress.update(p.done, p.total, [p.stage, p.variant, p.message].filter(Boolean).join(" ")),
    );
    succeeded = true;
    return result;
  } finally {
    progress.end(succeeded);
  }
}
