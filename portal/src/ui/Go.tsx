import type { AnchorHTMLAttributes, MouseEvent } from "react";
import { useGo } from "../lib/scope";

/** A link within the portal: a real address, opened without reloading the page. */
export function Go({ href, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const go = useGo();
  const open = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(href);
  };
  // The caller gives the words.
  // oxlint-disable-next-line jsx-a11y/anchor-has-content
  return <a href={href} onClick={open} {...rest} />;
}
