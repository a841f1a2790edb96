// One WebSocket per scope carries every live change. It remembers each topic's cursor, so that after a break nothing is
// missed, and it says "live" only when the lists on screen have been read again after the break.
import { createClient, type Client } from "graphql-ws";
import {
  AlertChangesDocument,
  EntryChangesDocument,
  EventCursorDocument,
  IncidentChangesDocument,
  KeyChangesDocument,
  MachineChangesDocument,
  OperationChangesDocument,
  TenantChangesDocument,
} from "../gql/graphql";
import { execute, type Scope } from "./api";
import { now } from "./time";
import type { Entity } from "./store";

export const topics = {
  Tenant: TenantChangesDocument,
  VirtualMachine: MachineChangesDocument,
  Operation: OperationChangesDocument,
  Incident: IncidentChangesDocument,
  IncidentEntry: EntryChangesDocument,
  Alert: AlertChangesDocument,
  ApiKey: KeyChangesDocument,
} as const;

export type Topic = keyof typeof topics;

export interface Change {
  kind: "CREATED" | "UPDATED" | "DELETED" | "RESYNC";
  cursor: string;
  id?: string | null;
  node?: Entity | null;
}

export type Phase = "connecting" | "live" | "catching-up" | "reconnecting" | "stale" | "refused";

export interface FeedStatus {
  phase: Phase;
  /** When the phase began; for "stale" and "reconnecting", when the connection was lost. */
  since: number;
  reason?: string;
  /** Topics the server refused, with its words. */
  broken: ReadonlyMap<Topic, string>;
}

/** After this long without a connection the screen is called stale. */
const staleAfterMs = 2000;
const retryWaitsMs = [200, 500, 1000, 2000, 5000];
const fatalCloseCodes: Record<number, string> = {
  4400: "The server did not understand this portal; reload the page.",
  4401: "The session has ended.",
  4403: "You may not see live changes here.",
  4406: "The server does not speak this portal's protocol; reload the page.",
};

export interface FeedOptions {
  scope: Scope;
  onChange(topic: Topic, change: Change): void;
  /** Reads again everything on screen; resolves when it is fresh. */
  reconcile(topic?: Topic): Promise<void>;
  /** The server no longer accepts the session. */
  onRefused(code: number): void;
}

