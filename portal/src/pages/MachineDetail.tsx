import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { useParams, useSearch } from "@tanstack/react-router";
import RefreshCw from "lucide-react/dist/esm/icons/refresh-cw.mjs";
import Ellipsis from "lucide-react/dist/esm/icons/ellipsis.mjs";
import { MachineDetailDocument, MachineUsageDocument, type MachineUsageQuery } from "../gql/graphql";
import { useConnection, useLiveObject, useScope } from "../lib/scope";
import { now } from "../lib/time";
import { operationsOf, OperationsGrid } from "../shell/OperationsDrawer";
import { Copyable, MachineState, Moment, When } from "../ui/badges";
import { PageTitle } from "../ui/PageTitle";
import { Button, IconButton } from "../ui/Button";
import { Go } from "../ui/Go";
import { ActionMenu } from "../ui/Menu";
import { Band, Empty, ErrorBand, Patiently, Skeleton } from "../ui/States";
import { machineAddress, requested, useMachineActs, type Act, type Machine } from "./machineActs";
import styles from "./pages.module.css";
import ui from "../ui/ui.module.css";

const ConsolePanel = lazy(() => import("./ConsolePanel"));

/** The acts worth a button of their own, by what the machine is doing; the menu has the rest. */
const prominent = (machine: Machine): Act[] => {
  switch (machine.state) {
    case "RUNNING":
    case "DEGRADED":
      return ["stop", "reboot"];
    case "PAUSED":
      return ["resume", "stop"];
    case "STOPPING":
      return ["force"];
    case "STARTING":
      return ["stop"];
    default:
      return ["start"];
  }
};

export function MachineDetailPage() {
  const { machine: given } = useParams({ strict: false });
  const id = given ?? "";
  const { tab } = useSearch({ strict: false }) as { tab?: string };
  const { base, tenant } = useScope();
  const connection = useConnection();
  const acts = useMachineActs();
  const { object: machine, phase, deleted, error, retry } = useLiveObject<Machine>(
    "VirtualMachine",
    id,
    async () => (await connection.query(MachineDetailDocument, { id })).virtualMachine,
  );
  const list = `${base}/virtual-machines`;

  if (phase === "failed" && error)
    return (
      <div className={styles.head}>
        <ErrorBand what="The machine could not be read" error={error} onRetry={retry} />
      </div>
    );
  if (phase === "missing" && !machine)
    return (
      <Empty page title="There is no such machine here" actions={<Go href={list} className={ui.button}>All machines</Go>}>
        It may have been deleted, or it belongs to another tenant than {tenant?.displayName}.
      </Empty>
    );
  if (!machine)
    return (
      <Patiently>
        <div className={styles.head}>
          <Skeleton width="240px" />
        </div>
      </Patiently>
    );

  const address = machineAddress(machine);
  const ended = deleted || phase === "missing";
  return (
    <>
      <div className={styles.head}>
        <div className={styles.headTitle}>
          <Go href={list} className={styles.crumb}>
            Virtual machines
          </Go>
          <span className={styles.crumb}>/</span>
          <PageTitle>{machine.name}</PageTitle>
        </div>
        {ended ? (
          <span className={ui.tag}>Deleted</span>
        ) : (
          <span data-testid="machine-state">
            <MachineState state={machine.state} since={machine.stateSince} />{" "}
            {requested(machine) && <span className={ui.since}>{requested(machine)}</span>}
          </span>
        )}
        <span className={styles.spring} />
        {!ended && (
          <>
            {prominent(machine).map((act) => {
              const action = acts.actionOf(act, machine);
              return (
                <Button key={act} denied={action.denied} onPress={action.run}>
                  {action.icon && <action.icon aria-hidden />}
                  {action.label}
                </Button>
              );
            })}
            <ActionMenu label="More actions" actions={acts.actionsOf(machine)}>
              {(button) => (
                <IconButton {...button} label="More actions" tone="plain">
                  <Ellipsis aria-hidden />
                </IconButton>
              )}
            </ActionMenu>
          </>
        )}
      </div>
      <div className={styles.tabsBar}>
        <nav className={ui.tabs} aria-label="Parts of the machine">
          <Go href={address} className={ui.tab} aria-current={tab !== "console" ? "page" : undefined}>
            Overview
          </Go>
          <Go href={`${address}?tab=console`} className={ui.tab} aria-current={tab === "console" ? "page" : undefined}>
            Console
          </Go>
        </nav>
      </div>
      {ended && (
        <div className={styles.head}>
          <Band tone="info">
            <div>
              <strong>{machine.name} was deleted.</strong> This is the last that was known of it.
            </div>
            <Go href={list} className={ui.button}>
              All machines
            </Go>
          </Band>
        </div>
      )}
      {tab === "console" ? (
        <Suspense fallback={<Patiently><p className={styles.head}>Opening the console…</p></Patiently>}>
          <ConsolePanel machine={machine} start={acts.actionOf("start", machine)} ended={ended} />
        </Suspense>
      ) : (
        <Overview machine={machine} />
      )}
      {acts.dialogs}
    </>
  );
}

interface Forward {
  hostPort: number;
  guestPort: number;
  protocol?: string;
}

