#pragma once
/// Metrics in Prometheus' model. Names are sankofa_<component>_<metric>_<unit>; http_request_duration_seconds keeps
/// the name operators expect. A handle is cheap to use and lives as long as the registry.
///
///     auto& commits = metrics.counter("sankofa_pg_commits_total", "Committed transactions", {{"pool", "tenant"}});
///     commits.add();

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace phx {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double by = 1) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double by) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The same name and labels give the same instrument. `help` of the first call is kept.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  /// Buckets in seconds, from 0.5 ms to 30 s.
  Histogram& latency(const std::string& name, const std::string& help, const Labels& labels = {});
  /// Text exposition format 0.0.4.
  std::string render() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phx
