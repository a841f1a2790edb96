#include "domains/identity/second_factor.hpp"

#include <span>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "domains/identity/sql.gen.hpp"
#include "domains/identity/totp.hpp"
#include "pg/database.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;

constexpr auto kEnrolmentLifetime = 10min;
constexpr int kRecoveryCodes = 10;
constexpr std::size_t kRecoveryCodeBytes = 10;

std::string random_bytes(Random& random, std::size_t size) {
  std::string out(size, '\0');
  random.fill(std::span(reinterpret_cast<std::uint8_t*>(out.data()), out.size()));
  return out;
}

/// "ABCD-EFGH-IJKL-MNOP": easier to type.
std::string in_groups(const std::string& code) {
  std::string out;
  for (std::size_t i = 0; i < code.size(); i += 4) out += (i > 0 ? "-" : "") + code.substr(i, 4);
  return out;
}

}  // namespace

std::string plain_code(std::string_view typed) {
  std::string out;
  for (const char c : typed)
    if (c != ' ' && c != '-') out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

SecondFactor::SecondFactor(Random& random, std::string_view server_key, std::string issuer)
    : random_(random),
      seal_key_(hmac_sha256(server_key, "phoenix second factor secrets")),
      code_key_(hmac_sha256(server_key, "phoenix recovery codes")),
      issuer_(std::move(issuer)) {}

std::string SecondFactor::recovery_digest(Uuid user, std::string_view code) const {
  return hmac_sha256(code_key_, user.to_string() + ":" + std::string(code));
}

Result<std::string> SecondFactor::open(Uuid user, std::string_view sealed) const {
  auto secret = siv_open(seal_key_, user.to_string(), sealed);
  if (!secret) return internal_error("second_factor.unreadable", "sealed with another server key");
  return std::move(*secret);
}

asio::awaitable<Result<SecondFactor::Enrolment>> SecondFactor::begin(pg::Transaction& tx, Uuid user,
                                                                     std::string account) {
  const std::string secret = random_bytes(random_, kTotpSecretBytes);
  auto params = pg::Params::of(user);
  params.add_bytes(siv_seal(seal_key_, user.to_string(), secret)).add(Duration(kEnrolmentLifetime));
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::identity::begin_second_factor, std::move(params)));
  co_return Enrolment{base32_encode(secret), otpauth_uri(issuer_, account, secret), rows.get<Instant>(0, "expires_at")};
}

asio::awaitable<Result<std::optional<std::vector<std::string>>>> SecondFactor::confirm(pg::Transaction& tx, Uuid user,
                                                                                       std::string code) {
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::identity::begun_second_factor, pg::Params::of(user)));
  if (rows.empty())
    co_return Error(Code::kFailedPrecondition, "second_factor.not_begun", "There is no new app to confirm.")
        .with_next_action("Begin again: a secret has to be confirmed within ten minutes.");
  const auto sealed = rows.get<std::string>(0, "sealed_secret");
  PHX_CO_TRY(const auto secret, open(user, sealed));
  const auto step = match_totp(secret, plain_code(code), rows.get<std::int64_t>(0, "now"), 0);
  if (!step) co_return std::optional<std::vector<std::string>>();
  auto params = pg::Params::of(user);
  params.add_bytes(sealed).add(*step);
  PHX_CO_CHECK(co_await tx.execute(sql::identity::confirm_second_factor, std::move(params)));
  PHX_CO_TRY(auto codes, co_await renew_recovery_codes(tx, user));
  co_return std::optional(std::move(codes));
}

asio::awaitable<Result<bool>> SecondFactor::enrolled(pg::Transaction& tx, Uuid user) {
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::identity::second_factor, pg::Params::of(user)));
  co_return !rows.empty();
}

asio::awaitable<Result<SecondFactorProof>> SecondFactor::prove(pg::Transaction& tx, Uuid user, std::string typed) {
  // Locked, so that two uses of one code follow each other.
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::identity::lock_second_factor, pg::Params::of(user)));
  if (rows.empty()) co_return SecondFactorProof::kNone;
  const std::string code = plain_code(typed);
  if (code.size() == kTotpDigits) {
    PHX_CO_TRY(const auto secret, open(user, rows.get<std::string>(0, "sealed_secret")));
    const auto step =
        match_totp(secret, code, rows.get<std::int64_t>(0, "now"), rows.get<std::int64_t>(0, "last_step"));
    if (!step) co_return SecondFactorProof::kNone;
    PHX_CO_CHECK(co_await tx.execute(sql::identity::use_step, pg::Params::of(user, *step)));
    co_return SecondFactorProof::kApp;
  }
  auto params = pg::Params::of(user);
  params.add_bytes(recovery_digest(user, code));
  PHX_CO_TRY(auto used, co_await tx.execute(sql::identity::use_recovery_code, std::move(params)));
  co_return used.affected() == 1 ? SecondFactorProof::kRecoveryCode : SecondFactorProof::kNone;
}

asio::awaitable<Result<std::vector<std::string>>> SecondFactor::renew_recovery_codes(pg::Transaction& tx, Uuid user) {
  PHX_CO_CHECK(co_await tx.execute(sql::identity::delete_recovery_codes, pg::Params::of(user)));
  std::vector<std::string> codes;
  for (int i = 0; i < kRecoveryCodes; ++i) {
    const std::string code = base32_encode(random_bytes(random_, kRecoveryCodeBytes));
    auto params = pg::Params::of(user);
    params.add_bytes(recovery_digest(user, code));
    PHX_CO_CHECK(co_await tx.execute(sql::identity::insert_recovery_code, std::move(params)));
    codes.push_back(in_groups(code));
  }
  co_return codes;
}

asio::awaitable<Result<bool>> SecondFactor::remove(pg::Transaction& tx, Uuid user) {
  PHX_CO_TRY(auto removed, co_await tx.execute(sql::identity::remove_second_factor, pg::Params::of(user)));
  co_return !removed.empty();
}

}  // namespace phx::identity
