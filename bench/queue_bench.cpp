// Claims with and without an old snapshot held: workers claim, complete and enqueue new work, so that the queue stays
// as long while deleted rows pile up. Target: p99 with the snapshot at most 3 times that without, after 10 minutes.
//
//     queue_bench CONNINFO [WORKERS=8] [SECONDS=60] [READY=2000]

#include "bench.hpp"
#include "engine/work_queue.hpp"

namespace {

using namespace phx;
using namespace phx::bench;
using namespace std::chrono_literals;

constexpr int kBatch = 20;

asio::awaitable<Status> turn_over(pg::Database& database, engine::ClaimedWork work, int fresh) {
  PHX_CO_TRY(auto tx, co_await database.begin(pg::Scope::worker(), Deadline::after(30s)));
  PHX_CO_CHECK(co_await engine::complete(tx, work));
  PHX_CO_CHECK(co_await engine::enqueue(tx, {"bench", fmt::format("{}-{}", work.fence, fresh)}));
  co_return co_await tx.commit();
}

asio::awaitable<void> worker(pg::Database& database, engine::WorkQueue& queue, Steady::time_point until,
                             std::vector<double>& claims, int& done) {
  while (Steady::now() < until) {
    const auto start = Steady::now();
    auto claimed = must(co_await queue.claim(kBatch));
    claims.push_back(ms_since(start));
    for (auto& work : claimed) {
      must(co_await turn_over(database, std::move(work), done));
      ++done;
    }
  }
}

void round(Bench& bench, const char* name, int workers, std::chrono::seconds span) {
  SystemClock clock;
  engine::WorkQueue queue(bench.database(), clock, "bench", 20s);
  TaskScope scope(bench.executor(), "bench");
  // The last quarter is what counts: by then the dead rows are there.
  std::vector<double> early;
  std::vector<double> late;
  int warm = 0;
  int done = 0;
  const auto begin = Steady::now();
  for (int i = 0; i < workers; ++i)
    scope.spawn("worker", worker(bench.database(), queue, begin + span * 3 / 4, early, warm));
  bench.run(scope.join());
  const auto middle = Steady::now();
  for (int i = 0; i < workers; ++i)
    scope.spawn("worker", worker(bench.database(), queue, middle + span / 4, late, done));
  bench.run(scope.join());
  fmt::print(
      "{{\"bench\":\"queue\",\"snapshot\":\"{}\",\"jobs_per_s\":{:.0f},\"claim_p50_ms\":{:.2f},\"claim_p99_ms\":{:.2f}}"
      "}\n",
      name, done * 1000.0 / ms_since(middle), percentile(late, 0.5), percentile(late, 0.99));
}

asio::awaitable<void> hold_snapshot(pg::Database& database, std::optional<pg::Transaction>& held) {
  held.emplace(
      must(co_await database.begin(pg::Scope::platform(), Deadline::never(), {pg::Isolation::kRepeatableRead, true})));
  must(co_await held->execute(sql("select count(*) from tenants")));
}

asio::awaitable<void> release_snapshot(std::optional<pg::Transaction>& held) {
  must(co_await held->rollback());
  held.reset();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "queue_bench CONNINFO [WORKERS=8] [SECONDS=60] [READY=2000]\n");
    return 2;
  }
  const int workers = argc > 2 ? std::atoi(argv[2]) : 8;
  const std::chrono::seconds span(argc > 3 ? std::atoi(argv[3]) : 60);
  const int ready = argc > 4 ? std::atoi(argv[4]) : 2'000;
  Bench bench(argv[1], workers + 2);
  const auto owner = pg::Scope::owner();
  bench.run(execute(bench.database(), owner, "delete from phoenix.work_queue where queue = 'bench'"));
  bench.run(execute(bench.database(), owner,
                    fmt::format("insert into phoenix.work_queue (queue, key, run_at)"
                                " select 'bench', n::text, phoenix.now() from generate_series(1, {}) n",
                                ready)));
  round(bench, "none", workers, span);
  std::optional<pg::Transaction> held;
  bench.run(hold_snapshot(bench.database(), held));
  round(bench, "held", workers, span);
  bench.run(release_snapshot(held));
  bench.run(execute(bench.database(), owner, "delete from phoenix.work_queue where queue = 'bench'"));
}
