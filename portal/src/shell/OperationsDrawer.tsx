// All long work of the scope, live: what, on what, how far, why not, and what to do next. Its end never moves the page.
import { useState } from "react";
import ChevronDown from "lucide-react/dist/esm/icons/chevron-down.mjs";
import ChevronUp from "lucide-react/dist/esm/icons/chevron-up.mjs";
import { CancelOperationDocument, OperationListDocument, RetryOperationDocument, type OperationFieldsFragment } from "../gql/graphql";
import { useConnection, useDenied, useLiveList, useScope } from "../lib/scope";
import { platformScope } from "../lib/api";
import type { ListSpec } from "../lib/list";
import { notify, notifyError } from "../lib/notices";
import { useSession } from "../lib/session";
import { duration, useNow } from "../lib/time";
import { OperationMark, When } from "../ui/badges";
import { DataGrid, type Column } from "../ui/DataGrid";
import { Go } from "../ui/Go";
import { Button } from "../ui/Button";
import { Empty } from "../ui/States";
import styles from "./shell.module.css";
import ui from "../ui/ui.module.css";

type Operation = OperationFieldsFragment;

const kinds: Record<string, string> = {
  "vm.create": "Create machine",
  "vm.start": "Start",
  "vm.stop": "Stop",
  "vm.reboot": "Reboot",
  "vm.pause": "Pause",
  "vm.resume": "Resume",
  "vm.delete": "Delete",
  "vm.restart": "Restart",
};

const isOpen = (operation: Operation) => ["PENDING", "RUNNING", "WAITING"].includes(operation.state);

function useActs() {
  const connection = useConnection();
  const scopeOf = (operation: Operation) =>
    operation.tenant ? ({ kind: "tenant", name: operation.tenant.name } as const) : platformScope;
  return {
    cancel: (operation: Operation) =>
      connection
        .mutate(CancelOperationDocument, { id: operation.id }, scopeOf(operation))
        .then(() => notify("info", `Asked ${operation.objectName} to stop at its next safe point.`))
        .catch((error) => notifyError("Cancel failed", error)),
    retry: (operation: Operation) =>
      connection
        .mutate(RetryOperationDocument, { id: operation.id }, scopeOf(operation))
        .then(() => notify("info", `${operation.objectName} is taken up again.`))
        .catch((error) => notifyError("Retry failed", error)),
  };
}

export const operationsOf = (connection: ReturnType<typeof useConnection>, key: string, objectId?: string): ListSpec<Operation> => ({
  key,
  topic: "Operation",
  load: async (first, after) =>
    (
      await connection.query(OperationListDocument, {
        first,
        after,
        filter: objectId ? { objectId: { eq: objectId } } : null,
        orderBy: "CREATED_AT",
        direction: "DESC",
      })
    ).operations,
  belongs: (operation) => !objectId || operation.objectId === objectId,
  compare: (left, right) => Date.parse(right.createdAt) - Date.parse(left.createdAt),
});

function Progress({ operation }: { operation: Operation }) {
  if (!isOpen(operation)) return <Taken operation={operation} />;
  return (
    <span className={styles.progress}>
      <span className={ui.bar} role="progressbar" aria-label={`Progress of ${operation.objectName}`} aria-valuenow={operation.progress}>
        <span style={{ width: `${operation.progress}%` }} />
      </span>
      <span>{operation.progress}%</span>
    </span>
  );
}

function Taken({ operation }: { operation: Operation }) {
  const at = useNow();
  const end = operation.finishedAt ? Date.parse(operation.finishedAt) : at;
  return <span className={ui.since}>{duration(end - Date.parse(operation.startedAt ?? operation.createdAt))}</span>;
}

