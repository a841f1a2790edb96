#include "api/encoder.hpp"

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "api/errors.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "pg/params.hpp"

namespace phx::api {
namespace {

namespace json = boost::json;
using graphql::FieldGroup;
namespace oid = pg::oid;

/// Reads the big-endian pieces of a binary value; running over the end is a bug in our SQL.
class BinaryReader {
 public:
  explicit BinaryReader(std::string_view bytes) : bytes_(bytes) {}
  std::int32_t int32() {
    const std::string_view four = take(4);
    std::uint32_t out = 0;
    for (char c : four) out = out << 8 | static_cast<unsigned char>(c);
    return static_cast<std::int32_t>(out);
  }
  std::string_view take(std::size_t count) {
    if (bytes_.size() < count) throw std::logic_error("a binary value ends too early");
    const std::string_view out = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return out;
  }

 private:
  std::string_view bytes_;
};

/// Number of elements of a one-dimensional array, leaving the reader at the first.
std::size_t array_header(BinaryReader& reader) {
  const std::int32_t dimensions = reader.int32();
  reader.take(8);  // flags, element type
  if (dimensions == 0) return 0;
  if (dimensions != 1) throw std::logic_error("an array of more than one dimension");
  const std::int32_t size = reader.int32();
  reader.take(4);  // lower bound
  return static_cast<std::size_t>(size);
}

std::string_view stored_json(const Cell& cell) {
  // jsonb has a version byte before its text.
  return cell.type == oid::kJsonb ? cell.view().substr(1) : cell.view();
}

bool cannot_fail(ColumnKind kind) {
  return kind == ColumnKind::kId || kind == ColumnKind::kString || kind == ColumnKind::kEnum ||
         kind == ColumnKind::kBoolean || kind == ColumnKind::kDateTime || kind == ColumnKind::kJson;
}

bool is_integer(std::uint32_t type) { return type == oid::kInt2 || type == oid::kInt4 || type == oid::kInt8; }

double to_double(const Cell& cell) {
  if (cell.type == oid::kNumeric) return std::strtod(pg::decode_numeric(cell.view()).c_str(), nullptr);
  if (is_integer(cell.type)) return static_cast<double>(pg::decode_int(cell.view()));
  return pg::decode_float(cell.view());
}

std::string uuid_text(const Cell& cell) {
  Uuid id;
  std::memcpy(id.bytes.data(), cell.data, 16);
  return id.to_string();
}

void gather(PlanRun& run, const ObjectShape& shape, const Cell* cells);

void gather(PlanRun& run, const ConnectionShape& shape, const CellTable& rows) {
  const std::size_t shown = std::min(rows.size(), static_cast<std::size_t>(shape.first));
  for (const auto& part : shape.parts)
    for (std::size_t i = 0; i < shown; ++i) {
      const Cell* row = rows.row(shape.place(i, shown));
      if (part.kind == ConnectionShape::Part::Kind::kNodes) gather(run, part.nodes, row);
      for (const auto& [group, node] : part.edge)
        if (node.table) gather(run, node, row);
    }
}

void gather(PlanRun& run, const ObjectShape& shape, const Cell* cells) {
  if (shape.type_column >= 0) {
    if (const ObjectShape* variant = shape.variant(cells[shape.type_column].view())) gather(run, *variant, cells);
    return;
  }
  for (const Item& item : shape.items) {
    switch (item.kind) {
      case Item::Kind::kResolver: {
        const ResolverUse& use = run.plan->resolvers[item.resolver];
        json::object row;
        for (std::size_t i = 0; i < use.columns.size(); ++i)
          row[use.field->needed_columns[i]] = cell_to_json(cells[use.columns[i]]);
        run.computed[item.resolver].rows.push_back(std::move(row));
        break;
      }
      case Item::Kind::kOne:
        if (!cells[item.column].null()) gather(run, *item.object, cells);
        break;
      case Item::Kind::kMany:
        if (item.column >= 0) gather(run, *item.connection, CellTable(cells[item.column].view()));
        break;
      default: break;
    }
  }
}

}  // namespace

CellTable::CellTable(const pg::Rows& rows)
    : cells_(pg::cells_of(rows)),
      width_(static_cast<std::size_t>(rows.columns())),
      rows_(static_cast<std::size_t>(rows.size())) {}

CellTable::CellTable(std::string_view record_array) {
  BinaryReader reader(record_array);
  rows_ = array_header(reader);
  for (std::size_t row = 0; row < rows_; ++row) {
    reader.int32();  // size of the record; its fields say it again
    width_ = static_cast<std::size_t>(reader.int32());
    if (row == 0) cells_.reserve(rows_ * width_);
    for (std::size_t field = 0; field < width_; ++field) {
      const auto type = static_cast<std::uint32_t>(reader.int32());
      const std::int32_t size = reader.int32();
      cells_.push_back({type, size, size < 0 ? nullptr : reader.take(static_cast<std::size_t>(size)).data()});
    }
  }
}

json::value cell_to_json(const Cell& cell) {
  if (cell.null()) return nullptr;
  switch (cell.type) {
    case oid::kBool: return cell.data[0] != 0;
    case oid::kInt2:
    case oid::kInt4:
    case oid::kInt8: return pg::decode_int(cell.view());
    case oid::kFloat4:
    case oid::kFloat8:
    case oid::kNumeric: return to_double(cell);
    case oid::kUuid: return json::string(uuid_text(cell));
    case oid::kTimestamptz: return json::string(format_instant(pg::decode_timestamptz(cell.view())));
    case oid::kJson:
    case oid::kJsonb: return json::parse(stored_json(cell));
    case oid::kTextArray: {
      json::array out;
      BinaryReader reader(cell.view());
      for (std::size_t left = array_header(reader); left > 0; --left) {
        const std::int32_t size = reader.int32();
        if (size < 0)
          out.emplace_back(nullptr);
        else
          out.emplace_back(reader.take(static_cast<std::size_t>(size)));
      }
      return out;
    }
    default: return json::string(cell.view());
  }
}

void gather_resolver_rows(PlanRun& run, const CellTable& rows) {
  if (run.computed.empty()) return;
  if (run.plan->connection) {
    gather(run, *run.plan->connection, rows);
  } else {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (PlanRun::Computed& use : run.computed) use.row_begin.push_back(use.rows.size());
      gather(run, *run.plan->object, rows.row(i));
    }
  }
}

