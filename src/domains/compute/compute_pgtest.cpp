// Machines from intent to rest, on a real database and a host in memory: the shell around the pure reconciler.
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "domains/compute/compute.hpp"
#include "domains/compute/sql.gen.hpp"
#include "domains/compute/testing/fake_hypervisor.hpp"
#include "engine/operations.hpp"
#include "engine/quota.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::compute {
namespace {

using namespace std::chrono_literals;
using testing::FakeHypervisor;

constexpr std::string_view kTenant = "01900000-0000-7000-8000-000000000001";
constexpr std::string_view kMachine = "01900000-0000-7000-8000-0000000000a1";

/// Notes what it is told, as incidents would be.
struct RecordingWatcher final : MachineWatcher {
  std::vector<std::string> heard;
  asio::awaitable<Status> machine_changed(pg::Transaction&, MachineSignal signal) override {
    heard.push_back(std::string(to_string(signal.before)) + ">" + std::string(to_string(signal.after)));
    co_return Status();
  }
  asio::awaitable<Status> machine_operation_ended(pg::Transaction&, Uuid, Uuid, std::string kind, std::string outcome,
                                                  std::string) override {
    heard.push_back(kind + ":" + outcome);
    co_return Status();
  }
  asio::awaitable<Status> machine_deleted(pg::Transaction&, Uuid, Uuid, std::string name) override {
    heard.push_back("deleted " + name);
    co_return Status();
  }
};

class ComputeTest : public ::testing::Test {
 protected:
  ComputeTest()
      : ids(clock, random),
        worker(db.executor(), db.database(), clock, random, metrics,
               {std::chrono::milliseconds(1), std::chrono::milliseconds(5)}),
        machines(db.database(), host, watcher, clock, settings()) {
    db.exec("insert into phoenix.tenants (id, name, display_name) values ('" + std::string(kTenant) +
            "', 'acme', 'Acme');"
            "insert into phoenix.sites (id, name, region) values ('01900000-0000-7000-8000-000000000002', 'local', "
            "'local');"
            "insert into phoenix.images (id, name, format, sha256, size_mib, size_bytes, virtual_bytes, "
            "min_memory_mib, min_disk_gib) "
            "values ('01900000-0000-7000-8000-000000000003', 'micro', 'micro', repeat('a', 64), 1, 1, 1, 64, 1);");
    const auto quotas = [&]() -> asio::awaitable<Status> {
      PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::platform(), Deadline::after(5s)));
      PHX_CO_CHECK(co_await engine::define_quotas(tx, tenant, "STANDARD", ids));
      std::vector<engine::QuotaAmount> held{{"vcpus", 1}, {"memory_mib", 128}, {"instances", 1}, {"storage_gib", 1}};
      PHX_CO_CHECK(co_await engine::reserve_quota(tx, tenant, std::move(held)));
      co_return co_await tx.commit();
    };
    const Status made = db.run(quotas());
    if (!made) throw std::runtime_error(made.error().to_string());
    db.exec(
        "insert into phoenix.virtual_machines (id, tenant_id, name, image_id, site_id, vcpus, memory_mib, disk_gib, "
        "desired_state, state, state_since, created_by) values ('" +
        std::string(kMachine) + "', '" + std::string(kTenant) +
        "', 'web-1', '01900000-0000-7000-8000-000000000003', '01900000-0000-7000-8000-000000000002', 1, 128, 1, "
        "'STOPPED', "
        "'STOPPED', phoenix.now(), 'ada')");
    machines.work_with(worker);
    worker.start();
  }
  ~ComputeTest() override { db.run(worker.stop()); }

  static ComputeSettings settings() {
    ComputeSettings out;
    out.policy.stop_grace = 50ms;
    out.policy.power_button_every = 10ms;
    out.policy.poll_every = 5ms;
    return out;
  }

  Uuid ask(Intent intent) {
    const auto work = [&]() -> asio::awaitable<Result<Uuid>> {
      PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::of_tenant(tenant), Deadline::after(5s)));
      PHX_CO_TRY(const Intended intended, co_await request_intent(tx, ids, machine, intent, "ada"));
      PHX_CO_CHECK(co_await tx.commit());
      co_return intended.operation;
    };
    const auto operation = db.run(work());
    if (!operation) throw std::runtime_error(operation.error().to_string());
    worker.nudge();
    return *operation;
  }
  /// Looks again, as the probe would.
  void probe() {
    const auto work = [&]() -> asio::awaitable<Status> {
      PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::worker(), Deadline::after(5s)));
      PHX_CO_CHECK(co_await engine::enqueue(tx, {std::string(kMachineQueue), machine.to_string(), tenant, {}, "{}"}));
      co_return co_await tx.commit();
    };
    ASSERT_TRUE(db.run(work()));
    worker.nudge();
  }
  /// Lets the worker work until the query says "t".
  ::testing::AssertionResult becomes(const std::string& sql) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < until) {
      if (db.value("select (" + sql + ")::text") == "true") return ::testing::AssertionSuccess();
      db.run(sleep_for(5ms));
    }
    return ::testing::AssertionFailure()
           << "never: " << sql << "\nmachine: "
           << db.value("select coalesce((select row_to_json(m)::text from phoenix.virtual_machines m), 'gone')")
           << "\noperations: "
           << db.value("select coalesce((select json_agg(o)::text from phoenix.operations o), '-')");
  }
  ::testing::AssertionResult machine_is(const std::string& state) {
    return becomes("select state = '" + state + "' from phoenix.virtual_machines where id = '" + std::string(kMachine) +
                   "'");
  }
  ::testing::AssertionResult operation_is(Uuid id, const std::string& state) {
    return becomes("select state = '" + state + "' from phoenix.operations where id = '" + id.to_string() + "'");
  }

  pg::testing::TestDatabase db;
  SystemClock clock;
  SeededRandom random{1};
  Metrics metrics;
  UuidSource ids;
  FakeHypervisor host;
  RecordingWatcher watcher;
  engine::Worker worker;
  MachineWorker machines;
  const Uuid tenant = *Uuid::parse(kTenant);
  const Uuid machine = *Uuid::parse(kMachine);
};

