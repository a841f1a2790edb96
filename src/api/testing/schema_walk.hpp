#pragma once
/// Queries that together ask for everything a schema's tables can show: every root list, each with all columns, counts
/// and cursors, and what hangs on its rows to a given depth. Tests of the tenant wall and of SDL against migrations run
/// them all, so a new type is covered without a word.

#include <string>
#include <vector>

#include "api/assembly.hpp"

namespace phx::api::testing {

struct WalkedField {
  std::string field;  ///< of the root
  std::string query;
};

inline void walk_type(const ApiSchema& api, const graphql::Type& type, int depth, std::string& out) {
  out += "__typename ";
  for (const graphql::Field& field : type.fields) {
    const FieldMeaning& meaning = api.meaning(field);
    const graphql::Type& named = *field.type.named();
    if (named.is_leaf()) {
      out += field.name + " ";
    } else if (meaning.kind == FieldMeaning::Kind::kMany) {
      if (depth == 0) continue;
      out += field.name + "(first: 10) { totalCount pageInfo { endCursor } nodes { ";
      walk_type(api, *meaning.target->type, depth - 1, out);
      out += "} } ";
    } else if (depth > 0 || meaning.kind == FieldMeaning::Kind::kResolver) {
      out += field.name + " { ";
      walk_type(api, named, depth - 1, out);
      out += "} ";
    }
  }
}

inline std::vector<WalkedField> walk_schema(const ApiSchema& api, int depth) {
  std::vector<WalkedField> out;
  for (const graphql::Field& field : api.schema().root(graphql::OperationKind::kQuery)->fields) {
    const FieldMeaning& meaning = api.meaning(field);
    if (meaning.kind != FieldMeaning::Kind::kConnection) continue;
    std::string query = "{ " + field.name + "(first: 20) { totalCount edges { cursor } nodes { ";
    walk_type(api, *meaning.target->type, depth, query);
    out.push_back({field.name, query + "} } }"});
  }
  return out;
}

}  // namespace phx::api::testing