void Encoder::error(const FieldGroup& group, const Error& error) {
  path_.push_back({group.key});
  fail(group, error);
  path_.pop_back();
}

bool Encoder::connection(PlanRun& run, const FieldGroup& group, const CellTable* rows, std::int64_t count) {
  path_.push_back({group.key});
  const std::size_t mark = out_.size();
  const bool ok =
      settle(mark, page(run, *run.plan->connection, nullptr, rows, count), group.field->type.is_non_null(), group);
  path_.pop_back();
  out_.trim();
  return ok;
}

bool Encoder::row(PlanRun& run, const FieldGroup& group, const CellTable& rows, int row) {
  path_.push_back({group.key});
  const std::size_t mark = out_.size();
  const Outcome outcome = row < 0 ? Outcome::kNull : whole_row(run, rows, row);
  const bool ok = settle(mark, outcome, group.field->type.is_non_null(), group);
  path_.pop_back();
  out_.trim();
  return ok;
}

bool Encoder::value(const FieldGroup& group, const json::value& value, TableRefs& refs) {
  path_.push_back({group.key});
  const std::size_t mark = out_.size();
  const bool ok =
      settle(mark, complete(group, value, group.field->type.nullable(), refs), group.field->type.is_non_null(), group);
  path_.pop_back();
  out_.trim();
  return ok;
}

bool Encoder::settle(std::size_t mark, Outcome outcome, bool non_null, const FieldGroup& group) {
  if (outcome == Outcome::kWritten) return true;
  out_.cut(mark);
  if (outcome == Outcome::kNull && non_null)
    fail(group, Error(Code::kInternal, "api.null",
                      fmt::format("There is no value for {}.{}, which must have one.", group.parent->name,
                                  group.field->name)));
  if (non_null) return false;
  out_ += "null";
  return true;
}