/// An operation with its work, as the mutations store them.
asio::awaitable<Result<Uuid>> ask_worker(pg::Transaction& tx, UuidSource& ids, std::string kind, std::string_view type,
                                         std::string_view queue, Uuid object, std::string name) {
  engine::NewOperation operation;
  operation.id = ids.next();
  operation.kind = std::move(kind);
  operation.object_type = type;
  operation.object_id = object;
  operation.object_name = std::move(name);
  operation.first_step = "Waiting for a worker";
  operation.requested_by = "ada";
  operation.work_queue = queue;
  operation.work_key = object.to_string();
  const Uuid id = operation.id;
  PHX_CO_CHECK(co_await engine::create_operation(tx, std::move(operation)));
  PHX_CO_CHECK(co_await engine::enqueue(tx, {std::string(queue), object.to_string(), {}, {}, "{}"}));
  PHX_CO_CHECK(co_await tx.commit());
  co_return id;
}

TEST_F(ComputeTest, StartsStopsAndForgets) {
  const Uuid start = ask(Intent::kStart);
  EXPECT_TRUE(operation_is(start, "SUCCEEDED"));
  EXPECT_TRUE(machine_is("RUNNING"));
  EXPECT_EQ(host.guests.at(machine).starts, 1);
  EXPECT_EQ(watcher.heard, (std::vector<std::string>{"STOPPED>PROVISIONING", "PROVISIONING>STARTING",
                                                     "STARTING>RUNNING", "vm.start:SUCCEEDED"}));
  EXPECT_TRUE(operation_is(ask(Intent::kStop), "SUCCEEDED"));
  EXPECT_FALSE(host.guests.at(machine).process);
  const Uuid gone = ask(Intent::kDelete);
  EXPECT_TRUE(operation_is(gone, "SUCCEEDED"));
  EXPECT_TRUE(host.guests.empty());
  EXPECT_EQ(db.value("select count(*) from phoenix.virtual_machines"), "0");
  EXPECT_EQ(db.value("select sum(used) from phoenix.quotas"), "0");
  EXPECT_EQ(db.value("select count(*) from phoenix.work_queue where queue = 'compute.machine'"), "0");
}