function Overview({ machine }: { machine: Machine }) {
  const connection = useConnection();
  const forwards = (Array.isArray(machine.portForwards) ? machine.portForwards : []) as Forward[];
  const stuck = machine.stateReason || machine.nextAction;
  const operations = operationsOf(connection, `operations/${machine.id}`, machine.id);
  return (
    <div className={styles.body}>
      <div className={styles.main}>
        {stuck && (
          <Band tone={machine.state === "LOST" ? "bad" : "warn"}>
            <div>
              <strong>{machine.stateReason ?? "It needs attention."}</strong>
              {machine.nextAction && <small>Next: {machine.nextAction}</small>}
            </div>
          </Band>
        )}
        <section className={styles.card} aria-label="Facts">
          <dl className={styles.facts}>
            <Fact name="State since">
              <Moment at={machine.stateSince} />
            </Fact>
            <Fact name="Booted">
              {machine.bootedAt ? <Moment at={machine.bootedAt} /> : machine.state === "RUNNING" ? "Not yet: no login prompt seen" : "–"}
            </Fact>
            <Fact name="Hypervisor says">{machine.providerState ?? "–"}</Fact>
            <Fact name="Last heard">
              <When at={machine.lastSeenAt} />
            </Fact>
            <Fact name="CPUs">{machine.vcpus}</Fact>
            <Fact name="Memory">{machine.memoryMib} MiB</Fact>
            <Fact name="Disk">{machine.diskGib} GiB</Fact>
            <Fact name="Image">{machine.image.name}</Fact>
            <Fact name="Site">
              {machine.site.name} ({machine.site.region})
            </Fact>
            <Fact name="Created">
              <Moment at={machine.createdAt} />
            </Fact>
            <Fact name="Created by">{machine.createdBy}</Fact>
            <Fact name="Id">
              <Copyable text={machine.id} label="machine id" />
            </Fact>
          </dl>
        </section>
        <section className={styles.gridCard} aria-label="Operations of this machine">
          <h2>Operations</h2>
          <OperationsGrid spec={operations} name="machine-operations" hideObject />
        </section>
      </div>
      <aside className={styles.main}>
        <Usage machine={machine} />
        <section className={styles.card}>
          <h2>Port forwards</h2>
          {forwards.length === 0 && <p className={styles.sub}>None. They are set when a machine is created.</p>}
          {forwards.map((one) => (
            <Copyable
              key={`${one.protocol}${one.hostPort}`}
              text={`127.0.0.1:${one.hostPort} → ${one.guestPort}/${one.protocol ?? "tcp"}`}
              label={`forward of port ${one.hostPort}`}
            />
          ))}
        </section>
      </aside>
    </div>
  );
}

const Fact = ({ name, children }: { name: string; children: React.ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

type UsageReading = NonNullable<MachineUsageQuery["virtualMachine"]>["usage"];

/** Measured when the page opens, when the machine changes, and when asked. */
function Usage({ machine }: { machine: Machine }) {
  const connection = useConnection();
  const [reading, setReading] = useState<{ usage: UsageReading; at: string } | null>(null);
  const [failed, setFailed] = useState(false);
  const { id, state } = machine;

  const measure = useCallback(async () => {
    try {
      const { virtualMachine } = await connection.query(MachineUsageDocument, { id });
      setReading({ usage: virtualMachine?.usage ?? null, at: new Date(now()).toISOString() });
      setFailed(false);
    } catch {
      setFailed(true);
    }
  }, [connection, id]);

  useEffect(() => void measure(), [measure, state]);

  // A share of a processor needs two samples: the first one asks for the second.
  const needsSecond = reading?.usage != null && reading.usage.cpuLoad == null;
  useEffect(() => {
    if (!needsSecond) return;
    const timer = setTimeout(() => void measure(), 2000);
    return () => clearTimeout(timer);
  }, [needsSecond, measure]);

  const usage = state === "RUNNING" || state === "PAUSED" ? reading?.usage : null;
  return (
    <section className={styles.card} aria-label="Usage">
      <div className={styles.cardHead}>
        <h2>Usage</h2>
        <IconButton label="Measure again" onPress={() => void measure()}>
          <RefreshCw aria-hidden />
        </IconButton>
      </div>
      {usage ? (
        <dl className={styles.stack}>
          <div>
            <dt>CPU</dt>
            <dd className={styles.big}>{usage.cpuLoad == null ? "–" : `${Math.round(usage.cpuLoad * 100)} %`}</dd>
            <dd className={styles.sub}>of one CPU; {usage.cpuSeconds.toFixed(1)} s since start</dd>
          </div>
          <div>
            <dt>Memory of the guest process</dt>
            <dd className={styles.big}>{Math.round(usage.memoryMib)} MiB</dd>
            <dd>
              <span className={ui.bar}>
                <span style={{ width: `${Math.min(100, (usage.memoryMib / machine.memoryMib) * 100)}%` }} />
              </span>
            </dd>
          </div>
        </dl>
      ) : (
        <p className={styles.sub}>
          {failed ? "It could not be measured now." : state === "RUNNING" ? "Nothing measured yet." : "The guest does not run; there is nothing to measure."}
        </p>
      )}
      {reading && usage && (
        <span className={ui.help}>
          Measured <When at={reading.at} />
        </span>
      )}
    </section>
  );
}
