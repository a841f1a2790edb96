// One incident: what it is, how long is left, what happened, what to do. The timeline writes itself; people add notes.
import { lazy, Suspense, useMemo, useState, type ComponentType, type SVGProps } from "react";
import { useParams, useSearch } from "@tanstack/react-router";
import Bell from "lucide-react/dist/esm/icons/bell.mjs";
import FileText from "lucide-react/dist/esm/icons/file-text.mjs";
import Flag from "lucide-react/dist/esm/icons/flag.mjs";
import Gauge from "lucide-react/dist/esm/icons/gauge.mjs";
import MessageSquare from "lucide-react/dist/esm/icons/message-square.mjs";
import RotateCw from "lucide-react/dist/esm/icons/rotate-cw.mjs";
import Siren from "lucide-react/dist/esm/icons/siren.mjs";
import UserCheck from "lucide-react/dist/esm/icons/user-check.mjs";
import Wrench from "lucide-react/dist/esm/icons/wrench.mjs";
import {
  AddIncidentNoteDocument,
  IncidentAlertsDocument,
  IncidentByReferenceDocument,
  IncidentDetailDocument,
  IncidentTimelineDocument,
  MachineDetailDocument,
  RestartIncidentGuestDocument,
  SetIncidentStatusDocument,
  UpdateIncidentDocument,
  type AlertFieldsFragment,
  type EntryFieldsFragment,
  type IncidentStatus,
  type Severity,
} from "../gql/graphql";
import type { ListSpec, Page } from "../lib/list";
import { look, useLook } from "../lib/look";
import { notify, notifyError } from "../lib/notices";
import { useConnection, useDenied, useLiveList, useLiveObject, useScope } from "../lib/scope";
import { clock, dateTime, timeOfDay, useNow } from "../lib/time";
import { usePageKeys } from "../shell/keys";
import { Copyable, incidentStatuses, IncidentStatusMark, MachineState, Moment, SeverityBadge, SlaClock, When } from "../ui/badges";
import { PageTitle } from "../ui/PageTitle";
import { Button } from "../ui/Button";
import { ConfirmDialog, FormDialog } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Go } from "../ui/Go";
import { Band, Empty, ErrorBand, Patiently, Skeleton } from "../ui/States";
import { incidentAddress, incidentScope, services, useAcknowledge, type Incident } from "./incidentActs";
import type { Machine } from "./machineActs";
import { SeverityChoice } from "./SeverityChoice";
import styles from "./pages.module.css";
import ui from "../ui/ui.module.css";

const Report = lazy(() => import("./Report"));

type Entry = EntryFieldsFragment;
type Alert = AlertFieldsFragment;

const order: IncidentStatus[] = ["INVESTIGATING", "IDENTIFIED", "MONITORING", "RESOLVED"];
const emptyPage = { nodes: [], pageInfo: { hasNextPage: false, endCursor: null }, totalCount: 0 };

export function IncidentRoomPage() {
  const { incident: given } = useParams({ strict: false });
  const { tab } = useSearch({ strict: false }) as { tab?: string };
  const address = given ?? "";
  const { base } = useScope();
  const connection = useConnection();
  const { object: incident, phase, error, retry } = useLiveObject<Incident>("Incident", address, async () =>
    /^INC-\d+$/.test(address)
      ? (await connection.query(IncidentByReferenceDocument, { reference: address })).incidents.nodes[0]
      : (await connection.query(IncidentDetailDocument, { id: address })).incident,
  );
  const list = `${base}/incidents`;

  if (phase === "failed" && error)
    return (
      <div className={styles.head}>
        <ErrorBand what="The incident could not be read" error={error} onRetry={retry} />
      </div>
    );
  if (phase === "missing")
    return (
      <Empty page title={`There is no incident ${address} here`} actions={<Go href={list} className={ui.button}>All incidents</Go>}>
        It may belong to another scope.
      </Empty>
    );
  if (!incident)
    return (
      <Patiently>
        <div className={styles.head}>
          <Skeleton width="320px" />
        </div>
      </Patiently>
    );
  return <Room incident={incident} list={list} tab={tab} />;
}

