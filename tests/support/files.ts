// Temporary folders that vanish with the process that made them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new, empty folder; `using` removes it with all that is in it. */
export class TempDir implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "iomux-"));

  file(name: string): string {
    return join(this.path, name);
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
