#!/usr/bin/env node
/**
 * Generates, builds and runs the example of one language against a frontend: `node sdk/run.mjs LANGUAGE [HOST:PORT]`.
 * Every command is printed as it can be typed in the folder of the clone. `--check` only says whether the language's own
 * tools are here. Exit status: 0, or that of the command that failed; 3 when the tools are missing.
 */
import { spawnSync } from "node:child_process";
import { arch, platform } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** This machine as Maven artifacts name it. */
const mavenPlatform = `${{ darwin: "osx", win32: "windows" }[platform()] ?? platform()}-${arch() === "arm64" ? "aarch_64" : "x86_64"}`;
const python = ".cache/sdk/python/bin";
/** What the Python package makes its messages from. */
const descriptors = [
  "npx buf build proto --exclude-source-info --output sdk/python/src/infaas/descriptors.binpb",
  ...[
    "inference",
    "infaas/v1/inference.proto",
    "infaas/v1/catalog.proto",
    "infaas/v1/artifact.proto",
    "onnx",
  ],
].join(" --path proto/");
const generate = (language) => `npx buf generate --template sdk/${language}/buf.gen.yaml`;

/** Per language: what must be here, what installs and builds, what runs, and tests where it has some. */
const languages = {
  python: {
    needs: 'python3 -c "import ensurepip, venv"',
    build: [
      "python3 -m venv .cache/sdk/python",
      descriptors,
      `${python}/pip install --quiet --requirement sdk/python/requirements.txt`,
      `${python}/pip wheel --quiet --no-deps --wheel-dir .cache/sdk/wheels ./sdk/python`,
      // By its number it may be there already, from an earlier state of the clone.
      `${python}/pip install --quiet --force-reinstall --no-deps .cache/sdk/wheels/infaas-*.whl`,
      `${python}/pip check`,
    ],
    run: (address) => `${python}/python sdk/python/example.py ${address}`,
    test: (address) => `INFAAS_ADDRESS=${address} ${python}/python -m unittest discover -s sdk/python/tests`,
  },
  go: {
    needs: "go version",
    build: [generate("go"), "go build -C sdk/go -o ../../.cache/sdk/go-example ."],
    run: (address) => `.cache/sdk/go-example ${address}`,
  },
  java: {
    needs: "javac -version && mvn --version",
    build: [
      `mvn -q -B -f sdk/java dependency:copy@generators -Dplatform=${mavenPlatform}`,
      "chmod +x .cache/sdk/java/*.exe",
      generate("java"),
      "mvn -q -B -f sdk/java compile",
    ],
    run: (address) => `mvn -q -B -f sdk/java exec:java -Dexec.args=${address}`,
  },
  typescript: {
    needs: "node --version",
    build: ["npm ci --silent --prefix sdk/typescript", generate("typescript"), "npx tsc -p sdk/typescript"],
    run: (address) => `node sdk/typescript/dist/example.js ${address}`,
  },
};

function shell(command, stdio) {
  return spawnSync("sh", ["-c", command], { cwd: root, stdio }).status ?? 1;
}

function main([name, word = "127.0.0.1:8001"]) {
  const language = languages[name];
  if (language === undefined || !/^(--check|[\w.[\]:-]+)$/.test(word)) {
    process.stderr.write(
      `usage: node sdk/run.mjs ${Object.keys(languages).join("|")} [HOST:PORT | --check]\n`,
    );
    return 2;
  }
  if (shell(language.needs, "ignore") !== 0) {
    process.stderr.write(`${name} is not here: '${language.needs}' failed\n`);
    return 3;
  }
  if (word === "--check") return 0;
  const tests = language.test === undefined ? [] : [language.test(word)];
  for (const command of [...language.build, language.run(word), ...tests]) {
    process.stdout.write(`$ ${command}\n`);
    const status = shell(command, "inherit");
    if (status !== 0) return status;
  }
  return 0;
}

process.exitCode = main(process.argv.slice(2));
