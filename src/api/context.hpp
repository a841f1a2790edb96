#pragma once
/// Who calls, from where, in which tenant and with which role: what every handler may know about a request. The two
/// interfaces here are filled in by domains (identity, tenancy); the API knows neither passwords nor memberships.
///
/// Guarantees: a RequestContext exists only after authentication and after the tenant was entered, so its `tenant` is
/// always one the principal may see, and `role` is the principal's role in exactly this scope.
/// Errors: kUnauthenticated "auth.required" and "auth.invalid"; kNotFound "tenant.not_found" for an unknown and for a
/// forbidden tenant alike, so that names cannot be probed.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/deadline.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::net {
struct Request;
}

namespace phx::api {

namespace asio = boost::asio;

/// Roles from least to most; each includes those before it. The SDL's enum Role, with kNone for "no role here".
enum class Role : std::uint8_t {
  kNone,
  kTenantViewer,
  kTenantMember,
  kTenantAdmin,
  kTenantOwner,
  kPlatformAdmin,
};

/// "TENANT_VIEWER" … "PLATFORM_ADMIN"; "" for kNone.
std::string_view role_name(Role role);
/// The role of that name; kNone for any other text.
Role role_from_name(std::string_view name);

enum class PrincipalKind : std::uint8_t {
  kAnonymous,
  kUser,
  kSystem,  ///< the server itself: workers, rules, probes
};

/// What a program's key may be used for. People's proofs are good for everything.
enum class Use : std::uint8_t {
  kRead = 1,     ///< queries and subscriptions
  kWrite = 2,    ///< mutations
  kConsole = 4,  ///< serial consoles
  kAlerts = 8,   ///< webhooks that take alerts
};
inline constexpr std::uint8_t kEveryUse = 15;
/// "READ", "WRITE", "CONSOLE", "ALERTS".
std::string_view use_name(Use use);

/// Who calls. Cheap to copy; holds no secret.
struct Principal {
  PrincipalKind kind = PrincipalKind::kAnonymous;
  Uuid user_id;
  std::string email;  ///< the name shown in audit rows, "requestedBy", "createdBy"
  std::string display_name;
  bool platform_admin = false;
  /// The session or token that proves the identity: what revocation names.
  std::optional<Uuid> session_id;
  /// True when the proof was a cookie: then the CSRF rule applies.
  bool by_cookie = false;
  /// A token bound to one tenant opens no other one and no platform scope.
  std::optional<Uuid> token_tenant;
  /// Set when a token of an outside provider names tenants: with these roles it opens these alone.
  std::shared_ptr<const std::map<std::string, Role, std::less<>>> claimed_tenants;
  /// A service account's key: no person is there.
  bool program = false;
  /// Bits of Use.
  std::uint8_t uses = kEveryUse;
  /// The account asks for a second factor at sign-in, and when this session last gave one.
  bool has_second_factor = false;
  std::optional<Instant> second_factor_at;
  /// When the proof ends by itself; open WebSockets are closed with 4403 then.
  std::optional<Instant> expires_at;

  bool authenticated() const { return kind != PrincipalKind::kAnonymous; }
  /// "ada@example.org", "system" or "anonymous".
  std::string actor() const;
  /// kPermissionDenied "api_key.scope" when the key is not for that.
  Status check_use(Use use) const;
};

/// What one request may know and do. Without a tenant it is in platform scope (platform administrators) or acts for
/// the signed-in user alone (@userScope fields).
struct RequestContext {
  Principal principal;
  std::optional<Uuid> tenant;
  std::optional<std::string> tenant_name;
  Role role = Role::kNone;
  std::string request_id;
  std::string remote_address;
  /// Work that cannot end by then is refused or cancelled.
  Deadline deadline = Deadline::never();
};

enum class TenantState : std::uint8_t { kActive, kSuspended, kDeleted };

struct TenantAccess {
  Uuid id;
  std::string name;
  Role role = Role::kNone;
  TenantState status = TenantState::kActive;
};

/// Proves who calls. Implemented by domains/identity.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// The caller by `Authorization: Bearer …` or `X-API-Key`, or else by the session cookie. Without either the
  /// principal is anonymous, which is no error; a proof that is wrong, expired or revoked is kUnauthenticated
  /// "auth.invalid".
  virtual asio::awaitable<Result<Principal>> authenticate(const net::Request& request) = 0;
  /// The same for a token given elsewhere (connection_init of a WebSocket) from an address as in net::Peer.
  virtual asio::awaitable<Result<Principal>> authenticate_token(std::string token, std::string address) = 0;
};

/// Opens the door of a tenant. Implemented by domains/tenancy.
class TenantDirectory {
 public:
  virtual ~TenantDirectory() = default;
  /// The tenant by id or name as this principal may use it. Unknown and forbidden give the same answer, kNotFound
  /// "tenant.not_found". A platform administrator enters every tenant as kPlatformAdmin; a principal whose
  /// token_tenant is another tenant enters none.
  virtual asio::awaitable<Result<TenantAccess>> enter(Principal principal, std::string id_or_name) = 0;
};

}  // namespace phx::api
