#pragma once
/// The rule OverlappingFieldsCanBeMerged (5.3.2 "Field Selection Merging"). The specification compares every pair of
/// fields; here the fields of one response key are one group, compared with the group's first field, because "same
/// shape" and "same field with the same arguments" are equivalences. That makes long documents cheap. Fields that
/// only different object types can have need the same shape but not the same meaning.

#include <cstdint>
#include <functional>
#include <string>

#include "graphql/ast.hpp"
#include "graphql/schema.hpp"

namespace phx::graphql {

/// Called with the offsets of the two fields and a function that makes the message.
using MergeConflict = std::function<void(std::uint32_t, std::uint32_t, const std::function<std::string()>&)>;

void check_merging(const Schema& schema, const Document& document, const MergeConflict& conflict);

}  // namespace phx::graphql
