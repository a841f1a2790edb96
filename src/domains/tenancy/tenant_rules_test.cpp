#include "domains/tenancy/tenant_rules.hpp"

#include <gtest/gtest.h>

#include <string>

namespace phx::tenancy {
namespace {

std::string reason(std::string_view name) {
  const auto status = check_tenant_name(name, "input.name");
  if (status) return "";
  EXPECT_EQ(status.error().field(), "input.name");
  return status.error().reason();
}

TEST(TenantName, IsADnsLabel) {
  for (const std::string& good : {std::string("abc"), std::string("acme-2"), std::string("a1b"), std::string(40, 'a')})
    EXPECT_EQ(reason(good), "") << good;
  for (const std::string& bad : {std::string(), std::string("ab"), std::string(41, 'a'), std::string("-ab"),
                                 std::string("ab-"), std::string("1ab"), std::string("Acme"), std::string("a_b"),
                                 std::string("a.b"), std::string("a b"), std::string("äbc"), std::string("ab\0c", 4)})
    EXPECT_EQ(reason(bad), "tenant.name_malformed") << bad;
}

TEST(TenantName, IsNotAWordOfOurs) {
  for (const char* reserved : {"admin", "api", "www", "about", "localhost", "xn--abc"})
    EXPECT_EQ(reason(reserved), "tenant.name_reserved") << reserved;
  EXPECT_EQ(reason("administrators"), "");
}

TEST(TenantName, CannotBeTakenForAnId) {
  EXPECT_EQ(reason("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), "tenant.name_reserved");
}

TEST(TenantDisplayName, IsOneLineOfText) {
  EXPECT_TRUE(check_tenant_display_name("Acme & Söhne", "f"));
  for (const std::string& bad :
       {std::string(), std::string(" a"), std::string("a "), std::string("a\nb"), std::string("a\0b", 3),
        std::string(101, 'a'), std::string("acme\u202E"), std::string("ac\u200Dme"), std::string("\xff")})
    EXPECT_EQ(check_tenant_display_name(bad, "f").error().reason(), "tenant.display_name_malformed") << bad;
}

}  // namespace
}  // namespace phx::tenancy
