#include "engine/audit_export.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "base/deadline.hpp"
#include "engine/sql.gen.hpp"

namespace phx::engine {
namespace {

constexpr int kPage = 500;
constexpr auto kPageLimit = std::chrono::seconds(30);
/// The end of the times that the database can hold.
constexpr Instant kForever{std::chrono::seconds(253'402'300'799)};

/// Builds a line cell by cell, in the one order that both formats have.
class Line {
 public:
  explicit Line(AuditFormat format) : csv_(format == AuditFormat::kCsv) {}

  void add(std::string_view name, const std::optional<std::string>& value) {
    separate(name);
    if (csv_)
      out_ += value ? csv_cell(*value) : "";
    else
      out_ += value ? boost::json::serialize(boost::json::string(*value)) : "null";
  }
  void add(std::string_view name, const std::optional<Uuid>& id) {
    add(name, id ? std::optional(id->to_string()) : std::nullopt);
  }
  void add_json(std::string_view name, const std::optional<std::string>& value) {
    if (csv_) return add(name, value);
    separate(name);
    out_ += value.value_or("null");
  }
  std::string finish() && {
    out_ += csv_ ? "\r\n" : "}\n";
    return std::move(out_);
  }

 private:
  void separate(std::string_view name) {
    if (csv_) {
      if (begun_) out_ += ',';
    } else {
      out_ += begun_ ? ",\"" : "{\"";
      out_ += name;
      out_ += "\":";
    }
    begun_ = true;
  }
  bool csv_;
  bool begun_ = false;
  std::string out_;
};

AuditLine line_of(const pg::RowView& row) {
  AuditLine out;
  out.id = row.get<Uuid>("id");
  out.at = row.get<Instant>("at");
  out.tenant = row.get<std::optional<Uuid>>("tenant_id");
  out.actor = row.get<std::string>("actor");
  out.on_behalf_of = row.get<std::optional<std::string>>("on_behalf_of");
  out.remote_address = row.get<std::optional<std::string>>("remote_address");
  out.action = row.get<std::string>("action");
  out.object_type = row.get<std::optional<std::string>>("object_type");
  out.object_id = row.get<std::optional<Uuid>>("object_id");
  out.outcome = row.get<std::string>("outcome");
  out.request_id = row.get<std::string>("request_id");
  out.before = row.get<std::optional<std::string>>("before");
  out.after = row.get<std::optional<std::string>>("after");
  return out;
}

}  // namespace

std::string csv_cell(std::string_view value) {
  std::string out = "\"";
  // Also the wide forms of the four, which some spreadsheets read as the narrow ones.
  constexpr std::string_view kWide[]{"\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"};
  bool formula = !value.empty() && std::string_view("=+-@\t\r\n").find(value.front()) != std::string_view::npos;
  for (const auto sign : kWide) formula = formula || value.starts_with(sign);
  if (formula) out += '\'';
  for (const char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
  return out;
}

std::string AuditLine::text(AuditFormat format) const {
  Line line(format);
  line.add("at", format_instant(at));
  line.add("id", std::optional(id));
  line.add("tenantId", tenant);
  line.add("actor", actor);
  line.add("onBehalfOf", on_behalf_of);
  line.add("remoteAddress", remote_address);
  line.add("action", action);
  line.add("objectType", object_type);
  line.add("objectId", object_id);
  line.add("outcome", outcome);
  line.add("requestId", request_id);
  line.add_json("before", before);
  line.add_json("after", after);
  return std::move(line).finish();
}

std::string audit_export_header(AuditFormat format) {
  if (format == AuditFormat::kJsonLines) return {};
  return "at,id,tenantId,actor,onBehalfOf,remoteAddress,action,objectType,objectId,outcome,requestId,before,after\r\n";
}

AuditExport::AuditExport(pg::Database& database, pg::Scope scope, AuditFilter filter, AuditFormat format)
    : database_(database),
      scope_(scope),
      filter_(std::move(filter)),
      format_(format),
      at_(filter_.since.value_or(Instant())) {}

asio::awaitable<Result<std::string>> AuditExport::next() {
  std::string out;
  if (!begun_) out = audit_export_header(format_);
  begun_ = true;
  if (over_) co_return out;
  PHX_CO_TRY(const auto rows,
             co_await database_.read(scope_, sql::engine::export_audit_rows,
                                     pg::Params::of(at_, id_, filter_.until.value_or(kForever), filter_.actor,
                                                    filter_.action, filter_.object, filter_.outcome, kPage),
                                     Deadline::after(kPageLimit)));
  for (const auto row : rows) {
    const auto line = line_of(row);
    at_ = line.at;
    id_ = line.id;
    out += line.text(format_);
  }
  over_ = rows.size() < kPage;
  co_return out;
}

}  // namespace phx::engine