export class Feed {
  #options: FeedOptions;
  #client: Client | null = null;
  #closed = false;
  #attempt = 0;
  #everLive = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #staleTimer: ReturnType<typeof setTimeout> | undefined;
  #cursors = new Map<Topic, string>();
  #seen: string | undefined;
  #wanted = new Map<Topic, number>();
  #stops = new Map<Topic, () => void>();
  #listeners = new Set<() => void>();
  #baseline: Promise<void>;
  #baselineDone: () => void = () => undefined;
  status: FeedStatus = { phase: "connecting", since: now(), broken: new Map() };

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#baseline = new Promise((resolve) => (this.#baselineDone = resolve));
    globalThis.addEventListener?.("offline", this.#wentOffline);
    globalThis.addEventListener?.("online", this.#cameOnline);
    this.#arm();
    void this.#connect();
  }

  /** Resolves when the starting cursor is known (or cannot be had yet): what is read after this misses nothing. */
  ready() {
    return this.#baseline;
  }

  listen(listener: () => void) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Asks for a topic's changes while somebody needs them. */
  want(topic: Topic) {
    const count = this.#wanted.get(topic) ?? 0;
    this.#wanted.set(topic, count + 1);
    if (!count) {
      // Every event up to one already seen is visible to reads made from now on. Topics come beside each other, so the
      // last one may not be the newest: then some changes come that the reads have shown already, and change nothing.
      if (this.#seen) this.#cursors.set(topic, this.#seen);
      if (this.#isOpen()) this.#subscribe(topic);
    }
    return () => {
      const left = (this.#wanted.get(topic) ?? 1) - 1;
      this.#wanted.set(topic, left);
      if (!left) {
        this.#stops.get(topic)?.();
        this.#stops.delete(topic);
      }
    };
  }

  retryNow() {
    if (this.#closed || this.#isOpen()) return;
    clearTimeout(this.#retryTimer);
    this.#attempt = 0;
    void this.#connect();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#staleTimer);
    globalThis.removeEventListener?.("offline", this.#wentOffline);
    globalThis.removeEventListener?.("online", this.#cameOnline);
    void this.#client?.dispose();
    this.#client = null;
  }

  #isOpen() {
    return this.#client !== null && (this.status.phase === "live" || this.status.phase === "catching-up");
  }

  #wentOffline = () => {
    this.#client?.terminate();
    this.#lost("This computer is offline.");
  };

  #cameOnline = () => this.retryNow();

  #set(phase: Phase, extra: Partial<FeedStatus> = {}) {
    const keepSince = phase === "stale" && this.status.phase === "reconnecting";
    this.status = {
      ...this.status,
      reason: undefined,
      phase,
      since: keepSince || phase === this.status.phase ? this.status.since : now(),
      ...extra,
    };
    for (const listener of this.#listeners) listener();
  }

  #arm() {
    clearTimeout(this.#staleTimer);
    this.#staleTimer = setTimeout(() => {
      if (this.status.phase === "reconnecting" || this.status.phase === "connecting")
        this.#set("stale", { since: this.status.since, reason: this.status.reason });
    }, staleAfterMs);
  }

  async #connect() {
    if (!this.#seen) {
      try {
        const { eventCursor } = await execute(EventCursorDocument, {}, this.#options.scope);
        this.#seen = eventCursor;
        for (const topic of this.#wanted.keys()) if (!this.#cursors.has(topic)) this.#cursors.set(topic, eventCursor);
      } catch {
        // Lists may load meanwhile; they are read again once the connection stands.
        this.#everLive = true;
      }
      this.#baselineDone();
    }
    if (this.#closed) return;
    const { scope } = this.#options;
    let pongTimer: ReturnType<typeof setTimeout> | undefined;
    const client: Client = createClient({
      url: new URL("/graphql", location.href).href.replace(/^http/, "ws"),
      lazy: false,
      retryAttempts: 0,
      keepAlive: 5000,
      connectionParams: scope.kind === "tenant" ? { tenant: scope.name } : {},
      onNonLazyError: () => undefined,
      on: {
        connected: () => {
          if (client === this.#client) void this.#opened();
        },
        ping: (received) => {
          if (!received) pongTimer = setTimeout(() => client.terminate(), 3000);
        },
        pong: (received) => {
          if (received) clearTimeout(pongTimer);
        },
        closed: (event) => {
          clearTimeout(pongTimer);
          if (client === this.#client && !this.#closed) this.#lost(undefined, (event as CloseEvent).code);
        },
      },
    });
    this.#client = client;
  }

  async #opened() {
    this.#attempt = 0;
    this.#stops.clear();
    const again = this.#everLive;
    this.#set("catching-up", { broken: new Map() });
    for (const [topic, count] of this.#wanted) if (count) this.#subscribe(topic);
    const client = this.#client;
    if (again) {
      for (let wait = 500; ; wait = Math.min(wait * 2, 5000)) {
        try {
          await this.#options.reconcile();
          break;
        } catch {
          await new Promise((resolve) => setTimeout(resolve, wait));
          if (client !== this.#client || this.#closed) return;
        }
      }
    }
    if (client !== this.#client || this.#closed || this.status.phase !== "catching-up") return;
    this.#everLive = true;
    clearTimeout(this.#staleTimer);
    this.#set("live");
  }

  #lost(reason?: string, code?: number) {
    this.#client = null;
    this.#stops.clear();
    clearTimeout(this.#retryTimer);
    const refusal = code === undefined ? undefined : fatalCloseCodes[code];
    if (refusal) {
      clearTimeout(this.#staleTimer);
      this.#set("refused", { reason: refusal });
      this.#options.onRefused(code!);
      return;
    }
    if (this.status.phase === "live" || this.status.phase === "catching-up") {
      this.#set("reconnecting", { reason });
      this.#arm();
    } else this.#set(this.status.phase, { reason });
    const wait = retryWaitsMs[Math.min(this.#attempt++, retryWaitsMs.length - 1)]!;
    this.#retryTimer = setTimeout(() => void this.#connect(), wait * (0.75 + Math.random() / 2));
  }

  #subscribe(topic: Topic) {
    const client = this.#client;
    if (!client) return;
    const stop = client.subscribe<{ change: Change }>(
      { query: topics[topic].toString(), variables: { after: this.#cursors.get(topic) } },
      {
        next: ({ data, errors }) => {
          if (errors?.length) this.#break(topic, errors[0]!.message);
          else if (data?.change) this.#receive(topic, data.change);
        },
        error: (error) => {
          // A lost connection ends every subscription; #lost deals with it. What is left is the server's refusal.
          if (Array.isArray(error)) this.#break(topic, error[0]?.message ?? "refused");
        },
        complete: () => undefined,
      },
    );
    this.#stops.set(topic, stop);
  }

  #break(topic: Topic, words: string) {
    this.#set(this.status.phase, { broken: new Map(this.status.broken).set(topic, words) });
  }

  #receive(topic: Topic, change: Change) {
    this.#cursors.set(topic, change.cursor);
    this.#seen = change.cursor;
    if (change.kind !== "RESYNC") {
      this.#options.onChange(topic, change);
      return;
    }
    const wasLive = this.status.phase === "live";
    if (wasLive) this.#set("catching-up");
    void this.#options
      .reconcile(topic)
      .then(() => {
        if (wasLive && this.status.phase === "catching-up") this.#set("live");
      })
      .catch(() => this.#client?.terminate());
  }
}
