// Holds a manifest against the schemas of the Kubernetes API, strictly: no key that they don't name.
import { readFileSync } from "node:fs";

/** The part of JSON Schema that they use. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly oneOf?: readonly Schema[];
}

const { definitions } = JSON.parse(
  readFileSync(new URL("./schemas.json", import.meta.url), "utf8"),
) as { definitions: Record<string, Schema> };

/** The type of a kind of object, by `apiVersion` and `kind`. */
const KINDS: Record<string, string> = {
  "batch/v1 Job": "io.k8s.api.batch.v1.Job",
  "v1 PersistentVolumeClaim": "io.k8s.api.core.v1.PersistentVolumeClaim",
};

/** What is wrong with an object, each with its place. */
export function manifestProblems(object: { apiVersion?: unknown; kind?: unknown }): string[] {
  const kind = `${object?.apiVersion} ${object?.kind}`;
  const name = KINDS[kind];
  return name === undefined ? [`: no schema of ${kind}`] : check({ $ref: `${name}#` }, object, "");
}

function check(schema: Schema, value: unknown, at: string): string[] {
  if (schema.$ref !== undefined) {
    const definition = definitions[schema.$ref.replace(/#$/, "")];
    return definition ? check(definition, value, at) : [`${at}: no schema of ${schema.$ref}`];
  }
  if (schema.oneOf) {
    const other = schema.oneOf.filter(({ type }) => type !== "null" || value === null);
    if (other.length === 1) return check(other[0]!, value, at);
    if (other.some((one) => check(one, value, at).length === 0)) return [];
    return [`${at}: ${JSON.stringify(value)} is no ${other.map(typeName).join(", and no ")}`];
  }
  if (value === null && schema.nullable) return [];
  if (schema.enum && !schema.enum.includes(value)) {
    return [`${at}: ${JSON.stringify(value)} is none of ${schema.enum.join(", ")}`];
  }
  if (!hasType(schema, value)) return [`${at}: ${JSON.stringify(value)} is no ${typeName(schema)}`];
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => check(schema.items ?? {}, item, `${at}/${i}`));
  }
  return typeof value === "object" && value !== null ? checkObject(schema, value, at) : [];
}

function checkObject(schema: Schema, value: object, at: string): string[] {
  const missing = (schema.required ?? []).filter((key) => !(key in value))
    .map((key) => `${at}: has no ${key}`);
  const each = Object.entries(value).flatMap(([key, inner]) => {
    const known = schema.properties?.[key] ?? schema.additionalProperties;
    return known ? check(known, inner, `${at}/${key}`) : [`${at}: has an unknown key ${key}`];
  });
  return [...missing, ...each];
}

const typeName = ({ type, format }: Schema) => format ? `${type} (${format})` : type;

/** A number with a suffix, such as 100m or 256Mi (Kubernetes' "Quantity"). */
const QUANTITY = /^[+-]?(\d+|\d+\.\d*|\.\d+)(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?\d+)?$/;

function hasType({ type, format }: Schema, value: unknown): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value) && (format !== "int32" || Math.abs(value as number) < 2 ** 31);
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "null":
      return value === null;
    case "string":
      return typeof value === "string" && (format !== "quantity" || QUANTITY.test(value));
    case "number":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    default:
      return type === undefined;
  }
}
