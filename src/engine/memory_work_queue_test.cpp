#include "engine/testing/memory_queue_port.hpp"

namespace phx::engine {
namespace {

class MemoryQueue : public ::testing::TestWithParam<testing::QueueScenario> {};

TEST_P(MemoryQueue, KeepsTheContract) {
  testing::MemoryQueuePort queue;
  GetParam().play(queue);
}

INSTANTIATE_TEST_SUITE_P(Contract, MemoryQueue, ::testing::ValuesIn(testing::kQueueContract),
                         [](const auto& scenario) { return std::string(scenario.param.name); });

TEST(MemoryQueueHistory, SaysTheSameForTheSameSeed) {
  testing::MemoryQueuePort a;
  testing::MemoryQueuePort b;
  EXPECT_EQ(testing::random_history(a, 5, 300), testing::random_history(b, 5, 300));
}

}  // namespace
}  // namespace phx::engine
