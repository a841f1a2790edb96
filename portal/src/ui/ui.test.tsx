import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { fromMarkdown } from "mdast-util-from-markdown";
import { ApiError } from "../lib/api";
import type { FeedStatus } from "../lib/feed";
import { forbidden, requested, type Machine } from "../pages/machineActs";
import { renderMarkdown } from "../pages/Report";
import { badgeReading } from "../shell/ConnectionBadge";
import { commandMatches } from "../shell/Palette";
import { slaReading, SeverityBadge } from "./badges";
import { ConfirmDialog, FormDialog } from "./Dialog";
import { TextField } from "./Field";
import { ErrorBand } from "./States";

describe("clocks of promises", () => {
  const from = "2026-11-23T03:00:00Z";
  const due = "2026-11-23T03:05:00Z";
  const at = (time: string) => Date.parse(`2026-11-23T${time}Z`);
  const read = (time: string, done?: string) => slaReading({ from, due, done, verb: "Met" }, at(time));

  it("counts down, warns in the last quarter, and says when it is breached", () => {
    expect(read("03:01:00")).toEqual({ tone: "plain", text: "4:00 left" });
    expect(read("03:04:30")).toEqual({ tone: "warn", text: "0:30 left" });
    expect(read("03:05:00")).toEqual({ tone: "bad", text: "Breached 0:00 ago" });
    expect(read("03:08:12")).toEqual({ tone: "bad", text: "Breached 3:12 ago" });
  });
  it("stops where it was met or missed", () => {
    expect(read("09:00:00", "2026-11-23T03:02:10Z")).toEqual({ tone: "ok", text: "Met in 2 min 10 s" });
    expect(read("09:00:00", "2026-11-23T03:06:00Z")).toEqual({ tone: "bad", text: "Met 1 min late" });
  });
});

describe("the connection badge", () => {
  const status = (phase: FeedStatus["phase"], broken: [string, string][] = []) => ({ phase, since: 0, broken: new Map(broken) }) as FeedStatus;
  it("says Live only when everything flows", () => {
    expect(badgeReading(status("live"), 0, "10:00:00").word).toBe("Live");
    expect(badgeReading(status("live", [["Alert", "no"]]), 0, "").word).toBe("Partly live");
    expect(badgeReading(status("catching-up"), 0, "").word).toBe("Catching up");
    expect(badgeReading(status("stale"), 65_000, "10:00:00")).toMatchObject({ tone: "bad", word: "Stale since 10:00:00" });
    expect(badgeReading(status("stale"), 65_000, "").detail).toContain("1 min 5 s old");
  });
});

describe("what may be done with a machine", () => {
  it("depends on its state, with the reason", () => {
    expect(forbidden("start", "STOPPED")).toBeNull();
    expect(forbidden("start", "RUNNING")).toBe("It is running.");
    expect(forbidden("delete", "DELETING")).toBe("It is deleting.");
    expect(forbidden("start", "LOST")).toBeNull();
  });
  it("shows a wish that is not reality yet as a wish", () => {
    const machine = (state: string, desiredState: string) => ({ state, desiredState }) as Machine;
    expect(requested(machine("RUNNING", "STOPPED"))).toBe("stop requested");
    expect(requested(machine("STOPPING", "STOPPED"))).toBeNull();
    expect(requested(machine("RUNNING", "RUNNING"))).toBeNull();
  });
});

describe("dialogs", () => {
  it("destroy only after the name was typed", async () => {
    const user = userEvent.setup();
    const confirm = vi.fn(async () => undefined);
    render(
      <ConfirmDialog title="Delete web-1" submit="Delete machine" name="web-1" open onClose={() => undefined} onConfirm={confirm}>
        For good.
      </ConfirmDialog>,
    );
    const field = screen.getByLabelText("Type web-1 to confirm");
    expect(field).toHaveFocus();
    expect(screen.getByRole("button", { name: "Delete machine" })).toBeDisabled();
    await user.type(field, "web-2");
    expect(screen.getByText("This is not the name.")).toBeInTheDocument();
    await user.clear(field);
    await user.type(field, "web-1{Enter}");
    expect(confirm).toHaveBeenCalledOnce();
  });

  it("keep what was typed when the server refuses, with its words at the field", async () => {
    const user = userEvent.setup();
    render(
      <FormDialog title="New" submit="Create" open onClose={() => undefined} onSubmit={() => Promise.reject(new ApiError("Taken.", { code: "CONFLICT", field: "input.name" }))}>
        {(errors) => <TextField label="Name" value="acme" onChange={() => undefined} error={errors.name} />}
      </FormDialog>,
    );
    await user.click(screen.getByRole("button", { name: "Create" }));
    const field = await screen.findByLabelText("Name");
    expect(field).toHaveAccessibleDescription("Taken.");
    expect(field).toBeInvalid();
    expect(field).toHaveValue("acme");
  });

  it("close by Escape", async () => {
    const close = vi.fn();
    render(
      <FormDialog title="New" submit="Create" open onClose={close} onSubmit={async () => undefined}>
        {() => <TextField label="Name" value="" onChange={() => undefined} autoFocus />}
      </FormDialog>,
    );
    await userEvent.setup().keyboard("{Escape}");
    expect(close).toHaveBeenCalledOnce();
  });
});

describe("small parts", () => {
  it("keeps the error line's room, so that nothing moves when it goes", () => {
    const { rerender, container } = render(<TextField label="Name" value="" onChange={() => undefined} error="Bad." />);
    const lines = container.querySelectorAll("span").length;
    rerender(<TextField label="Name" value="" onChange={() => undefined} />);
    expect(container.querySelectorAll("span")).toHaveLength(lines);
  });

  it("gives a failure its request id, next step and Retry", async () => {
    const retry = vi.fn();
    render(<ErrorBand what="No list" error={new ApiError("Slow.", { code: "SERVER_ERROR", requestId: "r-9", nextAction: "Wait." })} onRetry={retry} />);
    expect(screen.getByRole("alert")).toHaveTextContent("No list. Slow.Wait. · Request r-9");
    await userEvent.setup().click(screen.getByRole("button", { name: "Retry" }));
    expect(retry).toHaveBeenCalledOnce();
  });

  it("says severity in letters, not by colour alone", () => {
    render(<SeverityBadge severity="P0" />);
    expect(screen.getByText("P0")).toHaveAttribute("title", "Full outage, data loss or breach");
  });

  it("finds commands by any of their words", () => {
    const command = { label: "Create virtual machine", hint: "in Acme" };
    expect(commandMatches("mach crea", command)).toBe(true);
    expect(commandMatches("acme", command)).toBe(true);
    expect(commandMatches("delete", command)).toBe(false);
  });
});

describe("Markdown", () => {
  const show = (text: string) => render(<div data-testid="out">{renderMarkdown(fromMarkdown(text) as never)}</div>);
  it("becomes headings, lists and code", () => {
    show("# Title\n\n- one\n- **two** `x`\n");
    expect(screen.getByRole("heading", { level: 1 })).toHaveTextContent("Title");
    expect(screen.getAllByRole("listitem")).toHaveLength(2);
  });
  it("never becomes HTML, and keeps only harmless addresses", () => {
    show('<img src=x onerror="alert(1)"> [a](javascript:alert(1)) [b](https://example.org/)');
    expect(screen.getByTestId("out").querySelector("img")).toBeNull();
    expect(screen.getAllByRole("link")).toHaveLength(1);
    expect(screen.getByRole("link")).toHaveAttribute("href", "https://example.org/");
  });
});
