// The incident's report. Its Markdown becomes React nodes, never a string of HTML, so nothing in it can run.
import { Fragment, useCallback, useEffect, useState, type ReactNode } from "react";
import { fromMarkdown } from "mdast-util-from-markdown";
import Copy from "lucide-react/dist/esm/icons/copy.mjs";
import Download from "lucide-react/dist/esm/icons/download.mjs";
import { IncidentReportDocument } from "../gql/graphql";
import { asApiError, execute, type ApiError } from "../lib/api";
import { notify } from "../lib/notices";
import { Button } from "../ui/Button";
import { ErrorBand, Patiently, Skeleton } from "../ui/States";
import { incidentScope, type Incident } from "./incidentActs";
import styles from "./pages.module.css";

interface MarkdownNode {
  type: string;
  value?: string;
  depth?: number;
  ordered?: boolean | null;
  start?: number | null;
  url?: string;
  alt?: string | null;
  children?: MarkdownNode[];
}

const safeAddress = (url: string | undefined) => (url && /^(https?:|mailto:|\/(?!\/)|#)/i.test(url) ? url : undefined);

export function renderMarkdown(node: MarkdownNode, key: number | string = 0): ReactNode {
  const inner = () => node.children?.map((child, index) => renderMarkdown(child, index));
  switch (node.type) {
    case "root":
      return <Fragment key={key}>{inner()}</Fragment>;
    case "heading": {
      const Tag = (["h1", "h2", "h3", "h4", "h5", "h6"] as const)[Math.min(6, Math.max(1, node.depth ?? 1)) - 1]!;
      return <Tag key={key}>{inner()}</Tag>;
    }
    case "paragraph":
      return <p key={key}>{inner()}</p>;
    case "strong":
      return <strong key={key}>{inner()}</strong>;
    case "emphasis":
      return <em key={key}>{inner()}</em>;
    case "list":
      return node.ordered ? (
        <ol key={key} start={node.start ?? undefined}>
          {inner()}
        </ol>
      ) : (
        <ul key={key}>{inner()}</ul>
      );
    case "listItem":
      return <li key={key}>{node.children?.map((child, index) => (child.type === "paragraph" ? renderMarkdown({ ...child, type: "root" }, index) : renderMarkdown(child, index)))}</li>;
    case "blockquote":
      return <blockquote key={key}>{inner()}</blockquote>;
    case "inlineCode":
      return <code key={key}>{node.value}</code>;
    case "code":
      return (
        <pre key={key} className={styles.code}>
          {node.value}
        </pre>
      );
    case "thematicBreak":
      return <hr key={key} />;
    case "break":
      return <br key={key} />;
    case "link": {
      const href = safeAddress(node.url);
      return href ? (
        <a key={key} href={href} rel="noreferrer">
          {inner()}
        </a>
      ) : (
        <Fragment key={key}>{inner()}</Fragment>
      );
    }
    case "image":
      return <Fragment key={key}>{node.alt}</Fragment>;
    default:
      // Text, and raw HTML as the text it is.
      return <Fragment key={key}>{node.value ?? inner()}</Fragment>;
  }
}

export default function Report({ incident }: { incident: Incident }) {
  const [text, setText] = useState<string | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const { id, version } = incident;

  const read = useCallback(async () => {
    try {
      setText((await execute(IncidentReportDocument, { id }, incidentScope(incident))).incidentReport);
      setError(null);
    } catch (reason) {
      setError(asApiError(reason));
    }
    // The report is written anew with every version of the incident.
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [id, version]);

  useEffect(() => void read(), [read]);

  function download() {
    const address = URL.createObjectURL(new Blob([text ?? ""], { type: "text/markdown" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = `${incident.reference.toLowerCase()}.md`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  return (
    <div className={styles.body}>
      <div className={styles.main}>
        {error && <ErrorBand what="The report could not be read" error={error} onRetry={() => void read()} />}
        {text === null ? (
          !error && (
            <Patiently>
              <Skeleton width="50%" />
            </Patiently>
          )
        ) : (
          <article className={styles.report} aria-label={`Report of ${incident.reference}`}>
            {renderMarkdown(fromMarkdown(text) as MarkdownNode)}
          </article>
        )}
      </div>
      <aside className={styles.main}>
        <section className={styles.card} aria-label="Take it along">
          <h2>Take it along</h2>
          <p className={styles.sub}>Written from the records; it changes until the incident is resolved.</p>
          <div className={styles.actions}>
            <Button
              isDisabled={text === null}
              onPress={() => void navigator.clipboard.writeText(text ?? "").then(() => notify("ok", "The report is copied as Markdown."))}
            >
              <Copy aria-hidden />
              Copy Markdown
            </Button>
            <Button isDisabled={text === null} onPress={download}>
              <Download aria-hidden />
              Download .md
            </Button>
          </div>
        </section>
      </aside>
    </div>
  );
}
