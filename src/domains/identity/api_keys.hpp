#pragma once
/// Programs: service accounts inside a tenant, and the API keys they come with (`X-API-Key`, or as a bearer token).
///
/// Guarantees
/// - A key is shown once, in the answer that made it, also when that mutation is repeated under its idempotency key.
///   Kept is an HMAC-SHA-256 under the server's key: a stolen database cannot even test a guess.
///   A key is found by its public beginning, and the digests are compared in constant time.
/// - A key opens its tenant alone, with its account's role, for what its scopes say, from the networks it may come
/// from.
///   Programs make no keys and no accounts, whatever their role.
/// - A use is recorded to the minute: at most one write a minute and key, however many requests.
/// - A key that was revoked, or whose account was deleted, is refused at once by this server and by the others as soon
///   as they read the event; what is open in its name is closed.
///
/// Errors: "service_account.name", "service_account.role", "service_account.name_taken", "service_account.not_found",
/// "api_key.scopes", "api_key.network", "api_key.expiry", "api_key.overlap", "api_key.not_found", "api_key.rotated",
/// "api_key.person_required" (kPermissionDenied), "scope.tenant_required"; kUnauthenticated "auth.invalid" for a key
/// that is not known, "api_key.expired", and "api_key.address" for one that comes from elsewhere. What a key is not for
/// is refused by api::Principal::check_use().

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/context.hpp"
#include "api/registry.hpp"
#include "base/deadline.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "engine/events.hpp"

namespace phx {
class Random;
}
namespace phx::pg {
class Database;
}

namespace phx::identity {

namespace asio = boost::asio;

inline constexpr std::string_view kApiKeyPrefix = "phxk_";

/// "192.0.2.0/24", "2001:db8::/32", or an address alone; returned in its canonical form, host bits zero.
Result<std::string> check_network(std::string_view text, std::string_view field);

class ApiKeys {
 public:
  /// `server_key` is that of load_server_key(); all references must outlive this.
  ApiKeys(pg::Database& database, Random& random, std::string server_key);

  void register_with(api::Registry& registry);
  /// Told of the ids of keys that were ended, after the commit.
  void on_ended(std::function<void(const std::vector<Uuid>&)> listener) { on_ended_ = std::move(listener); }

  /// Nothing when the text has not the form of a key. 32 raw bytes otherwise.
  std::optional<std::string> digest(std::string_view key) const;
  /// Whose key it is. `address` as in net::Peer; empty is the machine's own socket.
  asio::awaitable<Result<api::Principal>> authenticate(std::string key, std::string address, Deadline deadline);

 private:
  using Object = boost::json::object;
  asio::awaitable<Result<Object>> create_account(api::MutationContext& context, Object args);
  asio::awaitable<Result<Object>> delete_account(api::MutationContext& context, Object args);
  asio::awaitable<Result<Object>> create_key(api::MutationContext& context, Object args);
  asio::awaitable<Result<Object>> rotate_key(api::MutationContext& context, Object args);
  asio::awaitable<Result<Object>> revoke_key(api::MutationContext& context, Object args);

  struct NewKey {
    Uuid account;
    std::vector<std::string> scopes;
    std::vector<std::string> networks;
    std::optional<Instant> expires_at;
  };
  /// The payload of the mutation that made it.
  asio::awaitable<Result<Object>> insert_key(api::MutationContext& context, Uuid tenant, NewKey key, Object before);
  /// Tells who watches.
  static asio::awaitable<Status> record(api::MutationContext& context, std::string_view type, Uuid id,
                                        engine::ChangeKind kind, std::int64_t version);
  /// Tells other servers that keys have ended, and after the commit this one; with none, that what was believed of keys
  /// has changed.
  asio::awaitable<Status> announce(api::MutationContext& context, std::vector<Uuid> keys);

  pg::Database& database_;
  Random& random_;
  const std::string server_key_;
  std::function<void(const std::vector<Uuid>&)> on_ended_;
};

}  // namespace phx::identity
