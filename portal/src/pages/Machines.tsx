import { useCallback, useMemo, useState } from "react";
import { useSearch } from "@tanstack/react-router";
import Plus from "lucide-react/dist/esm/icons/plus.mjs";
import SquareTerminal from "lucide-react/dist/esm/icons/square-terminal.mjs";
import { MachineListDocument, type VirtualMachineFilter, type VirtualMachineState } from "../gql/graphql";
import type { ListSpec } from "../lib/list";
import { useConnection, useDenied, useGo, useLiveList, useScope, useSetSearch } from "../lib/scope";
import { useDebounced } from "../lib/useDebounced";
import type { MachineSearch } from "../router";
import { usePageKeys } from "../shell/keys";
import { MachineState, When, machineStates } from "../ui/badges";
import { Button } from "../ui/Button";
import { DataGrid, type Column } from "../ui/DataGrid";
import { Go } from "../ui/Go";
import { Empty } from "../ui/States";
import { machineAddress, requested, useMachineActs, type Machine } from "./machineActs";
import { ListHead } from "./ListHead";
import styles from "./pages.module.css";
import ui from "../ui/ui.module.css";

const filterStates: VirtualMachineState[] = ["RUNNING", "STOPPED", "PAUSED", "DEGRADED", "LOST"];

const compareBy = {
  NAME: (a: Machine, b: Machine) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1),
  CREATED_AT: (a: Machine, b: Machine) => Date.parse(a.createdAt) - Date.parse(b.createdAt),
};

const size = (machine: Machine) => `${machine.vcpus} × ${memory(machine.memoryMib)}`;
const memory = (mib: number) => (mib % 1024 === 0 ? `${mib / 1024} GiB` : `${mib} MiB`);

const columns: Column<Machine>[] = [
  { id: "name", header: "Name", width: 180, grow: 2, order: "NAME", cell: (row) => <b className={ui.label}>{row.name}</b> },
  {
    id: "state",
    header: "State",
    width: 190,
    grow: 1,
    cell: (row) => (
      <>
        <MachineState state={row.state} since={row.stateSince} />{" "}
        {requested(row) && <span className={ui.since}>{requested(row)}</span>}
        {row.stateReason && <span className={ui.since} title={row.stateReason}>{row.stateReason}</span>}
      </>
    ),
  },
  { id: "tenant", header: "Tenant", width: 130, cell: (row) => row.tenant.displayName },
  { id: "size", header: "CPU × memory", width: 112, align: "end", cell: size },
  { id: "disk", header: "Disk", width: 72, align: "end", cell: (row) => `${row.diskGib} GiB` },
  { id: "image", header: "Image", width: 110, cell: (row) => row.image.name },
  { id: "site", header: "Site", width: 110, cell: (row) => row.site.name },
  { id: "seen", header: "Last seen", width: 96, cell: (row) => <When at={row.lastSeenAt} /> },
  { id: "created", header: "Created", width: 96, order: "CREATED_AT", cell: (row) => <When at={row.createdAt} /> },
  {
    id: "console",
    header: "Console",
    width: 72,
    cell: (row) =>
      row.state === "RUNNING" ? (
        <Go href={`${machineAddress(row)}?tab=console`} tabIndex={-1} aria-label={`Console of ${row.name}`} title="Console" className={ui.iconLink}>
          <SquareTerminal aria-hidden style={{ width: 15, height: 15 }} />
        </Go>
      ) : null,
  },
];

export function MachinesPage() {
  const { base, tenant } = useScope();
  const connection = useConnection();
  const search = useSearch({ strict: false }) as MachineSearch;
  const setSearch = useSetSearch();
  const go = useGo();
  const denied = useDenied("TENANT_MEMBER");
  const acts = useMachineActs();
  const [typed, setTyped] = useState(search.q ?? "");
  useDebounced(typed, (text) => setSearch({ q: text || null }));
  usePageKeys({ c: () => tenant && !denied && go(`${base}/virtual-machines/new`) });

  const { q, state: wanted, sort = "NAME", dir = "ASC" } = search;
  const key = `machines?${q ?? ""}&${wanted ?? ""}&${sort}&${dir}`;
  const fits = useCallback(
    (machine: Machine) => (!q || machine.name.includes(q.toLowerCase())) && (!wanted || machine.state === wanted),
    [q, wanted],
  );
  const spec = useMemo<ListSpec<Machine>>(() => {
    const filter: VirtualMachineFilter = {
      ...(q ? { name: { contains: q } } : {}),
      ...(wanted ? { state: { eq: wanted } } : {}),
    };
    const sign = dir === "ASC" ? 1 : -1;
    return {
      key,
      topic: "VirtualMachine",
      load: async (first, after) =>
        (
          await connection.query(MachineListDocument, {
            first,
            after,
            filter: q || wanted ? filter : null,
            orderBy: sort,
            direction: dir,
          })
        ).virtualMachines,
      belongs: fits,
      compare: (a, b) => sign * compareBy[sort](a, b),
    };
  }, [connection, key, q, wanted, sort, dir, fits]);
  const list = useLiveList(spec);
  const filtered = Boolean(q || wanted);
  const shown = useMemo(() => (tenant ? columns.filter((column) => column.id !== "tenant") : columns), [tenant]);

  return (
    <>
      <ListHead title="Virtual machines" total={list.state.phase === "ready" && `${list.state.total}${filtered ? " match" : ""}`}>
        {tenant && (
          <Button tone="primary" denied={denied} onPress={() => go(`${base}/virtual-machines/new`)}>
            <Plus aria-hidden />
            Create virtual machine
          </Button>
        )}
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
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
        />
        <span className={styles.line} />
        <div className={styles.chips} role="group" aria-label="State">
          <button type="button" className={styles.chip} aria-pressed={!wanted} onClick={() => setSearch({ state: null })}>
            All
          </button>
          {filterStates.map((one) => (
            <button key={one} type="button" className={styles.chip} aria-pressed={wanted === one} onClick={() => setSearch({ state: wanted === one ? null : one })}>
              {machineStates[one].word}
            </button>
          ))}
        </div>
      </div>
      <DataGrid
        label="Virtual machines"
        name="machines"
        columns={shown}
        state={list.state}
        sort={{ by: sort, direction: dir }}
        onSort={({ by, direction }) => setSearch({ sort: by, dir: direction })}
        onOpen={(machine) => go(machineAddress(machine))}
        actions={acts.actionsOf}
        fits={fits}
        onHold={list.hold}
        onShowWaiting={list.showWaiting}
        onMore={list.more}
        onRetry={list.retry}
        resetKey={key}
        pageKeys
        empty={
          filtered ? (
            <Empty
              title="No machine matches the filter"
              actions={
                <Button
                  onPress={() => {
                    setTyped("");
                    setSearch({ q: null, state: null });
                  }}
                >
                  Clear the filter
                </Button>
              }
            >
              There may be machines that it hides.
            </Empty>
          ) : tenant ? (
            <Empty
              art
              title={`${tenant.displayName} has no virtual machines yet`}
              actions={
                <Button tone="primary" denied={denied} onPress={() => go(`${base}/virtual-machines/new`)}>
                  Create the first one
                </Button>
              }
            >
              Pick an image, a size and a name; the machine boots in seconds and its console opens here.
            </Empty>
          ) : (
            <Empty art title="No tenant has a virtual machine yet" actions={<Go href="/platform/tenants" className={ui.button}>Go to tenants</Go>}>
              Machines are created within a tenant.
            </Empty>
          )
        }
      />
      {acts.dialogs}
    </>
  );
}