function Room({ incident, list, tab }: { incident: Incident; list: string; tab?: string }) {
  const connection = useConnection();
  const denied = useDenied("TENANT_MEMBER");
  const acknowledge = useAcknowledge();
  const [dialog, setDialog] = useState<"severity" | "fields" | "status" | null>(null);
  const [target, setTarget] = useState<IncidentStatus>(incident.status);
  const address = incidentAddress(incident);
  const resolved = incident.status === "RESOLVED";
  usePageKeys({
    a: () => !denied && !resolved && void acknowledge(incident),
    u: () => document.querySelector<HTMLTextAreaElement>("[data-composer] textarea")?.focus(),
  });

  const take = denied ?? (resolved ? "It is resolved." : null);
  return (
    <>
      <div className={styles.head}>
        <div className={styles.headTitle}>
          <Go href={list} className={styles.crumb}>
            Incidents
          </Go>
          <span className={styles.crumb}>/</span>
          <span className={styles.crumb}>{incident.reference}</span>
          <SeverityBadge severity={incident.severity} />
          <PageTitle>{incident.title}</PageTitle>
        </div>
        <span data-testid="incident-status">
          <IncidentStatusMark status={incident.status} />
        </span>
        <span className={styles.spring} />
        {incident.respondedAt ? (
          <Button denied={take} onPress={() => void acknowledge(incident)}>
            <UserCheck aria-hidden />
            Take command
          </Button>
        ) : (
          <Button tone="primary" denied={take} onPress={() => void acknowledge(incident)}>
            <UserCheck aria-hidden />
            Acknowledge
          </Button>
        )}
        <Button denied={denied} onPress={() => setDialog("severity")}>
          Change severity
        </Button>
      </div>
      <div className={styles.tabsBar}>
        <nav className={ui.tabs} aria-label="Parts of the incident">
          <Go href={address} className={ui.tab} aria-current={tab !== "report" ? "page" : undefined}>
            Room
          </Go>
          <Go href={`${address}?tab=report`} className={ui.tab} aria-current={tab === "report" ? "page" : undefined}>
            Report
          </Go>
        </nav>
      </div>
      {tab === "report" ? (
        <Suspense fallback={<Patiently><p className={styles.head}>Opening the report…</p></Patiently>}>
          <Report incident={incident} />
        </Suspense>
      ) : (
        <div className={styles.body}>
          <div className={styles.main}>
            <section className={styles.card} aria-label="Incident">
              <div className={styles.cardHead}>
                <div className={styles.steps} role="group" aria-label="Status">
                  {order.map((status) => (
                    <button
                      key={status}
                      type="button"
                      className={styles.step}
                      aria-pressed={incident.status === status}
                      aria-disabled={denied ? true : undefined}
                      title={denied ?? undefined}
                      onClick={() => {
                        if (denied || incident.status === status) return;
                        setTarget(status);
                        setDialog("status");
                      }}
                    >
                      {incidentStatuses[status].word}
                    </button>
                  ))}
                </div>
                <Button tone="quiet" denied={denied} onPress={() => setDialog("fields")}>
                  Edit
                </Button>
              </div>
              {incident.status === "MONITORING" && incident.monitoringUntil && <Watch until={incident.monitoringUntil} />}
              <dl className={styles.facts}>
                <Fact name="Description">{incident.title}</Fact>
                <Fact name="Severity">
                  <SeverityBadge severity={incident.severity} />
                </Fact>
                <Fact name="Status">
                  <IncidentStatusMark status={incident.status} />
                </Fact>
                <Fact name="Started">
                  <Moment at={incident.startedAt} />
                </Fact>
                <Fact name="Affected services">{incident.affectedServices.join(", ") || "Not stated yet"}</Fact>
                <Fact name="Impact">{incident.impact || "Not stated yet"}</Fact>
              </dl>
              {(incident.rootCause || incident.resolution) && (
                <dl className={styles.facts}>
                  <Fact name="Root cause">{incident.rootCause || "Not known yet"}</Fact>
                  <Fact name="Resolution">{incident.resolution || "Not yet"}</Fact>
                </dl>
              )}
            </section>
            <Timeline incident={incident} denied={denied} />
          </div>
          <aside className={styles.main}>
            <section className={styles.card} aria-label="Clocks">
              <div className={styles.clocks}>
                <div className={styles.clockBox} data-testid="response-clock">
                  <small>Response</small>
                  <SlaClock from={incident.startedAt} due={incident.responseDueAt} done={incident.respondedAt} verb="Met" />
                  <small>
                    due <Moment at={incident.responseDueAt} />
                  </small>
                </div>
                <div className={styles.clockBox} data-testid="resolution-clock">
                  <small>Resolution</small>
                  <SlaClock from={incident.startedAt} due={incident.resolutionDueAt} done={incident.resolvedAt} verb="Met" />
                  <small>
                    due <Moment at={incident.resolutionDueAt} />
                  </small>
                </div>
              </div>
              <dl className={styles.stack}>
                <Fact name="Commander">
                  {incident.commander ?? (
                    <span className={ui.state} data-tone="warn">
                      Nobody yet
                    </span>
                  )}
                </Fact>
                <Fact name="Declared">
                  <span>
                    <When at={incident.declaredAt} /> by {incident.declaredBy}{incident.origin === "manual" ? ", by hand" : ""}
                  </span>
                </Fact>
                {incident.relapses > 0 && <Fact name="Relapses">{incident.relapses}</Fact>}
                <Fact name="Channel">
                  <Copyable text={incident.channel} label="channel name" />
                </Fact>
              </dl>
            </section>
            <Guest incident={incident} denied={denied} />
            <Alerts incident={incident} />
          </aside>
        </div>
      )}
      <SeverityDialog incident={incident} open={dialog === "severity"} onClose={() => setDialog(null)} />
      <FieldsDialog key={`fields-${incident.version}`} incident={incident} open={dialog === "fields"} onClose={() => setDialog(null)} />
      <StatusDialog incident={incident} target={target} open={dialog === "status"} onClose={() => setDialog(null)} connection={connection} />
    </>
  );
}

