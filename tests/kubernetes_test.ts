// The manifests of examples/kubernetes: true to the API's published schema, and of commands that work.
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { StressResult } from "../lib/result/result.ts";
import { root, spawnCli, startServe } from "./support/cli.ts";
import { TempDir } from "./support/files.ts";
import { manifestProblems } from "./support/kubernetes/schema.ts";

/** As far as it is looked at here. */
interface Job {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: {
    completionMode?: string;
    completions?: number;
    parallelism?: number;
    template: {
      spec: {
        containers: {
          command: string[];
          args: string[];
          env: { name: string; value: string }[];
          volumeMounts: { mountPath: string }[];
        }[];
        volumes: { persistentVolumeClaim: { claimName: string } }[];
      };
    };
  };
}

function objectsOf(name: string): any[] {
  const text = readFileSync(join(root, "examples/kubernetes", name), "utf8");
  return parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
}

const [claim, stressJob] = objectsOf("stress-job.yaml") as [{ metadata: { name: string } }, Job];
const [mergeJob] = objectsOf("merge-job.yaml") as [Job];

/** The arguments of a pod: $(NAME) is a variable of the container, as Kubernetes has it. */
function argumentsOf(job: Job, variables: Record<string, string>): string[] {
  const [container] = job.spec.template.spec.containers as [
    Job["spec"]["template"]["spec"]["containers"][0],
  ];
  const own = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
  const all: Record<string, string> = { ...own, ...variables };
  return container.args.map((arg) =>
    arg.replace(/\$\((\w+)\)/g, (whole, name) => all[name] ?? whole)
  );
}

describe("the manifests for Kubernetes", () => {
  for (const object of [claim, stressJob, mergeJob]) {
    it(`are valid by the API's schema: ${(object as Job).kind} ${object.metadata.name}`, () =>
      expect(manifestProblems(object as Job)).toEqual([]));
  }

  it("would not be if something in them were wrong", () => {
    const change = (edit: (job: any) => void) => {
      const copy = structuredClone(stressJob);
      edit(copy);
      return manifestProblems(copy);
    };
    const pod = "/spec/template/spec";
    const cases: [edit: (job: any) => void, problem: string][] = [
      [(job) => job.spec.completionmode = "Indexed", "/spec: has an unknown key completionmode"],
      [(job) => job.spec.completions = "4", '/spec/completions: "4" is no integer (int32)'],
      [(job) => delete job.spec.template, "/spec: has no template"],
      [
        (job) => delete job.spec.template.spec.containers[0].name,
        `${pod}/containers/0: has no name`,
      ],
      [
        (job) => job.spec.template.spec.containers[0].env[1].value = 5,
        `${pod}/containers/0/env/1/value: 5 is no string`,
      ],
      [
        (job) => job.spec.template.spec.containers[0].resources.limits.memory = "512 MB",
        `${pod}/containers/0/resources/limits/memory: "512 MB" is no number, and no string (quantity)`,
      ],
      [(job) => job.kind = "Jub", ": no schema of batch/v1 Jub"],
    ];
    for (const [edit, problem] of cases) expect(change(edit)).toEqual([problem]);
  });

  it("make as many parts as they add up, on the volume that they claim", () => {
    const { completionMode, completions, parallelism } = stressJob.spec;
    expect([completionMode, parallelism]).toEqual(["Indexed", completions]);
    const written = Array.from(
      { length: completions! },
      (_, index) =>
        argumentsOf(stressJob, { JOB_COMPLETION_INDEX: String(index) })
          .find((arg) => arg.startsWith("--output="))!.slice("--output=".length),
    );
    const merged = argumentsOf(mergeJob, {});
    expect(merged.filter((arg) => arg.startsWith("/results/"))).toEqual(written);
    for (const { spec: { template: { spec: pod } } } of [stressJob, mergeJob]) {
      expect(pod.volumes[0]!.persistentVolumeClaim.claimName).toBe(claim.metadata.name);
      expect(pod.containers[0]!.volumeMounts[0]!.mountPath).toBe("/results");
    }
  });

  it("have commands that work, from the parts to their sum", async () => {
    using dir = new TempDir();
    await using serve = await startServe();
    const inDir = (args: string[]) => args.map((arg) => arg.replace("/results", dir.path));
    const at = String(Math.ceil(Date.now() / 1000) + 6); // a busy machine starts four programs by then
    const parts = Array.from({ length: stressJob.spec.completions! }, async (_, index) => {
      const args = argumentsOf(stressJob, {
        ...{ TARGET: serve.name, RATE: "100", DURATION: "500ms", START_AT: at },
        JOB_COMPLETION_INDEX: String(index),
      });
      const few = args.map((arg) => arg.replace("--connections=500", "--connections=5"));
      await using cli = spawnCli(inDir(few));
      expect(`${(await cli.exit).code} ${cli.stdout()}`).toMatch(/^0 /);
    });
    await Promise.all(parts);
    await using cli = spawnCli(inDir(argumentsOf(mergeJob, { P99: "30s" })));
    expect(`${(await cli.exit).code} ${cli.stderr()}`).toMatch(/^0 /);
    const sum: StressResult = JSON.parse(readFileSync(dir.file("sum.json"), "utf8"));
    expect(sum.connections.established).toBe(20);
    expect(sum.messages).toMatchObject({ verified: sum.messages.sent, lost: 0 });
    expect(sum.messages.sent >= 4 * 45).toBe(true); // in half a second, on schedule
    expect(sum.config.rate).toBe(400);
    expect(sum.thresholds).toMatchObject([{ expression: "p99_corrected<30s", ok: true }]);
    expect(readFileSync(dir.file("sum.html"), "utf8")).toMatch(/^<!doctype html>/i);
  });
});
