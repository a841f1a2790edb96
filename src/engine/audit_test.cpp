#include "engine/audit.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/crypto.hpp"
#include "engine/idempotency.hpp"

namespace phx::engine {
namespace {

TEST(CanonicalJson, SortsKeysAndDropsSpace) {
  EXPECT_EQ(canonical_json(boost::json::parse(R"( { "b" : [ 1, 2.5, {"z":null,"y":true} ], "a" : "ü\n\"" } )")),
            "{\"a\":\"ü\\n\\\"\",\"b\":[1,2.5E0,{\"y\":true,\"z\":null}]}");
}

TEST(CanonicalJson, OrderOfKeysDoesNotMatter) {
  EXPECT_EQ(canonical_json(boost::json::parse(R"({"a":1,"b":{"d":4,"c":3}})")),
            canonical_json(boost::json::parse(R"({"b":{"c":3,"d":4},"a":1})")));
}

AuditRow sample() {
  AuditRow row;
  row.id = *Uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057");
  row.actor = "ada@example.org";
  row.action = "createVirtualMachine";
  row.after = boost::json::parse(R"({"name":"web-1"})");
  row.request_id = "r-1";
  return row;
}

TEST(Audit, EncodingIsThePublishedOne) {
  // Golden: the bytes are forever, since leaves of a log hash them.
  EXPECT_EQ(hex_encode(audit_content(sample())),
            "7068782e61756469742e636f6e74656e742e310a"
            "010000000f616461406578616d706c652e6f7267"
            "00"
            "00"
            "00"
            "01000000107b226e616d65223a227765622d31227d");
  EXPECT_EQ(hex_encode(audit_canonical_tail(sample(), std::string(32, 'c'))),
            "010000001001890a5dac96774bbcceb302099a8057"
            "00"
            "01000000146372656174655669727475616c4d616368696e65"
            "00"
            "00"
            "01000000024f4b"
            "0100000003722d31"
            "0100000020"
            "6363636363636363636363636363636363636363636363636363636363636363");
}

TEST(Audit, AbsentIsNotEmpty) {
  auto row = sample();
  row.on_behalf_of = "";
  EXPECT_NE(audit_content(row), audit_content(sample()));
}

TEST(Audit, FieldsCannotRunIntoEachOther) {
  auto a = sample();
  auto b = sample();
  a.actor = "ab";
  a.on_behalf_of = "c";
  b.actor = "a";
  b.on_behalf_of = "bc";
  EXPECT_NE(audit_content(a), audit_content(b));
}

TEST(Audit, TheCommitmentBindsContentAndSalt) {
  const std::string salt(32, 's');
  const auto content = audit_content(sample());
  const auto canonical =
      "phx.audit.1\n" + std::string(8, '\0') + audit_canonical_tail(sample(), audit_commitment(salt, content));
  EXPECT_TRUE(audit_content_matches(canonical, salt, content));
  EXPECT_FALSE(audit_content_matches(canonical, std::string(32, 't'), content));
  EXPECT_FALSE(audit_content_matches(canonical, salt, content + "x"));
  EXPECT_FALSE(audit_content_matches("x" + canonical, salt, content));
}

TEST(Idempotency, TheHashTellsFieldsAndArgumentsApart) {
  EXPECT_EQ(hash_request("k", "a", "{}").size(), 32u);
  EXPECT_EQ(hash_request("k", "a", "{}"), hash_request("k", "a", "{}"));
  EXPECT_NE(hash_request("k", "a", "{}"), hash_request("k", "b", "{}"));
  EXPECT_NE(hash_request("k", "a", "{}"), hash_request("another secret", "a", "{}"));
  EXPECT_NE(hash_request("k", "a", "{}"), hash_request("k", "a", "{\"x\":1}"));
}

}  // namespace
}  // namespace phx::engine