const Fact = ({ name, children }: { name: string; children: React.ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

function Watch({ until }: { until: string }) {
  const at = useNow();
  const left = Date.parse(until) - at;
  return (
    <Band tone="info">
      <div>
        <strong>Watching for a relapse.</strong>{" "}
        {left > 0 ? `It resolves by itself in ${clock(left)} if nothing fires again.` : "The watch is ending."}
      </div>
    </Band>
  );
}

const entryIcons: Record<string, ComponentType<SVGProps<SVGSVGElement>>> = {
  declared: Siren,
  alert: Bell,
  status: Flag,
  severity: Gauge,
  note: MessageSquare,
  action: Wrench,
  response: UserCheck,
  report: FileText,
};

function Timeline({ incident, denied }: { incident: Incident; denied: string | null }) {
  const connection = useConnection();
  const { id } = incident;
  const spec = useMemo<ListSpec<Entry>>(
    () => ({
      key: `timeline/${id}`,
      topic: "IncidentEntry",
      load: async (first, after) =>
        ((await connection.query(IncidentTimelineDocument, { id, first, after })).incident?.timeline ?? emptyPage) as Page<Entry>,
      belongs: (entry) => entry.incident.id === id,
      compare: (left, right) => Date.parse(right.at) - Date.parse(left.at),
      alwaysOpen: true,
    }),
    [connection, id],
  );
  const { state, more, retry } = useLiveList(spec);
  const { zone } = useLook();
  const draftKey = `phoenix.draft.${id}`;
  const [draft, setDraft] = useState(() => localStorage.getItem(draftKey) ?? "");
  const [busy, setBusy] = useState(false);

  const write = (text: string) => {
    setDraft(text);
    if (text) localStorage.setItem(draftKey, text);
    else localStorage.removeItem(draftKey);
  };

  async function send() {
    if (!draft.trim() || busy || denied) return;
    setBusy(true);
    try {
      await connection.mutate(AddIncidentNoteDocument, { id, body: draft.trim() }, incidentScope(incident));
      write("");
    } catch (error) {
      notifyError("The note was not added; your draft is kept", error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <section className={styles.card} aria-label="Timeline">
      <h2>Timeline</h2>
      <form
        className={styles.composer}
        data-composer
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
        onKeyDownCapture={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          void send();
        }}
      >
        <TextField label="Add a note" rows={2} value={draft} onChange={write} placeholder="What you see, what you try, what you found" hint="Ctrl Enter sends. A draft is kept in this browser." />
        <div className={styles.composerRow}>
          <span className={styles.sub}>{state.phase === "ready" && `${state.total} ${state.total === 1 ? "line" : "lines"}; lines are only ever added.`}</span>
          <Button type="submit" denied={denied} isDisabled={busy || !draft.trim()}>
            Add to timeline
          </Button>
        </div>
      </form>
      {state.phase === "failed" && state.error && <ErrorBand what="The timeline could not be read" error={state.error} onRetry={retry} />}
      <ol className={styles.timeline} aria-label="Timeline entries">
        {state.rows.map((entry) => {
          const Icon = entryIcons[entry.kind] ?? RotateCw;
          const at = Date.parse(entry.at);
          return (
            <li key={entry.id} className={styles.entry} data-kind={entry.kind}>
              <time dateTime={entry.at} title={dateTime(at, zone)}>
                {timeOfDay(at, zone)}
              </time>
              <Icon aria-hidden />
              <div>
                <div className={styles.entryBody}>{entry.body}</div>
                <div className={styles.entryBy}>
                  {entry.kind} · {entry.actor} · <When at={entry.at} />
                </div>
              </div>
            </li>
          );
        })}
      </ol>
      {state.hasMore && <Button onPress={more}>Earlier lines</Button>}
    </section>
  );
}

function Guest({ incident, denied }: { incident: Incident; denied: string | null }) {
  const machine = incident.virtualMachine;
  if (!machine)
    return (
      <section className={styles.card} aria-label="Affected guest">
        <h2>Affected guest</h2>
        <p className={styles.sub}>None is linked.</p>
      </section>
    );
  return <LinkedGuest incident={incident} id={machine.id} denied={denied} />;
}

function LinkedGuest({ incident, id, denied }: { incident: Incident; id: string; denied: string | null }) {
  const connection = useConnection();
  const { object: machine, deleted } = useLiveObject<Machine>(
    "VirtualMachine",
    id,
    async () => (await connection.query(MachineDetailDocument, { id })).virtualMachine,
  );
  const [asking, setAsking] = useState(false);
  const name = machine?.name ?? incident.virtualMachine?.name ?? "";

  async function restart() {
    await connection.mutate(RestartIncidentGuestDocument, { id: incident.id }, incidentScope(incident));
    notify("info", `Restart of ${name} requested; the timeline records it.`);
  }

  const running = machine?.state === "RUNNING";
  const resolved = incident.status === "RESOLVED";
  return (
    <section className={styles.card} aria-label="Affected guest">
      <div className={styles.cardHead}>
        <h2>Affected guest</h2>
        {incident.tenant && <Go href={`/t/${incident.tenant.name}/virtual-machines/${id}?tab=console`}>Console</Go>}
      </div>
      <div className={styles.cardHead}>
        {incident.tenant ? <Go href={`/t/${incident.tenant.name}/virtual-machines/${id}`}>{name}</Go> : <b>{name}</b>}
        <span data-testid="guest-state">
          {deleted ? <span className={ui.tag}>Deleted</span> : machine && <MachineState state={machine.state} since={machine.stateSince} />}
        </span>
      </div>
      {machine?.stateReason && <p className={styles.sub}>{machine.stateReason}</p>}
      <Button
        tone={running ? "plain" : "primary"}
        denied={denied ?? (deleted ? "The machine was deleted." : resolved ? "The incident is resolved. Set it to Investigating first." : null)}
        onPress={() => (running ? setAsking(true) : void restart().catch((error) => notifyError("The guest was not restarted", error)))}
      >
        <RotateCw aria-hidden />
        Restart guest
      </Button>
      <ConfirmDialog
        title={`Restart ${name}`}
        submit="Restart guest"
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={async () => {
          await restart();
          setAsking(false);
        }}
      >
        <p>The hypervisor reports that it is running. A restart interrupts what it does.</p>
      </ConfirmDialog>
    </section>
  );
}

function Alerts({ incident }: { incident: Incident }) {
  const connection = useConnection();
  const { id } = incident;
  const spec = useMemo<ListSpec<Alert>>(
    () => ({
      key: `alerts/${id}`,
      topic: "Alert",
      load: async (first, after) =>
        ((await connection.query(IncidentAlertsDocument, { id, first, after })).incident?.alerts ?? emptyPage) as Page<Alert>,
      belongs: (alert) => alert.incident?.id === id,
      compare: (left, right) => Date.parse(right.receivedAt) - Date.parse(left.receivedAt),
      alwaysOpen: true,
    }),
    [connection, id],
  );
  const { state, retry } = useLiveList(spec);
  return (
    <section className={styles.card} aria-label="Linked alerts">
      <h2>Alerts {state.rows.length > 0 && <span className={styles.sub}>{state.total}</span>}</h2>
      {state.phase === "failed" && state.error && <ErrorBand what="The alerts could not be read" error={state.error} onRetry={retry} />}
      {state.phase === "ready" && state.rows.length === 0 && <p className={styles.sub}>None is linked; it was declared by hand.</p>}
      <div>
        {state.rows.map((alert) => (
          <div key={alert.id} className={styles.alertLine}>
            <div className={styles.cardHead}>
              <b className={ui.label}>{alert.name}</b>
              <span className={ui.state} data-tone={alert.status === "FIRING" ? "bad" : "ok"}>
                {alert.status === "FIRING" ? "▲ Firing" : "✓ Resolved"}
              </span>
            </div>
            <span>{alert.summary}</span>
            <span className={styles.entryBy}>
              {alert.source} · since <When at={alert.startsAt} /> · delivered {alert.deliveries === 1 ? "once" : `${alert.deliveries} times`}
            </span>
          </div>
        ))}
      </div>
    </section>
  );
}

function SeverityDialog({ incident, open, onClose }: { incident: Incident; open: boolean; onClose(): void }) {
  const connection = useConnection();
  const [severity, setSeverity] = useState<Severity>(incident.severity);
  const [reason, setReason] = useState("");
  return (
    <FormDialog
      title={`Severity of ${incident.reference}`}
      submit="Change severity"
      open={open}
      onClose={onClose}
      ready={severity !== incident.severity && reason.trim() !== ""}
      onSubmit={async () => {
        await connection.mutate(UpdateIncidentDocument, { id: incident.id, input: { severity, reason: reason.trim() } }, incidentScope(incident));
        setReason("");
        onClose();
      }}
    >
      {(errors) => (
        <>
          <SeverityChoice value={severity} onChange={setSeverity} />
          <TextField label="Reason" value={reason} onChange={setReason} error={errors.reason} hint="It is recorded in the timeline; both clocks follow the new severity." />
        </>
      )}
    </FormDialog>
  );
}

function FieldsDialog({ incident, open, onClose }: { incident: Incident; open: boolean; onClose(): void }) {
  const connection = useConnection();
  const [title, setTitle] = useState(incident.title);
  const [affected, setAffected] = useState(incident.affectedServices.join(", "));
  const [impact, setImpact] = useState(incident.impact);
  const [rootCause, setRootCause] = useState(incident.rootCause);
  const [resolution, setResolution] = useState(incident.resolution);
  return (
    <FormDialog
      title={`Edit ${incident.reference}`}
      submit="Save"
      open={open}
      onClose={onClose}
      size="wide"
      ready={title.trim() !== ""}
      onSubmit={async () => {
        await connection.mutate(
          UpdateIncidentDocument,
          { id: incident.id, input: { title: title.trim(), affectedServices: services(affected), impact, rootCause, resolution } },
          incidentScope(incident),
        );
        onClose();
      }}
    >
      {(errors) => (
        <>
          <TextField label="Description" value={title} onChange={setTitle} error={errors.title} autoFocus />
          <TextField label="Affected services" value={affected} onChange={setAffected} error={errors.affectedServices} hint="Separated by commas." />
          <TextField label="Impact" rows={2} value={impact} onChange={setImpact} error={errors.impact} />
          <TextField label="Root cause" rows={2} value={rootCause} onChange={setRootCause} error={errors.rootCause} />
          <TextField label="Resolution" rows={2} value={resolution} onChange={setResolution} error={errors.resolution} />
        </>
      )}
    </FormDialog>
  );
}

interface StatusDialogProps {
  incident: Incident;
  target: IncidentStatus;
  open: boolean;
  onClose(): void;
  connection: ReturnType<typeof useConnection>;
}

function StatusDialog({ incident, target, open, onClose, connection }: StatusDialogProps) {
  const [note, setNote] = useState("");
  const { word } = incidentStatuses[target];
  return (
    <FormDialog
      title={`${incident.reference} to ${word}`}
      submit={`Set ${word}`}
      open={open}
      onClose={onClose}
      onSubmit={async () => {
        await connection.mutate(SetIncidentStatusDocument, { id: incident.id, status: target, note: note.trim() }, incidentScope(incident));
        setNote("");
        onClose();
      }}
    >
      {(errors) => (
        <TextField
          label="Note"
          optional
          rows={2}
          value={note}
          onChange={setNote}
          autoFocus
          error={errors.note ?? errors.status}
          hint={target === "MONITORING" ? "It resolves by itself when the watch ends without a relapse." : `Recorded in the timeline at ${timeOfDay(Date.now(), look().zone)}.`}
        />
      )}
    </FormDialog>
  );
}
