import { asCommand, asGraphql, emptyDraft, keysProblem, nameProblem, numberProblem, portProblem, suggestName, toInput } from "./createMachine.logic";

describe("names", () => {
  it.each(["web-1", "a", "0x", "a".repeat(63)])("%s is a name", (name) => expect(nameProblem(name)).toBeNull());
  it.each(["", "Web", "web 1", "-web", "web-", "wéb", "a".repeat(64), "a_b", "a.b"])("“%s” is none", (name) => expect(nameProblem(name)).toBeTruthy());
  it("are suggested from what people call it", () => {
    expect(suggestName("Côte d'Ivoire Télécom")).toBe("cote-d-ivoire-telecom");
    expect(nameProblem(suggestName("  Ɛdwom & Sons ltd. "))).toBeNull();
  });
});

describe("numbers, ports and keys", () => {
  it("refuses what is no whole number in its bounds", () => {
    expect(numberProblem("1.5", 1, 8)).toBeTruthy();
    expect(numberProblem("", 1, 8)).toBeTruthy();
    expect(numberProblem("0", 1, 8)).toBe("At least 1.");
    expect(numberProblem("8", 1, 8)).toBeNull();
    expect(portProblem("80", 1024)).toBeTruthy();
    expect(portProblem("65536", 1)).toBeTruthy();
  });
  it("names the line that is no key", () => {
    expect(keysProblem("ssh-ed25519 AAAAC3Nza ama@laptop\n\nnonsense")).toContain("Line 2");
    expect(keysProblem("ssh-ed25519 AAAAC3Nza")).toBeNull();
  });
});

describe("the same request elsewhere", () => {
  const input = toInput({ ...emptyDraft, name: "web-1", image: "micro", userData: "say \"hi\"", forwards: [{ hostPort: "8080", guestPort: "80", protocol: "tcp" }] });
  it("reads as a mutation", () => {
    const text = asGraphql(input);
    expect(text).toContain('name: "web-1"');
    expect(text).toContain('userData: "say \\"hi\\""');
    expect(text).toContain('portForwards: [{ hostPort: 8080, guestPort: 80, protocol: "tcp" }]');
    expect(text).not.toContain("sshKeys");
  });
  it("reads as a command that a shell takes apart rightly", () => {
    const text = asCommand({ ...input, name: "ama's", sshKeys: ["ssh-ed25519 AAAA", "ssh-rsa AAAA"] }, "acme");
    expect(text).toContain("--tenant acme");
    expect(text).toContain(`--name 'ama'\\''s'`);
    expect(text).toContain("--memory-mib 128");
    expect(text).toContain("--forward 8080:80 ");
    expect(text).toContain("--ssh-key KEYFILE2");
    expect(text.split("\n").slice(0, -1).every((line) => line.endsWith("\\"))).toBe(true);
  });
});
