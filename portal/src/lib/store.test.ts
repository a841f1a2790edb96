import { Store } from "./store";

const machine = (version: number, state = "RUNNING") => ({ id: "m", version, state });

describe("the store", () => {
  it("takes newer versions and refuses older ones", () => {
    const store = new Store();
    expect(store.put("VirtualMachine", machine(2, "RUNNING"))).toBe(true);
    expect(store.put("VirtualMachine", machine(1, "STARTING"))).toBe(false);
    expect(store.get("VirtualMachine", "m")).toMatchObject({ version: 2, state: "RUNNING" });
  });

  it("keeps a deleted object deleted, whatever arrives late", () => {
    const store = new Store();
    store.put("VirtualMachine", machine(1));
    store.remove("VirtualMachine", "m");
    expect(store.put("VirtualMachine", machine(9))).toBe(false);
    expect(store.isDeleted("VirtualMachine", "m")).toBe(true);
  });

  it("takes a guess back only while the server has not spoken", () => {
    const store = new Store();
    store.put("Incident", { id: "i", version: 1, commander: null } as never);
    const undo = store.guess("Incident", "i", { commander: "ama" } as never);
    expect(store.get("Incident", "i")).toMatchObject({ commander: "ama" });
    undo();
    expect(store.get("Incident", "i")).toMatchObject({ commander: null });

    const late = store.guess("Incident", "i", { commander: "ama" } as never);
    store.put("Incident", { id: "i", version: 2, commander: "kofi" } as never);
    late();
    expect(store.get("Incident", "i")).toMatchObject({ commander: "kofi" });
  });

  it("tells its listeners of many changes once", () => {
    vi.useFakeTimers();
    const store = new Store(40);
    const listener = vi.fn();
    store.listen(listener);
    for (let version = 1; version <= 50; version++) store.put("VirtualMachine", machine(version));
    expect(listener).not.toHaveBeenCalled();
    vi.advanceTimersByTime(41);
    expect(listener).toHaveBeenCalledTimes(1);
    vi.useRealTimers();
  });
});
