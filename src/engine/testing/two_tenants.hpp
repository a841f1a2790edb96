#pragma once
/// For *_pgtest files: a database with the tenants kA and kB in it.

#include "base/uuid.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::engine::testing {

inline const Uuid kA = *Uuid::parse("00000000-0000-7000-8000-00000000000a");
inline const Uuid kB = *Uuid::parse("00000000-0000-7000-8000-00000000000b");

class TwoTenants : public pg::testing::TestDatabase {
 public:
  explicit TwoTenants(Content content = Content::kMigrated, void (*adjust)(pg::DatabaseOptions&) = nullptr)
      : TestDatabase(content, adjust) {
    exec("insert into phoenix.tenants (id, name, display_name) values ('" + kA.to_string() + "', 'tenant-a', 'A'), ('" +
         kB.to_string() + "', 'tenant-b', 'B')");
  }
};

}  // namespace phx::engine::testing
