// What an event costs its transaction: the same update with and without record_event(), in turns, with the sequencer
// running. Target: at least 0.9 with fdatasync delayed by 2 ms.
//
//     events_bench CONNINFO [WRITERS=32] [SECONDS=10] [TURNS=3]
//
// The ratio is the median of the turns'; rates and CPU are of all turns together.

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

struct Round {
  double done = 0;
  double seconds = 0;
  Cpu cpu;
  Round& operator+=(const Round& other) {
    done += other.done;
    seconds += other.seconds;
    cpu.own += other.cpu.own;
    cpu.database += other.cpu.database;
    return *this;
  }
  double rate() const { return done / seconds; }
  std::string json() const {
    return fmt::format("{{\"per_s\":{:.0f},\"cpu_ms_per_1000\":{:.0f},\"database_cpu_ms_per_1000\":{:.0f}}}", rate(),
                       cpu.own / done * 1e6, cpu.database / done * 1e6);
  }
};

Round round(Bench& bench, const CpuMeter& meter, int writers, std::chrono::seconds span, bool with_event) {
  TaskScope scope(bench.executor(), "bench");
  int done = 0;
  const auto before = meter.read();
  const auto start = Steady::now();
  for (int n = 0; n < writers; ++n) scope.spawn("writer", writer(bench.database(), n, with_event, start + span, done));
  bench.run(scope.join());
  const auto after = meter.read();
  return {static_cast<double>(done),
          std::chrono::duration<double>(Steady::now() - start).count(),
          {after.own - before.own, after.database - before.database}};
}

/// The process id of one of the database's backends.
int backend(Bench& bench) {
  int pid = 0;
  const auto ask = [](pg::Database& database, int& out) -> asio::awaitable<void> {
    const auto rows =
        must(co_await database.read(pg::Scope::worker(), sql("select pg_backend_pid()"), {}, Deadline::after(30s)));
    out = rows.get<std::int32_t>(0, 0);
  };
  bench.run(ask(bench.database(), pid));
  return pid;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "events_bench CONNINFO [WRITERS=32] [SECONDS=10] [TURNS=3]\n");
    return 2;
  }
  const int writers = argc > 2 ? std::atoi(argv[2]) : 32;
  const std::chrono::seconds span(argc > 3 ? std::atoi(argv[3]) : 10);
  const int turns = argc > 4 ? std::atoi(argv[4]) : 3;
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
  const CpuMeter meter(backend(bench));
  Round plain;
  Round events;
  std::vector<double> ratios;
  for (int turn = 0; turn < turns; ++turn) {
    // Whoever goes second finds the machine warmer, or busier: they take turns at it.
    Round one;
    Round other;
    for (const bool with_event : {turn % 2 == 0, turn % 2 != 0})
      (with_event ? other : one) = round(bench, meter, writers, span, with_event);
    ratios.push_back(other.rate() / one.rate());
    plain += one;
    events += other;
  }
  bench.run(background.stop());
  bench.run(execute(bench.database(), owner, "drop table phoenix.bench_objects"));
  fmt::print("{{\"bench\":\"events\",\"writers\":{},\"plain\":{},\"events\":{},\"ratio\":{:.3f}}}\n", writers,
             plain.json(), events.json(), percentile(ratios, 0.5));
}