TEST_F(ComputeTest, AStartRightAfterAStopHolds) {
  EXPECT_TRUE(operation_is(ask(Intent::kStart), "SUCCEEDED"));
  host.guests.at(machine).slow = true;
  const Uuid stop = ask(Intent::kStop);
  EXPECT_TRUE(becomes("select power_pressed_at is not null from phoenix.virtual_machines"));
  while (!host.guests.at(machine).pressed) db.run(sleep_for(1ms));
  const Uuid start = ask(Intent::kStart);
  EXPECT_TRUE(
      becomes("select step = 'waiting whether the guest obeys the earlier stop' from phoenix.operations "
              "where id = '" +
              start.to_string() + "'"));
  host.obey(machine);
  EXPECT_TRUE(operation_is(start, "SUCCEEDED"));
  EXPECT_TRUE(operation_is(stop, "CANCELLED"));
  EXPECT_TRUE(machine_is("RUNNING"));
  EXPECT_EQ(host.guests.at(machine).starts, 2);
  EXPECT_EQ(db.value("select desired_state || ' ' || (power_pressed_at is null)::text from phoenix.virtual_machines"),
            "RUNNING true");
  EXPECT_EQ(std::ranges::count(watcher.heard, "RUNNING>LOST"), 0);
}

TEST_F(ComputeTest, ADeafGuestLosesItsPlugAfterTheGrace) {
  EXPECT_TRUE(operation_is(ask(Intent::kStart), "SUCCEEDED"));
  host.guests.at(machine).deaf = true;
  EXPECT_TRUE(operation_is(ask(Intent::kStop), "SUCCEEDED"));
  EXPECT_TRUE(std::ranges::count(host.calls, "kill") == 1);
}

TEST_F(ComputeTest, ACrashedGuestIsLostUntilSomebodyActs) {
  EXPECT_TRUE(operation_is(ask(Intent::kStart), "SUCCEEDED"));
  host.crash(machine);
  probe();
  EXPECT_TRUE(machine_is("LOST"));
  probe();
  EXPECT_TRUE(becomes("select count(*) = 0 from phoenix.work_queue"));
  EXPECT_EQ(host.guests.at(machine).starts, 1) << "it was restarted by itself";
  EXPECT_EQ(watcher.heard.back(), "RUNNING>LOST");
  EXPECT_TRUE(operation_is(ask(Intent::kRestart), "SUCCEEDED"));
  EXPECT_TRUE(machine_is("RUNNING"));
}

TEST_F(ComputeTest, APowerOffFromInsideIsWanted) {
  EXPECT_TRUE(operation_is(ask(Intent::kStart), "SUCCEEDED"));
  host.power_off_from_inside(machine);
  probe();
  EXPECT_TRUE(machine_is("STOPPED"));
  EXPECT_EQ(db.value("select desired_state from phoenix.virtual_machines"), "STOPPED");
}

TEST_F(ComputeTest, APassingFaultIsTriedAgainAndSaysSo) {
  host.fail_next("start", Error(Code::kUnavailable, "hypervisor.unknown", "no answer from the host"));
  const Uuid start = ask(Intent::kStart);
  EXPECT_TRUE(becomes("select reason = 'no answer from the host' from phoenix.operations"));
  EXPECT_TRUE(operation_is(start, "SUCCEEDED"));
  EXPECT_EQ(host.guests.at(machine).starts, 1);
}

TEST_F(ComputeTest, AFinalFaultFailsTheOperationAndRetryTakesItUp) {
  host.fail_next("start", Error(Code::kConflict, "hypervisor.port_in_use", "Port 2222 is taken."));
  const Uuid start = ask(Intent::kStart);
  EXPECT_TRUE(operation_is(start, "FAILED"));
  EXPECT_TRUE(machine_is("STOPPED"));
  EXPECT_EQ(db.value("select reason from phoenix.operations"), "Port 2222 is taken.");
  EXPECT_NE(db.value("select next_action from phoenix.operations"), "NULL");
  // The machine says so itself, and goes on saying so however often it is looked at.
  probe();
  EXPECT_TRUE(becomes("select count(*) = 0 from phoenix.work_queue"));
  EXPECT_EQ(db.value("select state_reason from phoenix.virtual_machines"), "Port 2222 is taken.");
  EXPECT_NE(db.value("select next_action from phoenix.virtual_machines"), "NULL");
  const auto retry = [&]() -> asio::awaitable<Status> {
    PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::of_tenant(tenant), Deadline::after(5s)));
    PHX_CO_CHECK(co_await engine::request_retry(tx, start));
    co_return co_await tx.commit();
  };
  ASSERT_TRUE(db.run(retry()));
  worker.nudge();
  EXPECT_TRUE(operation_is(start, "SUCCEEDED"));
  EXPECT_TRUE(machine_is("RUNNING"));
  EXPECT_EQ(db.value("select state_reason from phoenix.virtual_machines"), "NULL");
}

