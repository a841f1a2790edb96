// A live list: pages read from the server, kept true by the feed, and never moved under the reader's hands. While the
// reader holds the list (pointer inside, scrolled away, a row active), new rows wait behind a count and deleted rows
// stay in place, struck through.
import { asApiError, type ApiError } from "./api";
import type { Change, Topic } from "./feed";
import { now } from "./time";
import type { Entity, Store } from "./store";

export interface Page<T> {
  nodes: T[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
  totalCount: number;
}

export interface ListSpec<T extends Entity> {
  /** Names the list within its scope: same key, same list. */
  key: string;
  topic: Topic;
  load(first: number, after: string | null): Promise<Page<T>>;
  /** Whether an object the feed tells of belongs into this list. */
  belongs(item: T): boolean;
  /** The server's order, for placing a new row. */
  compare(left: T, right: T): number;
  /** A list that is read as it grows (a timeline, a job log) takes new rows at once, held or not. */
  alwaysOpen?: boolean;
}

export interface ListState<T> {
  rows: readonly T[];
  total: number;
  /** How many new rows wait to be shown. */
  waiting: number;
  /** Those rows. */
  unseen: readonly T[];
  /** Ids of shown rows that were deleted meanwhile. */
  gone: ReadonlySet<string>;
  phase: "loading" | "ready" | "failed";
  error: ApiError | null;
  hasMore: boolean;
  loadingMore: boolean;
  refreshing: boolean;
  readAt: number;
}

const pageSize = 100;
const longestPage = 500;

export class LiveList<T extends Entity> {
  readonly spec: ListSpec<T>;
  #store: Store;
  #ready: () => Promise<void>;
  #ids: string[] = [];
  #waiting = new Set<string>();
  #gone = new Set<string>();
  #total = 0;
  #endCursor: string | null = null;
  #hasMore = false;
  #held = false;
  #readAt = 0;
  #phase: ListState<T>["phase"] = "loading";
  #error: ApiError | null = null;
  #loadingMore = false;
  #refreshing = false;
  #generation = 0;
  #listeners = new Set<() => void>();
  state: ListState<T>;

