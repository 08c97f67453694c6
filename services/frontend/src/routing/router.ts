import { Code, every, type Logger, ServiceError, type Timer } from "@infaas/runtime";
import { Flight, type FlightPorts } from "./flight";
import type { RoutedQuery } from "./routed-query";

/** What the router needs. */
export interface RouterOptions extends FlightPorts {
  readonly logger: Logger;
}

/** Period in which overdue queries are looked for. */
const SWEEP_PERIOD_MS = 250;

/** Sends each query to the instance that the selector chooses, and gives up those that are overdue. */
export class Router {
  private readonly flights = new Set<Flight>();
  private sweeper: Timer | null = null;

  constructor(private readonly o: RouterOptions) {}

  start(): void {
    const onError = (error: unknown) => this.o.logger.error("sweep failed", { error: String(error) });
    this.sweeper = every(this.o.clock, SWEEP_PERIOD_MS, () => this.sweep(), onError);
  }

  /** Refuses what is still on its way. */
  stop(): void {
    this.sweeper?.cancel();
    for (const flight of this.flights)
      flight.giveUp(new ServiceError(Code.UNAVAILABLE, "frontend is stopping"));
  }

  get inFlight(): number {
    return this.flights.size;
  }

  /** Queries on their way now by the name of the model that was asked for. O(queries in flight). */
  pendingByModel(): ReadonlyMap<string, number> {
    const pending = new Map<string, number>();
    for (const { modelName } of this.flights) pending.set(modelName, (pending.get(modelName) ?? 0) + 1);
    return pending;
  }

  /** Starts a query; what is returned cancels it. */
  route(query: RoutedQuery): Flight {
    const flight = new Flight(this.o, query, (done) => this.flights.delete(done));
    this.flights.add(flight);
    flight.start();
    return flight;
  }

  private sweep(): void {
    const nowMs = this.o.clock.nowMs();
    for (const flight of this.flights) if (flight.isOverdue(nowMs)) flight.giveUp(flight.lateError());
  }
}
