// The grid of every list: virtual rows, one tab stop, the active row named to assistive technology and always rendered,
// order decided by the server, rows that stay where they are while somebody looks at them.
import {
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
} from "react";
import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import ArrowDown from "lucide-react/dist/esm/icons/arrow-down.mjs";
import ArrowUp from "lucide-react/dist/esm/icons/arrow-up.mjs";
import Ellipsis from "lucide-react/dist/esm/icons/ellipsis.mjs";
import type { ListState } from "../lib/list";
import { useLook } from "../lib/look";
import { AnchoredMenu, type Action } from "./Menu";
import { ErrorBand, Patiently, Skeleton } from "./States";
import { Button } from "./Button";
import styles from "./grid.module.css";

export interface Column<T> {
  id: string;
  header: string;
  width: number;
  /** Takes a share of the room that is left. */
  grow?: number;
  /** The server's name of the order, where it has one. */
  order?: string;
  align?: "end";
  cell(row: T): ReactNode;
}

export interface Sort {
  by: string;
  direction: "ASC" | "DESC";
}

interface DataGridProps<T extends { id: string }> {
  label: string;
  /** Names the grid in this browser's memory of column widths. */
  name: string;
  columns: readonly Column<T>[];
  state: ListState<T>;
  sort?: Sort;
  onSort?(sort: Sort): void;
  onOpen?(row: T): void;
  actions?(row: T): readonly Action[];
  /** A row that no longer answers the filter is dimmed until the list is read again. */
  fits?(row: T): boolean;
  onHold(held: boolean): void;
  onShowWaiting(): void;
  onMore(): void;
  onRetry(): void;
  empty: ReactNode;
  /** Scroll position and active row start anew when this changes. */
  resetKey?: string;
  /** The grid takes the keys j, k, Enter and . of the whole page. */
  pageKeys?: boolean;
  dense?: boolean;
}

const rowHeights = { compact: 28, cosy: 34, touch: 44 };
const smallest = 48;

function readLayout(name: string): { widths: Record<string, number>; order: string[] } {
  try {
    const found = JSON.parse(localStorage.getItem(`phoenix.grid.${name}`) ?? "{}");
    return { widths: found.widths ?? {}, order: found.order ?? [] };
  } catch {
    return { widths: {}, order: [] };
  }
}

