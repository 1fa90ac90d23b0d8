// The Debian package: what is where in Debian, and what it needs.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { binaryOf, DESCRIPTION, MAINTAINER, NAME, type Release, run, SUMMARY } from "./facts.ts";

const ARCHITECTURES: Record<string, string> = { "linux-x64": "amd64", "linux-arm64": "arm64" };

/** The file name of the package for a target, if Debian has such machines. */
export function debianPackageOf({ version }: Release, target: string): string | undefined {
  const architecture = ARCHITECTURES[target];
  return architecture && `${NAME}_${version}_${architecture}.deb`;
}

/** Lines of at most 74 columns, as the field Description wants them. */
const wrapped = (text: string): string => text.replace(/(.{1,72})(?: |$)/g, " $1\n").trimEnd();

export function makeDebianPackage(release: Release, target: string): void {
  const { stage, out, version } = release;
  const root = join(stage, "dist", `deb-${target}`);
  const share = join(stage, "dist", "share");
  const put = (path: string, bytes: Uint8Array | string) => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), bytes);
  };
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  copyFileSync(binaryOf(release, target), join(root, "usr/bin", NAME));
  for (const page of readdirSync(join(share, "man"))) {
    put(`usr/share/man/man1/${page}.gz`, gzipSync(readFileSync(join(share, "man", page))));
  }
  const completion = (name: string) => readFileSync(join(share, "completions", name));
  put(`usr/share/bash-completion/completions/${NAME}`, completion(`${NAME}.bash`));
  put(`usr/share/zsh/vendor-completions/_${NAME}`, completion(`_${NAME}`));
  put(`usr/share/fish/vendor_completions.d/${NAME}.fish`, completion(`${NAME}.fish`));
  const papers = `usr/share/doc/${NAME}`;
  put(`${papers}/copyright`, readFileSync(join(stage, "LICENSE")));
  put(`${papers}/changelog.gz`, gzipSync(readFileSync(join(stage, "CHANGELOG.md"))));

  const size = Number(run("du", ["-sk", join(root, "usr")], stage).split("\t")[0]);
  put(
    "DEBIAN/control",
    [
      `Package: ${NAME}`,
      `Version: ${version.replace("-", "~")}`,
      `Architecture: ${ARCHITECTURES[target]}`,
      `Maintainer: ${MAINTAINER}`,
      `Installed-Size: ${size}`,
      "Depends: libc6 (>= 2.31)",
      "Recommends: libssl3t64 | libssl3",
      "Section: net",
      "Priority: optional",
      `Description: ${SUMMARY}`,
      wrapped(DESCRIPTION),
      "",
    ].join("\n"),
  );
  const file = join(out, debianPackageOf(release, target)!);
  run(
    "dpkg-deb",
    ["--root-owner-group", "-Zgzip", `-z${release.level}`, "--build", root, file],
    stage,
  );
  rmSync(root, { recursive: true });
}
