// Signals on a real database: exact under duplicates, disorder and parallel delivery; walled by tenant.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json.hpp>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "domains/incident/incident.hpp"
#include "domains/incident/service_probe.hpp"
#include "engine/work_queue.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::incident {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTenant = "01900000-0000-7000-8000-000000000001";
constexpr std::string_view kOther = "01900000-0000-7000-8000-00000000000b";
constexpr std::string_view kMachine = "01900000-0000-7000-8000-0000000000a1";

class IncidentTest : public ::testing::Test {
 protected:
  IncidentTest()
      : ids(clock, random),
        worker(db.executor(), db.database(), clock, random, metrics,
               {std::chrono::milliseconds(1), std::chrono::milliseconds(5)}),
        incidents(db.database(), clock, ids, {100ms}) {
    db.exec(
        "insert into phoenix.tenants (id, name, display_name) values ('" + std::string(kTenant) +
        "', 'acme', 'Acme'), ('" + std::string(kOther) +
        "', 'beta', 'Beta');"
        "insert into phoenix.sites (id, name, region) values ('01900000-0000-7000-8000-000000000002', 'local', "
        "'local');"
        "insert into phoenix.images (id, name, format, sha256, size_mib, size_bytes, virtual_bytes, min_memory_mib, "
        "min_disk_gib) "
        "values ('01900000-0000-7000-8000-000000000003', 'micro', 'micro', repeat('a', 64), 1, 1, 1, 64, 1);"
        "insert into phoenix.virtual_machines (id, tenant_id, name, image_id, site_id, vcpus, memory_mib, disk_gib, "
        "desired_state, state, state_since, created_by) values ('" +
        std::string(kMachine) + "', '" + std::string(kTenant) +
        "', 'web-1', '01900000-0000-7000-8000-000000000003', '01900000-0000-7000-8000-000000000002', 1, 128, 1, "
        "'RUNNING', "
        "'RUNNING', phoenix.now(), 'ada')");
    incidents.work_with(worker);
    worker.start();
  }
  ~IncidentTest() override { db.run(worker.stop()); }

  static IncomingAlert alert(std::string name, bool firing, Instant starts_at) {
    IncomingAlert a;
    a.source = "alertmanager";
    a.labels = {{"alertname", name}, {"severity", "critical"}};
    a.annotations = {{"summary", name + " is bad"}};
    a.fingerprint = fingerprint_of(a.labels);
    a.firing = firing;
    a.starts_at = starts_at;
    if (!firing) a.ends_at = starts_at + 1min;
    return a;
  }
  Status take(IncomingAlert a, std::optional<Uuid> to = Uuid::parse(kTenant).value()) {
    std::vector<IncomingAlert> list;
    list.push_back(std::move(a));
    const Status status = db.run(incidents.take_alerts(to, std::move(list)));
    worker.nudge();
    return status;
  }
  ::testing::AssertionResult becomes(const std::string& sql) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < until) {
      if (db.value("select (" + sql + ")::text") == "true") return ::testing::AssertionSuccess();
      db.run(sleep_for(5ms));
    }
    return ::testing::AssertionFailure()
           << "never: " << sql << "\n"
           << db.value("select coalesce((select json_agg(i)::text from phoenix.incidents i), '-')");
  }
  std::string count(const std::string& what) { return db.value("select count(*) from phoenix." + what); }
  Status signal(compute::MachineState before, compute::MachineState after) {
    const auto work = [&]() -> asio::awaitable<Status> {
      PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::worker(), Deadline::after(5s)));
      compute::MachineSignal s{machine, tenant, "web-1", before, after, "killed by signal 9", "Start it again."};
      PHX_CO_CHECK(co_await incidents.machine_changed(tx, std::move(s)));
      co_return co_await tx.commit();
    };
    const Status status = db.run(work());
    worker.nudge();
    return status;
  }

  pg::testing::TestDatabase db;
  SystemClock clock;
  SeededRandom random{1};
  Metrics metrics;
  UuidSource ids;
  engine::Worker worker;
  Incidents incidents;
  const Uuid tenant = *Uuid::parse(kTenant);
  const Uuid machine = *Uuid::parse(kMachine);
  const Instant start = SystemClock().now() - 10min;
};

