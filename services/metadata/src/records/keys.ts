/** First part of every key, so that an etcd may be shared with others. The number changes with the layout. */
export const rootPrefix = "infaas/v1/";

/** Prefixes of the kinds of record; a record's key is `<prefix><parts, each percent-encoded>`. */
export const prefixes = {
  task: `${rootPrefix}task/`,
  architecture: `${rootPrefix}architecture/`,
  variant: `${rootPrefix}variant/`,
  member: `${rootPrefix}member/`,
  /** Of earlier versions: one record for each variant and executor. */
  placement: `${rootPrefix}placement/`,
  executorPlacement: `${rootPrefix}executor-placement/`,
  loadRequests: `${rootPrefix}load-requests/`,
  report: `${rootPrefix}report/`,
  session: `${rootPrefix}session/`,
  host: `${rootPrefix}host/`,
  job: `${rootPrefix}job/`,
} as const;

/** Who leads; attached to the leader's lease. */
export const leadershipKey = `${rootPrefix}leadership`;
/** The last term ever given; outlives every leader, so that terms only grow. */
export const termKey = `${rootPrefix}term`;
/**
 * Rewritten by every change of registry or will: comparing its revision makes "validated as a whole" atomic.
 */
export const guardKey = `${rootPrefix}guard`;

/** Whether a key of ours holds a record that watchers see; the others are the store's own business. */
export const isRecordKey = (key: string): boolean =>
  key !== guardKey && key !== termKey && !key.startsWith(prefixes.session);

/** Key of a task record. */
export const taskKey = (task: string): string => prefixes.task + part(task);

/** Key of one version of an architecture. */
export const architectureKey = (architecture: string, version: number): string =>
  `${architecturePrefix(architecture)}${version}`;

/** Prefix of all versions of an architecture. */
export const architecturePrefix = (architecture: string): string =>
  `${prefixes.architecture}${part(architecture)}/`;

/** Key of a variant. The architecture comes first so that all of its variants share a prefix. */
export const variantKey = (architecture: string, variant: string): string =>
  variantPrefix(architecture) + part(variant);

/** Prefix of all variants of an architecture. */
export const variantPrefix = (architecture: string): string => `${prefixes.variant}${part(architecture)}/`;

/** Key of all that an executor should hold; outlives the executor's lease. */
export const executorPlacementKey = (executor: string): string => prefixes.executorPlacement + part(executor);

/** Key of the loads that a frontend needs; attached to the frontend's lease. */
export const loadRequestsKey = (frontend: string): string => prefixes.loadRequests + part(frontend);

/** Key of a member record; attached to the member's lease. */
export const memberKey = (member: string): string => prefixes.member + part(member);

/** Key of what an executor says of its instances; attached to the executor's lease. */
export const reportKey = (executor: string): string => prefixes.report + part(executor);

/** Key of a host that comes and goes; outlives its provider, which knows which of them are there. */
export const hostKey = (host: string): string => prefixes.host + part(host);

/** Key of a job; outlives whoever submitted and ran it. */
export const jobKey = (job: string): string => prefixes.job + part(job);

/** Says that what is planned is not carried out; there is none while it is. */
export const freezeKey = `${rootPrefix}freeze`;

/** Key that says whose a lease is; gone as soon as the lease may no longer write. */
export const sessionKey = (leaseId: string): string => prefixes.session + part(leaseId);

/** Names are free text to us: encoding each part keeps `/` a separator only. */
const part = (name: string): string => encodeURIComponent(name);
