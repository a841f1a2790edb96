import encodeQR from "qr";
import decodeQR from "qr/decode.js";
import { describe, expect, it } from "vitest";
import { codesFile, deviceName, methods, modulesPath } from "./security.logic";

describe("a device's name", () => {
  it.each([
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"],
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"],
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iOS"],
    ["Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"],
    ["curl/8.5.0", "curl/8.5.0"],
    ["", "Unknown device"],
  ])("of %s", (userAgent, name) => expect(deviceName(userAgent)).toBe(name));
});

describe("how a session was opened", () => {
  it("is said in words", () => {
    expect(methods(["pwd", "otp", "mfa"])).toBe("password, authenticator app");
    expect(methods([])).toBe("not recorded");
  });
});

describe("the QR code", () => {
  it("is drawn so that a reader reads it", () => {
    const uri = "otpauth://totp/Sankofa%20Phoenix:ada%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Sankofa%20Phoenix&algorithm=SHA1&digits=6&period=30";
    const matrix = encodeQR(uri, "raw", { ecc: "medium", border: 4 });
    // Painted from the path alone, four pixels a module.
    const size = matrix.length * 4;
    const data = new Uint8Array(size * size * 4).fill(255);
    for (const [, x, y, w] of modulesPath(matrix).matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
      for (let row = Number(y) * 4; row < Number(y) * 4 + 4; row++)
        for (let column = Number(x) * 4; column < (Number(x) + Number(w)) * 4; column++) data.fill(0, (row * size + column) * 4, (row * size + column) * 4 + 3);
    expect(decodeQR({ width: size, height: size, data })).toBe(uri);
  });
});

describe("the file of recovery codes", () => {
  it("says whose they are and has each on a line", () => {
    expect(codesFile("ada@example.org", ["AAAA-BBBB", "CCCC-DDDD"])).toContain("ada@example.org");
    expect(codesFile("ada@example.org", ["AAAA-BBBB", "CCCC-DDDD"]).trimEnd().split("\n").slice(-2)).toEqual(["AAAA-BBBB", "CCCC-DDDD"]);
  });
});