TEST_F(IncidentTest, ADeliveryIsTakenOnceHoweverOftenItComes) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(take(alert("ApiSlow", true, start)));
  EXPECT_EQ(count("alerts"), "1");
  EXPECT_EQ(count("incidents"), "1");
  EXPECT_EQ(db.value("select deliveries from phoenix.alerts"), "5");
  EXPECT_EQ(db.value("select severity || status || title from phoenix.incidents"), "P1INVESTIGATINGApiSlow is bad");
  EXPECT_EQ(db.value("select started_at = (select starts_at from phoenix.alerts) from phoenix.incidents"), "t");
}

TEST_F(IncidentTest, ParallelDeliveriesMakeOneIncident) {
  std::vector<Status> outcomes(40, Error(Code::kInternal, "test.pending", ""));
  const auto one = [&](std::size_t i) -> asio::awaitable<void> {
    std::vector<IncomingAlert> list;
    list.push_back(alert("ApiSlow", true, start));
    outcomes[i] = co_await incidents.take_alerts(tenant, std::move(list));
  };
  TaskScope scope(db.executor(), "deliveries");
  for (std::size_t i = 0; i < outcomes.size(); ++i) scope.spawn("delivery", one(i));
  db.run(scope.join());
  int taken = 0;
  for (const auto& outcome : outcomes) {
    // More at once than there are connections: a refusal is "try again", never half a delivery.
    if (outcome)
      ++taken;
    else
      EXPECT_TRUE(code_info(outcome.error().code()).retryable) << outcome.error().to_string();
  }
  EXPECT_GT(taken, 0);
  EXPECT_EQ(count("alerts"), "1");
  EXPECT_EQ(count("incidents"), "1");
  EXPECT_EQ(db.value("select deliveries from phoenix.alerts"), std::to_string(taken));
}

TEST_F(IncidentTest, AResolveBeforeItsTriggerLeavesNothingOpen) {
  ASSERT_TRUE(take(alert("ApiSlow", false, start)));
  ASSERT_TRUE(take(alert("ApiSlow", true, start)));
  EXPECT_EQ(db.value("select status from phoenix.alerts"), "RESOLVED");
  EXPECT_EQ(count("incidents"), "0");
  ASSERT_TRUE(take(alert("ApiSlow", true, start + 5min)));
  EXPECT_EQ(count("incidents"), "1") << "a new occurrence opens one";
}

TEST_F(IncidentTest, ALateDeliveryOfAnOlderOccurrenceOpensNothing) {
  ASSERT_TRUE(take(alert("ApiSlow", true, start + 5min)));
  ASSERT_TRUE(take(alert("ApiSlow", true, start)));
  EXPECT_EQ(db.value("select count(*) from phoenix.alerts where status = 'FIRING'"), "1");
  EXPECT_EQ(count("incidents"), "1");
}

TEST_F(IncidentTest, AStartInTheFutureKeepsNothingOut) {
  const Instant ahead = clock.now() + std::chrono::hours(24 * 365);
  const std::string firing = "(select count(*) from phoenix.alerts where status = 'FIRING') = ";
  ASSERT_TRUE(take(alert("Ahead", true, ahead)));
  ASSERT_TRUE(take(alert("Ahead", true, ahead)));
  EXPECT_TRUE(becomes(firing + "1 and (select count(*) from phoenix.incidents) = 1"));
  EXPECT_EQ(db.value("select count(*) from phoenix.alerts where starts_at > phoenix.now()"), "0");
  ASSERT_TRUE(take(alert("Ahead", false, ahead)));
  EXPECT_TRUE(becomes(firing + "0"));
  // The clock there was set right.
  ASSERT_TRUE(take(alert("Ahead", true, clock.now())));
  EXPECT_TRUE(becomes(firing + "1"));
}

TEST_F(IncidentTest, ANewOccurrenceEndsTheOneNobodyEnded) {
  ASSERT_TRUE(take(alert("ApiSlow", true, start)));
  ASSERT_TRUE(take(alert("ApiSlow", true, start + 5min)));
  EXPECT_EQ(db.value("select string_agg(status, ',' order by starts_at) from phoenix.alerts"), "RESOLVED,FIRING");
  EXPECT_EQ(count("incidents"), "1") << "the open incident is joined";
}

