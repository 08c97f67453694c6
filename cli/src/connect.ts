import { createInfaasClient, type InfaasClient } from "@infaas/client";
import type { Arguments } from "./verb";

/** Where `infaas up` puts the frontend. */
const defaultAddress = "127.0.0.1:8001";

/** Runs `use` with a client to the frontend the arguments name, and closes it afterwards. */
export async function withClient<T>(args: Arguments, use: (client: InfaasClient) => Promise<T>): Promise<T> {
  const client = createInfaasClient(args.text("address") ?? process.env.INFAAS_ADDRESS ?? defaultAddress);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
