#pragma once
/// A schema of a test's own, served from a real database. For *_pgtest files only: give the database its tables, the
/// registry its handlers, then serve().

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "api/sdl.gen.hpp"
#include "api/service.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::api::testing {

struct World {
  /// The base schema with this one; of the base's root fields, which nobody asks here, the handlers are added.
  void serve(graphql::SdlSource sdl, GraphqlService::Limits limits = {}) {
    for (const char* name : {"health", "eventCursor"})
      registry.query(name, [](QueryContext&, boost::json::object) -> asio::awaitable<Result<boost::json::value>> {
        co_return nullptr;
      });
    const std::array<graphql::SdlSource, 2> sources{{{"base.graphql", sdl::api::base}, sdl}};
    serve(ApiSchema::assemble(sources, registry), limits);
  }
  void serve(Result<std::unique_ptr<ApiSchema>> assembled, GraphqlService::Limits limits = {}) {
    if (!assembled) throw std::runtime_error(assembled.error().message());
    api = std::move(*assembled);
    service.emplace(
        GraphqlService::Services{*api, db.database(), clock, random, ids, db.metrics(), "test secret", event_cursors},
        limits);
  }

  /// Of a user with this role; on the platform, unless a tenant is added.
  static RequestContext request(Role role) {
    RequestContext out;
    out.principal.kind = PrincipalKind::kUser;
    out.principal.email = "ada@example.org";
    out.principal.platform_admin = role == Role::kPlatformAdmin;
    out.role = role;
    out.request_id = "request-1";
    out.deadline = Deadline::after(std::chrono::seconds(20));
    return out;
  }
  std::string answer(RequestContext of, GraphqlRequest request) {
    return db.run(service->execute(std::move(of), std::move(request))).body;
  }

  pg::testing::TestDatabase db;
  SystemClock clock;
  SystemRandom random;
  UuidSource ids{clock, random};
  EventCursorSeal event_cursors{"key of a test's log"};
  Registry registry;
  std::unique_ptr<ApiSchema> api;
  std::optional<GraphqlService> service;
};

}  // namespace phx::api::testing