  constructor(spec: ListSpec<T>, store: Store, ready: () => Promise<void>) {
    this.spec = spec;
    this.#store = store;
    this.#ready = ready;
    this.state = this.#snapshot();
    store.listen(() => this.#publish());
  }

  listen = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Reads the first page, or as many rows again as are shown. Rejects when the server cannot be read. */
  async refresh(): Promise<void> {
    const generation = ++this.#generation;
    this.#refreshing = true;
    this.#publish();
    try {
      await this.#ready();
      const wanted = Math.min(Math.max(pageSize, this.#ids.length), longestPage);
      const page = await this.spec.load(wanted, null);
      if (generation !== this.#generation) return;
      this.#accept(page);
      this.#error = null;
      this.#phase = "ready";
      this.#readAt = now();
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#error = asApiError(error);
      if (this.#phase === "loading") this.#phase = "failed";
      throw error;
    } finally {
      if (generation === this.#generation) {
        this.#refreshing = false;
        this.#publish();
      }
    }
  }

  async loadMore(): Promise<void> {
    if (!this.#hasMore || this.#loadingMore || this.#refreshing) return;
    const generation = this.#generation;
    this.#loadingMore = true;
    this.#publish();
    try {
      const page = await this.spec.load(pageSize, this.#endCursor);
      if (generation !== this.#generation) return;
      const known = new Set(this.#ids);
      for (const node of page.nodes) {
        this.#store.put(this.spec.topic, node);
        this.#waiting.delete(node.id);
        if (!known.has(node.id)) this.#ids.push(node.id);
      }
      this.#total = page.totalCount;
      this.#endCursor = page.pageInfo.endCursor ?? null;
      this.#hasMore = page.pageInfo.hasNextPage;
      this.#error = null;
    } catch (error) {
      this.#error = asApiError(error);
    } finally {
      this.#loadingMore = false;
      this.#publish();
    }
  }

  /** Takes one change of the feed, after the store has it. */
  apply(change: Change) {
    const id = change.id ?? change.node?.id;
    if (!id || this.#phase !== "ready") return;
    if (change.kind === "DELETED") {
      this.#waiting.delete(id);
      if (this.#ids.includes(id)) {
        if (!this.#gone.has(id)) this.#total = Math.max(0, this.#total - 1);
        this.#gone.add(id);
        if (!this.#held) this.#purge();
      }
    } else if (!this.#ids.includes(id) && !this.#waiting.has(id)) {
      const item = this.#store.get<T>(this.spec.topic, id);
      if (!item || this.#store.isDeleted(this.spec.topic, id) || !this.spec.belongs(item)) return;
      this.#total++;
      if (this.#held && !this.spec.alwaysOpen) this.#waiting.add(id);
      else this.#insert(item);
    }
    this.#publish();
  }

  /** While held, no row changes its place. */
  hold(held: boolean) {
    if (this.#held === held) return;
    this.#held = held;
    if (!held) {
      this.#purge();
      this.showWaiting();
    }
  }

  showWaiting() {
    for (const id of this.#waiting) {
      const item = this.#store.get<T>(this.spec.topic, id);
      if (item) this.#insert(item);
    }
    this.#waiting.clear();
    this.#publish();
  }

  #insert(item: T) {
    if (this.#ids.includes(item.id)) return;
    const at = this.#ids.findIndex((id) => {
      const other = this.#store.get<T>(this.spec.topic, id);
      return other !== undefined && this.spec.compare(item, other) < 0;
    });
    if (at >= 0) this.#ids.splice(at, 0, item.id);
    // Behind the last row read so far, it comes with its page.
    else if (!this.#hasMore) this.#ids.push(item.id);
  }

  #purge() {
    if (!this.#gone.size) return;
    this.#ids = this.#ids.filter((id) => !this.#gone.has(id));
    this.#gone.clear();
    this.#publish();
  }

  #accept(page: Page<T>) {
    for (const node of page.nodes) this.#store.put(this.spec.topic, node);
    const alive = page.nodes.filter((node) => !this.#store.isDeleted(this.spec.topic, node.id)).map((node) => node.id);
    if (this.#held && this.#phase === "ready" && !this.spec.alwaysOpen) {
      const answered = new Set(alive);
      const shown = new Set(this.#ids);
      for (const id of this.#ids.slice(0, page.nodes.length || undefined)) if (!answered.has(id)) this.#gone.add(id);
      for (const id of alive) if (!shown.has(id)) this.#waiting.add(id);
      if (page.nodes.length >= this.#ids.length) {
        this.#endCursor = page.pageInfo.endCursor ?? null;
        this.#hasMore = page.pageInfo.hasNextPage;
      }
    } else {
      this.#ids = alive;
      this.#waiting.clear();
      this.#gone.clear();
      this.#endCursor = page.pageInfo.endCursor ?? null;
      this.#hasMore = page.pageInfo.hasNextPage;
    }
    this.#total = page.totalCount;
  }

  #snapshot(): ListState<T> {
    const rows: T[] = [];
    for (const id of this.#ids) {
      const item = this.#store.get<T>(this.spec.topic, id);
      if (item) rows.push(item);
    }
    const unseen: T[] = [];
    for (const id of this.#waiting) {
      const item = this.#store.get<T>(this.spec.topic, id);
      if (item) unseen.push(item);
    }
    return {
      rows,
      unseen,
      total: Math.max(this.#total, rows.length - this.#gone.size),
      waiting: this.#waiting.size,
      gone: new Set(this.#gone),
      phase: this.#phase,
      error: this.#error,
      hasMore: this.#hasMore,
      loadingMore: this.#loadingMore,
      refreshing: this.#refreshing,
      readAt: this.#readAt,
    };
  }

  #publish() {
    this.state = this.#snapshot();
    for (const listener of this.#listeners) listener();
  }
}
