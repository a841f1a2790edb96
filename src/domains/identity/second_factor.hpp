#pragma once
/// The second factor of local accounts: one authenticator app (totp.hpp) and ten recovery codes, in the database.
///
/// Guarantees
/// - The app's secret is sealed with AES-SIV under a key made from the server's key, for its user alone; recovery codes
///   (80 random bits) are kept as HMAC-SHA-256 under another such key. A stolen dump has neither.
/// - A code of the app counts once, a recovery code once, also under parallel use: rows are locked.
/// - Time is the database's.
/// Guesses are counted by the caller, before it asks here (lockout.hpp).
///
/// Errors: kFailedPrecondition "second_factor.not_begun" (nothing to confirm, or it took longer than ten minutes);
/// kInternal "second_factor.unreadable" (sealed with another server key).

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx {
class Random;
}
namespace phx::pg {
class Transaction;
}

namespace phx::identity {

namespace asio = boost::asio;

/// How a second factor was given.
enum class SecondFactorProof : std::uint8_t { kNone, kApp, kRecoveryCode };

/// "ABCD EFGH-2345 abcd" as "ABCDEFGH2345ABCD": letters in upper case, spaces and hyphens left out.
std::string plain_code(std::string_view typed);

class SecondFactor {
 public:
  /// `issuer` is what apps show beside the account.
  SecondFactor(Random& random, std::string_view server_key, std::string issuer);

  struct Enrolment {
    std::string secret;  ///< base32
    std::string uri;
    Instant expires_at;
  };
  /// A secret to be confirmed within ten minutes; the one in use, if any, goes on until then.
  asio::awaitable<Result<Enrolment>> begin(pg::Transaction& tx, Uuid user, std::string account);
  /// Takes the new secret into use and gives new recovery codes; nothing when the code is not the new secret's.
  asio::awaitable<Result<std::optional<std::vector<std::string>>>> confirm(pg::Transaction& tx, Uuid user,
                                                                           std::string code);
  asio::awaitable<Result<bool>> enrolled(pg::Transaction& tx, Uuid user);
  /// Judges a code of the app or a recovery code, and uses it up. kNone: wrong, or there is no second factor.
  asio::awaitable<Result<SecondFactorProof>> prove(pg::Transaction& tx, Uuid user, std::string code);
  /// Ten new ones; the old ones are void.
  asio::awaitable<Result<std::vector<std::string>>> renew_recovery_codes(pg::Transaction& tx, Uuid user);
  /// False when there was none.
  asio::awaitable<Result<bool>> remove(pg::Transaction& tx, Uuid user);

 private:
  std::string recovery_digest(Uuid user, std::string_view code) const;
  Result<std::string> open(Uuid user, std::string_view sealed) const;

  Random& random_;
  const std::string seal_key_;
  const std::string code_key_;
  const std::string issuer_;
};

}  // namespace phx::identity
