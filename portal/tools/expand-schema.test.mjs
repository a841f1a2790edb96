import { readFileSync } from "node:fs";
import { buildSchema } from "graphql";
import { expand, expandRepository } from "./expand-schema.mjs";

describe("the schema's expansion", () => {
  const schema = buildSchema(
    expand([
      `directive @table(name: String!) on OBJECT directive @connection on FIELD_DEFINITION directive @filterable on FIELD_DEFINITION
       directive @sortable on FIELD_DEFINITION directive @byId on FIELD_DEFINITION directive @changes(of: String!) on FIELD_DEFINITION
       enum OrderDirection { ASC DESC } enum ChangeKind { CREATED } type PageInfo { endCursor: String }
       type Query type Subscription enum Kind { A B }`,
      `type Thing @table(name: "things") { id: ID! name: String! @filterable @sortable createdAt: String! @sortable kind: Kind! @filterable }
       extend type Query { things: ThingConnection! @connection thing: Thing @byId }
       extend type Subscription { thingChanged(after: String): ThingChange! @changes(of: "Thing") }`,
    ]),
  );

  it("gives connections their arguments, filters and orders", () => {
    const { things, thing } = schema.getQueryType().getFields();
    expect(things.args.map((one) => one.name)).toEqual(["first", "after", "filter", "orderBy", "direction"]);
    expect(thing.args.map((one) => String(one.type))).toEqual(["ID!"]);
    expect(Object.keys(schema.getType("ThingFilter").getFields())).toEqual(["name", "kind", "and", "or", "not"]);
    expect(schema.getType("ThingOrder").getValues().map((one) => one.name)).toEqual(["NAME", "CREATED_AT"]);
    expect(Object.keys(schema.getType("StringFilter").getFields())).toContain("contains");
    expect(Object.keys(schema.getType("KindFilter").getFields())).toEqual(["eq", "ne", "in"]);
  });

  it("gives change feeds their payload", () => {
    expect(Object.keys(schema.getType("ThingChange").getFields())).toEqual(["kind", "cursor", "id", "node"]);
  });

  it("is committed as the server's SDL says", () => {
    expect(readFileSync("schema.generated.graphql", "utf8"), "run npm run codegen").toBe(expandRepository());
  });
});