TEST_F(ComputeTest, CancelStopsTryingAndWantsWhatIsThere) {
  for (int i = 0; i < 200; ++i) host.fail_next("start", Error(Code::kUnavailable, "hypervisor.unknown", "no answer"));
  const Uuid start = ask(Intent::kStart);
  EXPECT_TRUE(becomes("select reason = 'no answer' from phoenix.operations"));
  const auto cancel = [&]() -> asio::awaitable<Status> {
    PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::of_tenant(tenant), Deadline::after(5s)));
    PHX_CO_CHECK(co_await engine::request_cancel(tx, start));
    co_return co_await tx.commit();
  };
  ASSERT_TRUE(db.run(cancel()));
  worker.nudge();
  EXPECT_TRUE(operation_is(start, "CANCELLED"));
  EXPECT_TRUE(machine_is("STOPPED"));
  EXPECT_EQ(db.value("select desired_state from phoenix.virtual_machines"), "STOPPED");
  host.faults.clear();
  probe();
  EXPECT_TRUE(becomes("select count(*) = 0 from phoenix.work_queue"));
  EXPECT_FALSE(host.guests.at(machine).process) << "a cancelled start was carried out";
}

TEST_F(ComputeTest, TheLatestWordCounts) {
  for (int i = 0; i < 3; ++i) host.fail_next("start", Error(Code::kUnavailable, "hypervisor.unknown", "no answer"));
  const Uuid start = ask(Intent::kStart);
  const Uuid gone = ask(Intent::kDelete);
  EXPECT_TRUE(operation_is(gone, "SUCCEEDED"));
  EXPECT_TRUE(operation_is(start, "CANCELLED"));
  EXPECT_TRUE(host.guests.empty());
}

TEST_F(ComputeTest, WhoDeletesASecondTimeWaitsForTheSameDeletion) {
  EXPECT_TRUE(operation_is(ask(Intent::kStart), "SUCCEEDED"));
  for (int i = 0; i < 200; ++i) host.fail_next("destroy", Error(Code::kUnavailable, "hypervisor.unknown", "no answer"));
  const Uuid first = ask(Intent::kDelete);
  EXPECT_TRUE(becomes("select reason = 'no answer' from phoenix.operations where kind = 'vm.delete'"));
  EXPECT_EQ(ask(Intent::kDelete), first);
  host.faults.clear();
  probe();
  EXPECT_TRUE(operation_is(first, "SUCCEEDED"));
  EXPECT_EQ(db.value("select count(*) from phoenix.operations where kind = 'vm.delete'"), "1");
}

TEST_F(ComputeTest, AnUnreachableHostIsUnknownAndRecovers) {
  EXPECT_TRUE(operation_is(ask(Intent::kStart), "SUCCEEDED"));
  host.fail_next("observe", Error(Code::kUnavailable, "hypervisor.unknown", "no answer"));
  probe();
  EXPECT_TRUE(machine_is("UNKNOWN"));
  probe();
  EXPECT_TRUE(machine_is("RUNNING"));
}

TEST_F(ComputeTest, OrphansAreToldAndNeverRemoved) {
  EXPECT_TRUE(operation_is(ask(Intent::kStart), "SUCCEEDED"));
  GuestSpec stray;
  stray.id = ids.next();
  stray.tenant = tenant;
  stray.name = "stray";
  ASSERT_TRUE(db.run(host.provision(stray)));
  const auto found = db.run(machines.find_orphans());
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().id, stray.id);
  EXPECT_EQ(host.guests.size(), 2u) << "a database restored from a backup must not cost anybody a machine";
}

TEST_F(ComputeTest, AGuestThatGoesWithItsRecordIsNoOrphan) {
  GuestSpec leaving;
  leaving.id = ids.next();
  leaving.tenant = tenant;
  leaving.name = "leaving";
  ASSERT_TRUE(db.run(host.provision(leaving)));
  host.listed = [&] { host.guests.erase(leaving.id); };
  const auto found = db.run(machines.find_orphans());
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->empty());
}

