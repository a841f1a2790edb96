#pragma once
/// Makes imports of images so: a durable operation "image.import" for a row of the catalogue that is IMPORTING.
///
/// Guarantees:
/// - Killed anywhere, it ends: the image is READY and its file in its place, or it is FAILED, says why, and nothing of
/// it
///   is on the host.
/// - Imports run one after another, in pieces, so that they take neither the event loop nor the pool from others.
/// - Cancelling is obeyed between two pieces. A row that was deleted takes its files with it.
/// - What is READY was checked (compute::Hypervisor::import_image) and has its digest.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "domains/compute/hypervisor.hpp"
#include "engine/operations.hpp"
#include "engine/work_queue.hpp"
#include "pg/database.hpp"

namespace phx::compute {

class ImageWorker {
 public:
  ImageWorker(pg::Database& database, Hypervisor& hypervisor, const Clock& clock)
      : database_(database), hypervisor_(hypervisor), clock_(clock) {}

  void work_with(engine::Worker& worker);

 private:
  /// What is to be done for an image, decided on what is stored.
  struct Plan {
    enum class Kind { kImport, kGiveUp, kRemoveFiles, kNothing } kind = Kind::kNothing;
    ImageImport wanted;
    std::string reason;  ///< kGiveUp
  };

  asio::awaitable<Result<engine::WorkResult>> work(engine::WorkContext context);
  asio::awaitable<Result<Plan>> plan(engine::WorkContext context, Uuid id);
  asio::awaitable<Result<engine::WorkResult>> finish(engine::WorkContext context, Uuid id, ImageFile file);
  asio::awaitable<Result<engine::WorkResult>> fail(engine::WorkContext context, Uuid id, Error error);
  asio::awaitable<Result<engine::WorkResult>> give_up(engine::WorkContext context, Uuid id, std::string reason);
  asio::awaitable<Result<engine::WorkResult>> remove_files(engine::WorkContext context, Uuid id);
  asio::awaitable<bool> go_on(engine::WorkContext context, Uuid id, std::int64_t done, std::int64_t total);

  /// Tells the operation how far the copy is.
  asio::awaitable<Result<bool>> still_wanted(Uuid id, std::int64_t done, std::int64_t total);

  pg::Database& database_;
  Hypervisor& hypervisor_;
  const Clock& clock_;
  Duration told_at_{0};
};

}  // namespace phx::compute
