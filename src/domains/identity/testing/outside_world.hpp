#pragma once
/// A server that trusts an outside provider, with a database, and the provider with its key: what the tests of its
/// tokens and of signing in there begin with. For *_pgtest files only.

#include <gtest/gtest.h>

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <string>

#include "base/blocking_pool.hpp"
#include "base/random.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/oidc/provider.hpp"
#include "domains/identity/oidc/testing/fake_network.hpp"
#include "domains/identity/oidc/testing/signer.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::identity::testing {

/// Knows "acme", to whoever a claim lets in.
class OneTenant final : public api::TenantDirectory {
 public:
  asio::awaitable<Result<api::TenantAccess>> enter(api::Principal principal, std::string id_or_name) override {
    if (id_or_name != "acme" || !principal.claimed_tenants) co_return not_found("tenant.not_found", "No such tenant.");
    co_return api::TenantAccess{.id = id, .name = "acme", .role = principal.claimed_tenants->at("acme")};
  }
  Uuid id = *Uuid::parse("018f0000-0000-7000-8000-000000000001");
};

template <class OfClock>
struct OutsideWorld : ::testing::Test {
  template <class... Start>
  explicit OutsideWorld(std::string tenant_claim, Start... start) : clock(start...) {
    network.publish(oidc::testing::key_set(signer));
    identity.trust(provider, {.issuer = oidc::testing::FakeNetwork::kIssuer,
                              .audience = "phoenix",
                              .clients = {},
                              .tenant_claim = std::move(tenant_claim)});
  }
  std::int64_t seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count();
  }
  /// What every token of the provider says, for a minute from now.
  boost::json::object issued() const {
    return {{"iss", oidc::testing::FakeNetwork::kIssuer}, {"aud", "phoenix"}, {"exp", seconds() + 60}};
  }

  pg::testing::TestDatabase db;
  OfClock clock;
  SystemRandom random;
  UuidSource ids{clock, random};
  BlockingPool blocking{1, 16};
  OneTenant tenants;
  Identity identity{db.database(), clock, random, ids, blocking, tenants, std::string(32, 'k'), {}};
  oidc::testing::Signer signer{oidc::testing::Signer::Kind::kEc, "key-1"};
  oidc::testing::FakeNetwork network;
  oidc::Provider provider{db.executor(), network, clock, {.issuer = oidc::testing::FakeNetwork::kIssuer}};
};

}  // namespace phx::identity::testing
