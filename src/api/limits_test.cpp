#include "api/limits.hpp"

#include <gtest/gtest.h>

namespace phx::api {
namespace {

std::string reason_of(const std::string& text, const DocumentLimits& limits = {}) {
  const auto document = graphql::parse_document(text, limits.parse_limits());
  if (!document) return "syntax";
  const Status status = check_limits(*document, limits);
  return status ? "" : status.error().reason();
}

std::string nested(int depth) {
  std::string out;
  for (int i = 0; i < depth; ++i) out += "{ a ";
  return out + std::string(static_cast<std::size_t>(depth), '}');
}

TEST(Limits, DepthIsNamed) {
  EXPECT_EQ(reason_of(nested(16)), "");
  EXPECT_EQ(reason_of(nested(17)), "limit.depth");
}

TEST(Limits, FragmentsCountWhereTheyAreSpread) {
  EXPECT_EQ(reason_of("{ ...f } fragment f on Q { a { b { c } } }", {.max_depth = 3}), "");
  EXPECT_EQ(reason_of("{ x { ...f } } fragment f on Q { a { b { c } } }", {.max_depth = 3}), "limit.depth");
  // Doubling fragments: 2^40 fields in a few hundred bytes must be refused without being spread out.
  std::string bomb = "{ ...f0 }";
  for (int i = 0; i < 40; ++i)
    bomb += " fragment f" + std::to_string(i) + " on Q { x: a { ...f" + std::to_string(i + 1) + " } y: a { ...f" +
            std::to_string(i + 1) + " } }";
  bomb += " fragment f40 on Q { a }";
  EXPECT_EQ(reason_of(bomb, {.max_depth = 100}), "limit.fields");
  // A cycle ends.
  EXPECT_EQ(reason_of("{ ...f } fragment f on Q { a ...f }"), "");
}

TEST(Limits, AliasesAndFieldsAreNamed) {
  std::string aliases = "{";
  for (int i = 0; i < 101; ++i) aliases += " a" + std::to_string(i) + ": x";
  EXPECT_EQ(reason_of(aliases + "}"), "limit.aliases");
  std::string fields = "{";
  for (int i = 0; i < 2001; ++i) fields += " x" + std::to_string(i);
  EXPECT_EQ(reason_of(fields + "}"), "limit.fields");
}

TEST(Limits, DirectivesAreCountedWhereverTheyStand) {
  std::string many = "query @d";
  for (int i = 0; i < 49; ++i) many += " @d";
  many += " { a ...f @d } fragment f on Q { x";
  for (int i = 0; i < 49; ++i) many += " @d";
  EXPECT_EQ(reason_of(many + " }"), "");
  EXPECT_EQ(reason_of(many + " @d }"), "limit.directives");
  EXPECT_EQ(reason_of("query($v: Int @d @d) @d { a }", {.max_directives = 2}), "limit.directives");
}

TEST(Limits, TokensStopTheParser) {
  std::string many = "{";
  for (int i = 0; i < 10'001; ++i) many += " x";
  EXPECT_EQ(reason_of(many + "}"), "syntax");
}

}  // namespace
}  // namespace phx::api