void Encoder::write(const json::value& value) {
  std::string text;
  graphql::write_json(text, value);
  out_ += text;
}

Encoder::Outcome Encoder::fail(const FieldGroup& group, const Error& error) {
  if (error.code() == Code::kInternal)
    log_error("api.field_failed", error,
              {{"request", request_id_}, {"field", group.parent->name + "." + group.field->name}});
  graphql::GraphqlError made = to_graphql_error(error, request_id_);
  for (const Step& step : path_) {
    if (step.index < 0)
      made.path.emplace_back(step.key);
    else
      made.path.emplace_back(step.index);
  }
  if (!group.nodes.empty()) made.locations.push_back(execution_.location(group.nodes[0]->offset));
  errors_.push_back(std::move(made));
  return Outcome::kFailed;
}

Encoder::Outcome Encoder::object(PlanRun& run, const ObjectShape& shape, const Cell* cells) {
  if (shape.type_column >= 0) {
    // A row of a type that was not read here is as if it were not there.
    const ObjectShape* variant = shape.variant(cells[shape.type_column].view());
    return variant ? object(run, *variant, cells) : Outcome::kNull;
  }
  const std::size_t mark = out_.size();
  out_ += '{';
  bool failed = false;
  for (const Item& each : shape.items) {
    out_.key(each.group->key, &each == shape.items.data());
    // Most values are there and cannot go wrong: nobody will ask for their path.
    if (each.kind == Item::Kind::kColumn && !cells[each.column].null() && cannot_fail(each.column_kind)) {
      column(*each.group, each.column_kind, cells[each.column]);
      continue;
    }
    // All items are visited also after a failure: resolvers' values are taken in order.
    if (!item(run, each, shape, cells)) failed = true;
  }
  out_ += '}';
  if (!failed) return Outcome::kWritten;
  out_.cut(mark);
  return Outcome::kFailed;
}

Encoder::Outcome Encoder::whole_row(PlanRun& run, const CellTable& rows, int row) {
  for (PlanRun::Computed& use : run.computed) use.next = use.row_begin[static_cast<std::size_t>(row)];
  return object(run, *run.plan->object, rows.row(static_cast<std::size_t>(row)));
}

bool Encoder::item(PlanRun& run, const Item& item, const ObjectShape& shape, const Cell* cells) {
  const FieldGroup& group = *item.group;
  const std::size_t mark = out_.size();
  Outcome outcome = Outcome::kNull;
  path_.push_back({group.key});
  switch (item.kind) {
    case Item::Kind::kTypename:
      out_.string(shape.table ? shape.table->name : group.parent->name);
      outcome = Outcome::kWritten;
      break;
    case Item::Kind::kGroup: outcome = object(run, *item.object, cells); break;
    case Item::Kind::kColumn: outcome = column(group, item.column_kind, cells[item.column]); break;
    case Item::Kind::kOne:
      if (!cells[item.column].null()) outcome = object(run, *item.object, cells);
      break;
    case Item::Kind::kMany: {
      const ConnectionShape& nested = *item.connection;
      const std::int64_t count = nested.count_column < 0 ? 0 : pg::decode_int(cells[nested.count_column].view());
      if (item.column >= 0) {
        const CellTable rows(cells[item.column].view());
        outcome = page(run, nested, cells, &rows, count);
      } else {
        outcome = page(run, nested, cells, nullptr, count);
      }
      break;
    }
    case Item::Kind::kResolver: {
      PlanRun::Computed& use = run.computed[item.resolver];
      const std::size_t place = use.next++;
      if (use.error) {
        outcome = fail(group, *use.error);
      } else if (const auto error = use.row_errors.find(place); error != use.row_errors.end()) {
        outcome = fail(group, error->second);
      } else {
        TableRefs none;
        outcome = complete(group, use.values[place], group.field->type.nullable(), none);
      }
      break;
    }
    case Item::Kind::kError: outcome = fail(group, *item.error); break;
  }
  const bool ok = settle(mark, outcome, group.field->type.is_non_null(), group);
  path_.pop_back();
  return ok;
}

