// The severity ladder must stay readable for every eye and on paper: this computes what the badges' colours are apart
// under simulated colour-vision deficiencies and in grey, so that nobody tweaks it away.
import { readFileSync } from "node:fs";

type Rgb = [number, number, number];

const css = readFileSync("src/styles/tokens.css", "utf8");

function token(theme: string, name: string): string {
  const block = new RegExp(`\\[data-theme="${theme}"\\] \\{([^}]*)\\}`).exec(css)![1]!;
  return new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(block)![1]!;
}

const linear = (hex: string) =>
  [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Rgb;

const times = (matrix: number[][], color: Rgb) =>
  matrix.map((row) => Math.min(1, Math.max(0, row.reduce((sum, factor, at) => sum + factor * color[at]!, 0)))) as Rgb;

// Machado, Oliveira, Fernandes 2009, full severity, on linear RGB.
const eyes: Record<string, (color: Rgb) => Rgb> = {
  normal: (color) => color,
  protanopia: (color) => times([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]], color),
  deuteranopia: (color) => times([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]], color),
  tritanopia: (color) => times([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]], color),
  grey: (color) => {
    const y = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2];
    return [y, y, y];
  },
};

function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

const distance = (left: Rgb, right: Rgb) => Math.hypot(...left.map((value, at) => value - right[at]!)) * 100;
const luminance = (hex: string) => {
  const [r, g, b] = linear(hex);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a: string, b: string) => {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
};

const levels = ["p0", "p1", "p2", "p3"];

describe.each(["light", "dark"])("severity in the %s theme", (theme) => {
  const fills = levels.map((level) => token(theme, `sev-${level}-fill`));

  it.each(Object.keys(eyes))("keeps every pair apart for %s", (eye) => {
    for (const [at, left] of fills.entries())
      for (const right of fills.slice(at + 1)) {
        const apart = distance(oklab(eyes[eye]!(linear(left))), oklab(eyes[eye]!(linear(right))));
        expect(apart, `${left} and ${right}`).toBeGreaterThan(eye === "grey" ? 14 : 17);
      }
  });

  it.each(levels)("has readable letters on %s", (level) => {
    expect(contrast(token(theme, `sev-${level}-fill`), token(theme, `sev-${level}-ink`))).toBeGreaterThan(4.5);
  });

  it.each(["ok", "warn", "bad", "info", "text", "text-dim", "accent-text"])("has readable %s text on page and panel", (name) => {
    for (const ground of ["bg", "panel"]) expect(contrast(token(theme, name), token(theme, ground))).toBeGreaterThan(4.5);
  });

  it("draws control borders that can be seen", () => {
    expect(contrast(token(theme, "border"), token(theme, "bg"))).toBeGreaterThan(3);
  });
});
