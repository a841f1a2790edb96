import { useEffect, useState } from "react";
import { DeclareIncidentDocument, MachineListDocument, type Severity } from "../gql/graphql";
import { newIdempotencyKey } from "../lib/api";
import { notify } from "../lib/notices";
import { useConnection, useGo, useScope } from "../lib/scope";
import { FormDialog } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Select } from "../ui/Select";
import { incidentAddress, services } from "./incidentActs";
import { SeverityChoice } from "./SeverityChoice";

export default function DeclareDialog({ onClose }: { onClose(): void }) {
  const connection = useConnection();
  const { tenant } = useScope();
  const go = useGo();
  const [title, setTitle] = useState("");
  const [severity, setSeverity] = useState<Severity>("P2");
  const [affected, setAffected] = useState("");
  const [impact, setImpact] = useState("");
  const [machine, setMachine] = useState("");
  const [machines, setMachines] = useState<{ id: string; name: string }[]>([]);
  const [key] = useState(newIdempotencyKey);

  useEffect(() => {
    if (tenant)
      connection
        .query(MachineListDocument, { first: 100, orderBy: "NAME" })
        .then(({ virtualMachines }) => setMachines(virtualMachines.nodes))
        .catch(() => undefined);
  }, [connection, tenant]);

  async function declare() {
    const { declareIncident } = await connection.mutate(DeclareIncidentDocument, {
      input: { title: title.trim(), severity, affectedServices: services(affected), impact, virtualMachineId: machine || null },
      key,
    });
    notify("ok", `${declareIncident.incident.reference} is declared.`);
    onClose();
    go(incidentAddress(declareIncident.incident));
  }

  return (
    <FormDialog title="Declare an incident" submit="Declare" open onClose={onClose} ready={title.trim() !== ""} onSubmit={declare} size="wide">
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
