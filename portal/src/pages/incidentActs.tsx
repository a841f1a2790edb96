import { useState } from "react";
import {
  AcknowledgeIncidentDocument,
  DeclareIncidentDocument,
  MachineListDocument,
  type IncidentFieldsFragment,
  type Severity,
} from "../gql/graphql";
import { newIdempotencyKey, platformScope, type Scope } from "../lib/api";
import { notify, notifyError } from "../lib/notices";
import { useConnection, useGo, useScope } from "../lib/scope";
import { useSession } from "../lib/session";
import { now } from "../lib/time";
import { useDebounced } from "../lib/useDebounced";
import { SeverityBadge, severityMeaning } from "../ui/badges";
import { FormDialog } from "../ui/Dialog";
import { Select, TextField } from "../ui/Field";
import { Radio, RadioGroup } from "react-aria-components/RadioGroup";
import { Label } from "react-aria-components/Label";
import styles from "./incidents.module.css";
import ui from "../ui/ui.module.css";

export type Incident = IncidentFieldsFragment;

export const severities: Severity[] = ["P0", "P1", "P2", "P3"];

export const incidentScope = (incident: Incident): Scope =>
  incident.tenant ? { kind: "tenant", name: incident.tenant.name } : platformScope;

/** In its tenant an incident goes by its reference; a platform's one by its id. */
export const incidentAddress = (incident: Pick<Incident, "id" | "reference" | "tenant">) =>
  incident.tenant ? `/t/${incident.tenant.name}/incidents/${incident.reference}` : `/platform/incidents/${incident.id}`;

/** Taking an incident can be undone by anybody's next act, so the page shows it at once. */
export function useAcknowledge() {
  const connection = useConnection();
  const session = useSession();
  return async (incident: Incident) => {
    const email = session.phase === "signed-in" || session.phase === "expired" ? session.user.email : "";
    const undo = connection.store.guess<Incident>("Incident", incident.id, {
      commander: email,
      respondedAt: incident.respondedAt ?? new Date(now()).toISOString(),
    });
    try {
      await connection.mutate(AcknowledgeIncidentDocument, { id: incident.id }, incidentScope(incident));
    } catch (error) {
      undo();
      notifyError(`${incident.reference} was not acknowledged`, error);
    }
  };
}

export function SeverityChoice({ value, onChange }: { value: Severity; onChange(value: Severity): void }) {
  return (
    <RadioGroup value={value} onChange={(next) => onChange(next as Severity)} className={styles.severities!}>
      <Label className={ui.label!}>Severity</Label>
      {severities.map((one) => (
        <Radio key={one} value={one} className={styles.severity!}>
          <SeverityBadge severity={one} />
          <span>{severityMeaning[one]}</span>
        </Radio>
      ))}
    </RadioGroup>
  );
}

export const services = (text: string) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

export function DeclareDialog({ open, onClose }: { open: boolean; onClose(): void }) {
  const connection = useConnection();
  const { tenant } = useScope();
  const go = useGo();
  const [title, setTitle] = useState("");
  const [severity, setSeverity] = useState<Severity>("P2");
  const [affected, setAffected] = useState("");
  const [impact, setImpact] = useState("");
  const [machine, setMachine] = useState("");
  const [machines, setMachines] = useState<{ id: string; name: string }[]>([]);
  const [key, setKey] = useState(newIdempotencyKey);

  useDebounced(
    open,
    (now) => {
      if (now && tenant)
        connection
          .query(MachineListDocument, { first: 100, orderBy: "NAME" })
          .then(({ virtualMachines }) => setMachines(virtualMachines.nodes))
          .catch(() => undefined);
    },
    0,
  );

  async function declare() {
    const { declareIncident } = await connection.mutate(DeclareIncidentDocument, {
      input: { title: title.trim(), severity, affectedServices: services(affected), impact, virtualMachineId: machine || null },
      key,
    });
    notify("ok", `${declareIncident.incident.reference} is declared.`);
    setTitle("");
    setAffected("");
    setImpact("");
    setMachine("");
    setKey(newIdempotencyKey());
    onClose();
    go(incidentAddress(declareIncident.incident));
  }

  return (
    <FormDialog title="Declare an incident" submit="Declare" open={open} onClose={onClose} ready={title.trim() !== ""} onSubmit={declare} size="wide">
      {(errors) => (
        <>
          <TextField label="What is wrong" value={title} onChange={setTitle} autoFocus error={errors.title} placeholder="Checkout answers with errors" maxLength={200} />
          <SeverityChoice value={severity} onChange={setSeverity} />
          <TextField label="Affected services" optional value={affected} onChange={setAffected} error={errors.affectedServices} hint="Separated by commas." />
          <TextField label="Impact" optional value={impact} onChange={setImpact} error={errors.impact} hint="Who notices, and how." />
          {tenant && machines.length > 0 && (
            <Select
              label="Affected guest"
              value={machine || "none"}
              onChange={(id) => setMachine(id === "none" ? "" : id)}
              error={errors.virtualMachineId}
              options={[{ id: "none", label: "None, or not known" }, ...machines.map((one) => ({ id: one.id, label: one.name }))]}
            />
          )}
        </>
      )}
    </FormDialog>
  );
}
