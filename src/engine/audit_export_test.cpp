#include "engine/audit_export.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace phx::engine {
namespace {

AuditLine sample() {
  AuditLine out;
  out.id = *Uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057");
  out.at = *parse_instant("2026-11-24T00:15:25.5Z");
  out.actor = "ada@example.org";
  out.action = "stopVirtualMachine";
  out.object_type = "VirtualMachine";
  out.object_id = out.id;
  out.outcome = "OK";
  out.request_id = "r-1";
  out.before = R"({"state": "RUNNING"})";
  return out;
}

TEST(AuditExportLines, CsvQuotesAndDoublesQuotes) {
  EXPECT_EQ(csv_cell("plain"), "\"plain\"");
  EXPECT_EQ(csv_cell("a \"b\", c\r\nd"), "\"a \"\"b\"\", c\r\nd\"");
  EXPECT_EQ(csv_cell(""), "\"\"");
}

TEST(AuditExportLines, NoCellIsAFormula) {
  for (const std::string text : {"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0",
                                 "\uFF1D1", "\uFF0B1", "\uFF0D1", "\uFF201"})
    EXPECT_EQ(csv_cell(text).substr(0, 2), "\"'") << text;
  EXPECT_EQ(csv_cell("=\"a\""), "\"'=\"\"a\"\"\"") << "and is quoted all the same";
  for (const std::string text : {"1=1", " =1", "a@b", "{\"a\":\"=1\"}", "1-1"})
    EXPECT_EQ(csv_cell(text).find('\''), std::string::npos);
}

TEST(AuditExportLines, BothFormatsHaveTheSameValuesInOneOrder) {
  EXPECT_EQ(audit_export_header(AuditFormat::kJsonLines), "");
  EXPECT_EQ(
      audit_export_header(AuditFormat::kCsv) + sample().text(AuditFormat::kCsv),
      "at,id,tenantId,actor,onBehalfOf,remoteAddress,action,objectType,objectId,outcome,requestId,before,after\r\n"
      "\"2026-11-24T00:15:25.500Z\",\"01890a5d-ac96-774b-bcce-b302099a8057\",,\"ada@example.org\",,,"
      "\"stopVirtualMachine\",\"VirtualMachine\",\"01890a5d-ac96-774b-bcce-b302099a8057\",\"OK\",\"r-1\","
      "\"{\"\"state\"\": \"\"RUNNING\"\"}\",\r\n");
  const std::string json = sample().text(AuditFormat::kJsonLines);
  EXPECT_EQ(json.back(), '\n');
  EXPECT_EQ(json.find('\n'), json.size() - 1) << "one line";
  const auto value = boost::json::parse(json);
  std::string names;
  for (const auto& [name, item] : value.as_object()) names += std::string(name) + ",";
  names.back() = '\r';
  EXPECT_EQ(names + "\n", audit_export_header(AuditFormat::kCsv));
  EXPECT_EQ(value.at("before").at("state").as_string(), "RUNNING") << "JSON within JSON, no text";
  EXPECT_TRUE(value.at("after").is_null());
  EXPECT_TRUE(value.at("tenantId").is_null());
}

TEST(AuditExportLines, TextOfPeopleStaysOneValue) {
  auto line = sample();
  line.actor = "a\"b\n\u2028c";
  const std::string json = line.text(AuditFormat::kJsonLines);
  EXPECT_EQ(json.find('\n'), json.size() - 1);
  EXPECT_EQ(boost::json::parse(json).at("actor").as_string(), line.actor);
}

}  // namespace
}  // namespace phx::engine