export function DataGrid<T extends { id: string }>(props: DataGridProps<T>) {
  const { label, name, state, sort, onSort, onOpen, actions, fits, onHold, onMore, resetKey, pageKeys } = props;
  const { rows, phase } = state;
  const { density } = useLook();
  const rowHeight = rowHeights[density];
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const menuAnchor = useRef<HTMLElement | null>(null);
  const [menuRow, setMenuRow] = useState<T | null>(null);
  const [activeId, setActiveId] = useState<string | null>(null);
  const [activeColumn, setActiveColumn] = useState<number | null>(null);
  const [layout, setLayout] = useState(() => readLayout(name));
  const [inside, setInside] = useState(false);
  const [scrolled, setScrolled] = useState(false);

  const columns = useMemo(() => {
    const rank = (column: Column<T>) => {
      const at = layout.order.indexOf(column.id);
      return at < 0 ? props.columns.findIndex((other) => other.id === column.id) : at;
    };
    return layout.order.length ? [...props.columns].sort((a, b) => rank(a) - rank(b)) : props.columns;
  }, [props.columns, layout.order]);

  const template = useMemo(
    () =>
      columns
        .map((column) => {
          const width = layout.widths[column.id];
          if (width) return `${width}px`;
          return column.grow ? `minmax(${column.width}px, ${column.grow}fr)` : `${column.width}px`;
        })
        .concat(actions ? ["40px"] : [])
        .join(" "),
    [columns, layout.widths, actions],
  );

  const activeIndex = activeId === null ? -1 : rows.findIndex((row) => row.id === activeId);

  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    scrollPaddingStart: rowHeight,
    getItemKey: useCallback((index: number) => rows[index]?.id ?? index, [rows]),
    rangeExtractor: useCallback(
      (range: Parameters<typeof defaultRangeExtractor>[0]) => {
        const visible = defaultRangeExtractor(range);
        return activeIndex >= 0 && !visible.includes(activeIndex)
          ? [...visible, activeIndex].sort((a, b) => a - b)
          : visible;
      },
      [activeIndex],
    ),
  });

  useLayoutEffect(() => virtualizer.measure(), [virtualizer, rowHeight]);

  const held = inside || scrolled || activeId !== null;
  useEffect(() => onHold(held), [held, onHold]);

  useLayoutEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
    setActiveId(null);
    setScrolled(false);
  }, [resetKey]);

  // Reads on before the reader reaches the end.
  const last = virtualizer.getVirtualItems().at(-1)?.index ?? 0;
  useEffect(() => {
    if (state.hasMore && !state.loadingMore && last >= rows.length - 25) onMore();
  }, [last, rows.length, state.hasMore, state.loadingMore, onMore]);

  const remember = (next: typeof layout) => {
    setLayout(next);
    localStorage.setItem(`phoenix.grid.${name}`, JSON.stringify(next));
  };

  const widthOf = (index: number) =>
    scroller.current?.querySelectorAll<HTMLElement>('[role="columnheader"]')[index]?.getBoundingClientRect().width ?? 100;

  const resize = (index: number, width: number) =>
    remember({ ...layout, widths: { ...layout.widths, [columns[index]!.id]: Math.max(smallest, Math.round(width)) } });

  const moveColumn = (index: number, by: number) => {
    const target = index + by;
    if (target < 0 || target >= columns.length) return;
    const order = columns.map((column) => column.id);
    const [moved] = order.splice(index, 1);
    order.splice(target, 0, moved!);
    remember({ ...layout, order });
    setActiveColumn(target);
  };

  const dragColumn = (index: number, event: PointerEvent<HTMLElement>) => {
    event.preventDefault();
    event.stopPropagation();
    const handle = event.currentTarget;
    const startX = event.clientX;
    const startWidth = widthOf(index);
    handle.setPointerCapture(event.pointerId);
    const move = (moved: globalThis.PointerEvent) => resize(index, startWidth + moved.clientX - startX);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", () => handle.removeEventListener("pointermove", move), { once: true });
  };

  const sortBy = (column: Column<T>) => {
    if (!column.order || !onSort) return;
    const same = sort?.by === column.order;
    onSort({ by: column.order, direction: same && sort?.direction === "ASC" ? "DESC" : "ASC" });
  };

  const goTo = (index: number) => {
    const target = Math.max(0, Math.min(rows.length - 1, index));
    const row = rows[target];
    if (!row) return;
    setActiveColumn(null);
    setActiveId(row.id);
    virtualizer.scrollToIndex(target, { align: "auto" });
  };

  const openMenu = (row: T) => {
    setActiveId(row.id);
    requestAnimationFrame(() => {
      menuAnchor.current = scroller.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(row.id)}"] [data-menu]`) ?? null;
      setMenuRow(row);
    });
  };

  const onKey = (event: Pick<KeyboardEvent, "key" | "altKey" | "shiftKey" | "ctrlKey" | "metaKey" | "preventDefault">) => {
    if (event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 300) / rowHeight) - 2);
    const activeRow = rows[activeIndex];
    const handled = (act: () => void) => {
      event.preventDefault();
      act();
    };
    if (activeColumn !== null) {
      const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
      if (step && event.altKey && event.shiftKey) return handled(() => moveColumn(activeColumn, step));
      if (step && event.altKey) return handled(() => resize(activeColumn, widthOf(activeColumn) + step * 16));
      if (step) return handled(() => setActiveColumn(Math.max(0, Math.min(columns.length - 1, activeColumn + step))));
      if (event.key === "Enter" || event.key === " ") return handled(() => sortBy(columns[activeColumn]!));
      if (event.key === "ArrowDown") return handled(() => goTo(0));
      if (event.key === "Escape") return handled(() => setActiveColumn(null));
      return;
    }
    switch (event.key) {
      case "ArrowDown":
      case "j":
        return handled(() => goTo(activeIndex + 1));
      case "ArrowUp":
      case "k":
        if (activeIndex <= 0 && event.key === "ArrowUp")
          return handled(() => {
            setActiveId(null);
            setActiveColumn(0);
          });
        return handled(() => goTo(activeIndex - 1));
      case "Home":
        return handled(() => goTo(0));
      case "End":
        return handled(() => goTo(rows.length - 1));
      case "PageDown":
        return handled(() => goTo(Math.max(activeIndex, 0) + page));
      case "PageUp":
        return handled(() => goTo(Math.max(activeIndex, 0) - page));
      case "Enter":
        if (activeRow && onOpen) handled(() => onOpen(activeRow));
        return;
      case ".":
        if (activeRow && actions) handled(() => openMenu(activeRow));
        return;
      case "Escape":
        if (activeRow) handled(() => setActiveId(null));
    }
  };

  const onKeyRef = useRef(onKey);
  onKeyRef.current = onKey;

  // j, k, Enter and . work from anywhere on the page, but never while typing, in a dialog or on another control.
  useEffect(() => {
    if (!pageKeys) return;
    const listener = (event: globalThis.KeyboardEvent) => {
      if (!event.isTrusted || event.defaultPrevented || !["j", "k", "Enter", "."].includes(event.key)) return;
      const target = event.target as HTMLElement;
      if (target !== document.body && target.tagName !== "MAIN") return;
      if (document.querySelector('[role="dialog"]')) return;
      onKeyRef.current(event as unknown as KeyboardEvent);
    };
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  }, [pageKeys]);

  const total = state.total;
  const showEmpty = phase === "ready" && rows.length === 0 && state.waiting === 0;
  const activeElement =
    activeColumn !== null ? `${id}-h${activeColumn}` : activeIndex >= 0 ? `${id}-r${activeId}` : undefined;

  return (
    <div className={styles.frame}>
      {state.waiting > 0 && (
        <div className={styles.waiting}>
          <Button
            tone="primary"
            onPress={() => {
              props.onShowWaiting();
              setActiveId(null);
              scroller.current?.scrollTo({ top: 0 });
            }}
          >
            {`${state.waiting} new`}
          </Button>
        </div>
      )}
      <div
        ref={scroller}
        className={styles.scroller}
        role="grid"
        aria-label={label}
        aria-rowcount={total + 1}
        aria-colcount={columns.length + (actions ? 1 : 0)}
        aria-activedescendant={activeElement}
        aria-busy={phase === "loading" || state.refreshing}
        tabIndex={0}
        onKeyDown={(event) => event.target === event.currentTarget && onKey(event)}
        onFocus={(event) => {
          if (event.target === event.currentTarget && event.currentTarget.matches(":focus-visible") && activeIndex < 0)
            if (rows.length) goTo(0);
            else setActiveColumn(0);
        }}
        onPointerEnter={() => setInside(true)}
        onPointerLeave={() => setInside(false)}
        onScroll={(event) => setScrolled(event.currentTarget.scrollTop > 2)}
        style={{ "--columns": template } as React.CSSProperties}
      >
        <div role="rowgroup" className={styles.head}>
          <div role="row" aria-rowindex={1} className={styles.headRow}>
            {columns.map((column, index) => {
              const direction = sort && column.order === sort.by ? sort.direction : null;
              return (
                <div
                  key={column.id}
                  id={`${id}-h${index}`}
                  role="columnheader"
                  aria-colindex={index + 1}
                  aria-sort={column.order ? (direction ? (direction === "ASC" ? "ascending" : "descending") : "none") : undefined}
                  data-sortable={column.order ? true : undefined}
                  data-align={column.align}
                  data-active={activeColumn === index || undefined}
                  className={styles.headCell}
                  onClick={() => sortBy(column)}
                >
                  <span className={styles.clip}>{column.header}</span>
                  {direction === "ASC" && <ArrowUp aria-hidden />}
                  {direction === "DESC" && <ArrowDown aria-hidden />}
                  <span className={styles.handle} onPointerDown={(event) => dragColumn(index, event)} onClick={(event) => event.stopPropagation()} />
                </div>
              );
            })}
            {actions && (
              <div role="columnheader" aria-colindex={columns.length + 1} className={styles.headCell}>
                <span className="quiet">Actions</span>
              </div>
            )}
          </div>
        </div>
        {phase === "loading" && (
          <Patiently>
            <div role="rowgroup" aria-hidden>
              {Array.from({ length: 8 }, (_, index) => (
                <div key={index} className={styles.row} style={{ height: rowHeight }}>
                  {columns.map((column, at) => (
                    <div key={column.id} className={styles.cell}>
                      <Skeleton width={`${45 + ((index * 7 + at * 13) % 40)}%`} />
                    </div>
                  ))}
                </div>
              ))}
            </div>
          </Patiently>
        )}
        <div role="rowgroup" style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
          {virtualizer.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            const gone = state.gone.has(row.id);
            const active = row.id === activeId && activeColumn === null;
            return (
              <div
                key={row.id}
                id={`${id}-r${row.id}`}
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={active}
                className={styles.row}
                data-row={row.id}
                data-active={active || undefined}
                data-gone={gone || undefined}
                data-dim={(fits && !fits(row)) || undefined}
                data-opens={onOpen ? true : undefined}
                style={{ position: "absolute", top: item.start, height: rowHeight }}
                onClick={(event) => {
                  if ((event.target as HTMLElement).closest("a,button")) return;
                  setActiveId(row.id);
                  if (!gone && !getSelection()?.toString()) onOpen?.(row);
                }}
                onContextMenu={(event) => {
                  if (!actions || gone) return;
                  event.preventDefault();
                  openMenu(row);
                }}
              >
                {columns.map((column, index) => (
                  <div
                    key={column.id}
                    role="gridcell"
                    aria-colindex={index + 1}
                    data-align={column.align}
                    className={styles.cell}
                  >
                    <span className={styles.clip}>{column.cell(row)}</span>
                    {gone && index === 0 && <span className="quiet">(deleted)</span>}
                  </div>
                ))}
                {actions && (
                  <div role="gridcell" aria-colindex={columns.length + 1} className={styles.cell}>
                    {!gone && (
                      <button
                        type="button"
                        tabIndex={-1}
                        data-menu
                        className={styles.more}
                        aria-label="Actions"
                        aria-haspopup="menu"
                        onClick={() => openMenu(row)}
                      >
                        <Ellipsis aria-hidden />
                      </button>
                    )}
                  </div>
                )}
              </div>
            );
          })}
        </div>
        {state.loadingMore && <div className={styles.foot}>Reading more…</div>}
      </div>
      {showEmpty && <div className={styles.over}>{props.empty}</div>}
      {phase === "failed" && state.error && (
        <div className={styles.over}>
          <ErrorBand what="The list could not be read" error={state.error} onRetry={props.onRetry} />
        </div>
      )}
      {phase === "ready" && state.error && (
        <div className={styles.staleBand}>
          <ErrorBand what="The list could not be read again; what you see is older" error={state.error} onRetry={props.onRetry} />
        </div>
      )}
      {menuRow && actions && (
        <AnchoredMenu
          label={`Actions of ${label}`}
          actions={actions(menuRow)}
          anchor={menuAnchor}
          open
          onClose={() => setMenuRow(null)}
        />
      )}
    </div>
  );
}
