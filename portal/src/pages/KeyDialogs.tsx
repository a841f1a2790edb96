import { useEffect, useState } from "react";
import {
  CreateKeyDocument,
  CreateServiceAccountDocument,
  DeleteServiceAccountDocument,
  RevokeKeyDocument,
  RotateKeyDocument,
  ServiceAccountListDocument,
  type ApiKeyScope,
  type Role,
} from "../gql/graphql";
import { newIdempotencyKey } from "../lib/api";
import { notify } from "../lib/notices";
import { useConnection } from "../lib/scope";
import { now } from "../lib/time";
import { Button } from "../ui/Button";
import { ConfirmDialog, Dialog, FormDialog } from "../ui/Dialog";
import { Help, TextField } from "../ui/Field";
import { Select } from "../ui/Select";
import { networks, type Key } from "./apiKeys.logic";
import { nameProblem } from "./createMachine.logic";
import styles from "./pages.module.css";
import ui from "../ui/ui.module.css";

const scopeMeanings: Record<ApiKeyScope, string> = {
  READ: "Queries and live changes",
  WRITE: "Changes",
  CONSOLE: "Serial consoles of machines",
  ALERTS: "Sending alerts",
};
const scopeOrder = Object.keys(scopeMeanings) as ApiKeyScope[];

const roles: { id: Role; label: string; hint: string }[] = [
  { id: "TENANT_VIEWER", label: "Viewer", hint: "Looks on" },
  { id: "TENANT_MEMBER", label: "Member", hint: "Changes machines and incidents" },
  { id: "TENANT_ADMIN", label: "Administrator", hint: "Reads the audit log as well" },
];

const day = 86_400;
const lives = [
  { id: String(30 * day), label: "30 days" },
  { id: String(90 * day), label: "90 days" },
  { id: String(365 * day), label: "A year" },
  { id: "never", label: "Until it is revoked" },
];
const overlaps = [
  { id: "0", label: "At once", hint: "What uses the old key is cut off" },
  { id: "3600", label: "After an hour" },
  { id: String(day), label: "After a day" },
  { id: String(7 * day), label: "After a week" },
];
const fresh = "new";

