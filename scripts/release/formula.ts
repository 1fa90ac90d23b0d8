// The Homebrew formula: an archive for each system that Homebrew knows.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { archiveOf, LICENSE, NAME, type Release, sha256, SUMMARY } from "./facts.ts";

const SYSTEMS: [system: string, [cpu: string, target: string][]][] = [
  ["macos", [["arm", "darwin-arm64"], ["intel", "darwin-x64"]]],
  ["linux", [["arm", "linux-arm64"], ["intel", "linux-x64"]]],
];

/** The page of the repository, if the files lie in a release of it; else where they lie, if that is a page. */
function homepageOf(url: string): string | undefined {
  const [, page] = /^(https:.*)\/releases\/download\/[^/]*$/.exec(url) ?? [];
  return page ?? (url.startsWith("https:") ? url : undefined);
}

const LOCAL =
  `# For this machine only: its archives are files here. release.mjs with --url makes one for others.
`;

export const makeFormula = (release: Release): void =>
  writeFileSync(join(release.out, `${NAME}.rb`), formulaText(release));

/** The formula; the archives must have been made. */
export function formulaText(release: Release): string {
  const { out, version, url, targets } = release;
  const homepage = homepageOf(url);
  const systems = SYSTEMS.map(([system, cpus]) => {
    const archives = cpus.filter(([, target]) => targets.includes(target)).map(([cpu, target]) => {
      const archive = archiveOf(release, target);
      return `    on_${cpu} do
      url "${url}/${archive}"
      sha256 "${sha256(join(out, archive))}"
    end`;
    });
    return archives.length === 0 ? [] : [`  on_${system} do\n${archives.join("\n")}\n  end`];
  }).flat();
  return `${url.startsWith("file:") ? LOCAL : ""}class Iomux < Formula
  desc "${SUMMARY}"
${homepage === undefined ? "" : `  homepage "${homepage}"\n`}  version "${version}"
  license "${LICENSE}"

${systems.join("\n")}

  def install
    bin.install "${NAME}"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/${NAME}.bash" => "${NAME}"
    zsh_completion.install "completions/_${NAME}"
    fish_completion.install "completions/${NAME}.fish"
  end

  test do
    assert_equal version.to_s, shell_output("#{bin}/${NAME} --version").strip
    system bin/"${NAME}", "stress", "-c", "2", "-n", "100"
  end
end
`;
}
