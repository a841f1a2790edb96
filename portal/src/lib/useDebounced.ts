import { useEffect, useRef } from "react";

/** Hands a value on once it has rested for a moment; not the first one. */
export function useDebounced<T>(value: T, act: (value: T) => void, ms = 200) {
  const latest = useRef(act);
  latest.current = act;
  const given = useRef(value);
  useEffect(() => {
    if (Object.is(given.current, value)) return;
    const timer = setTimeout(() => {
      given.current = value;
      latest.current(value);
    }, ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
}