TEST_F(ComputeTest, AnUnknownGuestIsRemovedOnlyWhenSomebodyAsks) {
  EXPECT_TRUE(operation_is(ask(Intent::kStart), "SUCCEEDED"));
  GuestSpec stray;
  stray.id = ids.next();
  stray.tenant = tenant;
  stray.name = "stray";
  ASSERT_TRUE(db.run(host.provision(stray)));
  const auto remove = [&](Uuid guest) -> asio::awaitable<Result<Uuid>> {
    PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::platform(), Deadline::after(5s)));
    co_return co_await ask_worker(tx, ids, "guest.remove", kUnknownType, kUnknownQueue, guest, "stray");
  };
  const auto known = db.run(remove(machine));
  ASSERT_TRUE(known);
  worker.nudge();
  EXPECT_TRUE(operation_is(*known, "CANCELLED"));
  EXPECT_EQ(host.guests.size(), 2u) << "a machine of a tenant went";
  host.fail_next("destroy", Error(Code::kUnavailable, "hypervisor.unknown", "no answer"));
  const auto asked = db.run(remove(stray.id));
  ASSERT_TRUE(asked);
  worker.nudge();
  EXPECT_TRUE(operation_is(*asked, "SUCCEEDED"));
  EXPECT_EQ(host.guests.size(), 1u);
  EXPECT_TRUE(host.guests.contains(machine));
}

TEST_F(ComputeTest, AfterTheHostsStartWhatWasMeantToRunRuns) {
  EXPECT_TRUE(operation_is(ask(Intent::kStart), "SUCCEEDED"));
  host.crash(machine);
  const auto started = db.run(machines.start_after_host(ids));
  ASSERT_TRUE(started) << started.error().to_string();
  EXPECT_EQ(*started, 1);
  worker.nudge();
  EXPECT_TRUE(becomes("select count(*) = 2 from phoenix.operations where state = 'SUCCEEDED'"));
  EXPECT_EQ(host.guests.at(machine).starts, 2);
}

class ImageTest : public ComputeTest {
 protected:
  /// As importImage stores it; the operation.
  Uuid import() {
    const auto work = [&]() -> asio::awaitable<Result<Uuid>> {
      PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::platform(), Deadline::after(5s)));
      PHX_CO_TRY(const pg::Rows rows,
                 co_await tx.execute(sql::compute::image_import,
                                     pg::Params::of(ids.next(), std::string("disk"), std::string(),
                                                    std::string("qcow2"), std::string("d.qcow2"))));
      image = rows.get<Uuid>(0, 0);
      co_return co_await ask_worker(tx, ids, "image.import", kImageType, kImageQueue, image, "disk");
    };
    const auto operation = db.run(work());
    if (!operation) throw std::runtime_error(operation.error().to_string());
    worker.nudge();
    return *operation;
  }
  Status ask_for(asio::awaitable<Result<engine::Operation>> (*what)(pg::Transaction&, Uuid), Uuid operation) {
    const auto work = [&]() -> asio::awaitable<Status> {
      PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::platform(), Deadline::after(5s)));
      PHX_CO_CHECK(co_await what(tx, operation));
      co_return co_await tx.commit();
    };
    const Status done = db.run(work());
    worker.nudge();
    return done;
  }
  std::string row(const std::string& columns) {
    return db.value("select concat_ws(' ', " + columns + ") from phoenix.images where name = 'disk'");
  }
  ::testing::AssertionResult no_work_is_left() {
    return becomes("select count(*) = 0 from phoenix.work_queue where queue = 'compute.image'");
  }
  Uuid image;
};

TEST_F(ImageTest, AnImportEndsReady) {
  EXPECT_TRUE(operation_is(import(), "SUCCEEDED"));
  EXPECT_EQ(row("state, size_mib, min_disk_gib, left(sha256, 2), disk_path"),
            "READY 4 2 bb /images/" + image.to_string());
  EXPECT_TRUE(host.images.contains(image));
  EXPECT_TRUE(no_work_is_left());
}

