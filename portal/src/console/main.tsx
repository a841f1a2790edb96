// The query console at /graphql/console: GraphiQL, for signed-in users, under a policy of its own. It shares nothing
// with the portal but the session, so that neither's code or policy weighs on the other.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import "graphiql/style.css";
import { createClient } from "graphql-ws";
import { useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import "./console.css";

// GraphiQL writes descriptions of the schema, rendered from Markdown, as HTML. This is the page's only Trusted Types
// policy: it lets through what a Markdown renderer writes and nothing else, and makes neither scripts nor their URLs.
const markdown = /^(?:[^<]|<\/?(?:p|em|strong|s|code|pre|a|ul|ol|li|blockquote|h[1-6]|hr|br|table|thead|tbody|tr|th|td)(?:\s+(?:href|title|class|start)="[^"<>]*")*\s*\/?>)*$/i;
interface PolicyFactory {
  createPolicy(name: string, rules: { createHTML(html: string): string }): unknown;
}
(window as { trustedTypes?: PolicyFactory }).trustedTypes?.createPolicy("default", {
  createHTML(html) {
    if (!markdown.test(html) || /javascript:/i.test(html)) throw new TypeError("This is no rendered Markdown.");
    return html;
  },
});

interface Membership {
  role: string;
  tenantName: string;
}

const platform = "";
const chosen = "phoenix.console.tenant";

async function memberships(): Promise<Membership[]> {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Phoenix-Csrf": "1" },
    body: JSON.stringify({ query: "query ConsoleTenants { me { memberships { role tenantName } } }" }),
  });
  if (response.status === 401) location.assign("/sign-in");
  const answer = (await response.json()) as { data?: { me?: { memberships: Membership[] } } };
  return answer.data?.me?.memberships ?? [];
}

const welcome = `# Queries, mutations and subscriptions, with the rights of who signed in.
# Control Space completes, Control Enter runs.
{
  virtualMachines(first: 10, orderBy: NAME) {
    totalCount
    nodes {
      id
      name
      state
    }
  }
}
`;

function Console() {
  const [tenants, setTenants] = useState<Membership[]>();
  const [tenant, setTenant] = useState(localStorage.getItem(chosen) ?? platform);
  useEffect(() => {
    void memberships().then((found) => {
      setTenants(found);
      // A tenant that was left since the last visit is not asked for again.
      setTenant((now) => (found.some((one) => one.tenantName === now) ? now : (found[0]?.tenantName ?? platform)));
    });
  }, []);
  const fetcher = useMemo(
    () =>
      createGraphiQLFetcher({
        url: "/graphql",
        headers: { "X-Phoenix-Csrf": "1", ...(tenant ? { "X-Phoenix-Tenant": tenant } : {}) },
        wsClient: createClient({
          url: `${location.origin.replace(/^http/, "ws")}/graphql`,
          connectionParams: tenant ? { tenant } : {},
        }),
      }),
    [tenant],
  );
  if (!tenants) return <p className="console-wait">Looking up your tenants…</p>;
  return (
    <>
      <header className="console-head">
        <a href="/">Sankofa Phoenix</a>
        <h1>Query console</h1>
        <label>
          Tenant{" "}
          <select
            value={tenant}
            onChange={(event) => {
              localStorage.setItem(chosen, event.target.value);
              setTenant(event.target.value);
            }}
          >
            <option value={platform}>Platform</option>
            {tenants.map((one) => (
              <option key={one.tenantName} value={one.tenantName}>
                {one.tenantName}
              </option>
            ))}
          </select>
        </label>
      </header>
      <main className="console-body">
        <GraphiQL fetcher={fetcher} defaultQuery={welcome} shouldPersistHeaders={false} defaultEditorToolsVisibility />
      </main>
    </>
  );
}

createRoot(document.getElementById("root")!).render(<Console />);
