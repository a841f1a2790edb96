import { Feed, type Change, type FeedOptions, type Topic } from "./feed";

interface Fake {
  options: { on: Record<string, (...args: unknown[]) => void>; connectionParams: unknown };
  subscriptions: { payload: { query: string; variables: { after?: string } }; sink: { next(value: unknown): void; error(error: unknown): void } }[];
  terminated: boolean;
}

const made: Fake[] = [];

vi.mock("graphql-ws", () => ({
  createClient: (options: Fake["options"]) => {
    const fake: Fake = { options, subscriptions: [], terminated: false };
    made.push(fake);
    return {
      subscribe: (payload: never, sink: never) => {
        fake.subscriptions.push({ payload, sink });
        return () => undefined;
      },
      terminate: () => {
        fake.terminated = true;
      },
      dispose: () => undefined,
    };
  },
}));

vi.mock("./api", () => ({ execute: vi.fn(async () => ({ eventCursor: "e1:10" })) }));

const settle = () => vi.advanceTimersByTimeAsync(0);

async function start(extra: Partial<FeedOptions> = {}) {
  const changes: [Topic, Change][] = [];
  const reconcile = vi.fn(async () => undefined);
  const onRefused = vi.fn();
  const feed = new Feed({ scope: { kind: "tenant", name: "acme" }, onChange: (topic, change) => changes.push([topic, change]), reconcile, onRefused, ...extra });
  feed.want("VirtualMachine");
  await settle();
  const open = async () => {
    made.at(-1)!.options.on.connected!();
    await settle();
  };
  const drop = async (code = 1006) => {
    made.at(-1)!.options.on.closed!({ code });
    await settle();
  };
  const send = (change: Partial<Change>) => made.at(-1)!.subscriptions[0]!.sink.next({ data: { change } });
  return { feed, changes, reconcile, onRefused, open, drop, send };
}

describe("the feed", () => {
  beforeEach(() => {
    made.length = 0;
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  it("subscribes from the cursor known before anything was read", async () => {
    const { feed, open } = await start();
    expect(made[0]!.options.connectionParams).toEqual({ tenant: "acme" });
    await open();
    expect(made[0]!.subscriptions[0]!.payload.variables).toEqual({ after: "e1:10" });
    expect(feed.status.phase).toBe("live");
    feed.close();
  });

  it("resumes after a break from the last change it saw, and is live only after reading again", async () => {
    let finish: () => void = () => undefined;
    const { feed, open, drop, send, reconcile } = await start();
    await open();
    send({ kind: "UPDATED", cursor: "e1:15", id: "m", node: { id: "m" } });
    await drop();
    expect(feed.status.phase).toBe("reconnecting");
    reconcile.mockImplementation(() => new Promise<undefined>((resolve) => (finish = () => resolve(undefined))));
    await vi.advanceTimersByTimeAsync(400);
    expect(made).toHaveLength(2);
    await open();
    expect(made[1]!.subscriptions[0]!.payload.variables).toEqual({ after: "e1:15" });
    expect(feed.status.phase).toBe("catching-up");
    finish();
    await settle();
    expect(feed.status.phase).toBe("live");
    feed.close();
  });

  it("calls the screen stale when the break lasts, counted from its beginning", async () => {
    const { feed, open, drop } = await start();
    await open();
    await drop();
    const lost = feed.status.since;
    await vi.advanceTimersByTimeAsync(2100);
    expect(feed.status.phase).toBe("stale");
    expect(feed.status.since).toBe(lost);
    feed.close();
  });

  it("reads again when a cursor cannot be resumed, then goes on from the new one", async () => {
    const { feed, open, drop, send, reconcile, changes } = await start();
    await open();
    send({ kind: "RESYNC", cursor: "e2:3" });
    expect(feed.status.phase).toBe("catching-up");
    expect(reconcile).toHaveBeenCalledWith("VirtualMachine");
    await settle();
    expect(feed.status.phase).toBe("live");
    expect(changes).toEqual([]);
    await drop();
    await vi.advanceTimersByTimeAsync(400);
    await open();
    expect(made[1]!.subscriptions[0]!.payload.variables).toEqual({ after: "e2:3" });
    feed.close();
  });

  it.each([4401, 4403])("does not knock again after %i", async (code) => {
    const { feed, open, drop, onRefused } = await start();
    await open();
    await drop(code);
    expect(feed.status.phase).toBe("refused");
    expect(onRefused).toHaveBeenCalledWith(code);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(made).toHaveLength(1);
    feed.close();
  });

  it("says which changes do not flow", async () => {
    const { feed, open } = await start();
    await open();
    made[0]!.subscriptions[0]!.sink.error([{ message: "not for you" }]);
    expect(feed.status.phase).toBe("live");
    expect([...feed.status.broken]).toEqual([["VirtualMachine", "not for you"]]);
    feed.close();
  });
});