Encoder::Outcome Encoder::page(PlanRun& run, const ConnectionShape& shape, const Cell* parent, const CellTable* rows,
                               std::int64_t count) {
  using Part = ConnectionShape::Part::Kind;
  const std::size_t mark = out_.size();
  const std::size_t shown = rows ? std::min(rows->size(), static_cast<std::size_t>(shape.first)) : 0;
  bool failed = false;
  out_ += '{';
  for (const ConnectionShape::Part& part : shape.parts) {
    out_.key(part.group->key, &part == shape.parts.data());
    path_.push_back({part.group->key});
    switch (part.kind) {
      case Part::kNodes:
      case Part::kEdges:
        if (!list(run, shape, part, *rows, shown)) failed = true;
        break;
      case Part::kPageInfo: page_info(shape, part, *rows, shown); break;
      case Part::kTotalCount: out_ += std::to_string(std::min(count, kCountCap)); break;
      case Part::kTotalCountExact: out_ += count <= kCountCap ? "true" : "false"; break;
      case Part::kTypename: out_.string(part.group->parent->name); break;
      case Part::kAggregate:
      case Part::kGroups: {
        const std::size_t begin = out_.size();
        // Both may be null.
        settle(begin, aggregate(run, part, parent), false, *part.group);
        break;
      }
    }
    path_.pop_back();
  }
  out_ += '}';
  if (!failed) return Outcome::kWritten;
  out_.cut(mark);
  return Outcome::kFailed;
}

Encoder::Outcome Encoder::aggregate(PlanRun& run, const ConnectionShape::Part& part, const Cell* parent) {
  const FieldGroup& group = *part.group;
  if (part.error) return fail(group, *part.error);
  const CellTable rows = part.extra >= 0 ? CellTable(run.extras[static_cast<std::size_t>(part.extra)])
                                         : CellTable(parent[part.column].view());
  if (rows.size() > 0 && pg::decode_int(rows.row(0)[part.read_column].view()) > kCountCap)
    return fail(group, Error(Code::kInvalidArgument, "limit.aggregate",
                             fmt::format("More than {} rows match; what is said about them would be wrong.", kCountCap))
                           .with_next_action("Narrow the filter."));
  if (part.kind == ConnectionShape::Part::Kind::kAggregate) return object(run, part.nodes, rows.row(0));
  bool failed = false;
  out_ += '[';
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i > 0) out_ += ',';
    path_.push_back({{}, static_cast<std::int64_t>(i)});
    if (object(run, part.nodes, rows.row(i)) != Outcome::kWritten) failed = true;
    path_.pop_back();
  }
  out_ += ']';
  return failed ? Outcome::kFailed : Outcome::kWritten;
}

bool Encoder::list(PlanRun& run, const ConnectionShape& shape, const ConnectionShape::Part& part, const CellTable& rows,
                   std::size_t shown) {
  // Both lists are [T!]!: a failed element fails the list, and the connection with it.
  bool failed = false;
  out_ += '[';
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out_ += ',';
    path_.push_back({{}, static_cast<std::int64_t>(i)});
    const Cell* row = rows.row(shape.place(i, shown));
    const Outcome outcome =
        part.kind == ConnectionShape::Part::Kind::kNodes ? object(run, part.nodes, row) : edge(run, shape, part, row);
    if (outcome != Outcome::kWritten) failed = true;
    path_.pop_back();
  }
  out_ += ']';
  return !failed;
}

Encoder::Outcome Encoder::edge(PlanRun& run, const ConnectionShape& shape, const ConnectionShape::Part& part,
                               const Cell* cells) {
  bool failed = false;
  out_ += '{';
  bool first = true;
  for (const auto& [group, node] : part.edge) {
    out_.key(group->key, first);
    first = false;
    if (node.table) {
      path_.push_back({group->key});
      if (object(run, node, cells) != Outcome::kWritten) failed = true;
      path_.pop_back();
    } else if (group->name() == "cursor") {
      cursor(shape, cells);
    } else {
      out_.string(group->parent->name);
    }
  }
  out_ += '}';
  return failed ? Outcome::kFailed : Outcome::kWritten;
}

