// What can be done with a machine, when, and why not. Power and deletion are never assumed to have happened: the page
// says "requested" and then shows what the server reports.
import { lazy, Suspense, useState, type ReactNode } from "react";
import Pause from "lucide-react/dist/esm/icons/pause.mjs";
import Play from "lucide-react/dist/esm/icons/play.mjs";
import Power from "lucide-react/dist/esm/icons/power.mjs";
import PowerOff from "lucide-react/dist/esm/icons/power-off.mjs";
import RotateCw from "lucide-react/dist/esm/icons/rotate-cw.mjs";
import Trash2 from "lucide-react/dist/esm/icons/trash-2.mjs";
import {
  DeleteMachineDocument,
  PauseMachineDocument,
  RebootMachineDocument,
  ResumeMachineDocument,
  StartMachineDocument,
  StopMachineDocument,
  type MachineFieldsFragment,
  type VirtualMachineState,
} from "../gql/graphql";
import { notify, notifyError } from "../lib/notices";
import { useConnection, useDenied } from "../lib/scope";
import { machineStates } from "../ui/badges";
import type { Action } from "../ui/Menu";

const ConfirmDialog = lazy(async () => ({ default: (await import("../ui/Dialog")).ConfirmDialog }));

export type Machine = MachineFieldsFragment;

export type Act = "start" | "stop" | "force" | "reboot" | "pause" | "resume" | "delete";

const from: Record<Act, VirtualMachineState[]> = {
  start: ["STOPPED", "LOST", "DEGRADED", "UNKNOWN"],
  stop: ["RUNNING", "PAUSED", "DEGRADED", "STARTING", "UNKNOWN"],
  force: ["RUNNING", "PAUSED", "DEGRADED", "STARTING", "STOPPING", "UNKNOWN"],
  reboot: ["RUNNING", "DEGRADED"],
  pause: ["RUNNING"],
  resume: ["PAUSED"],
  delete: ["PENDING", "PROVISIONING", "STOPPED", "STARTING", "RUNNING", "STOPPING", "PAUSED", "DEGRADED", "UNKNOWN", "LOST"],
};

const words: Record<Act, string> = {
  start: "Start",
  stop: "Stop",
  force: "Force stop",
  reboot: "Reboot",
  pause: "Pause",
  resume: "Resume",
  delete: "Delete",
};

const icons = { start: Play, stop: Power, force: PowerOff, reboot: RotateCw, pause: Pause, resume: Play, delete: Trash2 };

/** Why the machine's state forbids the act; null when it does not. */
export function forbidden(act: Act, state: VirtualMachineState): string | null {
  if (from[act].includes(state)) return null;
  return `It is ${machineStates[state].word.toLowerCase()}.`;
}

/** What was asked for and is not there yet. */
export function requested(machine: Machine): string | null {
  const { state, desiredState } = machine;
  if (machineStates[state].passing) return null;
  if (desiredState === "DELETED") return "deletion requested";
  if (desiredState === "RUNNING" && (state === "STOPPED" || state === "PAUSED")) return "start requested";
  if (desiredState === "STOPPED" && state === "RUNNING") return "stop requested";
  if (desiredState === "PAUSED" && state === "RUNNING") return "pause requested";
  return null;
}

export const machineAddress = (machine: { id: string; tenant: { name: string } }) =>
  `/t/${machine.tenant.name}/virtual-machines/${machine.id}`;

export function useMachineActs() {
  const connection = useConnection();
  const denied = useDenied("TENANT_MEMBER");
  const [asking, setAsking] = useState<{ act: "force" | "delete"; machine: Machine } | null>(null);

  async function send(act: Act, machine: Machine) {
    const scope = { kind: "tenant", name: machine.tenant.name } as const;
    const { id } = machine;
    if (act === "start") await connection.mutate(StartMachineDocument, { id }, scope);
    else if (act === "stop") await connection.mutate(StopMachineDocument, { id, force: false }, scope);
    else if (act === "force") await connection.mutate(StopMachineDocument, { id, force: true }, scope);
    else if (act === "reboot") await connection.mutate(RebootMachineDocument, { id }, scope);
    else if (act === "pause") await connection.mutate(PauseMachineDocument, { id }, scope);
    else if (act === "resume") await connection.mutate(ResumeMachineDocument, { id }, scope);
    else await connection.mutate(DeleteMachineDocument, { id }, scope);
    notify("info", `${words[act]} of ${machine.name} requested.`);
  }

  function run(act: Act, machine: Machine) {
    if (act === "force" || act === "delete") setAsking({ act, machine });
    else void send(act, machine).catch((error) => notifyError(`${words[act]} of ${machine.name} failed`, error));
  }

  const actionOf = (act: Act, machine: Machine): Action => ({
    id: act,
    label: words[act],
    icon: icons[act],
    danger: act === "delete",
    denied: denied ?? forbidden(act, machine.state),
    run: () => run(act, machine),
  });

  const dialogs: ReactNode = asking && (
    <Suspense>
    <ConfirmDialog
      open
      title={asking.act === "delete" ? `Delete ${asking.machine.name}` : `Force ${asking.machine.name} to stop`}
      submit={asking.act === "delete" ? "Delete machine and disks" : "Pull the plug"}
      name={asking.act === "delete" ? asking.machine.name : undefined}
      onClose={() => setAsking(null)}
      onConfirm={() => send(asking.act, asking.machine)}
    >
      {asking.act === "delete" ? (
        <p>
          The machine and its {asking.machine.diskGib} GiB disk in {asking.machine.tenant.displayName} are removed for
          good. This cannot be undone.
        </p>
      ) : (
        <p>The guest gets no chance to write what it holds in memory. Use Stop first where you can.</p>
      )}
    </ConfirmDialog>
    </Suspense>
  );

  return {
    actionOf,
    actionsOf: (machine: Machine) => (Object.keys(words) as Act[]).map((act) => actionOf(act, machine)),
    dialogs,
  };
}
