/** What a process has used of its host. */
export interface ProcessUsage {
  /** CPU time of all its threads since it began, microseconds. */
  cpuUs(): number;
  /** Memory that is resident now. */
  residentBytes(): number;
}

/** Usage of this process as the system counts it. */
export const processUsage: ProcessUsage = {
  cpuUs: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  residentBytes: () => process.memoryUsage.rss(),
};
