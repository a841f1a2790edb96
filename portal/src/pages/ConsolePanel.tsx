// The machine's serial console. When the line drops, the last screen stays and the panel says when it tries again.
import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { useEffect, useRef, useState } from "react";
import { withConstructedStyles } from "../lib/cspTerminal";
import { duration, now, useNow } from "../lib/time";
import { notify } from "../lib/notices";
import type { Action } from "../ui/Menu";
import { Button } from "../ui/Button";
import type { Machine } from "./machineActs";
import styles from "./pages.module.css";
import ui from "../ui/ui.module.css";

type Line =
  | { phase: "opening" }
  | { phase: "open" }
  | { phase: "waiting"; retryAt: number; reason: string }
  | { phase: "refused"; reason: string };

const retryWaitsMs = [1000, 2000, 4000, 8000, 15000];

const palette = {
  background: "#0b0c10",
  foreground: "#e9edf4",
  cursor: "#b0adfb",
  selectionBackground: "#6b62bf",
  black: "#24262b",
  red: "#fd736d",
  green: "#59d7b9",
  yellow: "#f9bb51",
  blue: "#6bbaf0",
  magenta: "#b0adfb",
  cyan: "#6ffffa",
  white: "#e9edf4",
  brightBlack: "#82858b",
};

export default function ConsolePanel({ machine, start, ended }: { machine: Machine; start: Action; ended: boolean }) {
  const holder = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal | null>(null);
  const reconnect = useRef<() => void>(() => undefined);
  const hangUp = useRef<() => void>(() => undefined);
  const [line, setLine] = useState<Line>({ phase: "opening" });
  const { name } = machine;
  const address = `/console/${machine.id}?tenant=${encodeURIComponent(machine.tenant.name)}`;
  const off = machine.state === "STOPPED" || machine.state === "LOST";

  useEffect(() => {
    const made = new Terminal({
      fontFamily: '"JetBrains Mono Variable", monospace',
      fontSize: 13,
      cursorBlink: false,
      scrollback: 10_000,
      theme: palette,
      screenReaderMode: true,
      allowProposedApi: false,
    });
    const fit = new FitAddon();
    made.loadAddon(fit);
    const dropStyles = withConstructedStyles(() => made.open(holder.current!));
    const refit = () => {
      try {
        fit.fit();
      } catch {
        // Hidden panels have no size to fit.
      }
    };
    refit();
    made.attachCustomKeyEventHandler((event) => {
      if (event.ctrlKey && event.altKey && event.key === ".") {
        if (event.type === "keydown") {
          made.blur();
          holder.current?.closest<HTMLElement>("section")?.focus();
        }
        return false;
      }
      return true;
    });
    const observer = new ResizeObserver(refit);
    observer.observe(holder.current!);
    terminal.current = made;
    made.focus();

    let socket: WebSocket | null = null;
    let closed = false;
    let attempt = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;

    const resize = () => {
      if (socket?.readyState === WebSocket.OPEN)
        socket.send(JSON.stringify({ type: "resize", columns: made.cols, rows: made.rows }));
    };

    const connect = () => {
      clearTimeout(timer);
      let fresh = true;
      let reason = "The line to the console broke.";
      setLine({ phase: "opening" });
      const opened = new WebSocket(new URL(address, location.href).href.replace(/^http/, "ws"), "phoenix-console");
      opened.binaryType = "arraybuffer";
      socket = opened;
      opened.addEventListener("open", () => {
        attempt = 0;
        setLine({ phase: "open" });
        resize();
      });
      opened.addEventListener("message", ({ data }) => {
        if (typeof data === "string") {
          const message = JSON.parse(data) as { type: string; reason?: string };
          if (message.type === "closed" && message.reason) reason = message.reason;
          if (message.type === "refused") notify("bad", `The console of ${name} did not take the input`, message.reason);
          return;
        }
        // The server sends its scrollback first: the kept screen gives way to it only now.
        if (fresh) made.reset();
        fresh = false;
        made.write(new Uint8Array(data as ArrayBuffer));
      });
      opened.addEventListener("close", (event) => {
        if (closed || opened !== socket) return;
        if (event.code === 4401 || event.code === 4403 || event.code === 4404) {
          setLine({ phase: "refused", reason: event.reason || "You may not open this console." });
          return;
        }
        const wait = retryWaitsMs[Math.min(attempt++, retryWaitsMs.length - 1)]!;
        setLine({ phase: "waiting", retryAt: now() + wait, reason: event.reason || reason });
        timer = setTimeout(connect, wait);
      });
    };
    reconnect.current = () => {
      attempt = 0;
      socket?.close();
      connect();
    };
    made.onData((text) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(new TextEncoder().encode(text));
    });
    made.onBinary((text) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(Uint8Array.from(text, (char) => char.charCodeAt(0)));
    });
    made.onResize(resize);
    hangUp.current = () => {
      closed = true;
      clearTimeout(timer);
      socket?.close();
    };
    connect();

    return () => {
      hangUp.current();
      observer.disconnect();
      made.dispose();
      dropStyles();
      terminal.current = null;
    };
  }, [address, name]);

  const over = ended || machine.state === "DELETING";
  useEffect(() => {
    if (over) hangUp.current();
  }, [over]);

  // A machine that starts brings its line with it.
  const running = machine.state === "RUNNING";
  const waiting = line.phase === "waiting";
  useEffect(() => {
    if (running && waiting) reconnect.current();
    // Only the machine's coming up matters here.
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [running]);

  return (
    <section className={styles.console} aria-label={`Console of ${machine.name}`} tabIndex={-1} data-line={line.phase}>
      <div className={styles.consoleBar}>
        <span className={ui.state} data-tone={ended ? "dim" : line.phase === "open" ? "ok" : line.phase === "opening" ? "info" : "warn"} role="status">
          {ended ? "Closed" : line.phase === "open" ? "Connected" : line.phase === "opening" ? "Connecting" : "Not connected"}
        </span>
        <span>Serial console of {machine.name}</span>
        <span className={styles.spring} />
        <span>
          <kbd className={ui.kbd}>Ctrl Alt .</kbd> leaves its keyboard
        </span>
        <Button tone="quiet" onPress={() => terminal.current?.clear()}>
          Clear
        </Button>
      </div>
      <div ref={holder} className={styles.terminal} data-testid="terminal" />
      {(ended || off || line.phase === "waiting" || line.phase === "refused") && (
        <div className={styles.overlay} role="status">
          <div>
            <strong>
              {ended ? "The machine was deleted" : off ? "The guest is not running" : line.phase === "refused" ? "The console was refused" : "The console is disconnected"}
            </strong>
            <p>
              {ended ? "This is the last screen of its console." : line.phase === "refused" ? line.reason : off ? "This is its last screen." : line.phase === "waiting" ? <Countdown reason={line.reason} at={line.retryAt} /> : null}
            </p>
          </div>
          {!ended && off && (
            <Button tone="primary" denied={start.denied} onPress={start.run}>
              Start
            </Button>
          )}
          {!ended && !off && <Button onPress={() => reconnect.current()}>Reconnect now</Button>}
        </div>
      )}
    </section>
  );
}

function Countdown({ reason, at }: { reason: string; at: number }) {
  const current = useNow();
  return (
    <>
      {reason} Trying again in {duration(Math.max(1000, at - current))}.
    </>
  );
}
