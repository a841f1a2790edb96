import { lazy, Suspense, useCallback, useMemo } from "react";
import { useSearch } from "@tanstack/react-router";
import Siren from "lucide-react/dist/esm/icons/siren.mjs";
import { IncidentListDocument, type IncidentFilter, type IncidentStatus } from "../gql/graphql";
import type { ListSpec } from "../lib/list";
import { useConnection, useDenied, useGo, useLiveList, useScope, useSetSearch } from "../lib/scope";
import type { IncidentSearch } from "../router";
import { usePageKeys } from "../shell/keys";
import { IncidentStatusMark, SeverityBadge, SlaClock, When, incidentStatuses } from "../ui/badges";
import { Button } from "../ui/Button";
import { DataGrid, type Column } from "../ui/DataGrid";
import { Go } from "../ui/Go";
import { Empty } from "../ui/States";
import { incidentAddress, severities, useAcknowledge, type Incident } from "./incidentActs";
import { ListHead } from "./ListHead";
import styles from "./pages.module.css";
import ui from "../ui/ui.module.css";

const DeclareDialog = lazy(() => import("./DeclareDialog"));

const compareBy = {
  NUMBER: (a: Incident, b: Incident) => a.number - b.number,
  SEVERITY: (a: Incident, b: Incident) => (a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : a.id < b.id ? -1 : 1),
  STARTED_AT: (a: Incident, b: Incident) => Date.parse(a.startedAt) - Date.parse(b.startedAt),
};

const columns: Column<Incident>[] = [
  { id: "severity", header: "Severity", width: 78, order: "SEVERITY", cell: (row) => <SeverityBadge severity={row.severity} /> },
  { id: "reference", header: "Reference", width: 100, order: "NUMBER", cell: (row) => row.reference },
  { id: "title", header: "Title", width: 200, grow: 3, cell: (row) => <span className={ui.label} title={row.title}>{row.title}</span> },
  { id: "status", header: "Status", width: 124, cell: (row) => <IncidentStatusMark status={row.status} /> },
  { id: "response", header: "Response", width: 136, cell: (row) => <SlaClock from={row.startedAt} due={row.responseDueAt} done={row.respondedAt} verb="Met" /> },
  { id: "resolution", header: "Resolution", width: 140, cell: (row) => <SlaClock from={row.startedAt} due={row.resolutionDueAt} done={row.resolvedAt} verb="Met" /> },
  {
    id: "guest",
    header: "Guest",
    width: 110,
    cell: (row) =>
      row.virtualMachine && row.tenant ? (
        <Go href={`/t/${row.tenant.name}/virtual-machines/${row.virtualMachine.id}`} tabIndex={-1}>
          {row.virtualMachine.name}
        </Go>
      ) : (
        <span className={ui.since}>–</span>
      ),
  },
  { id: "commander", header: "Commander", width: 130, cell: (row) => row.commander ?? <span className={ui.state} data-tone="warn">Nobody yet</span> },
  { id: "tenant", header: "Tenant", width: 110, cell: (row) => row.tenant?.displayName ?? "Platform" },
  { id: "started", header: "Started", width: 90, order: "STARTED_AT", cell: (row) => <When at={row.startedAt} /> },
];

const statusChoices: { id: IncidentStatus | "open" | "all"; label: string }[] = [
  { id: "open", label: "Open" },
  { id: "INVESTIGATING", label: incidentStatuses.INVESTIGATING.word },
  { id: "IDENTIFIED", label: incidentStatuses.IDENTIFIED.word },
  { id: "MONITORING", label: incidentStatuses.MONITORING.word },
  { id: "RESOLVED", label: incidentStatuses.RESOLVED.word },
  { id: "all", label: "All" },
];

