// What a scope's pages share: its store, its feed, its lists. Made when a scope is entered, closed when it is left.
import { execute, newIdempotencyKey, type Scope } from "./api";
import { Feed, type Change, type Topic } from "./feed";
import { LiveList, type ListSpec } from "./list";
import { Store, type Entity } from "./store";
import type { TypedDocumentString } from "../gql/graphql";

/** Where a mutation's payload carries objects, and of which type. */
const payloadTypes: Record<string, Topic> = {
  tenant: "Tenant",
  virtualMachine: "VirtualMachine",
  operation: "Operation",
  incident: "Incident",
  apiKey: "ApiKey",
};

const isEntity = (value: unknown): value is Entity =>
  typeof value === "object" && value !== null && typeof (value as Entity).id === "string";

export class Connection {
  readonly scope: Scope;
  readonly store = new Store();
  readonly feed: Feed;
  #lists = new Map<string, LiveList<never>>();
  #mounted = new Map<{ refresh(): Promise<unknown> }, Topic>();
  #changeListeners = new Map<() => void, Topic>();

  constructor(scope: Scope, onRefused: (code: number) => void) {
    this.scope = scope;
    this.feed = new Feed({
      scope,
      onChange: (topic, change) => this.apply(topic, change),
      reconcile: async (topic) => {
        const due = [...this.#mounted].filter(([, its]) => !topic || its === topic);
        await Promise.all(due.map(([item]) => item.refresh()));
      },
      onRefused,
    });
  }

  apply(topic: Topic, change: Change) {
    const id = change.id ?? change.node?.id;
    if (!id) return;
    if (change.kind === "DELETED") this.store.remove(topic, id);
    else if (change.node) this.store.put(topic, change.node);
    for (const list of this.#lists.values()) if (list.spec.topic === topic) list.apply(change);
    for (const [listener, its] of this.#changeListeners) if (its === topic) listener();
  }

  /** Hears that something of a topic changed, for what only the server can count. */
  onChange(topic: Topic, listener: () => void): () => void {
    this.#changeListeners.set(listener, topic);
    return () => void this.#changeListeners.delete(listener);
  }

  list<T extends Entity>(spec: ListSpec<T>): LiveList<T> {
    let found = this.#lists.get(spec.key) as LiveList<T> | undefined;
    if (!found) {
      found = new LiveList(spec, this.store, () => this.feed.ready());
      this.#lists.set(spec.key, found as LiveList<never>);
    }
    return found;
  }

  /** Keeps something on screen fresh: its topic flows, and it is read again after every break. */
  mount(topic: Topic, item: { refresh(): Promise<unknown> }): () => void {
    const unwant = this.feed.want(topic);
    this.#mounted.set(item, topic);
    return () => {
      this.#mounted.delete(item);
      unwant();
    };
  }

  query<R, V>(document: TypedDocumentString<R, V>, variables: V): Promise<R> {
    return execute(document, variables, this.scope);
  }

  /** Runs a mutation, in an object's own scope where it is another, and shows what it answers at once, everywhere. */
  async mutate<R extends object, V extends { key?: string | null }>(
    document: TypedDocumentString<R, V>,
    variables: V,
    scope: Scope = this.scope,
  ): Promise<R> {
    const answer = await execute(document, { ...variables, key: variables.key ?? newIdempotencyKey() }, scope);
    for (const payload of Object.values(answer) as object[])
      for (const [field, value] of Object.entries(payload ?? {})) {
        const topic = payloadTypes[field];
        if (topic && isEntity(value)) this.apply(topic, { kind: "UPDATED", cursor: "", id: value.id, node: value });
      }
    return answer;
  }

  close() {
    this.feed.close();
  }
}
