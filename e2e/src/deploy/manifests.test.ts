import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { root } from "../cluster";
import { type CommandLine, faultsOf } from "./command-lines";
import {
  commandLinesOf,
  hasKubectl,
  folder as kubernetes,
  objectsOf,
  overlays,
  selectedBy,
  workloadsOf,
} from "./kubernetes";

const deploy = join(root, "deploy");
const read = (...path: string[]) => readFileSync(join(deploy, ...path), "utf8");

interface ComposeService {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly read_only?: boolean;
}

const compose = parse(read("compose.yaml"), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};

function composeLines(): readonly CommandLine[] {
  return Object.entries(compose.services)
    .filter(([, { command }]) => command?.[0]?.startsWith("infaas"))
    .map(([name, { command = [], environment = {} }]) => ({
      where: `compose.yaml, ${name}`,
      words: command,
      env: environment,
    }));
}

/** The arrays behind CMD in a Dockerfile. */
function dockerLines(): readonly CommandLine[] {
  return [...read("Dockerfile").matchAll(/CMD (\[.*\])$/gm)].map(([, words = ""]) => ({
    where: `Dockerfile, ${words}`,
    words: JSON.parse(words),
    env: {},
  }));
}

const units = readdirSync(join(deploy, "systemd")).filter((name) => name.endsWith(".service"));

function valuesOf(unit: string, key: string): readonly string[] {
  return [...read("systemd", unit).matchAll(new RegExp(`^${key}=-?(.*)$`, "gm"))].map(
    ([, value = ""]) => value,
  );
}

function unitLine(unit: string): CommandLine {
  const [start = ""] = valuesOf(unit, "ExecStart");
  const [program = "", ...words] = start.split(" ");
  const files = valuesOf(unit, "EnvironmentFile").map((path) => basename(path));
  const lines = files
    .filter((file) => existsSync(join(deploy, "systemd", file)))
    .flatMap((file) => read("systemd", file).split("\n"))
    .filter((line) => line !== "" && !line.startsWith("#"));
  const env = Object.fromEntries(lines.map((line) => line.split("=", 2) as [string, string]));
  return { where: `systemd/${unit}`, words: [basename(program), ...words], env };
}

describe("a command line of deploy/", () => {
  const lines = [
    ...composeLines(),
    ...dockerLines(),
    ...units.map(unitLine),
    ...overlays.flatMap(commandLinesOf),
  ];

  it("is found in every kind of manifest, for every role", () => {
    expect(lines.length).toBeGreaterThanOrEqual(4 + 2 + 3 + 3);
    expect(new Set(lines.map(({ words }) => words[0]))).toEqual(
      new Set(["infaas", "infaas-metadata", "infaas-frontend", "infaas-executor"]),
    );
  });

  it.each(lines.map((line) => [line.where, line] as const))("is taken by its program: %s", (_, line) => {
    expect(faultsOf(line)).toEqual([]);
  });

  it.each([
    [["infaas-executor", "--nmae", "one"], {}, /--nmae/],
    [["infaas-frontend", "--in-flight-max", "0"], {}, /--in-flight-max/],
    [["infaas-metadata", "--listen", "0.0.0.0:8101"], {}, /beyond the loopback interface/],
    [["infaas-metadata"], { INFAAS_DATADIR: "/data" }, /INFAAS_DATADIR/],
    [["infaas", "up", "--hosts-max", "2"], {}, /--hosts-max/],
  ])("would be refused with a mistake: %p %p", (words, env, fault) => {
    expect(faultsOf({ where: "", words, env: env as Record<string, string> }).join()).toMatch(fault);
  });
});

describe("deploy/compose.yaml", () => {
  const { services, volumes } = compose;

  it("names services, volumes and files that there are", () => {
    const named = Object.values(services).flatMap(({ depends_on = {} }) => Object.keys(depends_on));
    expect(named.filter((name) => services[name] === undefined)).toEqual([]);
    const mounted = Object.values(services).flatMap((service) => service.volumes ?? []);
    const isThere = (source: string) =>
      source.startsWith(".") ? existsSync(join(deploy, source)) : source in volumes;
    expect(mounted.filter((mount) => !isThere(mount.split(":")[0] ?? ""))).toEqual([]);
  });

  it("has telemetry go to services that there are", () => {
    const text = read("telemetry", "collector.yaml") + read("telemetry", "prometheus.yaml");
    const hosts = [...text.matchAll(/\b([a-z][\w-]*):\d{4,5}\b/g)].map(([, host = ""]) => host);
    expect(hosts.length).toBeGreaterThanOrEqual(4);
    expect(hosts.filter((host) => services[host] === undefined)).toEqual([]);
  });
});

