import { useState } from "react";
import { CreateTenantDocument, type TenantTier } from "../gql/graphql";
import { newIdempotencyKey } from "../lib/api";
import { notify } from "../lib/notices";
import { useConnection, useGo } from "../lib/scope";
import { reload } from "../lib/session";
import { FormDialog } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Select } from "../ui/Select";
import { nameProblem, suggestName } from "./createMachine.logic";

const tiers: { id: TenantTier; label: string; hint: string }[] = [
  { id: "FREE", label: "Free", hint: "Small limits" },
  { id: "STANDARD", label: "Standard", hint: "The usual one" },
  { id: "ENTERPRISE", label: "Enterprise", hint: "Large limits" },
  { id: "SOVEREIGN", label: "Sovereign", hint: "Apart from all others" },
];

export default function CreateTenantDialog({ onClose }: { onClose(): void }) {
  const connection = useConnection();
  const go = useGo();
  const [displayName, setDisplayName] = useState("");
  const [ownName, setOwnName] = useState<string | null>(null);
  const [tier, setTier] = useState<TenantTier>("STANDARD");
  const [key, setKey] = useState(newIdempotencyKey);
  const name = ownName ?? suggestName(displayName);
  const problem = name ? nameProblem(name) : null;

  async function create() {
    const { createTenant } = await connection.mutate(CreateTenantDocument, {
      input: { name, displayName: displayName.trim() || name, tier },
      key,
    });
    notify("ok", `${createTenant.tenant.displayName} is created; you are its owner.`);
    await reload();
    go(`/t/${createTenant.tenant.name}/virtual-machines`);
  }

  return (
    <FormDialog title="Create a tenant" submit="Create tenant" open onClose={onClose} ready={name !== "" && !problem} onSubmit={create}>
      {(errors) => (
        <>
          <TextField
            label="Display name"
            value={displayName}
            onChange={(value) => {
              setDisplayName(value);
              setKey(newIdempotencyKey());
            }}
            error={errors.displayName}
            hint="As people know it."
            autoFocus
          />
          <TextField
            label="Name"
            value={name}
            onChange={(value) => {
              setOwnName(value);
              setKey(newIdempotencyKey());
            }}
            error={errors.name ?? problem}
            hint="Part of addresses; lower-case letters, digits and hyphens. It stays."
            mono
          />
          <Select label="Tier" value={tier} onChange={(value) => setTier(value as TenantTier)} options={tiers} error={errors.tier} />
        </>
      )}
    </FormDialog>
  );
}
