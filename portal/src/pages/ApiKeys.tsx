// Keys of programs: who holds them, what they may, when they were used last and when they end.
import { lazy, Suspense, useMemo, useState } from "react";
import { useSearch } from "@tanstack/react-router";
import Ban from "lucide-react/dist/esm/icons/ban.mjs";
import Plus from "lucide-react/dist/esm/icons/plus.mjs";
import RotateCw from "lucide-react/dist/esm/icons/rotate-cw.mjs";
import Trash2 from "lucide-react/dist/esm/icons/trash-2.mjs";
import { KeyListDocument } from "../gql/graphql";
import type { ListSpec } from "../lib/list";
import { useConnection, useDenied, useLiveList, useScope, useSetSearch } from "../lib/scope";
import { dateTime, duration, now, useNow } from "../lib/time";
import type { KeySearch } from "../router";
import { usePageKeys } from "../shell/keys";
import { KeyMark, When } from "../ui/badges";
import { Button } from "../ui/Button";
import { DataGrid, type Column } from "../ui/DataGrid";
import type { Action } from "../ui/Menu";
import { Empty } from "../ui/States";
import { hasEnded, keyState, type Key } from "./apiKeys.logic";
import { ListHead } from "./ListHead";
import ui from "../ui/ui.module.css";

const CreateKeyDialog = lazy(async () => ({ default: (await import("./KeyDialogs")).CreateKeyDialog }));
const KeyActDialog = lazy(async () => ({ default: (await import("./KeyDialogs")).KeyActDialog }));

type Act = "rotate" | "revoke" | "delete-account";

function State({ row }: { row: Key }) {
  return <KeyMark state={keyState(row, useNow())} />;
}

function Ends({ at }: { at: string | null | undefined }) {
  const left = at ? Date.parse(at) - useNow() : null;
  if (!at || left === null) return <span>never</span>;
  return (
    <time dateTime={at} title={`${dateTime(Date.parse(at), "utc")} UTC`}>
      {left > 0 ? `in ${duration(left).split(" ").slice(0, 2).join(" ")}` : "over"}
    </time>
  );
}

const columns: Column<Key>[] = [
  { id: "prefix", header: "Key", width: 140, cell: (row) => <code className={ui.label}>{row.prefix}…</code> },
  { id: "account", header: "Service account", width: 170, grow: 2, cell: (row) => row.serviceAccount.name },
  { id: "state", header: "State", width: 130, cell: (row) => <State row={row} /> },
  { id: "scopes", header: "Scopes", width: 190, grow: 1, cell: (row) => row.scopes.map((scope) => scope.toLowerCase()).join(", ") },
  { id: "role", header: "Role", width: 130, cell: (row) => row.serviceAccount.role.replace("TENANT_", "").toLowerCase() },
  {
    id: "networks",
    header: "Networks",
    width: 150,
    grow: 1,
    cell: (row) => <span title={row.allowedAddresses.join(", ")}>{row.allowedAddresses.join(", ") || "any"}</span>,
  },
  { id: "used", header: "Last used", width: 100, cell: (row) => (row.lastUsedAt ? <When at={row.lastUsedAt} /> : <span>never</span>) },
  { id: "ends", header: "Ends", width: 90, cell: (row) => <Ends at={row.expiresAt} /> },
  { id: "created", header: "Created", width: 100, order: "CREATED_AT", cell: (row) => <When at={row.createdAt} /> },
];

const belongs = () => true;

export function ApiKeysPage() {
  const denied = useDenied("TENANT_ADMIN");
  if (!denied) return <Keys />;
  return (
    <Empty page title="API keys are for administrators of the tenant">
      {denied}
    </Empty>
  );
}

function Keys() {
  const { tenant } = useScope();
  const connection = useConnection();
  const { create, dir = "DESC" } = useSearch({ strict: false }) as KeySearch;
  const setSearch = useSetSearch();
  const [asking, setAsking] = useState<{ act: Act; row: Key } | null>(null);
  const open = () => setSearch({ create: "1" });
  usePageKeys({ c: open });

  const key = `keys?${dir}`;
  const spec = useMemo<ListSpec<Key>>(() => {
    const sign = dir === "ASC" ? 1 : -1;
    return {
      key,
      topic: "ApiKey",
      load: async (first, after) => (await connection.query(KeyListDocument, { first, after, direction: dir })).apiKeys,
      belongs,
      compare: (a, b) => sign * (Date.parse(a.createdAt) - Date.parse(b.createdAt)),
    };
  }, [connection, key, dir]);
  const list = useLiveList(spec);

  const actions = (row: Key): Action[] => [
    {
      id: "rotate",
      label: "Rotate",
      icon: RotateCw,
      denied: row.rotatedAt ? "Another key has taken its place already." : hasEnded(row, now()) ? "It has ended." : null,
      run: () => setAsking({ act: "rotate", row }),
    },
    { id: "revoke", label: "Revoke", icon: Ban, danger: true, run: () => setAsking({ act: "revoke", row }) },
    { id: "delete-account", label: `Delete account ${row.serviceAccount.name}`, icon: Trash2, danger: true, run: () => setAsking({ act: "delete-account", row }) },
  ];

  return (
    <>
      <ListHead title="API keys" total={list.state.phase === "ready" && list.state.total}>
        <Button tone="primary" onPress={open}>
          <Plus aria-hidden />
          Create key
        </Button>
      </ListHead>
      <DataGrid
        label="API keys"
        name="keys"
        columns={columns}
        state={list.state}
        sort={{ by: "CREATED_AT", direction: dir }}
        onSort={({ direction }) => setSearch({ dir: direction })}
        actions={actions}
        onHold={list.hold}
        onShowWaiting={list.showWaiting}
        onMore={list.more}
        onRetry={list.retry}
        resetKey={key}
        pageKeys
        empty={
          <Empty
            art
            title={`No program has a key to ${tenant?.displayName}`}
            actions={
              <Button tone="primary" onPress={open}>
                Create the first key
              </Button>
            }
          >
            A key lets a program in: a pipeline, a monitor, a script. It opens this tenant alone, for what you choose.
          </Empty>
        }
      />
      {create !== undefined && (
        <Suspense>
          <CreateKeyDialog onClose={() => setSearch({ create: null })} />
        </Suspense>
      )}
      {asking && (
        <Suspense>
          <KeyActDialog {...asking} onClose={() => setAsking(null)} />
        </Suspense>
      )}
    </>
  );
}