void Encoder::page_info(const ConnectionShape& shape, const ConnectionShape::Part& part, const CellTable& rows,
                        std::size_t shown) {
  out_ += '{';
  bool first = true;
  for (const FieldGroup& field : part.page_info) {
    out_.key(field.key, first);
    first = false;
    const std::string_view name = field.name();
    // A cursor is one of the list's own: there are rows on its other side.
    const bool more = rows.size() > shown;
    if (name == "hasNextPage") {
      out_ += shape.before || (!shape.backward && more) ? "true" : "false";
    } else if (name == "hasPreviousPage") {
      out_ += shape.after || (shape.backward && more) ? "true" : "false";
    } else if (name == "__typename") {
      out_.string(field.parent->name);
    } else if (shown == 0) {
      out_ += "null";
    } else {
      cursor(shape, rows.row(shape.place(name == "startCursor" ? 0 : shown - 1, shown)));
    }
  }
  out_ += '}';
}

void Encoder::cursor(const ConnectionShape& shape, const Cell* cells) {
  std::vector<std::string_view> keys;
  for (int column : shape.key_columns) keys.push_back(cells[column].view());
  out_ += '"';
  out_ += encode_cursor(shape.order, cells[shape.id_column].view(), keys);
  out_ += '"';
}

Encoder::Outcome Encoder::column(const FieldGroup& group, ColumnKind kind, const Cell& cell) {
  if (cell.null()) return Outcome::kNull;
  switch (kind) {
    case ColumnKind::kId:
      if (cell.type == oid::kUuid)
        out_.uuid(cell.view());
      else
        out_.string(cell.view());
      return Outcome::kWritten;
    case ColumnKind::kString:
    case ColumnKind::kEnum: out_.string(cell.view()); return Outcome::kWritten;
    case ColumnKind::kInt: {
      const std::int64_t number = pg::decode_int(cell.view());
      if (number < std::numeric_limits<std::int32_t>::min() || number > std::numeric_limits<std::int32_t>::max())
        return fail(group,
                    Error(Code::kInternal, "api.int_range", "The number is greater than a GraphQL Int can hold."));
      out_ += std::to_string(number);
      return Outcome::kWritten;
    }
    case ColumnKind::kFloat: {
      const double number = to_double(cell);
      if (!std::isfinite(number))
        return fail(group, Error(Code::kInternal, "api.float_range", "The number is not finite."));
      write(number);
      return Outcome::kWritten;
    }
    case ColumnKind::kBoolean: out_ += cell.data[0] != 0 ? "true" : "false"; return Outcome::kWritten;
    case ColumnKind::kDateTime:
      out_ += '"';
      out_ += format_instant(pg::decode_timestamptz(cell.view()));
      out_ += '"';
      return Outcome::kWritten;
    case ColumnKind::kJson: out_ += stored_json(cell); return Outcome::kWritten;
    case ColumnKind::kDecimal:
      out_ += '"';
      out_ += is_integer(cell.type) ? std::to_string(pg::decode_int(cell.view())) : pg::decode_numeric(cell.view());
      out_ += '"';
      return Outcome::kWritten;
    case ColumnKind::kIntList:
    case ColumnKind::kIdList:
    case ColumnKind::kStringList: {
      BinaryReader reader(cell.view());
      out_ += '[';
      const std::size_t count = array_header(reader);
      for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t size = reader.int32();
        if (i > 0) out_ += ',';
        if (size < 0) return fail(group, Error(Code::kInternal, "api.null", "An item of the list has no value."));
        const std::string_view item = reader.take(static_cast<std::size_t>(size));
        if (kind == ColumnKind::kIntList)
          out_ += std::to_string(pg::decode_int(item));
        else if (kind == ColumnKind::kIdList)
          out_.uuid(item);
        else
          out_.string(item);
      }
      out_ += ']';
      return Outcome::kWritten;
    }
  }
  return Outcome::kNull;
}

