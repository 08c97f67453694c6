import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const MEMORY_BYTES = 2 ** 30;
/** Longest time from the start of the system to its first answer and its end, ms. */
const CHECK_MAX_MS = 300_000;

/** What is run in the image: a whole system, the README's first query until it is answered, and its end in order. */
const INSIDE = `
set -eu
test "$(id -u)" = 1000
if touch /usr/x 2>/dev/null; then echo "the root may be written to"; exit 1; fi
infaas up >/tmp/up 2>&1 & up=$!
until infaas query digit-classification --image /usr/local/lib/node_modules/infaas/zoo/examples/seven.png --accuracy 0.95 --latency 50 >/tmp/answer 2>&1
do kill -0 $up || { cat /tmp/up; exit 1; }; sleep 1; done
cat /tmp/answer
infaas health
infaas status --json | grep -m1 '"memoryBytes"'
until grep -q "INFaaS is up" /tmp/up; do kill -0 $up || { cat /tmp/up; exit 1; }; sleep 1; done
kill -TERM $up
wait $up
`;

/**
 * Runs the image at `root` as a container runtime would: file systems and processes of its own, a root that may not be written to, uid
 * 1000, and a cgroup with 1 GiB. Throws unless the system answers in it and ends in order.
 */
export function checkImage(root) {
  const group = memoryGroup();
  const mounts = [
    `mount --bind ${root} ${root}`,
    `mount -o remount,ro,bind ${root}`,
    `mount -t tmpfs tmpfs ${root}/tmp`,
    `mount -t tmpfs -o uid=1000,gid=1000 tmpfs ${root}/data`,
    `mount -t proc proc ${root}/proc`,
    `mount --rbind /sys ${root}/sys`,
    `mount --rbind /dev ${root}/dev`,
  ];
  const enter = `exec chroot --userspec=1000:1000 ${root} /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/data sh -c "cd /data && $INSIDE"`;
  const script = [
    `echo $$ > ${group}/cgroup.procs`,
    'exec unshare --mount --pid --fork sh -ec "$SETUP"',
  ].join("\n");
  try {
    const said = execFileSync("sh", ["-ec", script], {
      encoding: "utf8",
      timeout: CHECK_MAX_MS,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, SETUP: [...mounts, enter].join("\n"), INSIDE },
    });
    process.stdout.write(
      `${said}as uid 1000 with a read-only root and ${MEMORY_BYTES} bytes of memory; ${peakOf(group)}\n`,
    );
  } finally {
    rmdirSync(group);
  }
}

/** A cgroup with the memory that is tried, version 1 or 2. */
function memoryGroup() {
  const isFirst = existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  const group = join("/sys/fs/cgroup", isFirst ? "memory" : "", `infaas-image-${process.pid}`);
  mkdirSync(group);
  writeFileSync(join(group, isFirst ? "memory.limit_in_bytes" : "memory.max"), String(MEMORY_BYTES));
  return group;
}

function peakOf(group) {
  const files = ["memory.max_usage_in_bytes", "memory.peak"].map((file) => join(group, file));
  const file = files.find((each) => existsSync(each));
  return file === undefined
    ? "the kernel does not say how much was used"
    : `at most ${readFileSync(file, "utf8").trim()} were used, files included`;
}
