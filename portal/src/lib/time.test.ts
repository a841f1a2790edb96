import { ago, clock, duration, learnServerTime, now, timeOfDay } from "./time";

describe("times", () => {
  it.each([
    [0, "0 s"],
    [12_400, "12 s"],
    [250_000, "4 min 10 s"],
    [3_600_000, "1 h"],
    [3_605_000, "1 h"],
    [12_000_000, "3 h 20 min"],
    [200_000_000, "2 d 7 h"],
  ])("%i ms lasts %s", (ms, text) => expect(duration(ms)).toBe(text));

  it.each([
    [5_000, "0:05"],
    [245_000, "4:05"],
    [3_845_000, "1:04:05"],
    [183_845_000, "2 d 03:04:05"],
  ])("%i ms reads %s on a clock", (ms, text) => expect(clock(ms)).toBe(text));

  it("says how long ago in one unit", () => {
    expect(ago(2_000)).toBe("just now");
    expect(ago(59_000)).toBe("59 s ago");
    expect(ago(7_300_000)).toBe("2 h ago");
  });

  it("shows UTC whatever the zone of this machine", () => {
    expect(timeOfDay(Date.UTC(2026, 10, 23, 4, 5, 6), "utc")).toBe("04:05:06");
  });

  it("follows the server's clock when this machine's is off, and ignores what is within a second's rounding", () => {
    learnServerTime(new Date(Date.now() + 3_600_000).toUTCString());
    expect(now() - Date.now()).toBeGreaterThan(3_590_000);
    learnServerTime(new Date().toUTCString());
    expect(Math.abs(now() - Date.now())).toBeLessThan(50);
  });
});
