#include "base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace phx {
namespace {
struct CounterImpl final : Counter {
  prometheus::Counter& c;
  explicit CounterImpl(prometheus::Counter& x) : c(x) {}
  void add(double by) override { c.Increment(by); }
};
struct GaugeImpl final : Gauge {
  prometheus::Gauge& g;
  explicit GaugeImpl(prometheus::Gauge& x) : g(x) {}
  void set(double value) override { g.Set(value); }
  void add(double by) override { g.Increment(by); }
};
struct HistogramImpl final : Histogram {
  prometheus::Histogram& h;
  explicit HistogramImpl(prometheus::Histogram& x) : h(x) {}
  void observe(double value) override { h.Observe(value); }
};
const prometheus::Histogram::BucketBoundaries kLatencyBuckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                              0.25,   0.5,   1,      2.5,   5,    10,    30};
}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  std::mutex mutex;
  using Key = std::pair<std::string, Labels>;
  std::map<Key, std::unique_ptr<CounterImpl>> counters;
  std::map<Key, std::unique_ptr<GaugeImpl>> gauges;
  std::map<Key, std::unique_ptr<HistogramImpl>> histograms;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& slot = impl_->counters[{name, labels}];
  if (!slot)
    slot = std::make_unique<CounterImpl>(
        prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry).Add(labels));
  return *slot;
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& slot = impl_->gauges[{name, labels}];
  if (!slot)
    slot = std::make_unique<GaugeImpl>(
        prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add(labels));
  return *slot;
}

Histogram& Metrics::latency(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& slot = impl_->histograms[{name, labels}];
  if (!slot)
    slot = std::make_unique<HistogramImpl>(
        prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry).Add(labels, kLatencyBuckets));
  return *slot;
}

std::string Metrics::render() const { return prometheus::TextSerializer().Serialize(impl_->registry.Collect()); }

}  // namespace phx