const whereKubectl = hasKubectl ? it : it.skip;

describe.each(overlays)("deploy/kubernetes/overlays/%s", (overlay) => {
  const objects = objectsOf(overlay);
  const workloads = workloadsOf(objects);
  const made = new Set(objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`));

  whereKubectl("is made by kustomize (skipped where there is no kubectl)", () => {
    expect(made).toContain("StatefulSet/infaas-executor");
  });

  it.each(workloads.map((object) => [object.metadata.name, object] as const))(
    "%s: runs without rights, is probed, sized, and selects its own pods",
    (_, object) => {
      const { spec } = object;
      const { spec: pod, metadata } = spec.template;
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      expect(metadata.labels).toMatchObject(selectedBy(object));
      expect(selectedBy(object)).not.toEqual({});
      const claimed = (spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => name);
      const volumes = [...(pod.volumes ?? []).map(({ name }) => name), ...claimed];
      for (const container of pod.containers) {
        expect(container).toMatchObject({
          securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
          readinessProbe: expect.anything(),
          livenessProbe: expect.anything(),
          resources: { requests: { cpu: expect.anything(), memory: expect.anything() } },
        });
        expect(container.volumeMounts.filter(({ name }) => !volumes.includes(name))).toEqual([]);
      }
    },
  );

  it("has services and budgets for pods that there are", () => {
    const labels = workloads.map(({ spec }) => spec.template.metadata.labels["app.kubernetes.io/name"]);
    const selecting = objects.filter(({ kind }) => kind === "Service" || kind === "PodDisruptionBudget");
    const selected = selecting.map((object) => selectedBy(object)["app.kubernetes.io/name"]);
    expect(selected.length).toBeGreaterThanOrEqual(5);
    expect(selected.filter((name) => !labels.includes(name))).toEqual([]);
    for (const { spec } of objects.filter(({ kind }) => kind === "HorizontalPodAutoscaler"))
      expect(made).toContain(`${spec?.scaleTargetRef?.kind}/${spec?.scaleTargetRef?.name}`);
  });
});

describe("deploy/kubernetes/secrets.sh", () => {
  it("makes the secrets that pods mount, with the files that options name", () => {
    const { stdout, stderr, status } = spawnSync("sh", [join(kubernetes, "secrets.sh")], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, expect.stringMatching(/shown this once: [0-9a-f]{64}\n$/)]);
    for (const name of ["infaas-tls", "infaas-tokens"]) expect(stdout).toContain(`name: ${name}\n`);
    const options = `${read("kubernetes", "base", "members.env")}${read("kubernetes", "base", "frontend.yaml")}`;
    const files = [...options.matchAll(/\/etc\/infaas\/\w+\/([\w.-]+)/g)].map(([, file = ""]) => file);
    expect(files.length).toBeGreaterThanOrEqual(5);
    expect(files.filter((file) => !new RegExp(`^ {2}${file}: \\S{20}`, "m").test(stdout))).toEqual([]);
  });
});

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

describe("deploy/systemd", () => {
  (hasSystemd ? it : it.skip)("is verified by systemd-analyze (skipped where there is none)", () => {
    const folder = mkdtempSync(join(tmpdir(), "infaas-units-"));
    try {
      // Only the program is another, which is installed here.
      for (const unit of units) {
        const text = read("systemd", unit).replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`);
        writeFileSync(join(folder, unit), text);
      }
      const paths = units.map((unit) => join(folder, unit));
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...paths], {
        encoding: "utf8",
      });
      const said = stderr.split("\n").filter((line) => units.some((unit) => line.includes(unit)));
      expect([status, said]).toEqual([0, []]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
