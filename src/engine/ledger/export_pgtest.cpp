#include "engine/ledger/export.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <functional>
#include <sstream>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "engine/audit.hpp"
#include "engine/ledger/export_lines.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/testing/in_transaction.hpp"
#include "engine/testing/two_tenants.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;
using pg::Scope;
using testing::in_transaction;
using testing::kA;
using testing::kB;

using Lines = std::vector<std::string>;

SigningKey key_of(char letter) { return SigningKey(std::string(32, letter)); }

Lines lines_of(const std::string& text) {
  Lines out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string joined(const Lines& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

Result<LedgerContents> verify(const std::string& text, const VerifyOptions& options = {}) {
  std::istringstream in(text);
  return verify_ledger(in, options);
}

/// "reason at field", or "ok".
std::string verdict(const std::string& text, const VerifyOptions& options = {}) {
  const auto answer = verify(text, options);
  return answer ? "ok" : answer.error().reason() + " at " + answer.error().field();
}

struct LedgerExport : ::testing::Test {
  testing::TwoTenants db;
  SystemClock clock;
  SystemRandom random;
  UuidSource ids{clock, random};

  void write(int count, std::optional<Uuid> tenant) {
    for (int i = 0; i < count; ++i) {
      AuditRow row;
      row.id = ids.next();
      row.tenant = tenant;
      row.actor = "ada@example.org";
      row.remote_address = "192.0.2.7";
      row.action = "stopVirtualMachine";
      row.object_type = "VirtualMachine";
      row.object_id = ids.next();
      row.before = boost::json::parse(R"({"state":"RUNNING","n":9007199254740993,"x":[1.5,null,"\u00e9\n"]})");
      row.request_id = "r-1";
      const auto written = in_transaction(db, tenant ? Scope::of_tenant(*tenant) : Scope::platform(),
                                          [&](pg::Transaction& tx) { return record_audit(tx, row, random); });
      ASSERT_TRUE(written) << written.error().to_string();
    }
  }
  std::string append(char key = 'k') {
    LedgerSequencer sequencer(db.database(), clock, db.metrics(), key_of(key));
    const auto appended = db.run(sequencer.append_batch());
    EXPECT_TRUE(appended) << appended.error().to_string();
    const auto head = db.run(read_ledger_head(db.database()));
    EXPECT_TRUE(head);
    return head->note.value_or("");
  }
  std::string exported(ExportOptions options = {}, char key = 'k') {
    std::ostringstream out;
    const auto contents = db.run(export_ledger(db.database(), key_of(key), std::move(options), out));
    EXPECT_TRUE(contents) << contents.error().to_string();
    return out.str();
  }
  void erase(const std::string& which) {
    db.exec(
        "update phoenix.audit_log set content = null, salt = null, actor = 'erased', remote_address = null, "
        "before = null, after = null where " +
        which);
  }
};

TEST_F(LedgerExport, OfEverythingVerifies) {
  write(3, kA);
  write(3, kB);
  write(1, std::nullopt);
  append();
  const auto answer = verify(exported());
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->leaves, 7U);
  EXPECT_EQ(answer->erased, 0U);
  EXPECT_EQ(answer->checkpoint.size, 7U);
  EXPECT_EQ(answer->key.text(), key_of('k').verifier(answer->checkpoint.origin).text());
  EXPECT_FALSE(answer->tenant);
  const auto row = boost::json::parse(lines_of(exported())[1]).at("row");
  EXPECT_EQ(row.at("actor").as_string(), "ada@example.org");
  EXPECT_EQ(row.at("tenant").as_string(), kA.to_string());
  EXPECT_EQ(row.at("before").at("n").as_int64(), 9007199254740993);
}

TEST_F(LedgerExport, OfAnEmptyLedgerVerifies) {
  append();
  EXPECT_EQ(verdict(exported()), "ok");
  EXPECT_EQ(verdict(exported({.tenant = kA, .since = {}})), "ok");
}

TEST_F(LedgerExport, OfOneTenantHasItsLeavesAloneWithProofs) {
  for (int i = 0; i < 9; ++i) write(1, i % 3 == 0 ? kA : kB);
  append();
  const auto text = exported({.tenant = kA, .since = {}});
  const auto answer = verify(text);
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->leaves, 3U);
  EXPECT_EQ(answer->checkpoint.size, 9U);
  EXPECT_EQ(answer->tenant, kA);
  EXPECT_EQ(text.find(kB.to_string()), text.npos);
}

TEST_F(LedgerExport, WhatIsErasedStaysProven) {
  write(4, kA);
  append();
  const auto before = exported();
  erase("id = (select audit_id from phoenix.audit_leaves where index = 1)");
  for (const auto& options : {ExportOptions{}, ExportOptions{.tenant = kA, .since = {}}}) {
    const auto text = exported(options);
    const auto answer = verify(text);
    ASSERT_TRUE(answer) << answer.error().to_string();
    EXPECT_EQ(answer->leaves, 4U);
    EXPECT_EQ(answer->erased, 1U);
    EXPECT_EQ(lines_of(text)[2].find("ada@example.org"), std::string::npos);
  }
  EXPECT_EQ(verdict(before), "ok") << "and so does what was exported before";
}

