import { ApiError } from "./api";
import { LiveList, type ListSpec, type Page } from "./list";
import { Store } from "./store";

interface Row {
  id: string;
  version: number;
  name: string;
}

const row = (name: string, version = 1): Row => ({ id: name, version, name });
const page = (names: string[], more = false, total = names.length): Page<Row> => ({
  nodes: names.map((name) => row(name)),
  pageInfo: { hasNextPage: more, endCursor: names.at(-1) ?? null },
  totalCount: total,
});

function make(load: ListSpec<Row>["load"], extra: Partial<ListSpec<Row>> = {}) {
  const store = new Store(0);
  const list = new LiveList<Row>(
    { key: "k", topic: "VirtualMachine", load, belongs: (one) => !one.name.startsWith("x"), compare: (a, b) => (a.name < b.name ? -1 : 1), ...extra },
    store,
    async () => undefined,
  );
  const change = (kind: "CREATED" | "UPDATED" | "DELETED", one: Row) => {
    if (kind === "DELETED") store.remove("VirtualMachine", one.id);
    else store.put("VirtualMachine", one);
    list.apply({ kind, cursor: "e:1", id: one.id, node: kind === "DELETED" ? null : one });
  };
  const names = () => list.state.rows.map((one) => one.name);
  return { store, list, change, names };
}

describe("a live list", () => {
  it("puts a new row in its place and leaves out what the filter hides", async () => {
    const { list, change, names } = make(async () => page(["a", "c"]));
    await list.refresh();
    change("CREATED", row("b"));
    change("CREATED", row("x1"));
    expect(names()).toEqual(["a", "b", "c"]);
    expect(list.state.total).toBe(3);
  });

  it("moves nothing while it is held: new rows wait, deleted ones stay struck through", async () => {
    const { list, change, names } = make(async () => page(["b", "c"]));
    await list.refresh();
    list.hold(true);
    change("CREATED", row("a"));
    change("DELETED", row("b"));
    expect(names()).toEqual(["b", "c"]);
    expect(list.state.waiting).toBe(1);
    expect(list.state.gone.has("b")).toBe(true);
    list.hold(false);
    expect(names()).toEqual(["a", "c"]);
    expect(list.state.waiting).toBe(0);
  });

  it("counts each new row once, however often it is told of it", async () => {
    const { list, change } = make(async () => page(["b"]));
    await list.refresh();
    list.hold(true);
    change("CREATED", row("a"));
    change("UPDATED", row("a", 2));
    expect(list.state.waiting).toBe(1);
    expect(list.state.total).toBe(2);
  });

  it("reads again without moving a held row, and tells what came and went", async () => {
    const answers = [page(["b", "c"]), page(["a", "c"])];
    const { list, names } = make(async () => answers.shift()!);
    await list.refresh();
    list.hold(true);
    await list.refresh();
    expect(names()).toEqual(["b", "c"]);
    expect(list.state.gone.has("b")).toBe(true);
    expect(list.state.waiting).toBe(1);
  });

  it("pages by cursor and never shows a row twice", async () => {
    const load = vi.fn(async (_first: number, after: string | null) => (after ? page(["b", "c"], false, 3) : page(["a", "b"], true, 3)));
    const { list, names } = make(load);
    await list.refresh();
    await list.loadMore();
    expect(load).toHaveBeenLastCalledWith(100, "b");
    expect(names()).toEqual(["a", "b", "c"]);
    expect(list.state.hasMore).toBe(false);
  });

  it("leaves a new row behind the last one read to its page", async () => {
    const { list, change, names } = make(async () => page(["a", "b"], true, 5));
    await list.refresh();
    change("CREATED", row("c"));
    expect(names()).toEqual(["a", "b"]);
    expect(list.state.total).toBe(6);
  });

  it("keeps what it has when it cannot be read again, and says so", async () => {
    let fail = false;
    const { list, names } = make(async () => {
      if (fail) throw new ApiError("no", { code: "SERVER_ERROR", requestId: "r1" });
      return page(["a"]);
    });
    await list.refresh();
    fail = true;
    await expect(list.refresh()).rejects.toThrow("no");
    expect(names()).toEqual(["a"]);
    expect(list.state.phase).toBe("ready");
    expect(list.state.error?.details.requestId).toBe("r1");
  });

  it("lets a newer refresh win over an older answer that comes late", async () => {
    const waits: ((value: Page<Row>) => void)[] = [];
    const { list, names } = make(() => new Promise((resolve) => waits.push(resolve)));
    const first = list.refresh();
    await Promise.resolve();
    const second = list.refresh();
    await Promise.resolve();
    await vi.waitFor(() => expect(waits).toHaveLength(2));
    waits[1]!(page(["new"]));
    await second;
    waits[0]!(page(["old"]));
    await first;
    expect(names()).toEqual(["new"]);
  });

  it("shows a timeline's new line at once, held or not", async () => {
    const { list, change, names } = make(async () => page(["b"]), { alwaysOpen: true });
    await list.refresh();
    list.hold(true);
    change("CREATED", row("a"));
    expect(names()).toEqual(["a", "b"]);
  });
});
