// What an event costs its transaction: the same update with and without record_event(), in turns, with the sequencer
// running. Target: at least 0.9 with fdatasync delayed by 2 ms.
//
//     events_bench CONNINFO [WRITERS=32] [SECONDS=10]

#include "bench.hpp"
#include "engine/events.hpp"

namespace {

using namespace phx;
using namespace phx::bench;
using namespace std::chrono_literals;

asio::awaitable<Status> change(pg::Database& database, int n, bool with_event) {
  PHX_CO_TRY(auto tx, co_await database.begin(pg::Scope::worker(), Deadline::after(30s)));
  PHX_CO_TRY(auto row,
             co_await tx.execute(sql("update bench_objects set version = version + 1 where n = $1 returning version"),
                                 pg::Params::of(n)));
  if (with_event) {
    engine::Event event;
    event.type = "Bench";
    event.id.bytes[15] = static_cast<std::uint8_t>(n);
    event.version = row.get<std::int64_t>(0, 0);
    PHX_CO_CHECK(co_await engine::record_event(tx, event));
  }
  co_return co_await tx.commit();
}

asio::awaitable<void> writer(pg::Database& database, int n, bool with_event, Steady::time_point until, int& done) {
  while (Steady::now() < until) {
    must(co_await change(database, n, with_event));
    ++done;
  }
}

double round(Bench& bench, int writers, std::chrono::seconds span, bool with_event) {
  TaskScope scope(bench.executor(), "bench");
  int done = 0;
  for (int n = 0; n < writers; ++n)
    scope.spawn("writer", writer(bench.database(), n, with_event, Steady::now() + span, done));
  bench.run(scope.join());
  return done / std::chrono::duration<double>(span).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "events_bench CONNINFO [WRITERS=32] [SECONDS=10]\n");
    return 2;
  }
  const int writers = argc > 2 ? std::atoi(argv[2]) : 32;
  const std::chrono::seconds span(argc > 3 ? std::atoi(argv[3]) : 10);
  Bench bench(argv[1], writers + 2);
  const auto owner = pg::Scope::owner();
  bench.run(execute(bench.database(), owner, "drop table if exists phoenix.bench_objects"));
  bench.run(execute(bench.database(), owner,
                    "create table phoenix.bench_objects (n int primary key, version bigint not null default 0)"
                    " with (fillfactor = 20)"));
  bench.run(execute(bench.database(), owner,
                    fmt::format("insert into phoenix.bench_objects (n) select generate_series(0, {})", writers - 1)));
  SystemClock clock;
  engine::Sequencer sequencer(bench.executor(), bench.database(), clock, bench.metrics());
  TaskScope background(bench.executor(), "sequencer");
  background.spawn("sequencer", sequencer.run());
  double plain = 0;
  double events = 0;
  for (int turn = 0; turn < 3; ++turn) {
    plain += round(bench, writers, span, false) / 3;
    events += round(bench, writers, span, true) / 3;
  }
  bench.run(background.stop());
  bench.run(execute(bench.database(), owner, "drop table phoenix.bench_objects"));
  fmt::print("{{\"bench\":\"events\",\"writers\":{},\"plain_tps\":{:.0f},\"events_tps\":{:.0f},\"ratio\":{:.3f}}}\n",
             writers, plain, events, events / plain);
}
