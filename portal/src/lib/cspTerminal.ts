// xterm writes style elements while it opens, which the Content-Security-Policy refuses. For that moment, a style
// element is a hidden span whose text goes into a constructed style sheet; those are allowed.

/** Runs open() so that every style element it makes becomes a constructed sheet. Returns what removes the sheets. */
export function withConstructedStyles(open: () => void): () => void {
  const create = document.createElement.bind(document);
  const sheets: CSSStyleSheet[] = [];
  const replacement = (tag: string, options?: ElementCreationOptions): HTMLElement => {
    if (tag.toLowerCase() !== "style") return create(tag, options);
    const sheet = new CSSStyleSheet();
    sheets.push(sheet);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    const stand = create("span");
    stand.hidden = true;
    Object.defineProperty(stand, "textContent", {
      get: () => "",
      set(text: string) {
        sheet.replaceSync(text);
      },
    });
    return stand;
  };
  document.createElement = replacement as typeof document.createElement;
  try {
    open();
  } finally {
    document.createElement = create as typeof document.createElement;
  }
  return () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => !sheets.includes(sheet));
  };
}
