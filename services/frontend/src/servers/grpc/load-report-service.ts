import { OpenRcaService } from "@infaas/api";
import { type Clock, type Implementation, implementService, sleep } from "@infaas/runtime";
import type { Router } from "../../routing/router";
import { clusterLoad } from "../../telemetry/load-report";
import type { Statistics } from "../../telemetry/statistics";
import type { ClusterView } from "../../view/cluster-view";

export interface LoadReportOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly statistics: Statistics;
  readonly router: Router;
}

/** Shortest interval of reports: executors export their load once a second. */
const REPORT_INTERVAL_MIN_MS = 1_000;

/** ORCA out of band: the first report at once, then one per interval, each with the rates since the one before. */
export function loadReports({ clock, view, statistics, router }: LoadReportOptions): Implementation {
  return implementService(OpenRcaService, {
    streamCoreMetrics: async function* ({ reportInterval }, { signal }) {
      const { seconds = 0n, nanos = 0 } = reportInterval ?? {};
      const intervalMs = Math.max(REPORT_INTERVAL_MIN_MS, Number(seconds) * 1000 + nanos / 1e6);
      let before = { atMs: clock.nowMs(), answered: statistics.answered, refused: statistics.refused };
      while (!signal.aborted) {
        const now = { atMs: clock.nowMs(), answered: statistics.answered, refused: statistics.refused };
        const interval = {
          answered: now.answered - before.answered,
          refused: now.refused - before.refused,
          seconds: (now.atMs - before.atMs) / 1000,
        };
        before = now;
        yield clusterLoad(view, interval, router.inFlight);
        await sleep(clock, intervalMs, signal).catch(() => undefined);
      }
    },
  });
}