TEST_F(IncidentTest, GoesThroughMonitoringToResolvedAndARelapseReopens) {
  ASSERT_TRUE(take(alert("ApiSlow", true, start)));
  ASSERT_TRUE(take(alert("ApiSlow", false, start)));
  EXPECT_TRUE(becomes("select status = 'RESOLVED' from phoenix.incidents"));
  EXPECT_EQ(db.value("select string_agg(kind || ':' || split_part(body, ':', 1), '|' order by at, id) from "
                     "phoenix.incident_entries where kind = 'status'"),
            "status:Investigating → Monitoring|status:Monitoring → Resolved");
  ASSERT_TRUE(take(alert("ApiSlow", true, start + 5min)));
  EXPECT_EQ(count("incidents"), "2") << "after the watch it is a new incident";
  EXPECT_EQ(db.value("select string_agg(reference, ',' order by number) from phoenix.incidents"), "INC-1,INC-2");
}

TEST_F(IncidentTest, AMachinesTroubleOpensAnIncidentAndItsRecoveryEndsIt) {
  using compute::MachineState;
  ASSERT_TRUE(signal(MachineState::kRunning, MachineState::kLost));
  EXPECT_EQ(db.value("select title || severity || virtual_machine_name from phoenix.incidents"),
            "Guest web-1 is downP2web-1");
  EXPECT_EQ(db.value("select tenant_id::text from phoenix.incidents"), std::string(kTenant));
  ASSERT_TRUE(signal(MachineState::kLost, MachineState::kStarting));
  EXPECT_EQ(db.value("select status from phoenix.alerts"), "FIRING") << "an attempt is no recovery";
  ASSERT_TRUE(signal(MachineState::kStarting, MachineState::kRunning));
  EXPECT_EQ(db.value("select status from phoenix.alerts"), "RESOLVED");
  EXPECT_TRUE(becomes("select status = 'RESOLVED' from phoenix.incidents"));
}

TEST_F(IncidentTest, TwoTroublesOfOneMachineAreOneIncident) {
  using compute::MachineState;
  ASSERT_TRUE(signal(MachineState::kRunning, MachineState::kLost));
  auto from_outside = alert("NodeDown", true, start);
  from_outside.labels["vm"] = std::string(kMachine);
  from_outside.fingerprint = fingerprint_of(from_outside.labels);
  ASSERT_TRUE(take(std::move(from_outside)));
  EXPECT_EQ(count("alerts"), "2");
  EXPECT_EQ(count("incidents"), "1");
}

TEST_F(IncidentTest, ALabelCannotReachIntoAnotherTenant) {
  auto forged = alert("NodeDown", true, start);
  forged.labels["vm"] = std::string(kMachine);
  forged.fingerprint = fingerprint_of(forged.labels);
  ASSERT_TRUE(take(std::move(forged), *Uuid::parse(kOther)));
  EXPECT_EQ(db.value("select count(*) from phoenix.incidents where virtual_machine_id is not null"), "0");
  EXPECT_EQ(db.value("select tenant_id::text from phoenix.incidents"), std::string(kOther));
  EXPECT_EQ(db.value("select position('web-1' in title) from phoenix.incidents"), "0");
}

TEST_F(IncidentTest, ThePlatformsOwnAlertsBelongToNoTenant) {
  ASSERT_TRUE(take(alert("DiskFull", true, start), std::nullopt));
  EXPECT_EQ(db.value("select tenant_id is null from phoenix.incidents"), "t");
  const auto seen =
      db.run(db->read(pg::Scope::of_tenant(tenant), pg::Sql::dynamic("all", "select id from phoenix.incidents"), {},
                      Deadline::after(5s)));
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->empty());
}

TEST_F(IncidentTest, TheTimelineIsOnlyEverAddedTo) {
  ASSERT_TRUE(take(alert("ApiSlow", true, start)));
  for (const auto* sql :
       {"update phoenix.incident_entries set body = 'forged'", "delete from phoenix.incident_entries"})
    for (const auto scope : {pg::Scope::of_tenant(tenant), pg::Scope::platform(), pg::Scope::worker()}) {
      const auto refused = db.run(db->execute(scope, pg::Sql::dynamic("forge", sql), {}, Deadline::after(5s)));
      ASSERT_FALSE(refused) << sql;
      EXPECT_EQ(refused.error().reason(), "pg.permission_denied") << sql;
    }
}