export function IncidentsPage() {
  const { tenant } = useScope();
  const connection = useConnection();
  const search = useSearch({ strict: false }) as IncidentSearch;
  const setSearch = useSetSearch();
  const go = useGo();
  const denied = useDenied("TENANT_MEMBER");
  const acknowledge = useAcknowledge();
  usePageKeys({
    c: () => !denied && setSearch({ declare: "1" }),
    "1": () => setSearch({ severity: "P0" }),
    "2": () => setSearch({ severity: "P1" }),
    "3": () => setSearch({ severity: "P2" }),
    "4": () => setSearch({ severity: "P3" }),
  });

  const { severity, status, sort = "NUMBER", dir = "DESC" } = search;
  const key = `incidents?${severity ?? ""}&${status ?? ""}&${sort}&${dir}`;
  const fits = useCallback(
    (incident: Incident) =>
      (!severity || incident.severity === severity) &&
      (status === "all" || (status ? incident.status === status : incident.status !== "RESOLVED")),
    [severity, status],
  );
  const spec = useMemo<ListSpec<Incident>>(() => {
    const filter: IncidentFilter = {
      ...(severity ? { severity: { eq: severity } } : {}),
      ...(status === "all" ? {} : status ? { status: { eq: status } } : { status: { ne: "RESOLVED" } }),
    };
    const sign = dir === "ASC" ? 1 : -1;
    return {
      key,
      topic: "Incident",
      load: async (first, after) =>
        (
          await connection.query(IncidentListDocument, {
            first,
            after,
            filter: Object.keys(filter).length ? filter : null,
            orderBy: sort,
            direction: dir,
          })
        ).incidents,
      belongs: fits,
      compare: (a, b) => sign * compareBy[sort](a, b),
    };
  }, [connection, key, severity, status, sort, dir, fits]);
  const list = useLiveList(spec);
  const shown = useMemo(() => (tenant ? columns.filter((column) => column.id !== "tenant") : columns), [tenant]);
  const declare = () => setSearch({ declare: "1" });

  return (
    <>
      <ListHead title="Incidents" total={list.state.phase === "ready" && `${list.state.total} ${status === "all" ? "in all" : status ? incidentStatuses[status].word.toLowerCase() : "open"}`}>
        <Button tone="primary" denied={denied} onPress={declare}>
          <Siren aria-hidden />
          Declare incident
        </Button>
      </ListHead>
      <div className={styles.filters}>
        <div className={styles.chips} role="group" aria-label="Status">
          {statusChoices.map(({ id, label }) => (
            <button
              key={id}
              type="button"
              className={styles.chip}
              aria-pressed={(status ?? "open") === id}
              onClick={() => setSearch({ status: id === "open" ? null : id })}
            >
              {label}
            </button>
          ))}
        </div>
        <span className={styles.line} />
        <div className={styles.chips} role="group" aria-label="Severity">
          {severities.map((one) => (
            <button
              key={one}
              type="button"
              className={styles.chip}
              aria-pressed={severity === one}
              onClick={() => setSearch({ severity: severity === one ? null : one })}
            >
              <SeverityBadge severity={one} />
            </button>
          ))}
        </div>
      </div>
      <DataGrid
        label="Incidents"
        name="incidents"
        columns={shown}
        state={list.state}
        sort={{ by: sort, direction: dir }}
        onSort={({ by, direction }) => setSearch({ sort: by, dir: direction })}
        onOpen={(incident) => go(incidentAddress(incident))}
        actions={(incident) => [
          {
            id: "ack",
            label: "Acknowledge and command",
            run: () => void acknowledge(incident),
            denied: denied ?? (incident.status === "RESOLVED" ? "It is resolved." : null),
          },
          { id: "open", label: "Open its room", run: () => go(incidentAddress(incident)) },
          { id: "report", label: "Open its report", run: () => go(`${incidentAddress(incident)}?tab=report`) },
        ]}
        fits={fits}
        onHold={list.hold}
        onShowWaiting={list.showWaiting}
        onMore={list.more}
        onRetry={list.retry}
        resetKey={key}
        pageKeys
        empty={
          severity || status ? (
            <Empty
              title="No incident matches the filter"
              actions={<Button onPress={() => setSearch({ severity: null, status: null })}>Show all open ones</Button>}
            />
          ) : (
            <Empty
              art
              title="No open incidents"
              actions={
                <>
                  <Button onPress={() => setSearch({ status: "all" })}>Show resolved ones</Button>
                  <Button tone="primary" denied={denied} onPress={declare}>
                    Declare one
                  </Button>
                </>
              }
            >
              Alerts and probes open incidents by themselves; people can declare them too.
            </Empty>
          )
        }
      />
      {search.declare !== undefined && (
        <Suspense>
          <DeclareDialog onClose={() => setSearch({ declare: null })} />
        </Suspense>
      )}
    </>
  );
}
