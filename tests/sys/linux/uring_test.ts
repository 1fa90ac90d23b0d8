// What a kernel must have for a ring, and how its absence is said.
import { describe, expect, it } from "bun:test";
import { checkFeatures } from "../../../lib/sys/linux/uring.ts";

describe("checkFeatures() of an io_uring", () => {
  const ALL = 0xffff;

  it("takes a kernel that has everything", () => checkFeatures(ALL));

  it("names each feature that is missing, and since when Linux has it", () => {
    expect(() => checkFeatures(ALL & ~(1 << 11))).toThrow(
      "Cannot use io_uring: this kernel lacks IORING_FEAT_CQE_SKIP (Linux 5.17)",
    );
    expect(() => checkFeatures(ALL & ~(1 | 1 << 8))).toThrow(
      "lacks IORING_FEAT_SINGLE_MMAP (Linux 5.4), IORING_FEAT_EXT_ARG (Linux 5.11)",
    );
  });
});
