// The Homebrew formula: an archive for each system that Homebrew knows.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { archiveOf, LICENSE, NAME, type Release, sha256, SUMMARY } from "./facts.ts";

const SYSTEMS: [system: string, [cpu: string, target: string][]][] = [
  ["macos", [["arm", "darwin-arm64"], ["intel", "darwin-x64"]]],
  ["linux", [["arm", "linux-arm64"], ["intel", "linux-x64"]]],
];

export function makeFormula(release: Release): void {
  const { out, version, url, targets } = release;
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
  writeFileSync(
    join(out, `${NAME}.rb`),
    `class Iomux < Formula
  desc "${SUMMARY}"
  homepage "${url}"
  version "${version}"
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
`,
  );
}
