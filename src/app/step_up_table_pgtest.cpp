// Which mutations want a fresh second factor is a decision that people read: docs/step-up.md says the same as the SDL.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "app/product_schema.hpp"
#include "app/testing/unserved.hpp"

namespace phx::app {
namespace {

using Table = std::map<std::string, std::string>;

Table of_the_sdl() {
  Table out;
  for (const auto& source : product_sdl()) {
    const auto document = graphql::parse_schema(source.text);
    if (!document) throw std::runtime_error(document.error().message);
    for (const auto& type : document->types) {
      if (type.name.text != "Mutation") continue;
      for (const auto& field : type.fields)
        out[std::string(field.name.text)] = graphql::ast::find_directive(field.directives, "stepUp") ? "yes" : "no";
    }
  }
  return out;
}

Table of_the_page() {
  Table out;
  std::ifstream page(std::string(PHOENIX_SOURCE_DIR) + "/docs/step-up.md");
  // | `mutation` | yes or no | why |
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `")) continue;
    const auto name_end = line.find("` | ");
    const auto wanted_end = line.find(" | ", name_end + 4);
    if (wanted_end == line.npos || line.size() < wanted_end + 6) continue;
    out[line.substr(3, name_end - 3)] = line.substr(name_end + 4, wanted_end - name_end - 4);
  }
  return out;
}

TEST(StepUpTable, IsThatOfTheSdl) {
  const Table sdl = of_the_sdl();
  EXPECT_GT(sdl.size(), 20U);
  EXPECT_EQ(of_the_page(), sdl);
}

TEST(StepUpTable, WhatDestroysOrOpensAWayInIsOnIt) {
  for (const auto& [mutation, wanted] : of_the_sdl())
    if (mutation.starts_with("delete") || mutation.starts_with("reset") || mutation.find("ApiKey") != mutation.npos)
      EXPECT_EQ(wanted, mutation == "revokeApiKey" ? "no" : "yes") << mutation;
}

}  // namespace
}  // namespace phx::app
