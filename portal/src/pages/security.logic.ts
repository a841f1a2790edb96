const browsers: [RegExp, string][] = [
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/\b(Chrome|CriOS|HeadlessChrome|Chromium)\//, "Chrome"],
  [/\bVersion\/[\d.]+.*Safari\//, "Safari"],
];
const systems: [RegExp, string][] = [
  [/\b(iPhone|iPad|iPod)\b/, "iOS"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];
const first = (known: [RegExp, string][], text: string) => known.find(([pattern]) => pattern.test(text))?.[1];

/** What a person calls the device of a User-Agent; its own words where they say nothing known. */
export function deviceName(userAgent: string): string {
  const browser = first(browsers, userAgent);
  const system = first(systems, userAgent);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? (userAgent.split(" ")[0] || "Unknown device");
}

const ways: Record<string, string> = {
  pwd: "password",
  otp: "authenticator app",
  recovery: "recovery code",
  link: "one-time link",
  provider: "identity provider",
  hwk: "passkey",
};
/** How a session was opened, in words; "mfa" says no more than the two others. */
export const methods = (amr: readonly string[]) => amr.flatMap((one) => ways[one] ?? []).join(", ") || "not recorded";

/** The dark modules of a QR code as one SVG path, each row's runs as rectangles. */
export function modulesPath(matrix: readonly (readonly boolean[])[]): string {
  let path = "";
  matrix.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue;
      const from = x;
      while (row[x + 1]) x++;
      path += `M${from} ${y}h${x + 1 - from}v1h-${x + 1 - from}z`;
    }
  });
  return path;
}

/** For a file that is printed or put away. */
export const codesFile = (email: string, codes: readonly string[]) =>
  `Recovery codes of ${email} at Sankofa Phoenix.\nEach works once, in place of a code of the authenticator app.\n\n${codes.join("\n")}\n`;
