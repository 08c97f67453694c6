/** How long members wait for metadata, by what the call is for; gRPC deadlines. */

/** Join, keep-alive and the like: fails early enough to be tried again within a lease. */
export const MEMBER_CALL_TIMEOUT_MS = 2_000;

/** Leaving is a courtesy, the lease runs out anyway: it must not hold up the end of a process. */
export const LEAVE_TIMEOUT_MS = 500;

/**
 * A record that a member writes on its own account (placements, reports of instances), and writes again when
 * it fails.
 */
export const RECORD_CALL_TIMEOUT_MS = 5_000;

/**
 * A call made while a user waits for its result, who would have to ask again: outlasts a restart of
 * metadata's store.
 */
export const USER_CALL_TIMEOUT_MS = 10_000;

/** The upload of one file: gigabytes over a slow line; one that is cut off goes on where it stopped. */
export const UPLOAD_TIMEOUT_MS = 30 * 60_000;
