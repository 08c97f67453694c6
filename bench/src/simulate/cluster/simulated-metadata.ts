import { ClusterService, RegistryService } from "@infaas/api";
import {
  clusterService,
  type MetadataRecords,
  openMemoryStore,
  openRecords,
  registryService,
} from "@infaas/metadata";
import {
  type CallContext,
  type ClientOf,
  type Clock,
  Code,
  createLocalClient,
  type Implementation,
  type Logger,
  type Random,
  ServiceError,
} from "@infaas/runtime";

type Handle = NonNullable<Implementation["endpoints"][number]["handle"]>;

/** What a member calls metadata by. */
export interface MetadataConnection {
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly registry: ClientOf<typeof RegistryService>;
  /** Nothing passes any more: its process has ended, or its network. */
  cut(): void;
}

/** Whether calls pass. */
class Gate {
  private controller = new AbortController();

  /** Aborts when nothing passes any more. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get isOpen(): boolean {
    return !this.controller.signal.aborted;
  }

  set isOpen(open: boolean) {
    if (open === this.isOpen) return;
    if (open) this.controller = new AbortController();
    else this.controller.abort();
  }
}

/** Metadata's services over the store in memory. */
export class SimulatedMetadata {
  private readonly gate = new Gate();
  private readonly services: readonly Implementation[];

  private constructor(
    readonly records: MetadataRecords,
    private readonly clock: Clock,
  ) {
    this.services = [clusterService(records), registryService(records)];
  }

  static async open(ports: { clock: Clock; random: Random; logger: Logger }): Promise<SimulatedMetadata> {
    const store = openMemoryStore(ports);
    // Files of the simulation are names alone.
    const artifacts = { keep: async () => ({ complete: true, receivedBytes: 1 }) };
    return new SimulatedMetadata(await openRecords({ ...ports, store, artifacts }), ports.clock);
  }

  /** Nobody reaches it, and watches break; what it holds stays. */
  set isAway(away: boolean) {
    this.gate.isOpen = !away;
  }

  connect(): MetadataConnection {
    const own = new Gate();
    const [cluster, registry] = this.services.map((one) => behind(one, [this.gate, own]));
    const { clock } = this;
    return {
      cluster: createLocalClient(ClusterService, cluster as Implementation, { clock }),
      registry: createLocalClient(RegistryService, registry as Implementation, { clock }),
      cut: () => {
        own.isOpen = false;
      },
    };
  }

  async close(): Promise<void> {
    this.records.hub.close();
    await this.records.store.close();
  }
}

/** The services as they are reached through these gates. */
function behind(services: Implementation, gates: readonly Gate[]): Implementation {
  const endpoints = services.endpoints.map((endpoint) => {
    const { handle, responseStream } = endpoint;
    if (handle === null) return endpoint;
    return { ...endpoint, handle: responseStream ? streamed(handle, gates) : called(handle, gates) };
  });
  return { ...services, endpoints };
}

/** A call whose answer is lost was carried out all the same. */
function called(handle: Handle, gates: readonly Gate[]): Handle {
  return async (request: never, context: CallContext) => {
    mustPass(gates);
    const answer = await (handle(request, context) as Promise<unknown>);
    mustPass(gates);
    return answer;
  };
}

function streamed(handle: Handle, gates: readonly Gate[]): Handle {
  return async function* (request: never, context: CallContext) {
    mustPass(gates);
    const signal = AbortSignal.any([context.signal, ...gates.map((gate) => gate.signal)]);
    yield* handle(request, { ...context, signal }) as AsyncIterable<unknown>;
    mustPass(gates);
  };
}

function mustPass(gates: readonly Gate[]): void {
  if (gates.some((gate) => !gate.isOpen))
    throw new ServiceError(Code.UNAVAILABLE, "metadata cannot be reached");
}
