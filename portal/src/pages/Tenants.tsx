import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import { useSearch } from "@tanstack/react-router";
import Plus from "lucide-react/dist/esm/icons/plus.mjs";
import { TenantListDocument, type TenantFieldsFragment } from "../gql/graphql";
import type { ListSpec } from "../lib/list";
import { useConnection, useGo, useLiveList, useSetSearch } from "../lib/scope";
import { useDebounced } from "../lib/useDebounced";
import type { TenantSearchParams } from "../router";
import { usePageKeys } from "../shell/keys";
import { Copyable, TenantStatusMark, When } from "../ui/badges";
import { Button } from "../ui/Button";
import { DataGrid, type Column } from "../ui/DataGrid";
import { Empty } from "../ui/States";
import { ListHead } from "./ListHead";
import styles from "./pages.module.css";
import ui from "../ui/ui.module.css";

const CreateTenantDialog = lazy(() => import("./CreateTenantDialog"));

type Tenant = TenantFieldsFragment;

const compareBy = {
  NAME: (a: Tenant, b: Tenant) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1),
  CREATED_AT: (a: Tenant, b: Tenant) => Date.parse(a.createdAt) - Date.parse(b.createdAt),
};

const columns: Column<Tenant>[] = [
  { id: "display", header: "Tenant", width: 220, grow: 2, cell: (row) => <span className={ui.label}>{row.displayName}</span> },
  { id: "name", header: "Name", width: 160, grow: 1, order: "NAME", cell: (row) => <code>{row.name}</code> },
  { id: "tier", header: "Tier", width: 120, cell: (row) => <span className={ui.tag}>{row.tier.toLowerCase()}</span> },
  { id: "status", header: "Status", width: 120, cell: (row) => <TenantStatusMark status={row.status} /> },
  { id: "created", header: "Created", width: 110, order: "CREATED_AT", cell: (row) => <When at={row.createdAt} /> },
  { id: "id", header: "Id", width: 290, cell: (row) => <Copyable text={row.id} label={`id of ${row.name}`} /> },
];

export function TenantsPage() {
  const connection = useConnection();
  const search = useSearch({ strict: false }) as TenantSearchParams;
  const setSearch = useSetSearch();
  const go = useGo();
  const [typed, setTyped] = useState(search.q ?? "");
  useDebounced(typed, (text) => setSearch({ q: text || null }));
  const create = () => setSearch({ create: "1" });
  usePageKeys({ c: create });

  const { q, sort = "NAME", dir = "ASC" } = search;
  const key = `tenants?${q ?? ""}&${sort}&${dir}`;
  const fits = useCallback((tenant: Tenant) => !q || tenant.name.includes(q.toLowerCase()), [q]);
  const spec = useMemo<ListSpec<Tenant>>(() => {
    const sign = dir === "ASC" ? 1 : -1;
    return {
      key,
      topic: "Tenant",
      load: async (first, after) =>
        (
          await connection.query(TenantListDocument, {
            first,
            after,
            filter: q ? { name: { contains: q } } : null,
            orderBy: sort,
            direction: dir,
          })
        ).tenants,
      belongs: fits,
      compare: (a, b) => sign * compareBy[sort](a, b),
    };
  }, [connection, key, q, sort, dir, fits]);
  const list = useLiveList(spec);

  return (
    <>
      <ListHead title="Tenants" total={list.state.phase === "ready" && list.state.total}>
        <Button tone="primary" onPress={create}>
          <Plus aria-hidden />
          Create tenant
        </Button>
      </ListHead>
      <div className={styles.filters}>
        <input
          data-filter
          type="search"
          className={`${ui.input} ${styles.filterInput}`}
          placeholder="Filter by name"
          aria-label="Filter by name"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
      <DataGrid
        label="Tenants"
        name="tenants"
        columns={columns}
        state={list.state}
        sort={{ by: sort, direction: dir }}
        onSort={({ by, direction }) => setSearch({ sort: by, dir: direction })}
        onOpen={(tenant) => go(`/t/${tenant.name}/virtual-machines`)}
        actions={(tenant) => [
          { id: "machines", label: "Virtual machines", run: () => go(`/t/${tenant.name}/virtual-machines`) },
          { id: "incidents", label: "Incidents", run: () => go(`/t/${tenant.name}/incidents`) },
          { id: "create", label: "Create virtual machine", run: () => go(`/t/${tenant.name}/virtual-machines/new`) },
        ]}
        fits={fits}
        onHold={list.hold}
        onShowWaiting={list.showWaiting}
        onMore={list.more}
        onRetry={list.retry}
        resetKey={key}
        pageKeys
        empty={
          q ? (
            <Empty
              title="No tenant matches the filter"
              actions={
                <Button
                  onPress={() => {
                    setTyped("");
                    setSearch({ q: null });
                  }}
                >
                  Clear the filter
                </Button>
              }
            />
          ) : (
            <Empty
              art
              title="Welcome. The first step is a tenant."
              actions={
                <Button tone="primary" onPress={create}>
                  Create the first tenant
                </Button>
              }
            >
              A tenant is a customer's walled space: its members, its machines, its limits. Then you create a machine in it
              and open its console.
            </Empty>
          )
        }
      />
      {search.create !== undefined && (
        <Suspense>
          <CreateTenantDialog onClose={() => setSearch({ create: null })} />
        </Suspense>
      )}
    </>
  );
}
