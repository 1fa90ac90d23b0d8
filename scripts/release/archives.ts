// The archive of each platform: the program, its papers, manual pages and completions.
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { wrap } from "../../lib/text/layout.ts";
import { archiveOf, binaryOf, DESCRIPTION, NAME, type Release, run } from "./facts.ts";
import { zip } from "./zip.ts";

/** The checkout's is about what is not in an archive. */
const README = `# ${NAME}

${wrap(DESCRIPTION, 80).join("\n")}

\`${NAME} --help\` lists the commands. Their manual pages are in [man](man),
completions for shells in [completions](completions); what has changed is in the
[change log](CHANGELOG.md). [MIT licence](LICENSE).
`;

/** Makes what archives and packages share, manual pages and completions: stage/dist/share. */
export function makeShared({ stage }: Release): void {
  const share = join(stage, "dist", "share");
  run("bun", ["scripts/manuals.ts", join(share, "man")], stage);
  run("bun", ["scripts/completions.ts", join(share, "completions")], stage);
}

/** A .tar.gz by tar's arguments; zlib takes two thirds of gzip's time for the same size. */
export function makeTarball({ stage, level }: Release, archive: string, args: string[]): void {
  const plain = join(stage, "dist", "plain.tar");
  run("tar", ["-cf", plain, ...args], stage);
  writeFileSync(archive, gzipSync(readFileSync(plain), { level }));
  rmSync(plain);
}

export function makeArchive(release: Release, target: string): void {
  const { stage, out, version } = release;
  const folder = `${NAME}-${version}-${target}`;
  const root = join(stage, "dist", folder);
  mkdirSync(root, { recursive: true });
  const program = target.startsWith("windows") ? `${NAME}.exe` : NAME;
  copyFileSync(binaryOf(release, target), join(root, program));
  chmodSync(join(root, program), 0o755);
  for (const paper of ["LICENSE", "CHANGELOG.md"]) {
    copyFileSync(join(stage, paper), join(root, paper));
  }
  writeFileSync(join(root, "README.md"), README);
  cpSync(join(stage, "dist", "share"), root, { recursive: true });
  const archive = join(out, archiveOf(release, target));
  if (archive.endsWith(".zip")) {
    const names = readdirSync(root, { recursive: true, encoding: "utf8" }).sort()
      .filter((name) => statSync(join(root, name)).isFile());
    const entries = names.map((name) => ({
      name: `${folder}/${name.replaceAll("\\", "/")}`,
      bytes: readFileSync(join(root, name)),
      executable: name === program,
    }));
    writeFileSync(archive, zip(entries, release.level));
  } else {
    makeTarball(release, archive, ["-C", join(stage, "dist"), folder]);
  }
  rmSync(root, { recursive: true });
}
