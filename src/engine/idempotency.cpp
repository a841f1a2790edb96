#include "engine/idempotency.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/crash_point.hpp"
#include "base/crypto.hpp"
#include "base/deadline.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {
namespace {
using namespace std::chrono_literals;
constexpr std::size_t kKeyMax = 200;
constexpr auto kPurgeLimit = 20s;
}  // namespace

std::string hash_request(std::string_view secret, std::string_view field, std::string_view canonical_arguments) {
  std::string text(field);
  text += '\n';
  text += canonical_arguments;
  return hmac_sha256(secret, text);
}

asio::awaitable<Result<std::optional<std::string>>> begin_idempotent(pg::Transaction& tx, IdempotencyKey key) {
  const bool printable = std::all_of(key.key.begin(), key.key.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (key.key.empty() || key.key.size() > kKeyMax || !printable)
    co_return invalid_argument("idempotency.key_malformed", "idempotencyKey",
                               "An idempotency key is 1 to 200 printable ASCII characters without spaces.");
  auto params = pg::Params::of(key.tenant, key.principal, key.key);
  params.add_bytes(std::string_view(key.request_hash));
  PHX_CO_TRY(auto inserted, co_await tx.execute(sql::engine::begin_idempotent, std::move(params)));
  PHX_CRASH_POINT("engine.idempotency.begun");
  if (inserted.affected() == 1) co_return std::nullopt;
  PHX_CO_TRY(auto rows,
             co_await tx.execute(sql::engine::find_idempotent, pg::Params::of(key.tenant, key.principal, key.key)));
  // Purged between the two statements: it was older than any client may expect, but this request has not been done.
  if (rows.empty())
    co_return Error(Code::kAborted, "idempotency.raced", "The request met its own repetition; send it again.");
  if (rows.get<std::string_view>(0, 0) != key.request_hash)
    co_return Error(Code::kConflict, "idempotency.key_reused", "This idempotency key came with another request before.")
        .with_field("idempotencyKey")
        .with_next_action("Use a new key for a new request.");
  auto response = rows.get<std::optional<std::string>>(0, 1);
  if (!response) co_return internal_error("idempotency.no_response", "a committed key has no response");
  co_return response;
}

asio::awaitable<Status> finish_idempotent(pg::Transaction& tx, IdempotencyKey key, std::string response_json) {
  auto params = pg::Params::of(key.tenant, key.principal, key.key);
  params.add_json(std::string_view(response_json));
  PHX_CRASH_POINT("engine.idempotency.before_finish");
  PHX_CO_TRY(auto stored, co_await tx.execute(sql::engine::finish_idempotent, std::move(params)));
  if (stored.affected() != 1) co_return internal_error("idempotency.not_begun", "finish without begin");
  co_return Status();
}

asio::awaitable<Result<int>> purge_idempotency_keys(pg::Database& database, std::chrono::hours keep, int max) {
  PHX_CO_TRY(auto rows,
             co_await database.execute(pg::Scope::worker(), sql::engine::purge_idempotency_keys,
                                       pg::Params::of(Duration(std::max<std::chrono::hours>(keep, 24h)), max),
                                       Deadline::after(kPurgeLimit)));
  co_return static_cast<int>(rows.affected());
}

}  // namespace phx::engine
