import { describe, expect, it } from "vitest";
import { keyState, networks } from "./apiKeys.logic";

const at = Date.parse("2026-01-01T00:00:00Z");

describe("a key's state", () => {
  it("is said before it ends, and after", () => {
    expect(keyState({ expiresAt: null, rotatedAt: null }, at)).toBe("ACTIVE");
    expect(keyState({ expiresAt: "2026-01-16T00:00:00Z", rotatedAt: null }, at)).toBe("ACTIVE");
    expect(keyState({ expiresAt: "2026-01-14T00:00:00Z", rotatedAt: null }, at)).toBe("ENDING");
    expect(keyState({ expiresAt: "2026-01-02T00:00:00Z", rotatedAt: "2026-01-01T00:00:00Z" }, at)).toBe("REPLACED");
    expect(keyState({ expiresAt: "2026-01-01T00:00:00Z", rotatedAt: "2025-12-31T00:00:00Z" }, at)).toBe("ENDED");
  });
});

describe("networks", () => {
  it("are apart by commas, spaces or lines", () => {
    expect(networks(" 192.0.2.0/24,\n2001:db8::/32  10.0.0.1 ")).toEqual(["192.0.2.0/24", "2001:db8::/32", "10.0.0.1"]);
    expect(networks("  ")).toEqual([]);
  });
});