TEST_F(LedgerExport, EveryChangedByteIsFound) {
  write(2, kA);
  write(1, kB);
  append();
  for (const auto& text : {exported(), exported({.tenant = kA, .since = {}})}) {
    ASSERT_EQ(verdict(text), "ok");
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      ASSERT_NE(verdict(changed), "ok") << "byte " << i << " of " << text.size();
    }
    for (std::size_t i = 0; i < text.size(); i += 7) {
      ASSERT_NE(verdict(text.substr(0, i)), "ok") << "cut off after " << i;
      ASSERT_NE(verdict(text.substr(0, i) + text.substr(i + 1)), "ok") << "without byte " << i;
    }
    ASSERT_NE(verdict(text.substr(0, text.size() - 1)), "ok") << "without the last newline";
    ASSERT_NE(verdict(text + "\n"), "ok");
    ASSERT_NE(verdict(text + text), "ok");
  }
}

TEST_F(LedgerExport, TheLineThatIsWrongIsNamed) {
  write(5, kA);
  append();
  for (const auto& whole : {exported(), exported({.tenant = kA, .since = {}})}) {
    const auto with = [&](const std::function<void(Lines&)>& change) {
      Lines lines = lines_of(whole);
      change(lines);
      return verdict(joined(lines));
    };
    const bool proofs = whole.find("\"proof\"") != whole.npos;
    EXPECT_EQ(with([](Lines& l) { l[3].replace(l[3].find("stopV"), 5, "Stopv"); }), "ledger.line_malformed at line 4");
    EXPECT_EQ(with([](Lines& l) { l[3].insert(1, " "); }), "ledger.line_malformed at line 4");
    EXPECT_EQ(with([](Lines& l) { std::swap(l[2], l[3]); }),
              std::string("ledger.order at line ") + (proofs ? "4" : "3"));
    EXPECT_EQ(with([](Lines& l) { l.insert(l.begin() + 3, l[2]); }), "ledger.order at line 4") << "doubled";
    EXPECT_EQ(with([](Lines& l) { l.erase(l.begin() + 3); }),
              proofs ? "ledger.order at line 6" : "ledger.order at line 4")
        << "missing";
    EXPECT_EQ(with([](Lines& l) { l.erase(l.begin() + 5); }), "ledger.order at line 6") << "the last one missing";
    EXPECT_EQ(with([](Lines& l) { l.pop_back(); }), "ledger.cut_off at line 7");
    EXPECT_EQ(with([](Lines& l) { l.erase(l.begin()); }), "ledger.not_an_export at line 1");
    EXPECT_EQ(with([](Lines& l) { l.push_back("x"); }), "ledger.line_malformed at line 8");
    EXPECT_EQ(with([](Lines& l) { l.clear(); }), "ledger.not_an_export at line 1");
  }
}

// As a forger would who knows the format, but not the key.
TEST_F(LedgerExport, ForgedLinesAreFound) {
  write(5, kA);
  write(1, kB);
  append();
  const auto forge = [&](const std::string& whole, const std::function<void(ExportedLeaf&)>& change) {
    Lines lines = lines_of(whole);
    auto leaf = ExportedLeaf::parse(lines[3]);
    EXPECT_TRUE(leaf);
    change(*leaf);
    auto line = leaf->line();
    EXPECT_TRUE(line);
    lines[3] = line.value_or("");
    return verdict(joined(lines));
  };
  const auto all = exported();
  const auto own = exported({.tenant = kA, .since = {}});
  const auto other_action = [](ExportedLeaf& leaf) {
    const auto at = leaf.canonical.find("stop");
    leaf.canonical.replace(at, 4, "boot");
  };
  EXPECT_EQ(forge(all, other_action), "ledger.root_differs at lines 2 to 7");
  EXPECT_EQ(forge(own, other_action), "ledger.not_included at line 4");
  const auto other_actor = [](ExportedLeaf& leaf) { leaf.content->replace(leaf.content->find("ada"), 3, "eve"); };
  EXPECT_EQ(forge(all, other_actor), "ledger.content_differs at line 4");
  EXPECT_EQ(forge(own, other_actor), "ledger.content_differs at line 4");
  const auto forgets = [](ExportedLeaf& leaf) { leaf.content = leaf.salt = std::nullopt; };
  EXPECT_EQ(forge(all, forgets), "ledger.seal_differs at line 8") << "left out, but not erased by us";
  EXPECT_EQ(forge(own, [](ExportedLeaf& leaf) { leaf.proof->back()[0] ^= 1; }), "ledger.not_included at line 4");
  EXPECT_EQ(forge(own, [](ExportedLeaf& leaf) { leaf.proof.reset(); }), "ledger.not_included at line 4");

  // A leaf left out of a tenant's export, and the first line changed to match: only the seal tells.
  Lines lines = lines_of(own);
  lines.erase(lines.begin() + 3);
  auto header = ExportHeader::parse(lines[0]);
  ASSERT_TRUE(header);
  header->leaves = 4;
  lines[0] = header->line();
  EXPECT_EQ(verdict(joined(lines)), "ledger.seal_differs at line 6");
  // Another tenant's leaf put in.
  lines = lines_of(own);
  auto foreign = lines_of(exported({.tenant = kB, .since = {}}))[1];
  lines.insert(lines.begin() + 6, foreign);
  EXPECT_EQ(verdict(joined(lines)), "ledger.other_tenant at line 7");
}

