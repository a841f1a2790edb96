// What the create page knows without asking: names, forwards, and how the same request reads elsewhere.
import type { CreateVirtualMachineInput } from "../gql/graphql";

export interface Draft {
  name: string;
  image: string;
  vcpus: string;
  memoryMib: string;
  diskGib: string;
  sshKeys: string;
  userData: string;
  forwards: { hostPort: string; guestPort: string; protocol: string }[];
}

export const emptyDraft: Draft = {
  name: "",
  image: "",
  vcpus: "1",
  memoryMib: "128",
  diskGib: "1",
  sshKeys: "",
  userData: "",
  forwards: [],
};

/** Why a text is no machine name; null when it is one. The rule is that of host names. */
export function nameProblem(name: string): string | null {
  if (!name) return "A machine needs a name.";
  if (name.length > 63) return `At most 63 characters; this has ${name.length}.`;
  const wrong = /[^a-z0-9-]/.exec(name);
  if (wrong) {
    if (/[A-Z]/.test(wrong[0])) return `Lower-case letters only: “${wrong[0]}” is a capital.`;
    return wrong[0] === " " ? "No spaces; use a hyphen." : `“${wrong[0]}” is not allowed; letters, digits and hyphens are.`;
  }
  if (name.startsWith("-") || name.endsWith("-")) return "It must not begin or end with a hyphen.";
  return null;
}

const wholeNumber = (text: string) => (/^\d+$/.test(text.trim()) ? Number(text) : Number.NaN);

export function numberProblem(text: string, least: number, most: number, why?: string): string | null {
  const value = wholeNumber(text);
  if (Number.isNaN(value)) return "A whole number, please.";
  if (value < least) return why ?? `At least ${least}.`;
  if (value > most) return `At most ${most}.`;
  return null;
}

export const portProblem = (text: string, least: number) => numberProblem(text, least, 65535);

const keyPattern = /^(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+|sk-(ssh|ecdsa)-\S+) [A-Za-z0-9+/=]+( .*)?$/;

export const keyLines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

export function keysProblem(text: string): string | null {
  const bad = keyLines(text).findIndex((line) => !keyPattern.test(line));
  return bad < 0 ? null : `Line ${bad + 1} is not a public key as in ~/.ssh/id_ed25519.pub.`;
}

export function toInput(draft: Draft): CreateVirtualMachineInput {
  return {
    name: draft.name,
    image: draft.image,
    vcpus: wholeNumber(draft.vcpus),
    memoryMib: wholeNumber(draft.memoryMib),
    diskGib: wholeNumber(draft.diskGib),
    sshKeys: keyLines(draft.sshKeys),
    userData: draft.userData || null,
    portForwards: draft.forwards.map((one) => ({
      hostPort: wholeNumber(one.hostPort),
      guestPort: wholeNumber(one.guestPort),
      protocol: one.protocol,
    })),
  };
}

/** A GraphQL literal: as JSON, with bare keys. */
function literal(value: unknown, indent: string): string {
  if (Array.isArray(value)) return `[${value.map((one) => literal(one, indent)).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([key, one]) => `${key}: ${literal(one, indent)}`);
    return `{ ${fields.join(", ")} }`;
  }
  return JSON.stringify(value);
}

const meaningful = (input: CreateVirtualMachineInput) =>
  Object.fromEntries(
    Object.entries(input).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0)),
  );

export function asGraphql(input: CreateVirtualMachineInput): string {
  const fields = Object.entries(meaningful(input)).map(([key, value]) => `    ${key}: ${literal(value, "    ")}`);
  return `mutation {\n  createVirtualMachine(input: {\n${fields.join("\n")}\n  }) {\n    virtualMachine { id state }\n    operation { id }\n  }\n}`;
}

const quoted = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

export function asCommand(input: CreateVirtualMachineInput, tenant: string): string {
  const parts = [
    "phoenix ctl vm create",
    `--tenant ${quoted(tenant)}`,
    `--name ${quoted(input.name || "NAME")}`,
    `--image ${quoted(input.image || "IMAGE")}`,
    `--vcpus ${input.vcpus}`,
    `--memory-mib ${input.memoryMib}`,
    `--disk-gib ${input.diskGib}`,
    // The command reads keys and user data from files.
    ...(input.sshKeys ?? []).map((_, index) => `--ssh-key KEYFILE${index ? index + 1 : ""}`),
    ...(input.userData ? ["--user-data FILE"] : []),
    ...(input.portForwards ?? []).map((one) => `--forward ${one.hostPort || "HOSTPORT"}:${one.guestPort || "GUESTPORT"}`),
    "--wait",
  ];
  return parts.join(" \\\n  ");
}

/** "Côte d'Ivoire Télécom" to "cote-d-ivoire-telecom". */
export const suggestName = (displayName: string) =>
  displayName
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