/** The grid of operations, of the scope or of one object. */
export function OperationsGrid({ spec, name, hideObject }: { spec: ListSpec<Operation>; name: string; hideObject?: boolean }) {
  const { tenant } = useScope();
  const denied = useDenied("TENANT_MEMBER");
  const acts = useActs();
  const { state, hold, showWaiting, more, retry } = useLiveList(spec);
  const columns: Column<Operation>[] = [
    { id: "state", header: "State", width: 112, cell: (row) => <OperationMark state={row.state} /> },
    { id: "kind", header: "What", width: 130, cell: (row) => kinds[row.kind] ?? row.kind },
    ...(hideObject
      ? []
      : [
          {
            id: "object",
            header: "On",
            width: 140,
            cell: (row: Operation) =>
              row.objectType.toLowerCase().replace("_", "").includes("virtualmachine") && row.tenant ? (
                <Go href={`/t/${row.tenant.name}/virtual-machines/${row.objectId}`}>{row.objectName}</Go>
              ) : (
                row.objectName
              ),
          },
          ...(tenant ? [] : [{ id: "tenant", header: "Tenant", width: 120, cell: (row: Operation) => row.tenant?.name ?? "platform" }]),
        ]),
    { id: "progress", header: "Progress", width: 130, cell: (row) => <Progress operation={row} /> },
    {
      id: "step",
      header: "Step, reason, next action",
      width: 170,
      grow: 2,
      cell: (row) =>
        row.reason || row.nextAction ? (
          <span title={[row.reason, row.nextAction].filter(Boolean).join(" ")}>
            <span className={ui.state} data-tone={row.state === "FAILED" ? "bad" : "warn"}>
              {row.reason ?? row.step}
            </span>{" "}
            {row.nextAction && <>Next: {row.nextAction}</>}
          </span>
        ) : (
          <span className={ui.since}>{row.step}</span>
        ),
    },
    { id: "by", header: "By", width: 140, cell: (row) => <span className={ui.since}>{row.requestedBy}</span> },
    { id: "when", header: "Asked", width: 92, cell: (row) => <When at={row.createdAt} /> },
  ];
  return (
    <DataGrid
      label="Operations"
      name={name}
      columns={columns}
      state={state}
      onHold={hold}
      onShowWaiting={showWaiting}
      onMore={more}
      onRetry={retry}
      empty={<Empty title="No operations yet">Whatever takes time (creating, starting, deleting a machine) shows here with its steps.</Empty>}
      actions={(row) => [
        {
          id: "cancel",
          label: "Cancel at the next safe point",
          run: () => void acts.cancel(row),
          denied: denied ?? (isOpen(row) ? null : "It has ended."),
        },
        {
          id: "retry",
          label: "Retry from the failed step",
          run: () => void acts.retry(row),
          denied: denied ?? (row.state === "FAILED" ? null : "Only a failed operation can be retried."),
        },
      ]}
    />
  );
}

export function OperationsDrawer() {
  const connection = useConnection();
  const session = useSession();
  const [open, setOpen] = useState(localStorage.getItem("phoenix.drawer") === "open");
  const [mine, setMine] = useState(false);
  const all = operationsOf(connection, "operations");
  const { state } = useLiveList(all);
  const email = session.phase === "signed-in" || session.phase === "expired" ? session.user.email : "";
  const ofMine: ListSpec<Operation> = {
    ...all,
    key: "operations/mine",
    load: async (first, after) => {
      const page = await all.load(first, after);
      return { ...page, nodes: page.nodes.filter((one) => one.requestedBy === email) };
    },
    belongs: (operation) => operation.requestedBy === email,
  };
  const known = [...state.unseen, ...state.rows];
  const going = known.filter(isOpen);
  const failed = known.filter((row) => row.state === "FAILED").length;
  const current = going[0];

  const toggle = () => {
    localStorage.setItem("phoenix.drawer", open ? "closed" : "open");
    setOpen(!open);
  };

  return (
    <section className={styles.drawer} data-open={open} aria-label="Operations">
      <div className={styles.drawerHead}>
        <button type="button" data-drawer aria-expanded={open} className={styles.drawerToggle} onClick={toggle}>
          {open ? <ChevronDown aria-hidden /> : <ChevronUp aria-hidden />}
          <b>Operations</b>
          <span className={styles.drawerCounts}>
            {going.length > 0 && (
              <span className={ui.state} data-tone="info">
                {going.length} running
              </span>
            )}
            {failed > 0 && (
              <span className={ui.state} data-tone="bad">
                {failed} failed
              </span>
            )}
            {!going.length && !failed && <span className={ui.since}>{state.phase === "ready" ? "nothing running" : ""}</span>}
          </span>
          {!open && current && (
            <span className={styles.drawerNow}>
              {kinds[current.kind] ?? current.kind} {current.objectName} · {current.step}
            </span>
          )}
        </button>
        {open && (
          <Button tone="quiet" aria-pressed={mine} onPress={() => setMine(!mine)}>
            {mine ? "Mine only" : "Everybody's"}
          </Button>
        )}
      </div>
      {open && (
        <div className={styles.drawerBody}>
          <OperationsGrid key={String(mine)} spec={mine ? ofMine : all} name="operations" />
        </div>
      )}
    </section>
  );
}