TEST_F(ImageTest, ACancelledImportLeavesNoFileAndItsNameIsFree) {
  host.import_pieces = 1'000'000;
  const Uuid first = import();
  EXPECT_TRUE(becomes("select step like 'copying: % of % MiB' and progress > 0 from phoenix.operations where id = '" +
                      first.to_string() + "'"));
  EXPECT_EQ(row("state"), "IMPORTING");
  ASSERT_TRUE(ask_for(&engine::request_cancel, first));
  EXPECT_TRUE(operation_is(first, "CANCELLED"));
  EXPECT_EQ(row("state, state_reason"), "FAILED The import was cancelled.");
  EXPECT_TRUE(host.images.empty());
  EXPECT_TRUE(no_work_is_left());
  host.import_pieces = 1;
  EXPECT_TRUE(operation_is(import(), "SUCCEEDED"));
  EXPECT_EQ(row("state, state_reason"), "READY");
}

TEST_F(ImageTest, ARefusedFileFailsWithItsReasonAndRetryTakesItUp) {
  host.fail_next("import_image", invalid_argument("image.backing_file", "file", "It depends on a backing file."));
  const Uuid first = import();
  EXPECT_TRUE(operation_is(first, "FAILED"));
  EXPECT_EQ(row("state, state_reason"), "FAILED It depends on a backing file.");
  EXPECT_TRUE(host.images.empty()) << "what the attempt left is removed";
  ASSERT_TRUE(ask_for(&engine::request_retry, first));
  EXPECT_TRUE(operation_is(first, "SUCCEEDED"));
  EXPECT_EQ(row("state"), "READY");
}

TEST_F(ImageTest, APassingFaultOfTheHostIsTriedAgain) {
  host.fail_next("import_image", Error(Code::kUnavailable, "pool.busy", "The server is busy."));
  const Uuid first = import();
  EXPECT_TRUE(
      becomes("select reason = 'The server is busy.' from phoenix.operations where id = '" + first.to_string() + "'"));
  EXPECT_TRUE(operation_is(first, "SUCCEEDED"));
}

TEST_F(ImageTest, AnImportOutOfTimeIsGivenUpWithItsFiles) {
  host.import_pieces = 1'000'000;
  const Uuid first = import();
  EXPECT_TRUE(becomes("select progress > 0 from phoenix.operations where id = '" + first.to_string() + "'"));
  db.exec("update phoenix.operations set deadline_at = phoenix.now() where id = '" + first.to_string() + "'");
  // A sweep passes by what the worker has locked just now; there is one each second.
  int swept = 0;
  for (int i = 0; i < 200 && swept == 0; ++i) swept = *db.run(engine::expire_overdue_operations(db.database()));
  ASSERT_EQ(swept, 1);
  EXPECT_TRUE(becomes("select state = 'FAILED' from phoenix.images where name = 'disk'"));
  EXPECT_TRUE(operation_is(first, "FAILED"));
  EXPECT_TRUE(host.images.empty());
}

TEST_F(ImageTest, ADeletedImageTakesItsFilesWithIt) {
  EXPECT_TRUE(operation_is(import(), "SUCCEEDED"));
  db.exec("delete from phoenix.images where name = 'disk'");
  const auto wake = [&]() -> asio::awaitable<Status> {
    PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::platform(), Deadline::after(5s)));
    PHX_CO_CHECK(co_await engine::enqueue(tx, {std::string(kImageQueue), image.to_string(), {}, {}, "{}"}));
    co_return co_await tx.commit();
  };
  ASSERT_TRUE(db.run(wake()));
  worker.nudge();
  EXPECT_TRUE(no_work_is_left());
  EXPECT_TRUE(host.images.empty());
}

TEST_F(ComputeTest, AnotherTenantsMachineIsNotThere) {
  db.exec(
      "insert into phoenix.tenants (id, name, display_name) values ('01900000-0000-7000-8000-00000000000b', 'beta', "
      "'Beta')");
  const auto work = [&]() -> asio::awaitable<Result<Intended>> {
    const Uuid other = *Uuid::parse("01900000-0000-7000-8000-00000000000b");
    PHX_CO_TRY(auto tx, co_await db->begin(pg::Scope::of_tenant(other), Deadline::after(5s)));
    co_return co_await request_intent(tx, ids, machine, Intent::kDelete, "eve");
  };
  const auto refused = db.run(work());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "vm.not_found");
}

}  // namespace
}  // namespace phx::compute
