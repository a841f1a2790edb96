// Writes schema.generated.graphql: the SDL files of the server with what the server derives from their directives
// (connections, filters, orders, change payloads, connection arguments). Code generation reads the result. The rules
// here are those of the server's schema assembly; `phoenix schema print` answers with the same types.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildASTSchema, Kind, parse, print, visit } from "graphql";

const here = dirname(fileURLToPath(import.meta.url));

function sdlFiles(folder) {
  const found = [];
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) found.push(...sdlFiles(path));
    else if (name.endsWith(".graphql")) found.push(path);
  }
  return found;
}

const directive = (node, name) => node.directives?.find((d) => d.name.value === name);
const named = (type) => (type.kind === Kind.NAMED_TYPE ? type.name.value : named(type.type));
const upperSnake = (name) => name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();

/** The sources as one list of definitions, extensions folded into what they extend. */
function merged(sources) {
  const byName = new Map();
  const rest = [];
  for (const source of sources) {
    for (const definition of parse(source).definitions) {
      if (!definition.name || definition.kind === Kind.DIRECTIVE_DEFINITION) {
        rest.push(definition);
        continue;
      }
      const kind = definition.kind.replace("Extension", "Definition");
      const known = byName.get(definition.name.value);
      if (known) known.fields = [...(known.fields ?? []), ...(definition.fields ?? [])];
      else byName.set(definition.name.value, { ...definition, kind, fields: definition.fields && [...definition.fields] });
    }
  }
  return { types: byName, rest };
}

const orderedOperators = ["gt", "gte", "lt", "lte"];

export function expand(sources) {
  const { types, rest } = merged(sources);
  const generated = [];
  const operatorInputs = new Set();

  const filterable = (type) => (type.fields ?? []).filter((f) => directive(f, "filterable"));
  const sortable = (type) => (type.fields ?? []).filter((f) => directive(f, "sortable"));

  const operatorInput = (scalar) => {
    const name = `${scalar}Filter`;
    if (!operatorInputs.has(name)) {
      operatorInputs.add(name);
      const lines = [`eq: ${scalar}`, `ne: ${scalar}`];
      if (scalar !== "Boolean" && scalar !== "DateTime") lines.push(`in: [${scalar}!]`);
      if (scalar === "String") lines.push("contains: String");
      if (scalar === "Int" || scalar === "DateTime") lines.push(...orderedOperators.map((op) => `${op}: ${scalar}`));
      generated.push(`input ${name} { ${lines.join(" ")} }`);
    }
    return name;
  };

  const connectionArguments = (type) => {
    const name = type.name.value;
    const list = ["first: Int = 50", "after: String"];
    if (filterable(type).length) list.push(`filter: ${name}Filter`);
    if (sortable(type).length) list.push(`orderBy: ${name}Order`, "direction: OrderDirection = ASC");
    return list.join(", ");
  };

  const argumentsOf = (text) => parse(`type X { y(${text}): Int }`).definitions[0].fields[0].arguments;

  const connected = new Set();
  const changed = new Set();
  for (const type of types.values()) {
    for (const field of type.fields ?? []) {
      if (directive(field, "connection") || directive(field, "many")) {
        const target = types.get(named(field.type).replace(/Connection$/, ""));
        connected.add(target.name.value);
        field.arguments = [...(field.arguments ?? []), ...argumentsOf(connectionArguments(target))];
      }
      if (directive(field, "byId")) field.arguments = argumentsOf("id: ID!");
      const changes = directive(field, "changes");
      if (changes) changed.add(changes.arguments[0].value.value);
    }
  }

  for (const name of [...connected].sort()) {
    const type = types.get(name);
    generated.push(
      `type ${name}Connection { nodes: [${name}!]! edges: [${name}Edge!]! pageInfo: PageInfo! totalCount: Int! totalCountExact: Boolean! }`,
      `type ${name}Edge { node: ${name}! cursor: String! }`,
    );
    const filters = filterable(type).map((f) => `${f.name.value}: ${operatorInput(named(f.type))}`);
    if (filters.length)
      generated.push(
        `input ${name}Filter { ${filters.join(" ")} and: [${name}Filter!] or: [${name}Filter!] not: ${name}Filter }`,
      );
    const orders = sortable(type).map((f) => upperSnake(f.name.value));
    if (orders.length) generated.push(`enum ${name}Order { ${orders.join(" ")} }`);
  }
  for (const name of [...changed].sort())
    generated.push(`type ${name}Change { kind: ChangeKind! cursor: String! id: ID node: ${name} }`);

  const document = {
    kind: Kind.DOCUMENT,
    definitions: [
      ...[...types.values()].filter((t) => t.kind !== Kind.OBJECT_TYPE_DEFINITION || t.fields?.length),
      ...parse(generated.join("\n")).definitions,
    ],
  };
  buildASTSchema({ ...document, definitions: [...rest, ...document.definitions] });
  // Descriptions stay with their source (a changed sentence is no change of the schema), and so do the directives that
  // speak of tables.
  const own = new Set(rest.map((one) => one.name?.value));
  return (
    print(
      visit(document, {
        Directive: (node) => (own.has(node.name.value) ? null : undefined),
        enter: (node) => (node.description ? { ...node, description: undefined } : undefined),
      }),
    ) + "\n"
  );
}

export function expandRepository() {
  const src = join(here, "..", "..", "src");
  return expand(
    [join(src, "api"), join(src, "engine"), join(src, "domains")]
      .flatMap(sdlFiles)
      .map((path) => readFileSync(path, "utf8")),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(join(here, "..", "schema.generated.graphql"), expandRepository());
