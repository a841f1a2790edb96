/** The heading of a page, which names its tab in the browser, too (WCAG 2.4.2). One on each page. */
export function PageTitle({ children }: { children: string }) {
  return (
    <>
      <title>{`${children} · Sankofa Phoenix`}</title>
      <h1>{children}</h1>
    </>
  );
}
