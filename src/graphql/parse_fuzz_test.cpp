// The fuzz target itself, so that its properties are checked in every run of the suite. It is not part of the library.
#include "graphql/parse_fuzz.cpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.hpp"

namespace phx::graphql {
namespace {

void feed(const std::string& text) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

/// Every query of the conformance suite, its schema, and the fuzz schema.
std::vector<std::string> corpus() {
  auto folder = std::filesystem::path(__FILE__).parent_path() / "../../tests/conformance/graphql";
  std::vector<std::string> out{std::string(kFuzzSchema)};
  std::ifstream schema(folder / "schema.graphql");
  out.emplace_back(std::istreambuf_iterator<char>(schema), std::istreambuf_iterator<char>());
  for (const char* name : {"validation", "lexer", "execution"}) {
    std::ifstream file(folder / "cases" / (std::string(name) + ".jsonl"));
    for (std::string line; std::getline(file, line);) {
      boost::json::error_code error;
      auto value = boost::json::parse(line, error);
      if (error || !value.is_object()) continue;
      if (const auto* query = value.get_object().if_contains("query")) out.emplace_back(query->as_string());
    }
  }
  return out;
}

TEST(ParseFuzz, ReplaysTheCorpus) {
  auto texts = corpus();
  EXPECT_GT(texts.size(), 250U);
  for (const auto& text : texts) feed(text);
}

TEST(ParseFuzz, ReplaysMutationsOfTheCorpus) {
  auto texts = corpus();
  SeededRandom random(20250901);
  constexpr std::string_view kBytes = "{}()[]!$&|=:@\"\\#.,-0aA_\n\r \xEF\xBB\xBF\xC3\x00\xFF";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = texts[random.below(texts.size())];
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      std::size_t at = random.below(text.size() + 1);
      const std::string& other = texts[random.below(texts.size())];
      switch (random.below(4)) {
        case 0: text.erase(at, 1 + random.below(8)); break;
        case 1: text.insert(at, 1, kBytes[random.below(kBytes.size())]); break;
        case 2: text.insert(at, other, random.below(other.size() + 1), random.below(40)); break;
        default: text.insert(at, text, at / 2, random.below(60));
      }
    }
    feed(text);
  }
}

}  // namespace
}  // namespace phx::graphql