/** The only time that the key is seen: it goes by the button alone, not by a press beside the dialog. */
function SecretDialog({ secret, children, onClose }: { secret: string | null | undefined; children: string; onClose(): void }) {
  const [copied, setCopied] = useState(false);
  return (
    <Dialog title="Keep the key now" open fixed onClose={onClose} size="wide">
      <div className={ui.dialogBody}>
        {secret ? (
          <>
            <p>{children} It is shown this once and kept nowhere: put it where the program finds it.</p>
            <div className={styles.secret}>
              <code data-testid="secret">{secret}</code>
              <Button
                autoFocus
                onPress={() => {
                  void navigator.clipboard?.writeText(secret);
                  setCopied(true);
                }}
              >
                Copy key
              </Button>
            </div>
            <p role="status" className={ui.help}>
              {copied ? "Copied." : ""}
            </p>
          </>
        ) : (
          <p>The key was made, but its text was lost on the way. Revoke it and create another one.</p>
        )}
      </div>
      <div className={ui.dialogActions}>
        <Button tone="primary" onPress={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}

export function CreateKeyDialog({ onClose }: { onClose(): void }) {
  const connection = useConnection();
  const [accounts, setAccounts] = useState<{ id: string; name: string }[]>([]);
  const [account, setAccount] = useState(fresh);
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("TENANT_MEMBER");
  const [scopes, setScopes] = useState<ReadonlySet<ApiKeyScope>>(new Set<ApiKeyScope>(["READ", "WRITE"]));
  const [allowed, setAllowed] = useState("");
  const [life, setLife] = useState(lives[1]!.id);
  const [key, setKey] = useState(newIdempotencyKey);
  const [made, setMade] = useState<{ secret?: string | null; prefix: string } | null>(null);
  const problem = account === fresh && name ? nameProblem(name) : null;

  useEffect(() => {
    connection
      .query(ServiceAccountListDocument, { first: 200 })
      .then(({ serviceAccounts: { nodes } }) => setAccounts(nodes))
      .catch(() => undefined);
  }, [connection]);

  /** Another wish is another request. */
  const changing =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      setKey(newIdempotencyKey());
    };

  async function create() {
    let serviceAccountId = account;
    if (account === fresh) {
      const { createServiceAccount } = await connection.mutate(CreateServiceAccountDocument, { input: { name, role } });
      const added = createServiceAccount.serviceAccount;
      serviceAccountId = added.id;
      // Should the key fail, its account is there already.
      setAccounts((before) => [...before, added]);
      setAccount(added.id);
    }
    const { createApiKey } = await connection.mutate(CreateKeyDocument, {
      input: {
        serviceAccountId,
        scopes: scopeOrder.filter((scope) => scopes.has(scope)),
        allowedAddresses: networks(allowed),
        expiresAt: life === "never" ? null : new Date(now() + Number(life) * 1000).toISOString(),
      },
      key,
    });
    setMade({ secret: createApiKey.secret, prefix: createApiKey.apiKey.prefix });
  }

  if (made)
    return (
      <SecretDialog secret={made.secret} onClose={onClose}>
        {`The key ${made.prefix}… is made.`}
      </SecretDialog>
    );
  const ready = scopes.size > 0 && (account !== fresh || (name !== "" && !problem));
  return (
    <FormDialog title="Create an API key" submit="Create key" open onClose={onClose} ready={ready} onSubmit={create} size="wide">
      {(errors) => (
        <>
          <Select
            label="Service account"
            value={account}
            onChange={changing(setAccount)}
            error={errors.serviceAccountId}
            options={[{ id: fresh, label: "A new one" }, ...accounts.map((one) => ({ id: one.id, label: one.name }))]}
          />
          {account === fresh && (
            <>
              <TextField
                label="Name of the account"
                value={name}
                onChange={setName}
                error={errors.name ?? problem}
                hint="Of the program, as the audit log shall call it: lower-case letters, digits and hyphens."
                mono
                autoFocus
              />
              <Select label="Role" value={role} onChange={(id) => setRole(id as Role)} options={roles} error={errors.role} />
            </>
          )}
          <fieldset className={styles.scopes}>
            <legend className={ui.label}>Scopes</legend>
            {scopeOrder.map((scope) => (
              <label key={scope} className={styles.scope}>
                <input
                  type="checkbox"
                  checked={scopes.has(scope)}
                  onChange={(event) => {
                    const next = new Set(scopes);
                    if (event.target.checked) next.add(scope);
                    else next.delete(scope);
                    changing(setScopes)(next);
                  }}
                />
                <span>
                  {scope.toLowerCase()}
                  <small>{scopeMeanings[scope]}</small>
                </span>
              </label>
            ))}
          </fieldset>
          <Help error={errors.scopes ?? (scopes.size ? null : "A key is for something: choose at least one.")} />
          <TextField
            label="Allowed networks"
            optional
            value={allowed}
            onChange={changing(setAllowed)}
            error={errors.allowedAddresses}
            hint="As 192.0.2.0/24 or 2001:db8::/32, separated by commas. Without any it may come from everywhere."
            mono
          />
          <Select label="Ends" value={life} onChange={changing(setLife)} options={lives} error={errors.expiresAt} />
        </>
      )}
    </FormDialog>
  );
}

export function KeyActDialog({ act, row, onClose }: { act: "rotate" | "revoke" | "delete-account"; row: Key; onClose(): void }) {
  const connection = useConnection();
  if (act === "rotate") return <RotateDialog row={row} onClose={onClose} />;
  const account = row.serviceAccount;
  if (act === "revoke")
    return (
      <ConfirmDialog
        open
        title={`Revoke ${row.prefix}…`}
        submit="Revoke key"
        onClose={onClose}
        onConfirm={async () => {
          await connection.mutate(RevokeKeyDocument, { id: row.id });
          notify("ok", `${row.prefix}… of ${account.name} is revoked.`);
        }}
      >
        <p>Whatever uses this key of {account.name} is refused from now on, and what it has open is closed. This cannot be undone.</p>
      </ConfirmDialog>
    );
  return (
    <ConfirmDialog
      open
      title={`Delete the account ${account.name}`}
      submit="Delete account and keys"
      name={account.name}
      onClose={onClose}
      onConfirm={async () => {
        await connection.mutate(DeleteServiceAccountDocument, { id: account.id });
        notify("ok", `${account.name} is deleted, with all its keys.`);
      }}
    >
      <p>All keys of {account.name} end at once, not only this one. What it did stays in the audit log. This cannot be undone.</p>
    </ConfirmDialog>
  );
}

function RotateDialog({ row, onClose }: { row: Key; onClose(): void }) {
  const connection = useConnection();
  const [overlap, setOverlap] = useState(String(day));
  const [made, setMade] = useState<{ secret?: string | null; prefix: string } | null>(null);
  if (made)
    return (
      <SecretDialog secret={made.secret} onClose={onClose}>
        {`The key ${made.prefix}… takes the place of ${row.prefix}….`}
      </SecretDialog>
    );
  return (
    <FormDialog
      title={`Rotate ${row.prefix}…`}
      submit="Make its successor"
      open
      onClose={onClose}
      onSubmit={async () => {
        const { rotateApiKey } = await connection.mutate(RotateKeyDocument, { id: row.id, overlapSeconds: Number(overlap) });
        setMade({ secret: rotateApiKey.secret, prefix: rotateApiKey.apiKey.prefix });
      }}
    >
      {(errors) => (
        <>
          <p>A new key of {row.serviceAccount.name} with the same rights. Until the old one ends, both work.</p>
          <Select label="The old key ends" value={overlap} onChange={setOverlap} options={overlaps} error={errors.overlapSeconds} />
        </>
      )}
    </FormDialog>
  );
}