Encoder::Outcome Encoder::complete(const FieldGroup& group, const json::value& value, graphql::TypeRef type,
                                   TableRefs& refs) {
  if (value.is_null()) return Outcome::kNull;
  if (type.is_list()) {
    if (!value.is_array())
      return fail(group, internal_error("api.resolver", "a list was expected for " + group.field->name));
    const graphql::TypeRef item = type.item();
    bool failed = false;
    out_ += '[';
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      if (i > 0) out_ += ',';
      path_.push_back({{}, static_cast<std::int64_t>(i)});
      const std::size_t mark = out_.size();
      if (!settle(mark, complete(group, value.as_array()[i], item.nullable(), refs), item.is_non_null(), group))
        failed = true;
      path_.pop_back();
    }
    out_ += ']';
    return failed ? Outcome::kFailed : Outcome::kWritten;
  }
  const graphql::Type& named = *type.named();
  if (named.is_composite()) return complete_object(group, value, named, refs);
  using Scalar = graphql::Type::Scalar;
  bool fits = true;
  switch (named.scalar) {
    case Scalar::kInt: {
      boost::system::error_code wrong;
      const auto number = value.to_number<std::int64_t>(wrong);
      fits = !wrong && number >= std::numeric_limits<std::int32_t>::min() &&
             number <= std::numeric_limits<std::int32_t>::max();
      break;
    }
    case Scalar::kFloat: fits = value.is_number() && std::isfinite(value.to_number<double>()); break;
    case Scalar::kBoolean: fits = value.is_bool(); break;
    case Scalar::kString:
    case Scalar::kId: fits = value.is_string(); break;
    case Scalar::kCustom:
      fits = named.kind != graphql::TypeKind::kEnum ||
             (value.is_string() && named.value(std::string_view(value.as_string())) != nullptr);
      break;
  }
  if (!fits)
    return fail(group, internal_error("api.resolver", fmt::format("{}.{} is no {}", group.parent->name,
                                                                  group.field->name, named.name)));
  write(value);
  return Outcome::kWritten;
}

Encoder::Outcome Encoder::complete_object(const FieldGroup& group, const json::value& value, const graphql::Type& type,
                                          TableRefs& refs) {
  if (api_.table(type)) {
    const auto found = refs.find(&group);
    if (!value.is_string() || found == refs.end())
      return fail(group, internal_error("api.resolver", group.field->name + " is given by its id"));
    TableRows& table = found->second;
    const auto id = Uuid::parse(std::string_view(value.as_string()));
    const auto row = id ? table.row_of.find(*id) : table.row_of.end();
    if (row == table.row_of.end()) return Outcome::kNull;
    return whole_row(*table.run, table.cells, row->second);
  }
  if (!value.is_object())
    return fail(group, internal_error("api.resolver", "an object was expected for " + group.field->name));
  if (type.is_abstract()) {
    // Without a table the value says what it is.
    const auto* name = value.as_object().if_contains("__typename");
    const graphql::Type* of =
        name && name->is_string() ? execution_.schema().type(std::string_view(name->as_string())) : nullptr;
    if (!of || !execution_.schema().is_possible(type, *of))
      return fail(group, internal_error("api.resolver", group.field->name + " does not say its type"));
    return complete_object(group, value, *of, refs);
  }
  auto fields = execution_.sub_fields(group, type);
  if (!fields) return fail(group, Error(Code::kInvalidArgument, "graphql.directive", fields.error().message));
  const std::size_t mark = out_.size();
  bool failed = false;
  bool first = true;
  static const json::value kNothing;
  out_ += '{';
  for (const FieldGroup& field : *fields) {
    out_.key(field.key, first);
    first = false;
    path_.push_back({field.key});
    const std::size_t begin = out_.size();
    Outcome outcome = Outcome::kWritten;
    if (field.field == execution_.schema().typename_field()) {
      out_.string(type.name);
    } else {
      const json::value* member = value.as_object().if_contains(field.field->name);
      outcome = complete(field, member ? *member : kNothing, field.field->type.nullable(), refs);
    }
    if (!settle(begin, outcome, field.field->type.is_non_null(), field)) failed = true;
    path_.pop_back();
  }
  out_ += '}';
  if (!failed) return Outcome::kWritten;
  out_.cut(mark);
  return Outcome::kFailed;
}

}  // namespace phx::api