TEST_F(LedgerExport, AnotherKeyIsFoundByWhoeverKeptTheKeyOrACheckpoint) {
  write(3, kA);
  const auto kept = append('k');
  const auto honest = verify(exported());
  ASSERT_TRUE(honest);
  append('x');
  const auto resigned = exported({}, 'x');
  EXPECT_EQ(verdict(resigned), "ok") << "of one piece, but whose?";
  EXPECT_EQ(verdict(resigned, {.key = honest->key, .since = {}}), "ledger.other_key at line 1");
  EXPECT_EQ(verdict(resigned, {.key = {}, .since = kept}), "note.other_key at line 1");
  std::ostringstream out;
  const auto refused = db.run(export_ledger(db.database(), key_of('k'), {}, out));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "ledger.key_mismatch");
}

TEST_F(LedgerExport, AnOlderCheckpointIsTheBeginningOfTheExport) {
  const auto empty = append();
  write(5, kA);
  const auto kept = append();
  write(4, kB);
  append();
  const auto head = verify(exported());
  ASSERT_TRUE(head);
  const auto now = head->checkpoint;
  const auto same = key_of('k').sign(now.origin, now.text());
  for (const auto& since : {empty, kept, same}) {
    EXPECT_EQ(verdict(exported(), {.key = {}, .since = since}), "ok");
    EXPECT_EQ(verdict(exported({.tenant = kA, .since = since}), {.key = {}, .since = since}), "ok");
  }
  EXPECT_EQ(verdict(exported({.tenant = kA, .since = {}}), {.key = {}, .since = kept}),
            "ledger.no_consistency_proof at line 1");
  EXPECT_EQ(verdict(exported({.tenant = kA, .since = empty}), {.key = {}, .since = kept}),
            "ledger.no_consistency_proof at line 1");
  // What another history, signed with the very same key, would have left behind.
  const auto sign = [&](std::uint64_t size, const std::string& root) {
    return key_of('k').sign(now.origin, Checkpoint{now.origin, size, root}.text());
  };
  const auto other = sign(5, sha256("other"));
  EXPECT_EQ(verdict(exported(), {.key = {}, .since = other}), "ledger.inconsistent at line 6");
  EXPECT_EQ(verdict(exported({.tenant = kA, .since = other}), {.key = {}, .since = other}),
            "ledger.inconsistent at line 1");
  EXPECT_EQ(verdict(exported(), {.key = {}, .since = sign(0, sha256("other"))}), "ledger.inconsistent at line 1");
  EXPECT_EQ(verdict(exported(), {.key = {}, .since = sign(10, now.root)}), "ledger.inconsistent at line 1");
  std::ostringstream out;
  const auto refused =
      db.run(export_ledger(db.database(), key_of('k'), {.tenant = kA, .since = sign(10, now.root)}, out));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "ledger.since_newer");
}

// The whole point: whoever has the database and rewrites it consistently is still found.
TEST_F(LedgerExport, ADatabaseThatWasRewrittenIsFoundByAKeptCheckpoint) {
  write(6, kA);
  const auto kept = append();
  db.exec(
      "update phoenix.audit_log set canonical = overlay(canonical placing 'boot'::bytea "
      "from position('stop'::bytea in canonical)), action = 'bootVirtualMachine' where id = "
      "(select audit_id from phoenix.audit_leaves where index = 3);"
      "insert into phoenix.audit_inbox (audit_id) select audit_id from phoenix.audit_leaves order by index;"
      "delete from phoenix.audit_leaves; delete from phoenix.ledger_nodes; delete from phoenix.ledger_checkpoints");
  append();
  EXPECT_EQ(verdict(exported()), "ok") << "it is a ledger, but not the one that was signed for";
  EXPECT_EQ(verdict(exported(), {.key = {}, .since = kept}), "ledger.inconsistent at line 7");
}

}  // namespace
}  // namespace phx::engine
