// Writes dist/documents.json: every operation the portal sends, by its hash. A server that serves trusted documents only
// reads it, so that its own portal works there.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const portal = join(dirname(fileURLToPath(import.meta.url)), "..");
const generated = readFileSync(join(portal, "src", "gql", "graphql.ts"), "utf8");
const documents = {};
for (const [, text] of generated.matchAll(/new TypedDocumentString\(`([^`\\$]*(?:\$[^{`\\][^`\\$]*)*)`/g))
  if (/^\s*(query|mutation|subscription)\b/.test(text)) documents[createHash("sha256").update(text).digest("hex")] = text;
const named = generated.match(/export const \w+Document = /g)?.length ?? 0;
if (Object.keys(documents).length !== named)
  throw new Error(`src/gql/graphql.ts has ${named} operations, ${Object.keys(documents).length} were read`);
writeFileSync(join(portal, "dist", "documents.json"), JSON.stringify(documents, null, 1));