TEST_F(IncidentTest, ALongLabelIsTakenAndKeepsNoOtherOut) {
  std::vector<IncomingAlert> list;
  auto poisoned = alert("Poisoned", true, start);
  // Not one that compresses: the limit is of the index's row as it is stored.
  std::string noise;
  for (int i = 0; noise.size() < 6'000; ++i) noise += hex_encode(sha256(std::to_string(i)));
  poisoned.labels["service"] = noise;
  poisoned.fingerprint = fingerprint_of(poisoned.labels);
  list.push_back(poisoned);
  auto named = alert(noise, true, start);
  list.push_back(std::move(named));
  list.push_back(alert("Good", true, start));
  const Status taken = db.run(incidents.take_alerts(tenant, std::move(list)));
  ASSERT_TRUE(taken) << (taken ? "" : taken.error().to_string());
  EXPECT_EQ(count("alerts"), "3");
  EXPECT_EQ(count("incidents"), "3");
  poisoned.labels["instance"] = "b";
  poisoned.fingerprint = fingerprint_of(poisoned.labels);
  ASSERT_TRUE(take(std::move(poisoned)));
  EXPECT_EQ(count("incidents"), "3") << "the same long service is the same incident";
}

TEST_F(IncidentTest, AGraverAlertRaisesItsIncident) {
  const auto of_esc = [&](std::string name, std::string severity) {
    auto a = alert(std::move(name), true, start);
    a.labels["service"] = "esc";
    a.labels["severity"] = std::move(severity);
    a.fingerprint = fingerprint_of(a.labels);
    return a;
  };
  ASSERT_TRUE(take(of_esc("Drizzle", "info")));
  EXPECT_EQ(db.value("select severity from phoenix.incidents"), "P3");
  ASSERT_TRUE(take(of_esc("Meltdown", "P0")));
  EXPECT_EQ(count("incidents"), "1");
  EXPECT_EQ(db.value("select severity from phoenix.incidents"), "P0");
  EXPECT_EQ(db.value("select resolution_due_at - started_at = interval '1 hour' and response_due_at - declared_at < "
                     "interval '6 minutes' from phoenix.incidents"),
            "t");
  EXPECT_EQ(db.value("select body from phoenix.incident_entries where kind = 'severity'"), "P3 → P0: alert Meltdown");
  ASSERT_TRUE(take(of_esc("Shower", "P2")));
  db.exec("update phoenix.incidents set severity = 'P2'");
  ASSERT_TRUE(take(of_esc("Meltdown", "P0")));
  EXPECT_EQ(db.value("select severity from phoenix.incidents"), "P2") << "a repeated delivery undoes no person's word";
}

TEST_F(IncidentTest, TenThousandAlertsCostAsManyStatementsAsTwo) {
  // Every statement that writes is counted by the database itself.
  db.exec(R"(
    create table phoenix.test_statements (what text not null);
    create function phoenix.test_count() returns trigger language plpgsql security definer as
      $$ begin insert into phoenix.test_statements values (tg_table_name || ' ' || tg_op); return null; end $$;
    create trigger test_count after insert or update on phoenix.alerts for each statement
      execute function phoenix.test_count();
    create trigger test_count after insert or update on phoenix.incidents for each statement
      execute function phoenix.test_count();
    create trigger test_count after insert or update on phoenix.incident_entries for each statement
      execute function phoenix.test_count();
    create trigger test_count after insert or update on phoenix.event_inbox for each statement
      execute function phoenix.test_count();
    create trigger test_count after insert or update on phoenix.work_queue for each statement
      execute function phoenix.test_count())");
  // The fixture's watch would end meanwhile, and write.
  Incidents patient(db.database(), clock, ids, {1h});
  const auto deliver = [&](const std::string& service, int many, bool firing, bool one_service) {
    std::vector<IncomingAlert> list;
    for (int i = 0; i < many; ++i) {
      auto a = alert("Alert" + std::to_string(i), firing, start);
      a.labels["service"] = one_service ? service : service + std::to_string(i);
      a.fingerprint = fingerprint_of(a.labels);
      list.push_back(std::move(a));
    }
    db.exec("truncate phoenix.test_statements");
    const Status taken = db.run(patient.take_alerts(tenant, std::move(list)));
    EXPECT_TRUE(taken) << (taken ? "" : taken.error().to_string());
    return db.value(
               "select count(*) from phoenix.test_statements where what not like 'work%' and what not like "
               "'event%'") +
           "+" + db.value("select count(*) from phoenix.test_statements where what like 'event%'");
  };
  // (ON CONFLICT DO UPDATE fires the triggers of both kinds.)
  const std::string few = deliver("small", 2, true, true);
  EXPECT_EQ(deliver("big", 10'000, true, true), few);
  EXPECT_EQ(db.value("select count(*) from phoenix.alerts a join phoenix.incidents i on i.id = a.incident_id where "
                     "'big' = any(i.affected_services) and a.status = 'FIRING'"),
            "10000");
  EXPECT_EQ(count("incidents"), "2");
  EXPECT_EQ(
      db.value("select count(*) from phoenix.incident_entries where kind = 'alert' and body like 'Firing: Alert%'"),
      "10002");
  EXPECT_EQ(db.value("select count(*) from phoenix.event_inbox where type = 'Alert' and kind = 'CREATED'"), "10002");

  const std::string few_apart = deliver("apart-small", 2, true, false);
  EXPECT_EQ(deliver("apart", 2'000, true, false), few_apart);
  EXPECT_EQ(count("incidents"), "2004");
  EXPECT_EQ(db.value("select count(distinct reference) from phoenix.incidents"), "2004");

  const std::string few_ended = deliver("small", 2, false, true);
  EXPECT_EQ(deliver("big", 10'000, false, true), few_ended);
  EXPECT_EQ(db.value("select count(*) from phoenix.alerts a join phoenix.incidents i on i.id = a.incident_id where "
                     "'big' = any(i.affected_services) and a.status = 'RESOLVED'"),
            "10000");
  EXPECT_EQ(db.value("select status from phoenix.incidents where 'big' = any(affected_services)"), "MONITORING");
}

TEST_F(IncidentTest, WithinADeliveryTheNewestOccurrenceHolds) {
  std::vector<IncomingAlert> list;
  list.push_back(alert("ApiSlow", true, start + 5min));
  list.push_back(alert("ApiSlow", true, start));
  list.push_back(alert("ApiSlow", true, start + 5min));
  ASSERT_TRUE(db.run(incidents.take_alerts(tenant, std::move(list))));
  EXPECT_EQ(db.value("select string_agg(status || deliveries, ',' order by starts_at) from phoenix.alerts"),
            "RESOLVED1,FIRING2");
  EXPECT_EQ(
      db.value("select ends_at - starts_at = interval '5 minutes' from phoenix.alerts order by starts_at limit 1"),
      "t");
  EXPECT_EQ(count("incidents"), "1");
}

TEST_F(IncidentTest, ARepeatedEndIsOneLine) {
  ASSERT_TRUE(take(alert("ApiSlow", true, start)));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(take(alert("ApiSlow", false, start)));
  EXPECT_EQ(db.value("select count(*) from phoenix.incident_entries where body like 'Ended:%'"), "1");
}

class ServiceProbeTest : public IncidentTest {
 protected:
  asio::awaitable<std::vector<ServiceState>> states() {
    std::vector<ServiceState> out{{"portal", portal_up, portal_up.value_or(true) ? "" : "refused"}, {"api", true, ""}};
    out.push_back({"guests",
                   strangers ? std::optional(*strangers == 0) : std::nullopt,
                   "Guests that nobody knows: " + std::to_string(strangers.value_or(0)),
                   {.alert = "UnknownGuests", .severity = "P3", .looks = 1, .next_action = "ask"}});
    co_return out;
  }
  ServiceProbe probe(pg::Database& database, Incidents& into) {
    return ServiceProbe(database, into, manual, "one", [this] { return states(); });
  }
  std::optional<bool> portal_up = true;
  std::optional<int> strangers = 0;
  ManualClock manual{SystemClock().now()};
};

TEST_F(ServiceProbeTest, AServiceThatStaysDownIsAnIncidentOfThePlatform) {
  auto p = probe(db.database(), incidents);
  EXPECT_FALSE(db.run(p.look()));
  portal_up = false;
  const Instant since = manual.now();
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(db.run(p.look()));
    manual.advance(10s);
  }
  EXPECT_EQ(count("alerts"), "0") << "two failures may be a hiccup";
  EXPECT_TRUE(db.run(p.look()));
  EXPECT_FALSE(db.run(p.look())) << "told once";
  EXPECT_EQ(db.value("select title || severity || (tenant_id is null) from phoenix.incidents"),
            "Service portal is downP1true");
  EXPECT_EQ(db.value("select starts_at = '" + format_instant(since) + "' from phoenix.alerts"), "t");

  // A server that starts again knows what the one before it said.
  auto next = probe(db.database(), incidents);
  EXPECT_FALSE(db.run(next.look()));
  portal_up = true;
  EXPECT_TRUE(db.run(next.look()));
  EXPECT_EQ(db.value("select string_agg(status, ',') from phoenix.alerts"), "RESOLVED");
  worker.nudge();
  EXPECT_TRUE(becomes("select status = 'RESOLVED' from phoenix.incidents"));
}

TEST_F(ServiceProbeTest, WhatIsOverBeforeTheThirdLookIsNoOutage) {
  auto p = probe(db.database(), incidents);
  for (int i = 0; i < 8; ++i) {
    portal_up = i % 3 == 2;
    EXPECT_FALSE(db.run(p.look()));
  }
  EXPECT_EQ(count("alerts"), "0");
}

TEST_F(ServiceProbeTest, FailuresBeforeAndAfterATimeOfWhichNothingIsKnownAreNotInARow) {
  auto p = probe(db.database(), incidents);
  for (const std::optional<bool> seen : {std::optional(false), std::optional(false), {}, std::optional(false), {}}) {
    portal_up = seen;
    EXPECT_FALSE(db.run(p.look()));
  }
  EXPECT_EQ(count("alerts"), "0");
}

TEST_F(ServiceProbeTest, WhatShouldNotBeThereIsAnAlertOfItsOwn) {
  auto p = probe(db.database(), incidents);
  EXPECT_FALSE(db.run(p.look()));
  strangers = 2;
  EXPECT_TRUE(db.run(p.look())) << "one look suffices where the trouble says so";
  EXPECT_EQ(db.value("select name || ' ' || status || ' ' || (labels->>'service') || ' ' || (annotations->>'next') "
                     "from phoenix.alerts"),
            "UnknownGuests FIRING guests ask");
  EXPECT_EQ(db.value("select title || ' ' || severity from phoenix.incidents"), "Guests that nobody knows: 2 P3");
  strangers.reset();
  EXPECT_FALSE(db.run(p.look())) << "what cannot be told stays as it was";
  auto next = probe(db.database(), incidents);
  EXPECT_FALSE(db.run(next.look())) << "for a server that starts again, too";
  EXPECT_EQ(db.value("select status from phoenix.alerts"), "FIRING");
  strangers = 0;
  EXPECT_TRUE(db.run(next.look()));
  EXPECT_EQ(db.value("select status || ' ' || summary from phoenix.alerts"), "RESOLVED Guests that nobody knows: 2");
  EXPECT_EQ(count("alerts"), "1");
}

TEST_F(ServiceProbeTest, AnInstanceEndsOnlyWhatItSaidItself) {
  auto p = probe(db.database(), incidents);
  ServiceProbe other(db.database(), incidents, manual, "two", [this] { return states(); });
  strangers = 1;
  EXPECT_TRUE(db.run(p.look()));
  EXPECT_TRUE(db.run(other.look()));
  EXPECT_EQ(count("alerts"), "2");
  EXPECT_EQ(count("incidents"), "1");
  strangers = 0;
  auto again = probe(db.database(), incidents);
  EXPECT_TRUE(db.run(again.look()));
  EXPECT_EQ(db.value("select string_agg(labels->>'instance', ',') from phoenix.alerts where status = 'FIRING'"), "two");
}

TEST_F(ServiceProbeTest, WhatCannotBeStoredIsStoredLaterWithItsTrueTimes) {
  auto p = probe(db.database(), incidents);
  db.run(p.look());
  db.exec("revoke insert on phoenix.alerts from phoenix_worker");
  portal_up = false;
  const Instant since = manual.now();
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(db.run(p.look()));
    manual.advance(10s);
  }
  portal_up = true;
  const Instant well = manual.now();
  EXPECT_FALSE(db.run(p.look()));
  manual.advance(60s);
  db.exec("grant insert on phoenix.alerts to phoenix_worker");
  EXPECT_TRUE(db.run(p.look()));
  EXPECT_EQ(db.value("select status || (starts_at = '" + format_instant(since) + "') || (ends_at = '" +
                     format_instant(well) + "') from phoenix.alerts"),
            "RESOLVEDtruetrue");
  EXPECT_EQ(db.value("select started_at = '" + format_instant(since) + "' from phoenix.incidents"), "t")
      << "the outage is an incident, though it was over when it could be told";
}

}  // namespace
}  // namespace phx::incident
